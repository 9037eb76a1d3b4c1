import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** Headers of every response: browsers must not guess its type, and caches must not store it. */
export const responseHeaders = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;

export function setResponseHeaders(res: ServerResponse, requestId: string): void {
  res.setHeader('x-request-id', requestId);
  for (const [name, value] of Object.entries(responseHeaders)) res.setHeader(name, value);
}

/** For an HTML page of ours that contains this one script: it may run that, load our files, and send requests to us. */
export function pageHeaders(script: string): Record<string, string> {
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = {
    'default-src': "'none'",
    'script-src': `'self' 'sha256-${hash}'`,
    'worker-src': "'self'",
    // Monaco, GraphiQL's editor, positions lines with style attributes and writes style elements for its colors.
    'style-src': "'self' 'unsafe-inline'",
    // Fonts and images are embedded in GraphiQL's style sheet.
    'font-src': 'data:',
    'img-src': "'self' data:",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  return {
    'content-security-policy': Object.entries(policy)
      .map(([directive, sources]) => `${directive} ${sources}`)
      .join('; '),
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
  };
}
