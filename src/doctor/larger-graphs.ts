import { readFileSync } from 'node:fs';
import { type ConstDirectiveNode, type DocumentNode, isTypeDefinitionNode, Kind, parse, print, visit } from 'graphql';
import { record } from './answer.ts';
import { type Finding, fail, note, ok } from './finding.ts';
import type { Target } from './first-look.ts';

/** The schema of the version that the doctor comes with. */
const ownSchema = new URL('../schema/schema.graphql', import.meta.url);

/** Whether both texts that tell larger graphs how messages are merged are there, can be read, and say so. */
export async function checkLargerGraphs({ post }: Target): Promise<Finding[]> {
  const introspection = '__schema' in (await post('{ __schema { queryType { name } } }')).data;
  const texts = {
    _sdl: (await post('{ _sdl }')).data['_sdl'],
    _service: record((await post('{ _service { sdl } }')).data['_service'])['sdl'],
  };
  return Object.entries(texts).map(([field, text]) => {
    if (typeof text !== 'string') {
      if (!introspection) return ok(`${field} is kept back, as introspection is`);
      return fail(`${field} is not answered`, 'run a version that has it: larger graphs take the schema from there');
    }
    if (!introspection) {
      return fail(`${field} tells the schema, which introspection does not`, 'run a version that keeps both back');
    }
    const document = parsed(text);
    if (document === undefined || !tellsKeys(field, document)) {
      const fault = document === undefined ? 'is no SDL' : 'does not tell the key of ChatMessage';
      return fail(`${field} ${fault}`, 'see what changes answers on their way, and which version is running');
    }
    const others = differences(document);
    if (others.length === 0) return ok(`${field} is that of this version`);
    return note(`${field} is that of another version than this doctor's: ${others.join(', ')}`);
  });
}

function parsed(sdl: string): DocumentNode | undefined {
  try {
    return parse(sdl, { noLocation: true });
  } catch {
    return undefined;
  }
}

function tellsKeys(field: string, document: DocumentNode): boolean {
  let key = '';
  let merge = field === '_service'; // Federation 2 has `_entities` for that
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

/** The argument of a directive, with single spaces; empty where there is none. */
function argumentOf(directives: readonly ConstDirectiveNode[] = [], directive: string, argument: string): string {
  const args = directives.find(({ name }) => name.value === directive)?.arguments;
  const value = args?.find(({ name }) => name.value === argument)?.value;
  return value?.kind === Kind.STRING ? value.value.trim().replace(/\s+/g, ' ') : '';
}

/** The types that differ from those of this version, whatever their descriptions and directives. */
function differences(document: DocumentNode): string[] {
  const theirs = shapes(document);
  const ours = shapes(parse(readFileSync(ownSchema, 'utf8'), { noLocation: true }));
  const names = new Set([...ours.keys(), ...theirs.keys()]);
  return [...names].filter((name) => ours.get(name) !== theirs.get(name)).toSorted();
}

/** Each type by its name, as text, without what is there for larger graphs alone. */
function shapes(document: DocumentNode): Map<string, string> {
  const bare: DocumentNode = visit(document, {
    Directive: () => null,
    StringValue: (_node, key) => (key === 'description' ? null : undefined),
    FieldDefinition: ({ name }) => (name.value.startsWith('_') ? null : undefined),
  });
  const types = bare.definitions.filter(isTypeDefinitionNode).filter(({ name }) => !name.value.startsWith('_'));
  return new Map(types.map((node) => [node.name.value, print(node)]));
}
