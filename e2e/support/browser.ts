import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { installed } from './installed.ts';

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What must not happen: foreign requests, errors and warnings, violations of the policy. */
  readonly troubles: string[];
  /** How often GraphQL was asked. */
  asked(): number;
}

/** Chromium, which reaches nothing but loopback: neither names nor addresses. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: installed('chromium'),
    args: ['--no-sandbox', '--disable-partial-raster', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
}

export interface VisitOptions extends BrowserContextOptions {
  /** Before the page loads. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

/** A page in a profile of its own. Everything that a picture depends on is fixed; `options` changes it. */
export async function visit(browser: Browser, url: string, options: VisitOptions = {}): Promise<Visit> {
  const { prepare, ...contextOptions } = options;
  const context = await browser.newContext({
    viewport: { width: 900, height: 640 },
    locale: 'en-US',
    timezoneId: 'America/Chicago',
    colorScheme: 'light',
    reducedMotion: 'reduce',
    extraHTTPHeaders: { 'x-request-id': '5f0e8d3c-7c1b-4b6e-9a52-3d4e8f1a6b70' },
    ...contextOptions,
  });
  const troubles: string[] = [];
  let asked = 0;
  context.on('request', (request) => {
    const { protocol, hostname, pathname } = new URL(request.url());
    if (protocol !== 'data:' && hostname !== '127.0.0.1') troubles.push(`foreign: ${request.url()}`);
    if (pathname === '/graphql') asked++;
  });
  context.on(
    'response',
    (response) => response.status() < 400 || troubles.push(`${response.status()}: ${response.url()}`),
  );
  context.on('console', (message) => {
    if (/error|warning/.test(message.type())) troubles.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => troubles.push(`thrown: ${error.error().message}`));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
      reportError(new Error(`policy: ${effectiveDirective} ${blockedURI}`)),
    );
  });
  const page = await context.newPage();
  await prepare?.(page);
  await page.goto(url);
  return { page, troubles, asked: () => asked, [Symbol.asyncDispose]: () => context.close() };
}
