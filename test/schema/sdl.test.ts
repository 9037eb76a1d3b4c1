import { isObjectType, isSpecifiedDirective, isSpecifiedScalarType, printSchema } from 'graphql';
import { expect, it } from 'vitest';
import { schema } from '../../src/schema/index.ts';

it('prints the SDL that clients and stitchers read (a wanted change: npm run schema)', async () => {
  await expect(`${printSchema(schema)}\n`).toMatchFileSnapshot('../../src/schema/schema.graphql');
});

it('describes every type, field, argument and directive to the person in GraphiQL', () => {
  const undescribed: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue;
    if (!type.description) undescribed.push(type.name);
    if (!('getFields' in type)) continue;
    for (const field of Object.values(type.getFields())) {
      if (!field.description) undescribed.push(`${type.name}.${field.name}`);
      for (const arg of isObjectType(type) && 'args' in field ? field.args : []) {
        if (!arg.description) undescribed.push(`${type.name}.${field.name}(${arg.name})`);
      }
    }
  }
  for (const directive of schema.getDirectives()) {
    if (!isSpecifiedDirective(directive) && !directive.description) undescribed.push(`@${directive.name}`);
  }
  expect(undescribed).toEqual([]);
});
