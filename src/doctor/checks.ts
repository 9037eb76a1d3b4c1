import { checkAccess, checkOperations, checkRebinding } from './access.ts';
import { checkAnswerHeaders, checkCors, checkForeignGet, checkForeignPost, checkPage } from './browsers.ts';
import { checkClock, checkTls } from './connection.ts';
import { checkErrors, checkLeaks, checkRequestId, checkSoftware } from './disclosure.ts';
import type { Finding } from './finding.ts';
import type { Target } from './first-look.ts';
import { checkGraphQLOverHttp } from './graphql-over-http.ts';
import { checkIntrospection } from './introspection.ts';
import { checkLargerGraphs } from './larger-graphs.ts';
import { checkLimits } from './limits.ts';
import { checkMessage } from './message.ts';
import { checkLivez, checkMetrics, checkReadyz } from './probes.ts';

export interface Check {
  /** As in the report and in docs/doctor.md. */
  readonly name: string;
  /** Whether it is left out where operations of ours are not answered. */
  readonly needsOperations?: true;
  /** Nothing where it does not apply. Rejects where there is no answer. */
  run(target: Target): Promise<Finding | readonly Finding[]>;
}

/** In the order of the report. The last ones look at the answers to all the others. */
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
  { name: 'headers', run: checkAnswerHeaders },
  { name: 'graphiql', run: checkPage },
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
