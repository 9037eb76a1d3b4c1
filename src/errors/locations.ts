import type { ASTNode, DocumentNode, Location, SourceLocation } from 'graphql';

/** Of an error with more nodes, which are selections of one field, the first ones are reported. */
const maxLocations = 10;

const known = new WeakMap<ASTNode, Pick<Location, 'source' | 'start'>>();
const linesOf = new WeakMap<object, readonly number[]>();

/**
 * Takes the locations out of a document. graphql-js counts the lines of the document for each node of each error, which takes
 * seconds for many errors of a long document. `locationsOf` counts them once, and only after an error.
 */
export function detachLocations(document: DocumentNode): void {
  const open: object[] = [document];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (isLocated(node)) {
      const { source, start } = node.loc;
      known.set(node, { source, start }); // not the location itself, which holds all tokens
      Object.assign(node, { loc: undefined });
    }
    for (const value of Object.values(node)) if (typeof value === 'object' && value !== null) open.push(value);
  }
}

/** Line and column of these nodes of documents whose locations were detached; undefined without any. */
export function locationsOf(nodes: readonly ASTNode[] | undefined): readonly SourceLocation[] | undefined {
  const locations = nodes?.slice(0, maxLocations).flatMap((node) => {
    const place = known.get(node);
    return place === undefined ? [] : [lineAndColumn(place)];
  });
  return locations?.length ? locations : undefined;
}

function isLocated(node: object): node is ASTNode & { readonly loc: Location } {
  return 'loc' in node && node.loc !== undefined;
}

function lineAndColumn({ source, start }: Pick<Location, 'source' | 'start'>): SourceLocation {
  const lines = linesOf.get(source) ?? startsOfLines(source.body);
  linesOf.set(source, lines);
  let [first, last] = [0, lines.length - 1];
  while (first < last) {
    const middle = Math.ceil((first + last) / 2);
    if ((lines[middle] ?? 0) <= start) first = middle;
    else last = middle - 1;
  }
  return { line: first + 1, column: start + 1 - (lines[first] ?? 0) };
}

function startsOfLines(text: string): readonly number[] {
  const starts = [0];
  for (let index = 0; index < text.length; index++) {
    const isEnd = text[index] === '\n' || (text[index] === '\r' && text[index + 1] !== '\n');
    if (isEnd) starts.push(index + 1);
  }
  return starts;
}
