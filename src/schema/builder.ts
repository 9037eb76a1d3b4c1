import SchemaBuilder from '@pothos/core';
import type { Context } from '../context.ts';
import { DateTime } from './scalars.ts';

/** Non-null is the default: a field is nullable where Linq may lack it, and its description says when. */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string | number; Output: string };
    DateTime: { Input: never; Output: string };
  };
}>({ defaultFieldNullability: false });

builder.addScalarType('DateTime', DateTime);
