import type { Attributes } from "@opentelemetry/api";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Request, RequestHandler } from "express";

export interface TracingOptions {
  /** `otlp` sends to OTEL_EXPORTER_OTLP_ENDPOINT, as the exporter reads it. */
  exporter: "none" | "console" | "otlp" | SpanExporter;
  /** Share of traces that are kept (0–1), decided where a trace begins; a trusted caller's decision is followed. */
  ratio: number;
  release: string;
  /**
   * Whether a request's `traceparent` is to be followed, which decides about its trace too. A stranger's isn't: each of its
   * requests could make a trace be kept.
   */
  isTrusted?: (request: Request) => boolean;
}

export interface Tracing {
  /** A span for each request, below the caller's trace when a trusted caller sends `traceparent`. */
  middleware: RequestHandler;
  /** Runs work inside a span; an error marks the span and is thrown on. Attributes hold nothing that a guest wrote. */
  span<Result>(name: string, attributes: Attributes, work: () => Promise<Result>): Promise<Result>;
  /** Sends what is left. */
  close(): Promise<void>;
}

const NONE: Tracing = {
  middleware: (_request, _response, next) => next(),
  span: (_name, _attributes, work) => work(),
  close: async () => undefined,
};

/** Opens OpenTelemetry tracing; without an exporter nothing of it is even loaded. */
export async function openTracing({ exporter, ratio, release, isTrusted = () => false }: TracingOptions): Promise<Tracing> {
  if (exporter === "none") return NONE;
  const [api, sdk, { resourceFromAttributes }, { AsyncLocalStorageContextManager }, { W3CTraceContextPropagator }] =
    await Promise.all([
      import("@opentelemetry/api"),
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/context-async-hooks"),
      import("@opentelemetry/core"),
    ]);
  const { context, SpanKind, SpanStatusCode, trace } = api;
  const target =
    exporter === "console"
      ? new sdk.ConsoleSpanExporter()
      : exporter === "otlp"
        ? new (await import("@opentelemetry/exporter-trace-otlp-http")).OTLPTraceExporter()
        : exporter;
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ "service.name": "gatehouse", "service.version": release }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: target })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const propagator = new W3CTraceContextPropagator();
  const tracer = provider.getTracer("gatehouse", release);

  return {
    middleware: (request, response, next) => {
      const parent = isTrusted(request)
        ? propagator.extract(context.active(), request.headers, { get: (carrier, key) => carrier[key], keys: Object.keys })
        : context.active();
      const span = tracer.startSpan(
        request.method,
        { kind: SpanKind.SERVER, attributes: { "http.request.method": request.method } },
        parent,
      );
      response.once("close", () => {
        const path: unknown = request.route?.path;
        const route = typeof path === "string" ? `${request.baseUrl}${path}` : "unmatched";
        span.updateName(`${request.method} ${route}`);
        span.setAttributes({ "http.route": route, "http.response.status_code": response.statusCode });
        if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      });
      context.with(trace.setSpan(parent, span), next);
    },
    span: (name, attributes, work) => {
      const span = tracer.startSpan(name, { attributes }, context.active());
      return context.with(trace.setSpan(context.active(), span), async () => {
        try {
          return await work();
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name });
          throw error;
        } finally {
          span.end();
        }
      });
    },
    close: async () => {
      await provider.shutdown();
      context.disable();
    },
  };
}
