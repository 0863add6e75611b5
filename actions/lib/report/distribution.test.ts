import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { quantile } from "../judge/quantiles.ts";
import { ecdfPoints, histogram, quantileInterval, roundsOf, successLatencies } from "./distribution.ts";
import { readArmSamples } from "./samples.ts";

const ascending = (n: number) => Float64Array.from({ length: n }, (_, index) => index + 1);

test("the distribution function rises from the least to the greatest latency and meets the quantiles", () => {
  const sorted = ascending(1000);
  const points = ecdfPoints(sorted);
  expect(points[0]).toEqual([1, 0]);
  expect(points.at(-1)).toEqual([1000, 1]);
  for (const [index, [ms, share]] of points.entries()) {
    expect(ms).toBeCloseTo(quantile(sorted, share), 9);
    if (index > 0) expect(share).toBeGreaterThan(points[index - 1]![1]);
  }
});

test("a histogram counts each request once; those beyond its end in no bin", () => {
  const { edges, shares } = histogram(ascending(100), 0, 100, 10);
  expect(edges).toHaveLength(11);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
  expect(histogram(ascending(100), 0, 50, 10).shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(0.5);
});

test("the interval of a p95 covers the true value in about 95 of 100 samples", () => {
  let state = 42;
  const random = () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
  let covered = 0;
  const trials = 2_000;
  for (let trial = 0; trial < trials; trial++) {
    const [low, high] = quantileInterval(Float64Array.from({ length: 500 }, random).sort(), 0.95)!;
    if (low <= 0.95 && 0.95 <= high) covered++;
  }
  expect(covered / trials).toBeGreaterThan(0.93);
  expect(covered / trials).toBeLessThan(0.98);
});

test("rounds hold each request once, failures apart, and no p95 of a handful", () => {
  const t = Array.from({ length: 120 }, (_, index) => 100 + index / 2);
  const arm = { t, latencyMs: t.map((_, index) => index + 1), ok: t.map((_, index) => index % 10 !== 0) };
  const rounds = roundsOf(arm, 100, 160, 3);
  expect(rounds.map((round) => round.requests)).toEqual([40, 40, 40]);
  expect(rounds.map((round) => round.failures)).toEqual([4, 4, 4]);
  expect(rounds.map((round) => round.second)).toEqual([10, 30, 50]);
  expect(rounds[0]!.p95Ms).toBeCloseTo(
    quantile(
      arm.latencyMs.slice(0, 40).filter((_, index) => index % 10 !== 0),
      0.95,
    ),
  );
  expect(roundsOf(arm, 100, 160, 12).every((round) => round.p95Ms === null)).toBe(true);
  expect(successLatencies(arm)).toHaveLength(108);
});

describe("samples that somebody else wrote", () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-samples-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const line = (values: Record<string, unknown>) =>
    `${JSON.stringify({ arm: "baseline", t: 1, latency_ms: 20, ok: true, ...values })}\n`;
  const write = (name: string, content: string | Buffer) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  test("are read plain and gzipped; a failure needs no latency", async () => {
    const text = line({}) + line({ arm: "canary", ok: false, latency_ms: null });
    for (const path of [write("a.ndjson", text), write("a.ndjson.gz", gzipSync(text))]) {
      expect(await readArmSamples(path)).toEqual({
        ok: true,
        baseline: { t: [1], latencyMs: [20], ok: [true] },
        canary: { t: [1], latencyMs: [Number.NaN], ok: [false] },
      });
    }
  });

  test.each([
    ["a third arm", line({ arm: "<script>" }), /line 1: expected "arm"/],
    ["NaN as text", line({}) + line({ latency_ms: "NaN" }), /line 2: expected "latency_ms"/],
    ["a negative latency", line({ latency_ms: -1 }), /latency_ms/],
    ["no time", line({ t: null }), /"t"/],
    ["something else", "<html>\n", /line 1: isn't JSON/],
  ])("are refused with %s", async (name, text, expected) => {
    const read = await readArmSamples(write(`${name}.ndjson`, text));
    expect(!read.ok && read.message).toMatch(expected);
  });

  test("half a gzip file and a missing one say so", async () => {
    const whole = gzipSync(Array.from({ length: 500 }, (_, t) => line({ t })).join(""));
    const cut = await readArmSamples(write("cut.gz", whole.subarray(0, whole.length - 20)));
    expect(!cut.ok && cut.message).toMatch(/cut off or damaged/);
    const missing = await readArmSamples(join(folder, "missing.gz"));
    expect(!missing.ok && missing.message).toMatch(/no such file/);
  });

  test("a small file that unpacks to very much isn't read to its end", async () => {
    const lines = await readArmSamples(write("lines.gz", gzipSync(Buffer.alloc(2_000_000, 0x0a))));
    expect(!lines.ok && lines.message).toMatch(/more than 1000000 requests/);
    const blank = Buffer.alloc(16 * 1024 * 1024, 0x20);
    const wide = await readArmSamples(write("wide.gz", gzipSync(blank)));
    expect(!wide.ok && wide.message).toMatch(/a line is longer than 64 kB/);
    const padded = line({ padding: "x".repeat(60_000) }).repeat(2_500);
    const large = await readArmSamples(write("large.gz", gzipSync(padded, { level: 1 })));
    expect(!large.ok && large.message).toMatch(/more than 128 MB unpacked/);
  });
});
