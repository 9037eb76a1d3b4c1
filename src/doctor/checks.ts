import { checkAccess, checkOperations, checkRebinding } from './access.ts';
import type { Target } from './baseline.ts';
import { checkCors, checkForeignGet, checkForeignPost, checkResponseHeaders } from './browsers.ts';
import { checkCompression, checkRequestId, checkTls } from './connection.ts';
import type { Finding } from './finding.ts';
import { checkMessage } from './message.ts';
import { checkLivez, checkMetrics, checkReadyz, checkWebhooks } from './probes.ts';

export interface Check {
  /** The name in the report and in docs/doctor.md. */
  readonly name: string;
  /** Skips the check when the gateway does not execute the doctor's operations. */
  readonly needsOperations?: true;
  /** Resolves to no finding when the check does not apply. Rejects when there is no response. */
  run(target: Target): Promise<Finding | []>;
}

/** In the order of the report. */
export const checks: readonly Check[] = [
  { name: 'tls', run: checkTls },
  { name: 'livez', run: checkLivez },
  { name: 'readyz', run: checkReadyz },
  { name: 'metrics', run: checkMetrics },
  { name: 'webhooks', run: checkWebhooks },
  { name: 'operations', run: checkOperations },
  { name: 'access', run: checkAccess },
  { name: 'rebinding', run: checkRebinding },
  { name: 'cors', run: checkCors },
  { name: 'foreign-get', run: checkForeignGet },
  { name: 'foreign-post', run: checkForeignPost },
  { name: 'headers', run: checkResponseHeaders },
  { name: 'request-id', run: checkRequestId },
  { name: 'compression', run: checkCompression, needsOperations: true },
  { name: 'message', run: checkMessage, needsOperations: true },
];
