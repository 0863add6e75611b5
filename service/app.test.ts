import { connect } from "node:net";
import { Router } from "express";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { type Served, serveApp } from "../test/http.ts";
import { until } from "../test/servers.ts";
import { type AppOptions, createApp } from "./app.ts";
import { Problem } from "./http/problem.ts";
import type { Check } from "./telemetry/health.ts";
import { createMetrics } from "./telemetry/metrics.ts";

let served: Served | undefined;
afterEach(() => served?.close());

const start = async (rest: Partial<AppOptions> = {}) => {
  const guests = Router();
  guests.all("/guests/:id", (_request, response) => {
    response.json({ hello: "guest" });
  });
  guests.get("/throws", () => {
    throw new Error("secret detail of the inside");
  });
  guests.get("/problem", async () => {
    throw new Problem(409, "Conflict", "It exists.", [{ field: "id", message: "taken" }], { "Retry-After": "3" });
  });
  const options: AppOptions = {
    release: "v7",
    isCanaryEnabled: () => true,
    metrics: createMetrics({ collectDefaults: false }),
    metricsToken: "metrics-token-of-this-test",
    refreshGauges: async () => undefined,
    logger: pino({ level: "silent" }),
    health: { checks: {}, isStopping: () => false },
    faults: { latencyMs: 0, latencyPercent: 0, errorRate: 0 },
    guestRoutes: [guests],
    guestPaths: ["/guests/:id"],
    adminRoutes: [],
    ...rest,
  };
  served = await serveApp(createApp(options));
  const { url } = served;
  return {
    url,
    post: (path: string) => fetch(`${url}${path}`, { method: "POST" }),
    get: (path: string, headers: Record<string, string> = {}) => fetch(`${url}${path}`, { headers }),
    metrics: options.metrics,
  };
};

describe("every answer", () => {
  test("carries the release and a request id, the caller's own when it is a plain one", async () => {
    const { get } = await start();
    const own = await get("/guests/1", { "X-Request-Id": "trace-12345" });
    expect(own.headers.get("x-request-id")).toBe("trace-12345");
    expect(own.headers.get("x-release-version")).toBe("v7");
    expect((await get("/guests/1", { "X-Request-Id": "bad id with blanks" })).headers.get("x-request-id")).toMatch(
      /^[0-9a-f-]{36}$/,
    );
    expect(own.headers.get("x-powered-by")).toBeNull();
  });

  test("that is an error is a problem with the request's id", async () => {
    const { get } = await start();
    const missing = await get("/nowhere");
    expect(missing.status).toBe(404);
    expect(missing.headers.get("content-type")).toContain("application/problem+json");
    const conflict = await get("/problem");
    expect(conflict.headers.get("retry-after")).toBe("3");
    expect(await conflict.json()).toEqual({
      type: "about:blank",
      title: "Conflict",
      status: 409,
      detail: "It exists.",
      request_id: conflict.headers.get("x-request-id"),
      errors: [{ field: "id", message: "taken" }],
    });
  });

  test("to an unexpected error tells nothing of the inside", async () => {
    const { get } = await start();
    const response = await get("/throws");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });
});

test.each([
  ["/guests/%00", 404],
  ["/guests/a%00b", 404],
  ["/guests/%25%00", 404],
  ["/guests/1?user_id=%00", 400],
])("U+0000 in %s is a mistake of the caller", async (path, status) => {
  const { get } = await start();
  const response = await get(path);
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toContain("application/problem+json");
});

describe("metrics", () => {
  test("count thrown errors, and name routes by their pattern, never by a path", async () => {
    const { get, metrics } = await start();
    await get("/guests/+549110002222");
    await get("/throws");
    await get("/some/other/path/4711");
    const text = await metrics.registry.metrics();
    expect(text).toContain('http_requests_total{method="GET",route="/guests/:id",status_code="200"} 1');
    expect(text).toContain('http_requests_total{method="GET",route="/throws",status_code="500"} 1');
    expect(text).toContain('http_requests_total{method="GET",route="unmatched",status_code="404"} 1');
    expect(text).not.toMatch(/549110002222|4711/);
    for (const bound of [0.4, 0.42, 0.45]) expect(text).toContain(`le="${bound}"`);
  });

  test("are for loopback or the token; a forwarded request is not loopback, whatever it claims", async () => {
    const { get } = await start();
    const token = { Authorization: "Bearer metrics-token-of-this-test" };
    // A proxy on this machine that adds no header looks just like this.
    expect((await get("/metrics")).status).toBe(401);
    expect((await get("/metrics", token)).status).toBe(200);
    expect((await get("/metrics", { "X-Forwarded-For": "127.0.0.1" })).status).toBe(401);
    expect((await get("/metrics", { Forwarded: "for=127.0.0.1" })).status).toBe(401);
    expect(
      (await get("/metrics", { "X-Forwarded-For": "10.0.0.1", Authorization: "Bearer metrics-token-of-this-test" })).status,
    ).toBe(200);
    expect((await get("/metrics", { "X-Forwarded-For": "10.0.0.1", Authorization: "Bearer wrong" })).status).toBe(401);
  });
});

describe("a caller who leaves", () => {
  const leave = async (request: string) => {
    let begun: () => void = () => undefined;
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const slow = Router();
    slow.post("/guests/:id", (request) => {
      request.resume();
      begun();
    });
    const { url, metrics } = await start({ guestRoutes: [slow] });
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(request);
    await isBegun;
    socket.destroy();
    return (status: number) =>
      until(async () =>
        expect(await metrics.registry.metrics()).toContain(
          `http_requests_total{method="POST",route="/guests/:id",status_code="${status}"} 1`,
        ),
      );
  };

  test("after the whole request is a failure of the service, in the middle of it the caller's own", async () => {
    const head = "POST /guests/1 HTTP/1.1\r\nHost: gatehouse\r\nContent-Length: 4\r\n\r\n";
    await (await leave(`${head}hola`))(499);
    await served?.close();
    await (await leave(`${head}ho`))(400);
  });
});

describe("health", () => {
  const well = async () => undefined;
  const broken = () => Promise.reject(new Error("down"));
  const silent = () => new Promise<void>(() => undefined);
  const required = { required: true, timeoutMs: 50, cacheMs: 0 };
  const soft = { required: false, timeoutMs: 50, cacheMs: 0 };
  const checking = (checks: Record<string, Check>) => start({ health: { checks, isStopping: () => false } });
  const statusesOf = async (response: Response) => {
    const { status, checks } = (await response.json()) as { status: string; checks: Record<string, { status: string }> };
    return { status, ...Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, check.status])) };
  };

  const outages = [
    ["fails", broken],
    ["hangs", silent],
  ] as const;
  test.each(outages)("what is needed %s: not ready, but live, which touches no dependency", async (_, run) => {
    const { get, metrics } = await checking({ database: { ...required, run }, redis: { ...soft, run: well } });
    expect(await (await get("/health/live")).json()).toEqual({ status: "ok" });
    const ready = await get("/health/ready");
    expect(ready.status).toBe(503);
    expect(await statusesOf(ready)).toEqual({ status: "unavailable", database: "failed", redis: "ok" });
    expect(await metrics.registry.metrics()).toContain('health_check_ok{check="database"} 0');
  });

  test.each(outages)("what is only useful %s: degraded, and the process stays in", async (_, run) => {
    const { get } = await checking({ database: { ...required, run: well }, redis: { ...soft, run } });
    const ready = await get("/health/ready");
    expect(ready.status).toBe(200);
    expect(await statusesOf(ready)).toEqual({ status: "degraded", database: "ok", redis: "degraded" });
  });

  test("an outcome holds for a second, and who asks at the same time shares one look", async () => {
    let looks = 0;
    const run = async () => {
      looks += 1;
    };
    const { get } = await checking({ database: { required: true, run, cacheMs: 60_000 } });
    await Promise.all(Array.from({ length: 20 }, () => get("/health/ready")));
    expect(looks).toBe(1);
  });

  test("startup waits until the service was ready once, and then holds", async () => {
    let isWell = false;
    const { get } = await checking({ database: { ...required, run: () => (isWell ? well() : broken()) } });
    expect((await get("/health/startup")).status).toBe(503);
    isWell = true;
    expect((await get("/health/startup")).status).toBe(200);
    isWell = false;
    expect((await get("/health/startup")).status).toBe(200);
    expect((await get("/health/ready")).status).toBe(503);
  });

  test("a process that stops isn't ready", async () => {
    const { get } = await start({ health: { checks: {}, isStopping: () => true } });
    expect((await get("/health/ready")).status).toBe(503);
  });
});

describe("injected faults", () => {
  test("fail and delay guests' messages, count under their route, and leave the rest alone", async () => {
    const { get, post, metrics } = await start({ faults: { latencyMs: 40, latencyPercent: 100, errorRate: 1 } });
    const before = await metrics.registry.metrics();
    expect(before).toContain('http_requests_total{method="POST",route="/guests/:id",status_code="500"} 0');
    const started = performance.now();
    expect((await post("/guests/1")).status).toBe(500);
    expect(performance.now() - started).toBeGreaterThanOrEqual(75);
    expect((await get("/health/live")).status).toBe(200);
    expect((await get("/guests/1")).status).toBe(200);
    expect(await metrics.registry.metrics()).toContain(
      'http_requests_total{method="POST",route="/guests/:id",status_code="500"} 1',
    );
  });
});
