import { type GraphQLNamedType, getNamedType, isLeafType, isObjectType } from 'graphql';
import { schema } from '../../src/schema/index.ts';

/** The fields of an object type that are properties of its values: those without a resolver. In the order of the schema. */
export function propertyFields(type: string): { name: string; type: GraphQLNamedType }[] {
  const object = schema.getType(type);
  if (!isObjectType(object)) throw new Error(`${type} is no object type`);
  return Object.values(object.getFields())
    .filter(({ resolve }) => resolve === undefined)
    .map((field) => ({ name: field.name, type: getNamedType(field.type) }));
}

/** The names of those that are scalars or enums. */
export function leafFields(type: string): string[] {
  return propertyFields(type).flatMap((field) => (isLeafType(field.type) ? [field.name] : []));
}

/** A selection of all of them, and of all below. */
export function selectionOfAll(type: string): string {
  const fields = propertyFields(type).map((field) =>
    isLeafType(field.type) ? field.name : `${field.name} ${selectionOfAll(field.type.name)}`,
  );
  return `{ ${fields.join(' ')} }`;
}
