import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** Of every answer: it is what it says it is, and it is nobody's to keep. */
export const answerHeaders = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;

export function setAnswerHeaders(res: ServerResponse, requestId: string): void {
  res.setHeader('x-request-id', requestId);
  for (const [name, value] of Object.entries(answerHeaders)) res.setHeader(name, value);
}

/** For an HTML page of ours that holds this one script: what it may do is run that, load our files, and talk to us. */
export function pageHeaders(script: string): Record<string, string> {
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = {
    'default-src': "'none'",
    'script-src': `'self' 'sha256-${hash}'`,
    'worker-src': "'self'",
    // Monaco, GraphiQL's editor, places each line with a style attribute, and writes style elements for its colours.
    'style-src': "'self' 'unsafe-inline'",
    // Fonts and images are in the text of GraphiQL's style sheet.
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
