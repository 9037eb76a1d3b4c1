import { checkAccess, checkOperations, checkRebinding } from './access.ts';
import type { Target } from './baseline.ts';
import { checkCors, checkForeignGet, checkForeignPost, checkGraphiQL, checkResponseHeaders } from './browsers.ts';
import { checkClock, checkTls } from './connection.ts';
import { checkErrors, checkLeaks, checkRequestId, checkSoftware } from './disclosure.ts';
import type { Finding } from './finding.ts';
import { checkGraphQLOverHttp } from './graphql-over-http.ts';
import { checkIntrospection } from './introspection.ts';
import { checkLargerGraphs } from './larger-graphs.ts';
import { checkLimits } from './limits.ts';
import { checkMessage } from './message.ts';
import { checkLivez, checkMetrics, checkReadyz } from './probes.ts';

export interface Check {
  /** The name in the report and in docs/doctor.md. */
  readonly name: string;
  /** Skips the check when the gateway does not execute the doctor's operations. */
  readonly needsOperations?: true;
  /** Resolves to no finding when the check does not apply. Rejects when there is no response. */
  run(target: Target): Promise<Finding | readonly Finding[]>;
}

/** In the order of the report. The last three inspect the responses of all checks before them. */
export const checks: readonly Check[] = [
  { name: 'tls', run: checkTls },
  { name: 'clock', run: checkClock },
  { name: 'livez', run: checkLivez },
  { name: 'readyz', run: checkReadyz },
  { name: 'metrics', run: checkMetrics },
  { name: 'operations', run: checkOperations },
  { name: 'access', run: checkAccess },
  { name: 'rebinding', run: checkRebinding },
  { name: 'cors', run: checkCors },
  { name: 'foreign-get', run: checkForeignGet },
  { name: 'foreign-post', run: checkForeignPost },
  { name: 'headers', run: checkResponseHeaders },
  { name: 'graphiql', run: checkGraphiQL },
  { name: 'request-id', run: checkRequestId },
  { name: 'http', run: checkGraphQLOverHttp, needsOperations: true },
  { name: 'limits', run: checkLimits, needsOperations: true },
  { name: 'introspection', run: checkIntrospection, needsOperations: true },
  { name: 'larger-graphs', run: checkLargerGraphs, needsOperations: true },
  { name: 'message', run: checkMessage, needsOperations: true },
  { name: 'leaks', run: checkLeaks },
  { name: 'errors', run: checkErrors },
  { name: 'software', run: checkSoftware },
];
