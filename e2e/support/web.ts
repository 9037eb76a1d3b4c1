import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startBrowser, type Visit, type VisitOptions, visit } from './browser.ts';
import { freePort, root, startGateway, startProgram } from './programs.ts';

export interface Web extends AsyncDisposable {
  readonly url: string;
  /** The example page at this address, relative to its own, in a browser that was never here. The one that was open before is closed. */
  open(search: string, options?: VisitOptions): Promise<Visit>;
}

/** An example page in front of the sandbox: as `npm run build` leaves it, or on the development server. */
export async function startWeb(
  mode: 'built' | 'development',
  gatewayUrl?: string,
  example: 'web' | 'react' = 'web',
): Promise<Web> {
  const source = `examples/${example}`;
  const vite = `${source}/node_modules/vite/bin/vite.js`;
  const folder = await mkdtemp(join(tmpdir(), 'web-'));
  const gateway = gatewayUrl === undefined ? await startGateway({}, 'sandbox') : undefined;
  const env = { GATEWAY_URL: new URL(gatewayUrl ?? gateway?.url ?? '').origin };
  const out = ['--outDir', folder];
  if (mode === 'built')
    await promisify(execFile)(process.execPath, [vite, 'build', source, ...out], {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'production' }, // not that of the tests
    });
  const command = mode === 'built' ? ['preview', source, ...out] : [source];
  const port = String(await freePort());
  const server = await startProgram({
    args: [vite, ...command, '--host', '127.0.0.1', '--strictPort', '--port', port],
    env,
    ready: /Local:\s+(http:\S+)/,
  });
  const browser = await startBrowser();
  let current: Visit | undefined;
  return {
    url: server.url,
    async open(search, options) {
      await current?.[Symbol.asyncDispose]();
      current = await visit(browser, new URL(search, server.url).href, options);
      return current;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      for (const program of [server, gateway]) await program?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** What the element says that has the focus, or else its id. */
export function focused(page: Visit['page']): Promise<string | undefined> {
  return page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.id);
}
