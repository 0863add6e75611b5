import { expect, test } from "vitest";
import { filterSamples, type Samples, toSamples } from "../../lib/judge/samples.ts";
import { type Expectation, findDoubts } from "./completeness.ts";

const NOW = 1_800_000_000;
const expected: Expectation = { maxAgeSeconds: 86_400, canaryShare: undefined, minSamples: 300, design: "interleaved", now: NOW };

/** Sixty seconds at fifty requests per second, ending a minute ago. */
function arm(shift = 0, { seconds = 60, factor = 1 } = {}): Samples {
  return toSamples(
    Array.from({ length: seconds * 50 }, (_, i) => ({
      t: NOW - 120 + i / 50,
      latencyMs: factor * (80 + ((i * 37 + shift) % 40)),
      ok: true,
    })),
  );
}

const doubts = (baseline: Samples, canary: Samples, more: Partial<Expectation> = {}) =>
  findDoubts({ baseline, canary }, { ...expected, ...more }).map(({ code, message }) => `${code} ${message}`);

test("fresh samples of both arms to the end are in no doubt", () => {
  expect(doubts(arm(), arm(1))).toEqual([]);
});

test("the same latencies in both arms are one file given twice, whatever the clock", () => {
  const later = (samples: Samples): Samples => ({ ...samples, t: samples.t.map((t) => t + 0.25) });
  expect(doubts(arm(), arm())).toEqual([expect.stringMatching(/^IDENTICAL_SAMPLES /)]);
  expect(doubts(arm(), later(arm()))).toEqual([expect.stringMatching(/^IDENTICAL_SAMPLES /)]);
});

test("samples older than max-age are stale, and a clock that starts at zero has no age", () => {
  expect(doubts(arm(), arm(1), { now: NOW + 90_000 })).toEqual([
    expect.stringMatching(/^STALE_DATA the newest sample is .* old > 24h \(max-age\)/),
  ]);
  expect(doubts(arm(), arm(1), { now: NOW + 90_000, maxAgeSeconds: 172_800 })).toEqual([]);
  const relative = (samples: Samples): Samples => ({ ...samples, t: samples.t.map((t) => t - NOW + 120) });
  expect(doubts(relative(arm()), relative(arm(1)))).toEqual([]);
});

test("an arm that ends earlier, or begins later, is partial", () => {
  const canary = arm(1);
  const until = (seconds: number) => filterSamples(canary, (i) => i < seconds * 50);
  expect(doubts(arm(), until(50))).toContainEqual(
    expect.stringMatching(/^PARTIAL_DATA canary ends 10\.\d s before the other arm, after 83\.\d %/),
  );
  expect(doubts(until(50), arm())).toContainEqual(expect.stringMatching(/^PARTIAL_DATA baseline ends/));
  expect(
    doubts(
      arm(),
      filterSamples(canary, (i) => i >= 500),
    ),
  ).toContainEqual(expect.stringMatching(/^PARTIAL_DATA canary begins 10\.\d s after/));
  expect(doubts(arm(), until(59))).toEqual([]);
});

test("requests that are missing evenly are missed, unless the plan says so", () => {
  const half = filterSamples(arm(1), (i) => i % 20 < 11);
  expect(doubts(arm(), half)).toEqual([
    expect.stringMatching(/^PARTIAL_DATA the canary has 35\.5 % of the requests \(1650 against 3000\)/),
  ]);
  expect(doubts(arm(), half, { canaryShare: 0.35 })).toEqual([]);
  expect(doubts(arm(), half, { canaryShare: 0.2 })).toHaveLength(1);
});

test("a small canary is one by plan, and users who wait longer ask less often", () => {
  expect(
    doubts(
      arm(),
      filterSamples(arm(1), (i) => i % 20 === 0),
      { minSamples: 100 },
    ),
  ).toEqual([]);
  const slower = filterSamples(arm(1, { factor: 2 }), (i) => i % 2 === 0);
  expect(doubts(arm(), slower)).toEqual([]);
});
