import type { IncomingMessage } from 'node:http';
import {
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Plugin } from 'graphql-yoga';
import type { TraceCall } from '../datasources/upstream-metrics.ts';
import type { ErrorCode } from '../errors.ts';
import type { ServerContext } from '../http/request-id.ts';

/**
 * Spans for an OpenTelemetry SDK that the operator registered: of a request, of its operation, and of each call to Linq, in
 * the words of the semantic conventions for HTTP and GraphQL. They hold no document, variable, id, header or name that a
 * caller chose; in the place of URLs stands the template of the route.
 */
export interface Tracing {
  /** Begins the span of a request, in the caller's trace where its headers name one. */
  begin(req: IncomingMessage): RequestTrace;
  /** Where several operations share a call, it belongs to the first of them. Linq is told nothing of traces. */
  readonly traceCall: TraceCall;
}

/** Those that the conventions know. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** Whether an SDK is registered: without one, spans have no valid id. The one that this begins is never ended, hence lost. */
export function isTraced(): boolean {
  return isSpanContextValid(tracer().startSpan('probe', {}, ROOT_CONTEXT).spanContext());
}

/** Undefined where no SDK is registered by now: then nothing is spent on spans. `linq` is the origin of Linq. */
export function createTracing(linq: string): Tracing | undefined {
  if (!isTraced()) return undefined;
  const { hostname, port, protocol } = new URL(linq);
  const callAttributes = {
    'http.request.method': 'GET',
    'server.address': hostname,
    'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
  };
  return {
    begin: (req) => new RequestTrace(req),
    traceCall(route, resends) {
      const attributes = { ...callAttributes, 'url.template': route };
      const span = tracer().startSpan(`GET ${route}`, { kind: SpanKind.CLIENT, attributes });
      if (resends > 0) span.setAttribute('http.request.resend_count', resends);
      return (outcome, status) => {
        if (status !== undefined) span.setAttribute('http.response.status_code', status);
        if (outcome !== 'found' && outcome !== 'missing') fail(span, outcome);
        span.end();
      };
    },
  };
}

/** The spans of one request. */
export class RequestTrace {
  readonly #span: Span;
  readonly #context: Context;
  #operation: Span | undefined;

  constructor({ method = '', headers }: IncomingMessage) {
    const isKnown = methods.has(method);
    const attributes = {
      'http.request.method': isKnown ? method : '_OTHER',
      'http.route': '/graphql',
      'url.path': '/graphql',
      'url.scheme': 'http',
    };
    const parent = propagation.extract(ROOT_CONTEXT, headers);
    const name = `${isKnown ? method : 'HTTP'} /graphql`;
    this.#span = tracer().startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  /** Whatever `answer` does, now or later, is part of the request. */
  run(answer: () => void): void {
    context.with(this.#context, answer);
  }

  /** Whatever `execute` does is part of the operation: a query, as there is nothing else in the schema. */
  operation<T>(execute: () => T): T {
    const attributes = { 'graphql.operation.type': 'query' };
    this.#operation ??= tracer().startSpan('query', { kind: SpanKind.SERVER, attributes }, this.#context);
    return context.with(trace.setSpan(this.#context, this.#operation), execute);
  }

  /** The operation is over, with errors of these codes. */
  executed([code]: readonly ErrorCode[]): void {
    if (code !== undefined && this.#operation !== undefined) fail(this.#operation, code);
    this.#operation?.end();
    this.#operation = undefined;
  }

  /** `status` is that of the answer; undefined where nobody was left to answer. */
  end(status: number | undefined): void {
    this.executed([]);
    if (status !== undefined) this.#span.setAttribute('http.response.status_code', status);
    if (status === undefined || status >= 500) fail(this.#span, `${status ?? 'cancelled'}`);
    this.#span.end();
  }
}

/** For operations that Yoga executes. */
export function useOperationSpans(): Plugin<ServerContext> {
  return {
    onExecute({ args: { contextValue }, executeFn, setExecuteFn }) {
      const { trace: request } = contextValue.record;
      if (request !== undefined) setExecuteFn((args) => request.operation(() => executeFn(args)));
    },
  };
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function tracer(): Tracer {
  return trace.getTracer('linq-graphql-gateway');
}
