import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCanary, throwAwayFolder } from "../../../test/canary-action.ts";
import { type BackfilledSeries, startPrometheus } from "../../../test/prometheus.ts";
import { freePort, type Server } from "../../../test/servers.ts";
import { negateMatcher } from "./prometheus.ts";

const BUCKETS = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, Number.POSITIVE_INFINITY];
const MINUTES = 12;
const NOW = Math.floor(Date.now() / 1000);

/** Histogram series of one arm: 50 requests/s, latency around `mean` seconds, some failing. */
function arm(version: string, mean: number, failShare = 0, endAgoSeconds = 5): BackfilledSeries[] {
  const steps = (MINUTES * 60) / 10;
  const times = Array.from({ length: steps + 1 }, (_, i) => NOW - endAgoSeconds - (steps - i) * 10);
  const series = (name: string, labels: Record<string, string>, value: (i: number) => number): BackfilledSeries => ({
    name,
    labels: { version, ...labels },
    samples: times.map((t, i) => [t, value(i)]),
  });
  // The share of requests up to a bound: a log-logistic curve, the same in each step but for a small wave.
  const cumulated = (bound: number, n: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += 500 / (1 + (bound / (mean * (1 + 0.03 * Math.sin(i)))) ** -4);
    return bound === Number.POSITIVE_INFINITY ? 500 * n : Math.round(sum);
  };
  return [
    ...BUCKETS.map((bound) =>
      series(
        "http_request_duration_seconds_bucket",
        { status_code: "200", le: bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound) },
        (i) => cumulated(bound, i),
      ),
    ),
    series("http_request_duration_seconds_count", { status_code: "200" }, (i) => 500 * i),
    series("http_request_duration_seconds_count", { status_code: "500" }, (i) => Math.round(500 * i * failShare)),
  ];
}

const place = throwAwayFolder();
let server: Server;
beforeAll(async () => {
  const idle = arm("idle", 0.1).map((series) => ({ ...series, samples: series.samples.map(([t]): [number, number] => [t, 7]) }));
  server = await startPrometheus({
    series: [...arm("1", 0.1), ...arm("2", 0.1), ...arm("3", 0.16), ...arm("4", 0.1, 0.05), ...arm("old", 0.1, 0, 1200), ...idle],
  });
});
afterAll(async () => {
  await server.stop();
  place[Symbol.dispose]();
});

const ask = (canary: string, more: Record<string, string> = {}) =>
  runCanary(place.folder, {
    "prometheus-url": server.url,
    "baseline-selector": 'version="1"',
    "canary-selector": canary,
    duration: "10m",
    "prometheus-step": "30s",
    ...more,
  });

test("the opposite of a matcher", () => {
  expect(['status=~"5.."', 'status!~"5.."', 'ok="false"', 'ok!="true"'].map(negateMatcher)).toEqual([
    'status!~"5.."',
    'status=~"5.."',
    'ok!="false"',
    'ok="true"',
  ]);
});

describe("a real Prometheus as the source", () => {
  test("an equal canary passes and a replay gives the same bytes", async () => {
    const run = await ask('{version="2"}');
    expect(run.outputs, run.log).toMatchObject({ verdict: "PASS", decision: "PROCEED" });
    expect(run.report).toMatchObject({ traffic: { source: "prometheus", duration_s: 600 }, inputs: { samples_path: null } });
    expect(run.report!.observations.prometheus!.windows).toHaveLength(20);
    expect((await runCanary(place.folder, { report: run.outputs["report-path"]! })).log).toContain("Made again");
  });

  test("a slower canary and a failing one fail", async () => {
    expect((await ask('version="3"')).outputs).toMatchObject({ verdict: "FAIL", reason: "P95_RATIO_EXCEEDED" });
    expect((await ask('version="4"')).outputs).toMatchObject({ verdict: "FAIL", reason: "ERROR_RATE_EXCEEDED" });
  });

  test.each([
    ["no series", 'version="none"', "NO_DATA"],
    ["series that ended", 'version="old"', "STALE_DATA"],
    ["series that don't move", 'version="idle"', "NON_FINITE"],
    ["series of both arms", 'version=~"1|2"', "MULTIPLE_SERIES"],
    ["a selector that is no selector", "version=", "QUERY_ERROR"],
  ])("%s", async (_, selector, code) => {
    const run = await ask(selector);
    expect(run.outputs, run.log).toMatchObject({ verdict: "INCONCLUSIVE", decision: "HOLD", reason: code });
    expect(run.exitCode).toBe(0);
  });

  test("too few windows, and a server that isn't there", async () => {
    expect((await ask('version="2"', { duration: "60s" })).outputs).toMatchObject({
      verdict: "INCONCLUSIVE",
      reason: "LOW_SAMPLES",
    });
    const gone = await ask('version="2"', { "prometheus-url": `http://127.0.0.1:${await freePort()}` });
    expect(gone.outputs).toMatchObject({ verdict: "INCONCLUSIVE", reason: "QUERY_ERROR" });
  });
});
