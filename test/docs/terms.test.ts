import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { terms } from './terms.ts';

const pages = globSync(['*.md', '{docs,deploy,bench,examples,.github}/**/*.md'], {
  exclude: (path) => /node_modules/.test(path),
});
const schemas = globSync('src/schema/*.graphql');

/** Prose without code blocks, inline code, and titles of tests. */
function prose(page: string): string {
  return page
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/`(test|e2e)\/[^`]+` "[^"]+"/g, '')
    .replaceAll(/`[^`\n]+`/g, '');
}

/** Of an SDL, the descriptions alone. */
function descriptions(sdl: string): string {
  return (sdl.match(/"""[\s\S]*?"""|"[^"\n]+"/g) ?? []).join('\n').replaceAll(/`[^`\n]+`/g, '');
}

function unwanted(text: string): string[] {
  return text.split('\n').flatMap((line) =>
    terms.flatMap(({ not, write }) => {
      const [found] = not.exec(line) ?? [];
      return found === undefined ? [] : [`"${found}", write "${write}": ${line.trim()}`];
    }),
  );
}

describe('plain technical English', () => {
  it.each(pages)('is used in %s', (page) => {
    expect(unwanted(prose(readFileSync(page, 'utf8')))).toEqual([]);
  });

  it.each(schemas)('is used in the descriptions of %s', (file) => {
    expect(unwanted(descriptions(readFileSync(file, 'utf8')))).toEqual([]);
  });

  it('is checked by a list that finds unwanted terms', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/errors.md', 'docs/decisions/fast-path.md']));
    expect(schemas).toHaveLength(3);
    expect(unwanted(prose('Linq answers.\n`answers`\n```\nanswers\n```\n'))).toHaveLength(1);
    expect(unwanted(descriptions('type A { asks: B }\n"""\nWhat somebody wrote.\n"""'))).toHaveLength(1);
  });
});
