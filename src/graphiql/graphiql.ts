import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname } from 'node:path';
import { asksForPage, dropUnreadBody } from '../http/guard.ts';
import { pageHeaders, setAnswerHeaders } from '../http/headers.ts';
import { codings, type GraphiQLFiles, openGraphiQLFiles } from './graphiql-files.ts';
import { type FirstPage, graphiqlPage } from './graphiql-page.ts';

const folder = '/graphql/assets/';
const contentTypes: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.ico': 'image/x-icon',
};

/** Undefined where the request is not for GraphiQL. */
type AnswerGraphiQL = (
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  requestId: string,
) => Promise<void> | undefined;

/**
 * Answers a browser that opens the endpoint with GraphiQL's page, and what the page loads; neither needs a credential or
 * holds data. The files are opened when they are first asked for.
 */
export function createGraphiQL(firstPage: FirstPage): AnswerGraphiQL {
  let opened: Promise<Opened> | undefined;
  const open = async (): Promise<Opened> => {
    const files = await openGraphiQLFiles();
    const { html, script } = graphiqlPage(files.names, firstPage);
    const headers = { 'content-type': 'text/html; charset=utf-8', ...pageHeaders(script) };
    return { files, known: new Set(Object.values(files.names)), html, headers };
  };
  return (req, res, path, requestId) => {
    const isPage = path === '/graphql' && asksForPage(req.method, req.headers.accept);
    const isFile = path.startsWith(folder) && (req.method === 'GET' || req.method === 'HEAD');
    if (!isPage && !isFile) return undefined;
    setAnswerHeaders(res, requestId);
    if (!req.complete) dropUnreadBody(req, res);
    opened ??= open();
    return opened.then(async ({ files, known, html, headers }) => {
      const name = path.slice(folder.length);
      if (isPage) res.writeHead(200, headers).end(html);
      else if (known.has(name)) await sendFile(files, name, req, res);
      else res.writeHead(404).end();
    });
  };
}

interface Opened {
  readonly files: GraphiQLFiles;
  /** The only names that there are: nothing else of a path is ever looked for. */
  readonly known: ReadonlySet<string>;
  readonly html: string;
  readonly headers: Record<string, string>;
}

async function sendFile(files: GraphiQLFiles, name: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const accepted = String(req.headers['accept-encoding'] ?? '');
  const coding = codings.find((each) => accepts(accepted, each));
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

function accepts(accepted: string, coding: string): boolean {
  return accepted
    .toLowerCase()
    .split(',')
    .map((each) => each.split(';').map((part) => part.trim()))
    .some(([name, weight]) => name === coding && !/^q=0(\.0*)?$/.test(weight ?? ''));
}
