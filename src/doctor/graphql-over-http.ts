import { type Audit, serverAudits } from 'graphql-http';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { Target } from './first-look.ts';

/** At a time: a distant gateway is done within the minute, and no proxy takes it for a flood. */
const atOnce = 4;
/** Lines for audits that fail; the others are counted. */
const mostTold = 5;

/** Thrown in the place of a request that needs introspection, where there is none. */
class NeedsIntrospection extends Error {}

/** The audits of the graphql-http package. */
export async function checkGraphQLOverHttp({ graphql, ask, post }: Target): Promise<Finding[]> {
  const introspects = '__type' in (await post('{ __type(name: "Query") { name } }')).data;
  const audits = serverAudits({
    url: graphql.href,
    fetchFn: async (url: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) => {
      const { search } = new URL(url);
      if (!introspects && /__type\b/.test(`${init.body} ${search}`)) throw new NeedsIntrospection();
      const { text, status, headers } = await ask({ search, ...init });
      return new Response(text || null, { status, headers });
    },
  });
  const failures: Finding[] = [];
  let passed = 0;
  const queue = audits.values();
  const work = async () => {
    for (const audit of queue) {
      const outcome = await run(audit);
      if (outcome === 'passed') passed++;
      else if (outcome !== 'left out') failures.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const leftOut = audits.length - passed - failures.length;
  const rest = leftOut > 0 ? `; ${leftOut} need introspection, which is off` : '';
  if (failures.length === 0) return [ok(`${passed} of ${audits.length} audits of GraphQL over HTTP pass${rest}`)];
  const told = failures.toSorted((a, b) => a.level.localeCompare(b.level)).slice(0, mostTold); // the worst first
  const untold = failures.length - told.length;
  return untold > 0
    ? [...told, warn(`${untold} more audits do not pass`, 'see whether they do after the others')]
    : told;
}

async function run({ fn, id, name }: Audit): Promise<Finding | 'passed' | 'left out'> {
  try {
    const result = await fn();
    if (result.status === 'ok') return 'passed';
    const says = `audit ${id}, ${name}: ${result.reason}, got ${result.response.status}`;
    const todo = 'see what changes requests or answers on their way';
    return result.status === 'error' ? fail(says, todo) : warn(says, todo);
  } catch (error) {
    if (error instanceof NeedsIntrospection) return 'left out';
    throw error;
  }
}
