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
import type { TraceCall } from '../datasources/upstream-metrics.ts';
import type { ErrorCode } from '../errors/codes.ts';

/**
 * Spans for an OpenTelemetry SDK that the operator registered: of a request, of its operation, and of each call to Linq,
 * named by the semantic conventions for HTTP and GraphQL. They contain no document, variable, id, header or name from a
 * caller, and the template of the route instead of a URL.
 */
export interface Tracing {
  /** Starts the span of a request, in the caller's trace if its headers name one. */
  begin(req: IncomingMessage): RequestTrace;
  /** A call that several operations share belongs to the first of them. No trace context is sent to Linq. */
  readonly traceCall: TraceCall;
}

/** The methods that the conventions define. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** Whether an SDK is registered: without one, spans have no valid id. The span started here never ends, so it is not exported. */
export function isTraced(): boolean {
  return isSpanContextValid(tracer().startSpan('probe', {}, ROOT_CONTEXT).spanContext());
}

/** Undefined if no SDK is registered yet. `linq` is the origin of Linq. */
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

  /** Runs `handle` as part of the request, including what it starts. */
  run<T>(handle: () => T): T {
    return context.with(this.#context, handle);
  }

  /** Runs `execute` as part of the operation: a query, the only type in the schema. */
  operation<T>(execute: () => T): T {
    const attributes = { 'graphql.operation.type': 'query' };
    this.#operation ??= tracer().startSpan('query', { kind: SpanKind.SERVER, attributes }, this.#context);
    return context.with(trace.setSpan(this.#context, this.#operation), execute);
  }

  /** Starts the span of a stream, which outlives that of its request. */
  stream(): StreamTrace {
    return new StreamTrace(this.#context);
  }

  /** Ends the span of the operation, with these error codes. */
  executed([code]: readonly ErrorCode[]): void {
    if (code !== undefined && this.#operation !== undefined) fail(this.#operation, code);
    this.#operation?.end();
    this.#operation = undefined;
  }

  /** Ends the span of the request. `status` is undefined if the client disconnected before the response. */
  end(status: number | undefined): void {
    this.executed([]);
    if (status !== undefined) this.#span.setAttribute('http.response.status_code', status);
    if (status === undefined || status >= 500) fail(this.#span, `${status ?? 'cancelled'}`);
    this.#span.end();
  }
}

/** The span of a stream. What its events read belongs to it. */
export class StreamTrace {
  readonly #span: Span;
  readonly #context: Context;

  constructor(parent: Context) {
    const attributes = { 'graphql.operation.type': 'subscription' };
    this.#span = tracer().startSpan('subscription', { kind: SpanKind.SERVER, attributes }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  run<T>(execute: () => T): T {
    return context.with(this.#context, execute);
  }

  /** `code` is why the stream was refused, if it was. */
  end(code: ErrorCode | undefined): void {
    if (code !== undefined) fail(this.#span, code);
    this.#span.end();
  }
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function tracer(): Tracer {
  return trace.getTracer('linq-graphql-gateway');
}
