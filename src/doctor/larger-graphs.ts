import { readFileSync } from 'node:fs';
import { type ConstDirectiveNode, type DocumentNode, isTypeDefinitionNode, Kind, parse, print, visit } from 'graphql';
import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok } from './finding.ts';
import { asRecord } from './gateway-response.ts';

/** The schema of the version that this doctor belongs to. */
const ownSchema = new URL('../schema/schema.graphql', import.meta.url);

/** Whether the SDL for stitching and the SDL for Federation are available, valid and declare the key of a message. */
export async function checkLargerGraphs({ post }: Target): Promise<Finding[]> {
  const introspection = '__schema' in (await post('{ __schema { queryType { name } } }')).data;
  const texts = {
    _sdl: (await post('{ _sdl }')).data['_sdl'],
    _service: asRecord((await post('{ _service { sdl } }')).data['_service'])['sdl'],
  };
  return Object.entries(texts).map(([field, text]) => {
    if (typeof text !== 'string') {
      if (!introspection) return ok(`${field} is disabled, like introspection`);
      return fail(`${field} is missing`, 'run a version that has it: larger graphs read the schema from it');
    }
    if (!introspection) {
      return fail(
        `${field} discloses the schema although introspection is disabled`,
        'run a version that disables both',
      );
    }
    const document = tryParse(text);
    if (document === undefined || !declaresKey(field, document)) {
      const problem = document === undefined ? 'is not valid SDL' : 'does not declare the key of ChatMessage';
      return fail(`${field} ${problem}`, 'check whether a proxy changes responses, and which version is running');
    }
    const changed = changedTypes(document);
    if (changed.length === 0) return ok(`${field} matches this version`);
    return note(`${field} differs from the version of this doctor: ${changed.join(', ')}`);
  });
}

function tryParse(sdl: string): DocumentNode | undefined {
  try {
    return parse(sdl, { noLocation: true });
  } catch {
    return undefined;
  }
}

function declaresKey(field: string, document: DocumentNode): boolean {
  let key = '';
  let merge = field === '_service'; // Federation 2 uses `_entities` instead
  visit(document, {
    ObjectTypeDefinition({ name, directives }) {
      if (name.value === 'ChatMessage')
        key = argumentOf(directives, 'key', field === '_sdl' ? 'selectionSet' : 'fields');
    },
    FieldDefinition({ name, directives }) {
      if (name.value === 'chatMessagesByKeys') merge ||= argumentOf(directives, 'merge', 'keyArg') === 'keys';
    },
  });
  return merge && /^(\{ )?chatId id( \})?$/.test(key);
}

/** The argument of a directive, with whitespace collapsed. Empty when absent. */
function argumentOf(directives: readonly ConstDirectiveNode[] = [], directive: string, argument: string): string {
  const args = directives.find(({ name }) => name.value === directive)?.arguments;
  const value = args?.find(({ name }) => name.value === argument)?.value;
  return value?.kind === Kind.STRING ? value.value.trim().replace(/\s+/g, ' ') : '';
}

/** The names of the types that differ from this version, ignoring descriptions and directives. */
function changedTypes(document: DocumentNode): string[] {
  const theirs = shapes(document);
  const ours = shapes(parse(readFileSync(ownSchema, 'utf8'), { noLocation: true }));
  const names = new Set([...ours.keys(), ...theirs.keys()]);
  return [...names].filter((name) => ours.get(name) !== theirs.get(name)).toSorted();
}

/** The SDL of each type by name, without the fields and types that exist only for larger graphs. */
function shapes(document: DocumentNode): Map<string, string> {
  const bare: DocumentNode = visit(document, {
    Directive: () => null,
    StringValue: (_node, key) => (key === 'description' ? null : undefined),
    FieldDefinition: ({ name }) => (name.value.startsWith('_') ? null : undefined),
  });
  const types = bare.definitions.filter(isTypeDefinitionNode).filter(({ name }) => !name.value.startsWith('_'));
  return new Map(types.map((node) => [node.name.value, print(node)]));
}
