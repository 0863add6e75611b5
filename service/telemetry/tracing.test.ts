import { InMemorySpanExporter } from "@opentelemetry/sdk-trace";
import { Router } from "express";
import { afterEach, describe, expect, test } from "vitest";
import { serve } from "../../test/http.ts";
import { until } from "../../test/servers.ts";
import { openTracing, type Tracing } from "./tracing.ts";

let tracing: Tracing;
const finished: ReturnType<InMemorySpanExporter["getFinishedSpans"]> = [];

/** Keeps spans beyond the exporter's shutdown. */
class Keeper extends InMemorySpanExporter {
  override export(...[spans, done]: Parameters<InMemorySpanExporter["export"]>): void {
    finished.push(...spans);
    super.export(spans, done);
  }
}

const open = async (ratio: number, isTrusted = true) => {
  finished.length = 0;
  tracing = await openTracing({ exporter: new Keeper(), ratio, release: "v1", isTrusted: () => isTrusted });
};
afterEach(() => tracing.close());

const request = async (headers: Record<string, string> = {}) => {
  const router = Router();
  router.get("/guests/:id", async (_request, response) => {
    await tracing.span("look up", { tenant_id: "default" }, async () => undefined);
    response.json({});
  });
  const served = await serve(tracing.middleware, router);
  await (await fetch(`${served.url}/guests/4711`, { headers })).text();
  await served.close();
};

describe("tracing", () => {
  test("a request and the work below it are one trace, named by the route's pattern", async () => {
    await open(1);
    await request({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
    await tracing.close();
    await until(async () => expect(finished).toHaveLength(2));
    const [inner, outer] = finished;
    expect(outer!.name).toBe("GET /guests/:id");
    expect(outer!.spanContext().traceId).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(inner!.name).toBe("look up");
    expect(inner!.parentSpanContext?.spanId).toBe(outer!.spanContext().spanId);
    expect(JSON.stringify([inner!.attributes, outer!.attributes])).not.toContain("4711");
  });

  test("the share that is kept is the given one", async () => {
    await open(0);
    await request();
    await tracing.close();
    expect(finished).toEqual([]);
  });

  test("a stranger's traceparent neither makes a trace be kept nor gives it its id; a trusted one's does, and a wrong one nothing", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await open(0, false);
    await request({ traceparent });
    await tracing.close();
    expect(finished).toEqual([]);
    await open(1, false);
    await request({ traceparent });
    await tracing.close();
    await until(async () => expect(finished).toHaveLength(2));
    for (const span of finished) expect(span.spanContext().traceId).not.toBe("0af7651916cd43dd8448eb211c80319c");
    await open(0, true);
    await request({ traceparent });
    await tracing.close();
    await until(async () => expect(finished).toHaveLength(2));
    for (const wrong of ["00-zz-zz-01", "x".repeat(10_000), "00-00000000000000000000000000000000-0000000000000000-01"]) {
      await open(0, true);
      await request({ traceparent: wrong });
      await tracing.close();
      expect(finished).toEqual([]);
    }
  });

  test("an error marks its span and is thrown on", async () => {
    await open(1);
    await expect(
      tracing.span("broken", {}, async () => {
        throw new RangeError("a guest's words");
      }),
    ).rejects.toThrow("a guest's words");
    await tracing.close();
    expect(finished[0]!.status).toEqual({ code: 2, message: "RangeError" });
  });

  test("without an exporter it does nothing", async () => {
    tracing = await openTracing({ exporter: "none", ratio: 1, release: "v1" });
    expect(await tracing.span("x", {}, async () => 7)).toBe(7);
  });
});
