import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema, Kind, parse as parseSdl, print, visit } from 'graphql';
import { describe, expect, it } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const { version } = JSON.parse(read('package.json'));
const parse = (sdl: string) => buildSchema(sdl, { assumeValidSDL: true }); // of Federation, `@link` and `@key` are not defined

/**
 * Changes that may break a client or a larger graph, save those whose path the newest section of the changelog holds. One
 * that is headed by the version of package.json is released, and announces nothing any more.
 */
async function unannounced(released: string, present: string, changelog: string): Promise<string[]> {
  const [, newest = ''] = changelog.split(/^## /m);
  const announced = newest.startsWith(`${version} `) || newest.startsWith(`${version}\n`) ? '' : newest;
  const changes = await diff(parse(released), parse(present));
  return changes
    .filter(({ criticality, path = '' }) => criticality.level !== CriticalityLevel.NonBreaking && !ofALargerGraph(path))
    .map(({ path, message }) => ({ path, message }))
    .concat(changedDirectives(released, present))
    .filter(({ path }) => !announced.includes(`\`${path}\``))
    .map(({ path, message }) => `${path}: ${message}`);
}

/** Whether it is a directive that this program does not know the meaning of. */
const ofALargerGraph = (path: string) => /\.@(?!deprecated|specifiedBy)/.test(path);

/** What was released with other directives than it bears now. An argument more may break a larger graph too. */
function changedDirectives(released: string, present: string): { path: string; message: string }[] {
  const [before, after] = [usagesOf(released), usagesOf(present)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => ofALargerGraph(path) && before.get(path) !== after.get(path))
    .filter((path) => before.has(placeOf(path)) && after.has(placeOf(path))) // else it came or went as a whole
    .map((path) => ({ path, message: `${before.get(path) ?? 'nothing'} became ${after.get(path) ?? 'nothing'}` }));
}

const placeOf = (path: string) => path.replace(/\.@\w+$/, '');

/** Each type, field, argument and value, and by `place.@name` the usages of each directive on it, as text. */
function usagesOf(sdl: string): Map<string, string> {
  const found = new Map([['schema', '']]);
  visit(parseSdl(sdl), {
    enter(node, _key, _parent, _path, ancestors) {
      const names = [...ancestors, node].flatMap((one) => ('name' in one && one.name ? [one.name.value] : []));
      if (node.kind === Kind.DIRECTIVE) {
        const path = `${names.slice(0, -1).join('.') || 'schema'}.@${node.name.value}`;
        found.set(path, [found.get(path), print(node)].join(' ').trim());
      } else if (node.kind.endsWith('Definition')) found.set(names.join('.'), '');
    },
  });
  return found;
}

it.each([
  ['schema.graphql', 'src/schema/schema.graphql'],
  ['stitching.graphql', 'src/schema/stitching.graphql'],
  ['federation.graphql', 'src/schema/federation.graphql'],
])('%s breaks nothing that was released, unless the changelog names the path', async (name, present) => {
  const changes = await unannounced(read(`test/schema/released/${name}`), read(present), read('CHANGELOG.md'));
  expect(
    changes,
    'name each path, in backticks, in a newest section of CHANGELOG.md that is not released, or take it back',
  ).toEqual([]);
});

describe('a change', () => {
  const stitching = read('test/schema/released/stitching.graphql');
  const federation = read('test/schema/released/federation.graphql');

  it.each([
    ['renames a field', stitching, 'isRead: Boolean', 'seen: Boolean', 'ChatMessage.isRead'],
    [
      'makes a field nullable',
      stitching,
      'attachments: [Attachment!]!',
      'attachments: [Attachment!]',
      'ChatMessage.attachments',
    ],
    ['gives a field another type', stitching, 'fileSize: Int', 'fileSize: Float', 'Attachment.fileSize'],
    [
      'removes an argument',
      stitching,
      'keys: [ChatMessageKey!]!',
      'of: [ChatMessageKey!]!',
      'Query.chatMessagesByKeys.keys',
    ],
    [
      'wants more of an input',
      stitching,
      /^input ChatMessageKey \{/m,
      '$&\n  service: String!',
      'ChatMessageKey.service',
    ],
    [
      'merges by another argument',
      stitching,
      '@merge(keyArg: "keys")',
      '@merge(keyArg: "of")',
      'Query.chatMessagesByKeys.@merge',
    ],
    ['merges by another key', stitching, '"{ chatId id }"', '"{ id }"', 'ChatMessage.@key'],
    [
      'merges by a field of the key as well',
      stitching,
      '"keys")',
      '"keys", keyField: "id")',
      'Query.chatMessagesByKeys.@merge',
    ],
    ['is another entity', federation, '"chatId id"', '"id"', 'ChatMessage.@key'],
    [
      'is an entity that others cannot read',
      federation,
      '"chatId id")',
      '"chatId id", resolvable: false)',
      'ChatMessage.@key',
    ],
    [
      'hides a field from the graph',
      federation,
      'text: String',
      'text: String @inaccessible',
      'ChatMessage.text.@inaccessible',
    ],
    ['is of another Federation', federation, /federation\/v2\.\d+/, 'federation/v2.99', 'schema.@link'],
    ['takes a time by other rules', stitching, 'andimarek/date-time', 'other/date-time', 'DateTime.@specifiedBy.url'],
    ['is no entity any more', federation, ' @key(fields: "chatId id")', '', 'ChatMessage.@key'],
  ])(
    'that %s is reported until the unreleased section of the changelog names it',
    async (_what, released, from, to, path) => {
      const present = released.replace(from, to);
      expect(present).not.toBe(released);
      const announced = `\`${path}\` and \`Query.chatMessagesByKeys.of\``;
      const older = `# Changelog\n\n## Unreleased\n\n- Something else.\n\n## ${version}\n\n- ${announced}.\n`;
      for (const changelog of [older, older.replace(/## Unreleased.*?(?=##)/s, ''), older.replace(version, '0.0.1')])
        expect(await unannounced(released, present, changelog)).toContainEqual(expect.stringContaining(`${path}: `));
      const newest = older.replace('Something else', announced);
      for (const changelog of [newest, newest.replace('Unreleased', '99.0.0 - 2026-12-01')]) // as it is when that is made
        expect(await unannounced(released, present, changelog)).toEqual([]);
    },
  );

  it('that only adds to the schema breaks nothing', async () => {
    expect(await unannounced(stitching, stitching.replace(/^type Query \{/m, '$&\n  chat(id: ID!): ID'), '')).toEqual(
      [],
    );
  });
});
