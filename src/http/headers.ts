import type { ServerResponse } from 'node:http';

/** Headers of every response: browsers must not guess its type, and caches must not store it. */
export const responseHeaders = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;

export function setResponseHeaders(res: ServerResponse, requestId: string): void {
  res.setHeader('x-request-id', requestId);
  for (const [name, value] of Object.entries(responseHeaders)) res.setHeader(name, value);
}

const pagePolicy = {
  'default-src': "'none'",
  'script-src': "'self'",
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

/** Of an HTML page of ours without scripts in it: it may load our files, and send requests to us. */
export const pageHeaders = {
  'content-security-policy': Object.entries(pagePolicy)
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; '),
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
} as const;
