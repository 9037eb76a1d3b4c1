import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

interface Rule {
  readonly of: RegExp;
  readonly mayImport: RegExp;
  /** What may be imported as types only. */
  readonly types?: RegExp;
}

/** Who may import whom. The first rule that matches a file counts; a file without one may import nothing of ours. */
const rules: readonly Rule[] = [
  // Entries.
  { of: /^cli\.ts$/, mayImport: /^(server|doctor\/doctor)\.ts$/ },
  {
    of: /^server\.ts$/,
    mayImport:
      /^(config|gateway|workers|errors\/failure-log|graphql\/trusted-documents|telemetry\/(log|tracing))\.ts$|^sandbox\//,
  },
  {
    of: /^workers\.ts$/,
    mayImport: /^(http\/readiness|telemetry\/cluster-metrics|datasources\/events\/cluster-event-log)\.ts$/,
  },
  { of: /^gateway\.ts$/, mayImport: /^(?!server|workers|(sandbox|embedded|doctor)\/)/ },
  // The second entry beside the server: it too gives away the whole gateway, as a handler. Trusted documents are a file to both.
  {
    of: /^embedded\//,
    mayImport:
      /^(embedded|errors|schema|datasources)\/|^(config|context|gateway)\.ts$|^(graphql\/trusted-documents|network\/proxies)\.ts$/,
  },
  // Shares no code with the client that it tests; its tabs have the type of GraphiQL's first page.
  { of: /^sandbox\//, mayImport: /^sandbox\//, types: /^graphiql\/graphiql-page\.ts$/ },
  { of: /^doctor\//, mayImport: /^doctor\/|^http\/loopback\.ts$/ }, // a second opinion, as the sandbox is
  // Values of the configuration have the types of the parts that they are for; loopback is pure.
  {
    of: /^config\.ts$/,
    mayImport: /^(http\/loopback|network\/proxies)\.ts$/,
    types: /^(auth\/credentials|graphql\/operation-limits)\.ts$/,
  },
  // Parts.
  { of: /^context\.ts$/, mayImport: /^(datasources|streams)\/|^(errors\/client-errors|auth\/chat-access)\.ts$/ },
  // What one request may follow of the log of events; graphql/streams sends it.
  { of: /^streams\//, mayImport: /^(streams|datasources)\/|^errors\/client-errors\.ts$/ },
  { of: /^graphiql\//, mayImport: /^(graphiql|http)\// },
  // lossless-json is pure: ids in variables must keep their digits as those of Linq do.
  {
    of: /^graphql\//,
    mayImport: /^(graphql|http|errors|telemetry)\/|^context\.ts$|^datasources\/linq\/lossless-json\.ts$/,
    types: /^datasources\/events\/chat-message-event\.ts$/,
  },
  { of: /^http\//, mayImport: /^(http|errors|telemetry)\// },
  // What comes in from Linq: a request as http sees it, read like a response of Linq, put into the log of events.
  {
    of: /^webhooks\//,
    mayImport: /^(webhooks|http)\/|^datasources\/(model|events\/chat-event|linq\/(fields|lossless-json))\.ts$/,
    types: /^(datasources\/events\/event-log|telemetry\/metrics)\.ts$/,
  },
  { of: /^auth\//, mayImport: /^(auth|errors|network)\/|^datasources\/model\.ts$/ }, // model is pure: what an id is
  {
    of: /^schema\//,
    mayImport: /^schema\/|^(datasources\/(model|message-position)|errors\/client-errors)\.ts$/,
    types: /^(context|datasources\/events\/chat-message-event)\.ts$/,
  },
  { of: /^telemetry\//, mayImport: /^telemetry\/|^errors\/codes\.ts$/, types: /^datasources\// },
  { of: /^errors\//, mayImport: /^errors\/|^datasources\/upstream-error\.ts$/ },
  {
    of: /^datasources\/reads\//,
    mayImport: /^datasources\/(reads\/|(upstream-error|upstream-metrics|token)\.ts$)|^network\//,
  },
  { of: /^datasources\//, mayImport: /^datasources\// },
  { of: /^network\//, mayImport: /^network\/|^http\/loopback\.ts$/ }, // connections to Linq and to the issuer alike
];

/** These know nothing of GraphQL: they import none of its packages. */
const withoutGraphQL = /^(datasources|http|auth|telemetry|webhooks)\/|^(cli|config|context|workers|server)\.ts$/;
const graphqlPackages = /^(graphql|@graphql|@pothos|@envelop)/;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isOurs: boolean;
  readonly isType: boolean;
}

const files = globSync('**/*.ts', { cwd: 'src' });
const sources = new Map(files.map((file) => [file, readFileSync(join('src', file), 'utf8')]));
const imports = [...sources].flatMap(([file, source]) => importsOf(file, source));

/** All imports of a file: static ones, re-exports, dynamic ones, and types, also those written `import('…')`. */
function importsOf(file: string, source: string): Import[] {
  const statements = source.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm);
  const dynamic = source.matchAll(/\bimport\(\s*()'([^']+)'/g);
  return [...statements, ...dynamic].map(([, type, specifier = '']) => {
    const isOurs = specifier.startsWith('.');
    const to = isOurs ? join(dirname(file), specifier) : specifier;
    return { from: file, to, isOurs, isType: Boolean(type) };
  });
}

/** Groups of files that import one another, directly or through others (Tarjan's strongly connected components). */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const indices = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const index = indices.size;
    let low = index;
    indices.set(file, index);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!indices.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, indices.get(next) ?? low);
    }
    if (low === index) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1 || graph.get(file)?.includes(file)) circles.push(group.toSorted());
    }
    return low;
  };
  for (const file of graph.keys()) if (!indices.has(file)) visit(file);
  return circles.toSorted();
}

it('lets each module import only what it may, types included', () => {
  const violations = imports
    .filter(({ from, to, isOurs, isType }) => {
      if (!isOurs) return withoutGraphQL.test(from) && graphqlPackages.test(to);
      const rule = rules.find(({ of }) => of.test(from));
      return !rule?.mayImport.test(to) && !(isType && rule?.types?.test(to));
    })
    .map(({ from, to }) => `${from} -> ${to}`);
  expect(files.length).toBeGreaterThan(20);
  expect(
    violations,
    'not in the diagram of docs/architecture.md: move the code, or add the arrow there and to the rules above',
  ).toEqual([]);
});

it('lets the page of GraphiQL import nothing of the gateway but types of src/graphiql', () => {
  const page = globSync('graphiql/**/*.{ts,tsx}');
  const ofGateway = page.flatMap((file) =>
    importsOf(file, readFileSync(file, 'utf8')).filter(({ to }) => /^(src|test)\//.test(to)),
  );
  expect(page.length).toBeGreaterThan(5);
  expect(ofGateway.filter(({ isType, to }) => !isType || !to.startsWith('src/graphiql/'))).toEqual([]);
});

it('has no circles of imports, types included', () => {
  const graph = new Map(files.map((file) => [file, imports.filter(({ from }) => from === file).map(({ to }) => to)]));
  expect(circlesOf(graph)).toEqual([]);
  expect(
    circlesOf(
      new Map([
        ['a', ['b']],
        ['b', ['c', 'd']],
        ['c', ['a']],
        ['d', ['d']],
      ]),
    ),
  ).toEqual([['a', 'b', 'c'], ['d']]);
});

it('imports only files that exist, by names that are written out', () => {
  const ours = imports.filter(({ isOurs }) => isOurs);
  expect(ours.length).toBeGreaterThan(100);
  expect(ours.filter(({ to }) => !sources.has(to)).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  expect(files.filter((file) => /\bimport\((?!\s*')/.test(sources.get(file) ?? ''))).toEqual([]);
});

it('reads the environment in one place of each program', () => {
  const readers = files.filter((file) => sources.get(file)?.includes('process.env'));
  expect(readers.toSorted()).toEqual(['doctor/doctor.ts', 'server.ts']);
});

it('loads the client of Redis only where Redis is used', () => {
  expect(files.filter((file) => /^import (?!type ).*'@redis\/client'/m.test(sources.get(file) ?? ''))).toEqual([]);
});
