import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { FailureLog } from '../errors/failure-log.ts';
import { createGateway as createServedGateway, type GatewayLog } from '../gateway.ts';
import { readTrustedDocuments } from '../graphql/trusted-documents.ts';
import { createFetchHandler } from './fetch-handler.ts';
import { type GatewayOptions, readGatewayOptions } from './options.ts';

export interface EmbeddedGateway {
  /**
   * Handles a request at `/graphql`, and GraphiQL's files below it, as the server does. For hosts such as Next.js and Hono. Needs
   * Node. Rejects only when the request is aborted or its body cannot be read.
   */
  readonly fetch: (request: Request) => Promise<Response>;
  /** The same for a Node request, whose body nothing has read before. For hosts such as Express and Fastify. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Closes the connections to Linq. Requests in flight and later ones fail with `OVERLOADED`. */
  close(): Promise<void>;
}

/**
 * The whole gateway, with its limits, credentials and errors, inside another server. Create one for each process: it holds
 * the connections to Linq. Throws a `TypeError` that names every wrong option.
 */
export function createGateway(options: GatewayOptions = {}): EmbeddedGateway {
  const { config, log } = readGatewayOptions(options);
  const { trustedDocuments } = config;
  const documents = trustedDocuments === undefined ? undefined : readTrustedDocuments(trustedDocuments);
  const gateway = createServedGateway(config, log === undefined ? silent : toGatewayLog(log), { documents });
  void gateway.connect();
  gateway.open();
  return {
    fetch: createFetchHandler(gateway.handle),
    handle: requireUnreadBody(gateway.handle),
    close: () => gateway.close(),
  };
}

/** The gateway would wait for a body that another handler has read until the client disconnects. */
function requireUnreadBody(handle: RequestListener): EmbeddedGateway['handle'] {
  return (request, response) => {
    if (request.readableDidRead)
      throw new Error('The body of the request was read before: mount linq-graphql-gateway before body parsers.');
    handle(request, response);
  };
}

function toGatewayLog(log: FailureLog): GatewayLog {
  return {
    debug: (fields: object, message: string) => log.debug(fields, message),
    info: (fields: object, message: string) => log.debug(fields, message), // a failure log has no such level
    warn: (fields: object, message: string) => log.warn(fields, message),
    error: (fields: object, message: string) => log.error(fields, message),
    isLevelEnabled: () => true,
  };
}

const silent: GatewayLog = { debug() {}, info() {}, warn() {}, error() {}, isLevelEnabled: () => false };
