import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const pages = globSync([
  '*.md',
  '{docs,.github}/**/*.md',
  'bench/*.md',
  'examples/*.md',
  'examples/{react,web}/*.md',
  'deploy/*.md',
]);

/** As GitHub makes them of headings. */
const anchorsOf = (page: string) =>
  [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(
    ([, heading = '']) =>
      `#${heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')}`,
  );

it.each(pages)('%s has no broken links', (page) => {
  const links = [...readFileSync(page, 'utf8').matchAll(/(?:\]\(|(?:src|href)=")(?![a-z]+:)([^)"\s#]*)(#[^)"\s]*)?/g)];
  const broken = links.filter(([, path = '', anchor]) => {
    const target = path === '' ? page : join(dirname(page), path);
    return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

it('the check of links finds links', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/decisions/fast-path.md']));
  expect(anchorsOf('docs/errors.md')).toContain('#overloaded');
});
