import { type Audit, serverAudits } from 'graphql-http';
import type { Target } from './baseline.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** High enough to finish within a minute on a distant gateway, low enough not to trip the rate limit of a proxy. */
const concurrency = 4;
/** Failed audits reported in full; the others are counted. */
const maxReported = 5;

/** Thrown instead of sending a request that needs introspection when it is disabled. */
class NeedsIntrospection extends Error {}

/** Runs the audits of the graphql-http package. */
export async function checkGraphQLOverHttp({ graphql, send, post }: Target): Promise<Finding[]> {
  const introspects = '__type' in (await post('{ __type(name: "Query") { name } }')).data;
  const audits = serverAudits({
    url: graphql.href,
    fetchFn: async (url: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) => {
      const { search } = new URL(url);
      if (!introspects && /__type\b/.test(`${init.body} ${search}`)) throw new NeedsIntrospection();
      const { text, status, headers } = await send({ search, ...init });
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
      else if (outcome !== 'skipped') failures.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const skipped = audits.length - passed - failures.length;
  const suffix = skipped > 0 ? `; ${skipped} need introspection, which is disabled` : '';
  if (failures.length === 0) return [ok(`${passed} of ${audits.length} GraphQL over HTTP audits pass${suffix}`)];
  const reported = failures.toSorted((a, b) => a.level.localeCompare(b.level)).slice(0, maxReported); // FAIL before warn
  const unreported = failures.length - reported.length;
  return unreported > 0
    ? [...reported, warn(`${unreported} more audits do not pass`, 'fix the reported ones, then run the doctor again')]
    : reported;
}

async function run({ fn, id, name }: Audit): Promise<Finding | 'passed' | 'skipped'> {
  try {
    const result = await fn();
    if (result.status === 'ok') return 'passed';
    const text = `audit ${id}, ${name}: ${result.reason}, got ${result.response.status}`;
    const advice = 'check whether a proxy changes requests or responses';
    return result.status === 'error' ? fail(text, advice) : warn(text, advice);
  } catch (error) {
    if (error instanceof NeedsIntrospection) return 'skipped';
    throw error;
  }
}
