import SchemaBuilder from '@pothos/core';
import DirectivesPlugin from '@pothos/plugin-directives';
import type { Context } from '../context.ts';

/** Non-null is the default: a field is nullable where Linq may lack it, and its description says when. */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string | number; Output: string };
    DateTime: { Input: string; Output: string };
    _Any: { Input: unknown; Output: never };
  };
  /** Of @graphql-tools/stitch. */
  Directives: {
    key: { locations: 'OBJECT'; args: { selectionSet: string } };
    merge: { locations: 'FIELD_DEFINITION'; args: { keyArg: string } | { keyField: string } };
  };
}>({
  plugins: [DirectivesPlugin],
  // In the form in which @graphql-tools prints them.
  directives: { useGraphQLToolsUnorderedDirectives: true },
  defaultFieldNullability: false,
});
