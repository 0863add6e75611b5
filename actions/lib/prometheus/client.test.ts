import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { constantSamples, startPrometheus } from "../../../test/prometheus.ts";
import type { Server } from "../../../test/servers.ts";
import { PrometheusClient } from "./client.ts";
import { PrometheusError } from "./failure.ts";
import { readNumber } from "./reading.ts";

const MAX_AGE = 600;

describe("against a real Prometheus", () => {
  let prometheus: Server;
  let client: PrometheusClient;
  beforeAll(async () => {
    prometheus = await startPrometheus({
      series: [
        { name: "budget", samples: constantSamples(0.73) },
        { name: "slow_rule", samples: constantSamples(0.5, 3_600, 480, 420) },
        { name: "two_minutes_old", samples: constantSamples(0.5, 900, 30, 120) },
        { name: "ended", samples: constantSamples(0.5, 3_600, 30, 3 * 3_600) },
        { name: "not_a_number", samples: constantSamples(Number.NaN) },
        { name: "infinite", samples: constantSamples(-Infinity) },
        { name: "several", labels: { slo: "a" }, samples: constantSamples(1) },
        { name: "several", labels: { slo: "b" }, samples: constantSamples(0.2) },
      ],
    });
    client = new PrometheusClient({ url: prometheus.url, timeoutMs: 10_000 });
  });
  afterAll(() => prometheus?.stop());

  const code = async (query: string, maxAge = MAX_AGE) => {
    const reading = await readNumber(client, query, maxAge);
    return reading.known ? reading.value : reading.code;
  };

  test("one fresh sample is a number with its age", async () => {
    const reading = await readNumber(client, "budget", MAX_AGE);
    expect(reading).toMatchObject({ known: true, value: 0.73 });
    expect(reading.known && reading.ageSeconds).toBeGreaterThanOrEqual(4);
    expect(reading.known && reading.ageSeconds).toBeLessThan(60);
  });

  test("an expression, also one that ends in a comment, and a scalar are numbers too", async () => {
    expect(await code("1 - (1 - budget) / 2")).toBeCloseTo(0.865);
    expect(await code("budget # what is left")).toBe(0.73);
    expect(await code("scalar(budget)")).toBe(0.73);
  });

  test("a rule evaluated every 8 minutes is known when max-age allows it, and stale when not", async () => {
    expect(await code("slow_rule")).toBe(0.5);
    expect(await code("slow_rule", 60)).toBe("STALE_DATA");
    // Within Prometheus' own lookback, but older than was asked for.
    expect(await code("two_minutes_old", 60)).toBe("STALE_DATA");
    expect(await code("two_minutes_old", 180)).toBe(0.5);
    expect(await code("ended * 1", 60)).toBe("NO_DATA");
  });

  test("empty, ended, NaN, infinite and several series are five different unknowns", async () => {
    expect(await code("nobody_has_this")).toBe("NO_DATA");
    expect(await code("ended")).toBe("STALE_DATA");
    expect(await code("not_a_number")).toBe("NON_FINITE");
    expect(await code("infinite")).toBe("NON_FINITE");
    expect(await code("several")).toBe("MULTIPLE_SERIES");
    expect(await code('several{slo="b"}')).toBe(0.2);
  });

  test("the message of several series names them and the remedy", async () => {
    const reading = await readNumber(client, "several", MAX_AGE);
    expect(!reading.known && reading.message).toMatch(/got 2: several\{slo="a"\}, several\{slo="b"\}\. Select one/);
  });

  test("a broken query and a range vector are errors that say so", async () => {
    const broken = await readNumber(client, "sum(budget", MAX_AGE);
    expect(broken).toMatchObject({ known: false, code: "QUERY_ERROR" });
    expect(!broken.known && broken.message).toMatch(/answered 400, bad_data: .*Check the query/);
    const ranged = await readNumber(client, "budget[5m]", MAX_AGE);
    expect(!ranged.known && ranged.message).toMatch(/gives a matrix.*Take the range/);
  });

  test("a range query gives series of points; a long one goes as a form", async () => {
    const now = Date.now() / 1000;
    const series = await client.range("budget", { start: now - 300, end: now, stepSeconds: 30 });
    expect(series).toHaveLength(1);
    expect(series[0]!.points.length).toBeGreaterThanOrEqual(10);
    expect(series[0]!.points.every(([, value]) => value === 0.73)).toBe(true);
    const long = Array.from({ length: 900 }, () => "budget").join(" + ");
    expect((await client.instant(long))[0]!.value).toBeCloseTo(900 * 0.73);
  });
});

describe("against a server that misbehaves", () => {
  let server: HttpServer | undefined;
  const seen: IncomingMessage[] = [];
  afterEach(async () => {
    seen.length = 0;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  });

  async function serve(
    answer: (request: IncomingMessage, response: ServerResponse, attempt: number) => void,
    options: { token?: string; timeoutMs?: number; credentials?: string; headers?: Record<string, string> } = {},
  ): Promise<PrometheusClient> {
    server = createServer((request, response) => {
      seen.push(request);
      answer(request, response, seen.length);
    });
    await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { token, timeoutMs = 3_000, credentials = "", headers } = options;
    return new PrometheusClient({ url: `http://${credentials}127.0.0.1:${port}/`, token, timeoutMs, headers });
  }

  const vector = (value: unknown) =>
    JSON.stringify({
      status: "success",
      data: { resultType: "vector", result: [{ metric: { __name__: "b" }, value: [Date.now() / 1000, value] }] },
    });
  const message = async (client: PrometheusClient) => {
    const reading = await readNumber(client, "b", MAX_AGE);
    expect(reading).toMatchObject({ known: false, code: "QUERY_ERROR" });
    return reading.known ? "" : reading.message;
  };

  test("the token travels in the header only and never shows in a message", async () => {
    const client = await serve((request, response) => response.writeHead(401).end(`you said ${request.headers.authorization}`), {
      token: "s3cret-token",
    });
    expect(await message(client)).toMatch(/answered 401.*prometheus-token/);
    expect(seen[0]!.headers.authorization).toBe("Bearer s3cret-token");
    expect(seen[0]!.url).not.toContain("s3cret-token");
    const teapot = await serve((request, response) => response.writeHead(418).end(`you said ${request.headers.authorization}`), {
      token: "s3cret-token",
    });
    expect(await message(teapot)).toMatch(/answered 418 \("you said Bearer \*\*\*"\)/);
  });

  test("user and password of the URL become basic authentication", async () => {
    const client = await serve((_, response) => response.end(vector("0.5")), { credentials: "user:p%40ss@" });
    expect((await client.instant("b"))[0]!.value).toBe(0.5);
    expect(seen[0]!.headers.authorization).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
    expect(client.url).not.toContain("p@ss");
  });

  test("headers go with every query, and their secrets never show in a message", async () => {
    const headers = { "X-Scope-OrgID": "team", "X-Api-Key": "s3cret-header" };
    const client = await serve((request, response) => response.writeHead(418).end(`you: ${request.headers["x-api-key"]}`), {
      headers,
    });
    expect(await message(client)).toMatch(/answered 418 \("you: \*\*\*"\)/);
    expect(seen[0]!.headers).toMatchObject({ "x-scope-orgid": "team", "x-api-key": "s3cret-header" });
  });

  const partly = (more: object) => JSON.stringify({ ...JSON.parse(vector("0.5")), ...more });

  test.each([
    [
      "Thanos without a store",
      { warnings: ['fetch series for {cluster="b"}: rpc error: code = Unavailable'] },
      /cluster=\\"b\\"/,
    ],
    ["a warning of the engine beside a hint", { warnings: ["PromQL info: a", "PromQL warning: ignored histograms"] }, /ignored/],
    ["VictoriaMetrics without a storage node", { isPartial: true }, /isPartial is true/],
    ["a warning without words", { warnings: [""] }, /""/],
    ["many warnings", { warnings: ["a", "b", "c", "d", "e"] }, /"a", "b", "c", and 2 more warnings/],
  ])("%s: a part of the data is no answer", async (_, more, expected) => {
    const client = await serve((_request, response) => response.end(partly(more)));
    const reading = await readNumber(client, "b", MAX_AGE);
    expect(reading).toMatchObject({ known: false, code: "PARTIAL_DATA", message: expect.stringMatching(expected) });
    expect(seen).toHaveLength(1);
  });

  test.each([
    { warnings: [] },
    { warnings: null },
    { isPartial: false },
    { infos: ["PromQL info: metric might not be a counter"] },
    { warnings: ['PromQL info: metric might not be a counter: "b" (1:5)'] },
  ])("%j is a whole answer", async (more) => {
    const client = await serve((_request, response) => response.end(partly(more)));
    expect((await client.instant("b"))[0]!.value).toBe(0.5);
  });

  test("a server that comes back is asked again; Retry-After is kept", async () => {
    const client = await serve((_, response, attempt) => {
      if (attempt === 1) response.destroy();
      else if (attempt === 2) response.writeHead(503, { "retry-after": "0" }).end("starting");
      else response.end(vector("0.5"));
    });
    expect((await client.instant("b"))[0]!.value).toBe(0.5);
    expect(seen).toHaveLength(3);
  });

  test("retries end: three tries, and none when Retry-After is later than the time-out", async () => {
    const client = await serve((_, response) => response.writeHead(502).end("bad gateway"));
    expect(await message(client)).toMatch(/answered 502 \("bad gateway"\)/);
    expect(seen).toHaveLength(3);
    const limited = await serve((_, response) => response.writeHead(429, { "retry-after": "60" }).end());
    seen.length = 0;
    expect(await message(limited)).toMatch(/answered 429 \(an empty body\)/);
    expect(seen).toHaveLength(1);
  });

  test("a query that Prometheus refuses isn't tried again", async () => {
    const client = await serve((_, response) =>
      response.writeHead(422).end(JSON.stringify({ status: "error", errorType: "execution", error: "many-to-many matching" })),
    );
    expect(await message(client)).toMatch(/answered 422, execution: many-to-many matching\. Check the query/);
    expect(seen).toHaveLength(1);
  });

  test("the time-out is total: silence, a trickle, and endless 503 all end by it", async () => {
    const start = performance.now();
    const silent = await serve(() => undefined, { timeoutMs: 300 });
    expect(await message(silent)).toMatch(/no answer within 0.3 s/);
    const trickle = await serve(
      (_, response) => {
        const drip = setInterval(() => response.write(" "), 20);
        response.on("close", () => clearInterval(drip));
      },
      { timeoutMs: 300 },
    );
    expect(await message(trickle)).toMatch(/no answer within 0.3 s/);
    const down = await serve((_, response) => response.writeHead(503).end(), { timeoutMs: 3_000 });
    expect(await message(down)).toMatch(/answered 503/);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test("when the time ends in a later try, the error is what the server said before", async () => {
    const failing = await serve(
      (_, response) => {
        if (seen.length === 1) response.writeHead(503).end("overloaded");
      },
      { timeoutMs: 3_000 },
    );
    expect(await message(failing)).toMatch(/answered 503 \("overloaded"\)/);
    expect(seen.length).toBeGreaterThan(1);
  });

  test.each([
    ["an HTML page", (response: ServerResponse) => response.end("<!doctype html><title>Sign in</title>"), /an HTML page/],
    ["an empty body", (response: ServerResponse) => response.end(), /an empty body/],
    ["JSON of something else", (response: ServerResponse) => response.end("[1]"), /isn't Prometheus' JSON/],
    ["half an answer", (response: ServerResponse) => response.end(vector("1").slice(0, 40)), /isn't Prometheus' JSON/],
    ["a value that isn't one", (response: ServerResponse) => response.end(vector("zero")), /the value "zero"/],
    ["a value that isn't text", (response: ServerResponse) => response.end(vector(1)), /a point that isn't/],
    [
      "a string",
      (response: ServerResponse) =>
        response.end(JSON.stringify({ status: "success", data: { resultType: "string", result: [0, "x"] } })),
      /gives a string/,
    ],
    [
      "no result",
      (response: ServerResponse) => response.end(JSON.stringify({ status: "success", data: { resultType: "vector" } })),
      /no list of results/,
    ],
    [
      "no data",
      (response: ServerResponse) => response.end(JSON.stringify({ status: "success" })),
      /an item without "resultType"/,
    ],
    [
      "another path",
      (response: ServerResponse) => response.writeHead(404).end("404 page not found"),
      /Is prometheus-url the base URL/,
    ],
  ])("%s is an unknown with its reason", async (_, answer, expected) => {
    const client = await serve((_request, response) => {
      answer(response);
    });
    expect(await message(client)).toMatch(expected);
  });

  test("an answer above 32 MB is refused without being kept", async () => {
    const chunk = " ".repeat(1024 * 1024);
    const client = await serve((_, response) => {
      const pump = () => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once("drain", pump);
      };
      response.on("error", () => undefined);
      pump();
    });
    expect(await message(client)).toMatch(/more than 32 MB/);
  });

  test("nobody listening, and a host that doesn't exist, are told apart", async () => {
    await serve(() => undefined);
    const { port } = server!.address() as AddressInfo;
    await new Promise<void>((resolve) => server!.close(() => resolve()));
    server = undefined;
    const refused = new PrometheusClient({ url: `http://127.0.0.1:${port}`, timeoutMs: 2_000 });
    expect(await message(refused)).toMatch(/refused the connection/);
    await expect(new PrometheusClient({ url: "http://prometheus.invalid", timeoutMs: 2_000 }).instant("b")).rejects.toThrow(
      PrometheusError,
    );
  });

  test("a proxy of the environment is used", async () => {
    await serve((_, response) => response.end(vector("0.5")));
    const target = (server!.address() as AddressInfo).port;
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on("connect", (request, socket) => {
      asked.push(request.url ?? "");
      const upstream = connect(target, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(upstream).pipe(socket);
      });
      socket.on("error", () => upstream.destroy());
      upstream.on("error", () => socket.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    process.env.http_proxy = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      const client = new PrometheusClient({ url: "http://prometheus.invalid", timeoutMs: 3_000 });
      expect((await client.instant("b"))[0]!.value).toBe(0.5);
      expect(asked).toEqual(["prometheus.invalid:80"]);
    } finally {
      delete process.env.http_proxy;
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});
