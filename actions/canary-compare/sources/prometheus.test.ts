import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { throwAwayFolder } from "../../../test/canary-action.ts";
import { type ExportedArm, histogramSeries, scrapeTimes } from "../../../test/histograms.ts";
import { startPrometheus } from "../../../test/prometheus.ts";
import { type NativeSeries, writeNativeHistograms } from "../../../test/remote-write.ts";
import { runMain } from "../../../test/run-main.ts";
import { freePort, type Server } from "../../../test/servers.ts";
import { canaryReportSchema } from "../../lib/report/canary-report.ts";
import { main } from "../main.ts";
import { chooseCell } from "./prometheus-plan.ts";

const TIMES = scrapeTimes(72, 10);
const wide = [0.05, 0.1, 0.25, 0.5, 1];
const narrow = [0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.025];
const milliseconds = { metric: "istio_request_duration_milliseconds", scale: 1000 };

/** The arms of one server, by the value of their label `version`. */
const ARMS: Record<string, Omit<ExportedArm, "labels">> = {
  base: {},
  same: {},
  slower: { median: (k) => 0.16 * (1 + 0.03 * Math.sin(k)) },
  failing: { failures: () => 25 },
  broken: { failures: () => 500 },
  ended: { scraped: (k) => k < 50 },
  "ended a while ago": { scraped: (k) => k < 66 },
  blinking: { scraped: (k) => k % 9 !== 4, past: 1_000_000 },
  "failing, then gone": { failures: () => 100, scraped: (k) => k < 60 },
  "both failing": { failures: () => 90 },
  "fails a little": { failures: () => 5 },
  "a burst in one scrape": { failures: (k) => (k === 39 ? 450 : 0), failuresBornLate: true },
  "a burst at the end": { failures: (k) => (k === 72 ? 450 : 0), failuresBornLate: true },
  restarted: {},
  "found late": { scraped: (k) => k > 12, past: 2_000_000 },
  "started late": { scraped: (k) => k > 40, requests: (k) => (k > 40 ? 500 : 0) },
  idle: { requests: () => 0, past: 700 },
  thin: { requests: (k) => (k % 2 === 0 ? 26 : 27) },
  "thin and slower": { requests: (k) => (k % 2 === 0 ? 26 : 27), median: () => 0.2 },
  coded: { statusLabel: "code", failures: () => 200 },
  worded: { statuses: { ok: "OK", failed: "ERROR" }, failures: () => 200 },
  classes: { statuses: { ok: "2xx", failed: "5xx" }, failures: () => 25 },
  "base, up to 1 s": { bounds: wide },
  "same, up to 1 s": { bounds: wide },
  "both beyond: base": { bounds: wide, median: () => 0.9 },
  "both beyond: canary": { bounds: wide, median: () => 5 },
  "beyond now and then": { bounds: wide, median: (k) => (k % 36 < 3 ? 5 : 0.1) },
  "fast, in ms: base": { ...milliseconds, bounds: narrow, median: () => 0.0016 },
  "fast, in ms: canary": { ...milliseconds, bounds: narrow, median: () => 0.0021 },
  "seconds that are milliseconds": { scale: 1000 },
  "milliseconds that are seconds": { metric: milliseconds.metric, bounds: [0.005, 0.1, 0.5, 1, 5, 10] },
  "other buckets": { bounds: [0.1, 0.15, 0.2, 0.3, 0.4, 0.8, 1.6, 5] },
};

const place = throwAwayFolder();
let server: Server;
beforeAll(async () => {
  const series = Object.entries(ARMS).flatMap(([version, arm]) => histogramSeries(TIMES, { labels: { version }, ...arm }));
  // A process that starts anew every two minutes counts from 0 each time.
  for (const one of series.filter(({ labels }) => labels?.["version"] === "restarted")) {
    const { samples } = one;
    one.samples = samples.map(([t, value], k) => [t, value - samples[k - (k % 12)]![1]]);
  }
  server = await startPrometheus({ series });
});
afterAll(async () => {
  await server?.stop();
  place[Symbol.dispose]();
});

async function run(inputs: Record<string, string>) {
  const result = await runMain(main, place.folder, inputs);
  const path = result.outputs["report-path"];
  return { ...result, report: path === undefined ? undefined : canaryReportSchema.parse(JSON.parse(readFileSync(path, "utf8"))) };
}

/** Compares two arms of the server as they were when the samples end, however late it is. */
const compare = (baseline: string, canary: string, more: Record<string, string> = {}) =>
  run({
    ...("start" in more ? {} : { end: String(TIMES.at(-1)! + 5) }),
    "prometheus-url": server.url,
    "baseline-selector": baseline.includes("=") ? baseline : `version="${baseline}"`,
    "canary-selector": canary.includes("=") ? canary : `version="${canary}"`,
    ...more,
  });

test("cells are whole parts of a step, no longer than a scrape, and not too many", () => {
  expect(chooseCell(30, 10, 20)).toBe(10);
  expect(chooseCell(30, 7, 20)).toBe(6);
  expect(chooseCell(30, 30, 20)).toBe(30);
  expect(chooseCell(60, 15, 20_000)).toBe(60);
});

describe("a real Prometheus as the source", () => {
  test("an equal canary passes by the defaults, and a replay gives the same bytes", async () => {
    const { outputs, report, log } = await compare("base", '{version="same"}', { end: "" });
    expect(outputs, log).toMatchObject({ verdict: "PASS", decision: "PROCEED" });
    expect(report).toMatchObject({ traffic: { source: "prometheus", duration_s: 600 }, inputs: { samples_path: null } });
    expect(report!.observations.prometheus).toMatchObject({ unit: "seconds", step_seconds: 30, largest_bound_ms: 1600 });
    expect(report!.observations.prometheus!.windows).toHaveLength(20);
    expect((await run({ report: outputs["report-path"]! })).log).toContain("Made again");
  });

  test.each([
    ["slower", "P95_RATIO_EXCEEDED"],
    ["failing", "ERROR_RATE_EXCEEDED"],
    ["broken", "ERROR_RATE_EXCEEDED"],
    ["classes", "ERROR_RATE_EXCEEDED"],
    ["a burst in one scrape", "ERROR_RATE_EXCEEDED"],
    ["a burst at the end", "ERROR_RATE_EXCEEDED"],
    ["thin and slower", "P95_RATIO_EXCEEDED"],
  ])("%s fails", async (canary, reason) => {
    const { outputs, log } = await compare("base", canary);
    expect(outputs, log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK", reason });
  });

  test("requests are counted one by one: over missed scrapes, restarts and births, without a guess", async () => {
    const counts = async (canary: string) => {
      const { report, outputs, log } = await compare("base", canary);
      expect(outputs, log).toMatchObject({ verdict: "PASS" });
      const { windows } = report!.observations.prometheus!;
      return windows.reduce((sum, w) => sum + w.canary_requests, 0);
    };
    expect(await counts("same")).toBe(30_000);
    // What a process counted between its last scrape and its end is lost: one scrape in twelve.
    expect(await counts("restarted")).toBeCloseTo((30_000 * 11) / 12, -3);
    expect(Math.abs((await counts("blinking")) - 30_000)).toBeLessThanOrEqual(1000);
  });

  test.each([
    ["no series", "none", "NO_DATA"],
    ["series that ended", "ended", "STALE_DATA"],
    ["series that ended a minute ago", "ended a while ago", "STALE_DATA"],
    ["series that don't move", "idle", "NO_DATA"],
    ["a past that isn't of the stretch", "found late", "PARTIAL_DATA"],
    ["too few windows of both arms", "started late", "LOW_SAMPLES"],
    ["series of both arms", 'version=~"base|same"', "MULTIPLE_SERIES"],
    ["a selector that is no selector", "version=", "QUERY_ERROR"],
    ["the status in a label of another name", "coded", "LABEL_ABSENT"],
    ["a status in words", "worded", "LABEL_ABSENT"],
  ])("%s: nothing passes", async (_, canary, reason) => {
    const { outputs, exitCode, log } = await compare("base", canary);
    expect(outputs, log).toMatchObject({ verdict: "INCONCLUSIVE", decision: "HOLD", reason });
    expect(exitCode).toBe(1);
  });

  test("the same in the baseline, and in both arms", async () => {
    for (const [baseline, canary, reason] of [
      ["coded", "base", "LABEL_ABSENT"],
      ["ended", "base", "STALE_DATA"],
      ["coded", 'code=~".+"', "LABEL_ABSENT"],
    ] as const) {
      expect((await compare(baseline, canary)).outputs).toMatchObject({ verdict: "INCONCLUSIVE", reason });
    }
  });

  test("the matcher of another exporter tells its failures; one that takes every value needs to be seen once", async () => {
    const coded = await compare("base", "coded", { "prometheus-error-matcher": 'code=~"5.."' });
    expect(coded.outputs).toMatchObject({ verdict: "INCONCLUSIVE", reason: "LABEL_ABSENT" });
    expect(coded.log).toContain("They have status_code: is it that one?");
    expect((await compare("base", "same", { "prometheus-error-matcher": 'code!=""' })).outputs.verdict).toBe("PASS");
    const never = await compare("base", "same", { "prometheus-error-matcher": 'error_type!=""' });
    expect(never.outputs).toMatchObject({ verdict: "INCONCLUSIVE", reason: "LABEL_ABSENT" });
  });

  test.each([
    ["both beyond: base", "both beyond: canary", "INCONCLUSIVE"],
    ["both beyond: base", "same, up to 1 s", "INCONCLUSIVE"],
    ["base, up to 1 s", "beyond now and then", "INCONCLUSIVE"],
    ["beyond now and then", "same, up to 1 s", "INCONCLUSIVE"],
    ["base, up to 1 s", "both beyond: canary", "FAIL"],
  ])("a p95 above the largest bucket is named: %s, %s", async (baseline, canary, verdict) => {
    for (const mode of ["guarded", "strict"]) {
      const { outputs, report, log } = await compare(baseline, canary, { mode });
      // A lower bound that is too high already is enough for the canary to fail; the bare rule looks at the pooled p95 alone.
      expect(outputs.verdict, log).not.toBe("PASS");
      if (mode === "guarded") expect(outputs.verdict, log).toBe(verdict);
      expect(report!.reasons.map(({ code }) => code)).toContain("SATURATED_HISTOGRAM");
      expect(log).toContain("(1000 ms)");
    }
  });

  test("inside of the buckets the same arms pass, and only the bounds of both arms are looked at", async () => {
    expect((await compare("base, up to 1 s", "same, up to 1 s")).outputs.verdict).toBe("PASS");
    const { outputs, report, log } = await compare("base", "other buckets");
    expect(outputs, log).toMatchObject({ verdict: "PASS" });
    expect(report!.observations.prometheus!.largest_bound_ms).toBe(1600);
  });

  test("a histogram in milliseconds is read in milliseconds; one whose name and values differ is refused", async () => {
    const inMs = await compare("fast, in ms: base", "fast, in ms: canary", {
      "prometheus-metric": milliseconds.metric,
      "min-p95-delta-ms": "5",
    });
    expect(inMs.outputs, inMs.log).toMatchObject({ verdict: "PASS" });
    expect(inMs.report!.metrics[0]!.canary.value).toBeCloseTo(4.4, 0);
    const twice = "seconds that are milliseconds";
    expect((await compare(twice, 'version=~"seconds that are millisecond."')).log).toContain("looks like milliseconds");
    const apart = await compare("base", twice);
    expect(apart.outputs.verdict).toBe("INCONCLUSIVE");
    expect(apart.log).toContain("share no bound");
    const tiny = await compare("milliseconds that are seconds", 'version=~"milliseconds that are second."', {
      "prometheus-metric": milliseconds.metric,
    });
    expect(tiny.outputs.verdict).toBe("INCONCLUSIVE");
    expect(tiny.log).toContain("looks like seconds");
  });

  test("the ceiling holds in every mode", async () => {
    for (const mode of ["guarded", "strict"]) {
      expect((await compare("base", "same", { "p95-ceiling-ms": "400", mode })).outputs.verdict).toBe("PASS");
      const { outputs } = await compare("base", "same", { "p95-ceiling-ms": "100", mode });
      expect(outputs).toMatchObject({ verdict: "FAIL", reason: "P95_CEILING_EXCEEDED" });
    }
  });

  test("arms of unequal size get longer windows, never a p95 of few requests", async () => {
    const { outputs, report, log } = await compare("base", "thin");
    expect(report!.observations.prometheus).toMatchObject({ step_seconds: 90 });
    const { windows } = report!.observations.prometheus!;
    expect(windows).toHaveLength(6);
    expect(windows.every((w) => w.canary_requests >= 200)).toBe(true);
    expect(windows.reduce((sum, w) => sum + w.baseline_requests, 0)).toBe(30_000);
    expect(outputs, log).toMatchObject({ verdict: "PASS" });
  });

  test("a stretch of the past is compared as it was then", async () => {
    const at = (k: number) => new Date(TIMES[k]! * 1000).toISOString();
    const before = await compare("base", "a burst in one scrape", { start: at(1), end: at(37), "prometheus-step": "30s" });
    expect(before.outputs, before.log).toMatchObject({ verdict: "PASS" });
    expect(before.report!.traffic.duration_s).toBe(360);
    const during = await compare("base", "a burst in one scrape", { start: at(30), duration: "6m" });
    expect(during.outputs).toMatchObject({ verdict: "FAIL", reason: "ERROR_RATE_EXCEEDED" });
    expect((await compare("base", "ended", { end: at(48), duration: "6m" })).outputs.verdict).toBe("PASS");
  });

  test("windows shorter than two scrapes, and stretches shorter than ten windows, are input mistakes", async () => {
    const short = await compare("base", "same", { "prometheus-step": "10s", duration: "10m" });
    expect(short).toMatchObject({ exitCode: 1, report: undefined });
    expect(short.log).toContain("prometheus-step: expected at least two scrapes");
    const few = await compare("base", "same", { duration: "60s" });
    expect(few).toMatchObject({ exitCode: 1, report: undefined });
    expect(few.log).toContain("duration: expected at least 10 steps of 30s");
  });

  test("a canary that failed and then ended fails, though nothing passes after its end", async () => {
    const { outputs, report } = await compare("base", "failing, then gone");
    expect(outputs).toMatchObject({ verdict: "FAIL", reason: "ERROR_RATE_EXCEEDED" });
    expect(report!.reasons.map(({ code }) => code)).toContain("STALE_DATA");
  });

  test.each([
    ["max-p95-ratio", "2", "slower", "FAIL", "PASS"],
    ["min-p95-delta-ms", "300", "slower", "FAIL", "PASS"],
    ["min-error-rate", "0.2", "failing", "FAIL", "PASS"],
    ["min-samples", "40000", "same", "PASS", "INCONCLUSIVE"],
    ["canary-share", "0.2", "same", "PASS", "INCONCLUSIVE"],
  ])("%s: %s changes the outcome of %s", async (name, value, canary, without, given) => {
    expect((await compare("base", canary)).outputs["verdict"]).toBe(without);
    const changed = await compare("base", canary, { [name]: value });
    expect(changed.outputs["verdict"], changed.log).toBe(given);
  });

  test("max-error-rate and max-error-ratio change the outcome", async () => {
    const limits = { "max-error-ratio": "2" };
    const broken = await compare("both failing", "failing", limits);
    expect(broken.outputs["verdict"], broken.log).toBe("INCONCLUSIVE");
    expect(broken.log).toContain("TRAFFIC_BROKEN");
    const allowed = await compare("both failing", "failing", { ...limits, "max-error-rate": "0.5" });
    expect(allowed.outputs["verdict"], allowed.log).toBe("PASS");
    const factor = await compare("fails a little", "failing", { "max-error-ratio": "9" });
    expect(factor.outputs["verdict"], factor.log).toBe("PASS");
    expect((await compare("fails a little", "failing")).outputs["verdict"]).toBe("FAIL");
  });

  test("a server that isn't there, and one that answers with a part, are unknown", async () => {
    const gone = await compare("base", "same", { "prometheus-url": `http://127.0.0.1:${await freePort()}` });
    expect(gone.outputs).toMatchObject({ verdict: "INCONCLUSIVE", reason: "QUERY_ERROR" });
    const seen = new Set<string | undefined>();
    const partly = createServer(async (request, response) => {
      seen.add(request.headers["x-scope-orgid"] as string | undefined);
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const path = `${server.url}${request.url}`;
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const answer = await (request.method === "POST"
        ? fetch(path, { method: "POST", body: Buffer.concat(chunks), headers })
        : fetch(path));
      const body = (await answer.json()) as object;
      response.end(JSON.stringify(path.includes("query_range") ? { ...body, warnings: ["store b is away"] } : body));
    });
    await new Promise<void>((resolve) => partly.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(partly.address() as AddressInfo).port}`;
      const { outputs, log } = await compare("base", "same", {
        "prometheus-url": url,
        "prometheus-headers": "X-Scope-OrgID: team",
      });
      expect(outputs, log).toMatchObject({ verdict: "INCONCLUSIVE", reason: "PARTIAL_DATA" });
      expect(log).toContain("store b is away");
      expect([...seen]).toEqual(["team"]);
    } finally {
      partly.closeAllConnections();
      partly.close();
    }
  });
});

describe("native histograms", () => {
  /** Requests a scrape in buckets of the standard schema 3; those of p95 lie in bucket `high`. */
  const native = (version: string, high: number, failed: (k: number) => number = () => 0): NativeSeries[] => {
    const counts = (each: (k: number) => number, share: readonly [number, number][]): NativeSeries["samples"] => {
      let sum = 0;
      return TIMES.map((t, k) => {
        sum += k === 0 ? 0 : each(k);
        const buckets = new Map(share.map(([index, part]) => [index, Math.round(sum * part)]));
        return [t, { schema: 3, sum: sum / 10, buckets }];
      });
    };
    const wave = (k: number) => 500 + 20 * Math.round(Math.sin(k));
    const ok = counts(
      (k) => wave(k) - failed(k),
      [
        [-28, 0.6],
        [-24, 0.32],
        [high, 0.08],
      ],
    );
    const bad = counts(failed, [[-28, 1]]);
    const born = bad.findIndex(([, { buckets }]) => buckets.get(-28)! > 0);
    const series = (status_code: string, samples: NativeSeries["samples"]): NativeSeries => ({
      name: "http_request_duration_seconds",
      labels: { version, status_code },
      samples,
    });
    return [series("200", ok), ...(born < 0 ? [] : [series("500", bad.slice(born))])];
  };
  let own: Server;
  beforeAll(async () => {
    own = await startPrometheus({ flags: ["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"] });
    await writeNativeHistograms(own.url, [
      ...native("1", -18),
      ...native("2", -18),
      ...native("3", -14),
      ...native("4", -18, (k) => (k === 39 ? 450 : 0)),
    ]);
  });
  afterAll(() => own?.stop());

  test.each([
    ["2", "PASS", "OK"],
    ["3", "FAIL", "P95_RATIO_EXCEEDED"],
    ["4", "FAIL", "ERROR_RATE_EXCEEDED"],
    ["none", "INCONCLUSIVE", "NO_DATA"],
  ])("version %s: %s", async (canary, verdict, reason) => {
    const { outputs, report, log } = await compare("1", canary, { "prometheus-url": own.url });
    expect(outputs, log).toMatchObject({ verdict, reason });
    // Bucket -18 of schema 3 reaches from 2^(-19/8) to 2^(-18/8) seconds.
    const p95 = report!.metrics[0]!.baseline.value!;
    expect(p95).toBeGreaterThan(1000 * 2 ** (-19 / 8));
    expect(p95).toBeLessThan(1000 * 2 ** (-18 / 8));
    const ceiling = await compare("1", canary, { "prometheus-url": own.url, "p95-ceiling-ms": "100" });
    expect(ceiling.outputs["verdict"]).not.toBe("PASS");
  });

  test("a gauge of the metric's name is no histogram", async () => {
    const { outputs, log } = await compare('job="prometheus"', 'job="another"', {
      "prometheus-url": own.url,
      "prometheus-metric": "up_seconds",
    });
    expect(outputs, log).toMatchObject({ verdict: "INCONCLUSIVE", reason: "NO_DATA" });
  });
});
