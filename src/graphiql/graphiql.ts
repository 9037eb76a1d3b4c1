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
  '.svg': 'image/svg+xml',
};

const notBuilt = {
  ...notFound,
  message:
    'GraphiQL is not built. Run `npm run prepare` in the folder of the gateway, with its development dependencies.',
};

/**
 * GraphiQL's page, and the assets that it loads; neither requires a credential or contains data. The files are opened at the
 * first request.
 */
export function createGraphiQL(firstPage: FirstPage, folder?: URL): { readonly page: Handle; readonly asset: Handle } {
  let opened: GraphiQLFiles | undefined;
  return {
    async page(_req, res) {
      opened ??= await openGraphiQLFiles(folder);
      if (opened === undefined) return notBuilt;
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...pageHeaders });
      res.end(graphiqlPage(opened.manifest, firstPage));
      return undefined;
    },
    async asset(req, res, _record, path) {
      opened ??= await openGraphiQLFiles(folder);
      const name = path.slice('/graphql/assets/'.length);
      if (!opened?.manifest.files.includes(name)) return notFound;
      await sendFile(opened, name, req, res);
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
