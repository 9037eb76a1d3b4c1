import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { describe, expect, it } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const parse = (sdl: string) => buildSchema(sdl, { assumeValidSDL: true }); // of Federation, `@link` and `@key` are not defined

/** Changes that may break a client or a larger graph, save those whose path the newest section of the changelog holds. */
async function unannounced(released: string, present: string, changelog: string): Promise<string[]> {
  const [, newest = ''] = changelog.split(/^## /m);
  const changes = await diff(parse(released), parse(present));
  return changes
    .filter(({ criticality }) => criticality.level !== CriticalityLevel.NonBreaking)
    .filter(({ path }) => !newest.includes(`\`${path}\``))
    .map(({ path, message }) => `${path}: ${message}`);
}

it.each([
  ['schema.graphql', 'src/schema/schema.graphql'],
  ['stitching.graphql', 'test/schema/stitching.graphql'],
  ['federation.graphql', 'test/schema/federation.graphql'],
])('%s breaks nothing that was released, unless the changelog names the path', async (name, present) => {
  const changes = await unannounced(read(`test/schema/released/${name}`), read(present), read('CHANGELOG.md'));
  expect(changes, 'name each path, in backticks, in the newest section of CHANGELOG.md, or take it back').toEqual([]);
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
      'Query.chatMessagesByKeys.@merge.keyArg',
    ],
    ['merges by another key', stitching, '"{ chatId id }"', '"{ id }"', 'ChatMessage.@key.selectionSet'],
    ['is no entity any more', federation, ' @key(fields: "chatId id")', '', 'ChatMessage.@key'],
  ])(
    'that %s is noticed, until the newest section of the changelog names it',
    async (_what, released, from, to, path) => {
      const present = released.replace(from, to);
      const older = `# Changelog\n\n## 2.0.0\n\n- Something else.\n\n## 1.0.0\n\n- \`${path}\`.\n`;
      expect(await unannounced(released, present, older)).toContainEqual(expect.stringContaining(`${path}: `));
      const newest = older.replace('Something else', `\`${path}\` and \`Query.chatMessagesByKeys.of\``);
      expect(await unannounced(released, present, newest)).toEqual([]);
    },
  );

  it('that only adds is not', async () => {
    expect(await unannounced(stitching, stitching.replace(/^type Query \{/m, '$&\n  chat(id: ID!): ID'), '')).toEqual(
      [],
    );
  });
});
