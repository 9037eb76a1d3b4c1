import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { codingFor } from '../http/accept.ts';
import { pageHeaders } from '../http/headers.ts';
import { type Handle, notFound } from '../http/router.ts';
import { codings, type GraphiQLFiles, openGraphiQLFiles } from './graphiql-files.ts';
import { type FirstPage, graphiqlPage } from './graphiql-page.ts';

const contentTypes: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.ico': 'image/x-icon',
};

interface OpenFiles {
  readonly files: GraphiQLFiles;
  readonly names: ReadonlySet<string>;
  readonly html: string;
  readonly headers: Record<string, string>;
}

/**
 * GraphiQL's page, and the assets that it loads; neither requires a credential or contains data. The files are opened at the
 * first request.
 */
export function createGraphiQL(firstPage: FirstPage): { readonly page: Handle; readonly asset: Handle } {
  let opened: Promise<OpenFiles> | undefined;
  const open = async (): Promise<OpenFiles> => {
    const files = await openGraphiQLFiles();
    const { html, script } = graphiqlPage(files.names, firstPage);
    const headers = { 'content-type': 'text/html; charset=utf-8', ...pageHeaders(script) };
    return { files, names: new Set(Object.values(files.names)), html, headers };
  };
  return {
    async page(_req, res) {
      opened ??= open();
      const { html, headers } = await opened;
      res.writeHead(200, headers).end(html);
      return undefined;
    },
    async asset(req, res, _record, path) {
      opened ??= open();
      const { files, names } = await opened;
      const name = path.slice('/graphql/assets/'.length);
      if (!names.has(name)) return notFound;
      await sendFile(files, name, req, res);
      return undefined;
    },
  };
}

async function sendFile(files: GraphiQLFiles, name: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const accepted = req.headers['accept-encoding'];
  const coding = codingFor(accepted?.toString(), codings);
  const bytes = await files.read(name, coding);
  res.appendHeader('vary', 'Accept-Encoding');
  res.writeHead(200, {
    'content-type': contentTypes[extname(name)],
    'content-length': bytes.length,
    'cache-control': 'public, max-age=31536000, immutable',
    'content-security-policy': "default-src 'none'", // for the workers, which load nothing
    ...(coding && { 'content-encoding': coding }),
  });
  res.end(req.method === 'HEAD' ? undefined : bytes);
}
