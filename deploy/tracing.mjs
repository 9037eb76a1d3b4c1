/**
 * Sends traces of the gateway to an OpenTelemetry collector over OTLP/HTTP:
 *
 *     OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 node --import ./deploy/tracing.mjs src/cli.ts
 *
 * docs/operations.md lists the packages to install and the variables. This is an example: copy and change it as needed.
 */
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

/** Share of requests to record, from 0 to 1, where the caller's trace context does not decide it. */
const share = Number(process.env.OTEL_TRACES_SAMPLER_ARG ?? 0.1);

const provider = new TracerProvider({
  resource: defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'linq-graphql-gateway' }))
    .merge(detectResources({ detectors: [envDetector] })), // OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
  sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
  spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
});
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(provider);

// Sends the last spans when the gateway has stopped. The gateway handles signals itself, and waits for this.
process.once('beforeExit', () => provider.shutdown());
