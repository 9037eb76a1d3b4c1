import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** Of every answer: it is what it says it is, and it is nobody's to keep. */
export const answerHeaders = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;

export function setAnswerHeaders(res: ServerResponse, requestId: string): void {
  res.setHeader('x-request-id', requestId);
  for (const [name, value] of Object.entries(answerHeaders)) res.setHeader(name, value);
}

/**
 * For an HTML page of ours: what it may do is run the scripts that it holds, and talk to us. Styles are let in wherever
 * they come from within the page, since Monaco, GraphiQL's editor, makes them as it goes; its workers are blobs.
 */
export function pageHeaders(html: string): Record<string, string> {
  const scripts = [...html.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  );
  const policy = {
    'default-src': "'none'",
    'script-src': scripts.join(' '),
    'worker-src': 'blob:',
    'style-src': "'unsafe-inline'",
    'img-src': "'self' data:",
    'font-src': 'data:',
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
