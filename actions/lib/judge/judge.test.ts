import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judge } from "./judge.ts";
import type { Judgement } from "./judgement.ts";
import { DEFAULT_POLICY, type Policy } from "./policy.ts";
import { type Sample, type Samples, toSamples } from "./samples.ts";
import { judgeSeries } from "./series.ts";
import { decide, type ReasonCode, worst } from "./verdict.ts";

/** A repeatable stand-in for chance: fractions of multiples of the golden ratio. */
const chance = (i: number) => (i * 0.6180339887498949) % 1;

interface Shape {
  seconds?: number;
  rps?: number;
  factor?: number;
  medianMs?: number;
  /** Every so many requests fails; 0 none. */
  failEvery?: number;
  offset?: number;
  change?: (sample: Sample, i: number) => Sample;
}

function arm({
  seconds = 60,
  rps = 50,
  factor = 1,
  medianMs = 100,
  failEvery = 0,
  offset = 0,
  change = (s) => s,
}: Shape = {}): Samples {
  return toSamples(
    Array.from({ length: seconds * rps }, (_, i) => {
      const spread = 0.7 + 0.5 * chance(i) + (chance(3 * i + 1) > 0.94 ? 1 : 0);
      const ok = failEvery === 0 || (i + 1) % failEvery !== 0;
      return change({ t: offset + (i + 0.5) / rps, latencyMs: medianMs * spread * factor, ok }, i);
    }),
  );
}

const codes = (judgement: Judgement) => judgement.reasons.map((reason) => reason.code);
const judged = (canary: Shape, baseline: Shape = {}, policy = {}) =>
  judge(arm(baseline), arm(canary), { ...DEFAULT_POLICY, ...policy });

describe("verdicts", () => {
  test("identical arms pass, and so does a faster canary", () => {
    expect(judged({})).toMatchObject({ verdict: "PASS", design: "interleaved" });
    expect(judged({ factor: 0.8 }).verdict).toBe("PASS");
  });

  test("+30 % fails with the numbers in the reason", () => {
    const judgement = judged({ factor: 1.3 });
    expect(judgement.verdict).toBe("FAIL");
    expect(judgement.reasons[0]).toMatchObject({ code: "P95_RATIO_EXCEEDED", metric: "p95", severity: "error" });
    expect(judgement.reasons[0]!.message).toMatch(/×1\.3\d+ .*> ×1\.100; p95 .* ms against .* ms/);
  });

  test("5 % errors against none fail", () => {
    const judgement = judged({ failEvery: 20 });
    expect(judgement.verdict).toBe("FAIL");
    expect(codes(judgement)).toEqual(["ERROR_RATE_EXCEEDED", "BASELINE_ZERO"]);
  });

  test("a canary that stands still now and then fails though its typical window doesn't", () => {
    const stalls = judged({ change: (s) => (s.t % 6 < 1 ? { ...s, latencyMs: s.latencyMs + 1500 } : s) });
    expect(stalls.latency.evidence).toMatchObject({ status: "fail", failed: "stall" });
    expect(stalls.latency.evidence!.typical.est).toBeLessThan(Math.log(1.1));
  });

  test("stalls are seen through bursts that slow both arms, and bursts alone don't fail", () => {
    const burst = (s: Sample) => ({
      ...s,
      latencyMs: s.latencyMs * (s.t % 10 > 5 && s.t % 10 < 8 ? 1.5 + 1.5 * chance(Math.floor(s.t / 10)) : 1),
    });
    const stall = (s: Sample) => burst({ ...s, latencyMs: s.latencyMs + (s.t % 8 < 0.6 ? 150 : 0) });
    const seconds = 120;
    expect(judged({ seconds, change: stall }, { seconds, change: burst }).latency.evidence).toMatchObject({ failed: "stall" });
    expect(judged({ seconds, change: burst }, { seconds, change: burst }).verdict).toBe("PASS");
  });

  test("a stall of one window is no proof", () => {
    const once = judged(
      { seconds: 120, change: (s) => (s.t > 40 && s.t < 42 ? { ...s, latencyMs: s.latencyMs + 3000 } : s) },
      { seconds: 120 },
    );
    expect(once.verdict).not.toBe("FAIL");
  });

  test("5 ms on a 6-ms service is within the limit, and the effective limit is told", () => {
    const judgement = judged({ medianMs: 3, factor: 1.3 }, { medianMs: 3 }, { minP95DeltaMs: 5 });
    expect(judgement.verdict).toBe("PASS");
    expect(judgement.latency.limitRatio).toBeGreaterThan(1.5);
    expect(codes(judgement)).toContain("BELOW_ABSOLUTE_MINIMUM");
    expect(judged({ medianMs: 3, factor: 1.3 }, { medianMs: 3 }, { minP95DeltaMs: 0 }).verdict).toBe("FAIL");
  });

  test("strict fails where guarded says why it doesn't", () => {
    // Half of the run a disturbance on the canary alone: the pooled p95 is up, most windows aren't.
    const burst: Shape = { change: (s) => (s.t > 20 && s.t < 26 ? { ...s, latencyMs: s.latencyMs * 4 } : s) };
    expect(judged(burst, {}, { mode: "strict" }).verdict).toBe("FAIL");
    const guarded = judged(burst);
    expect(guarded.verdict).not.toBe("FAIL");
    expect(codes(guarded)).toContain("NOT_SIGNIFICANT");
  });

  test("a ceiling fails a canary as slow as its baseline", () => {
    expect(codes(judged({}, {}, { p95CeilingMs: 120 }))).toContain("P95_CEILING_EXCEEDED");
    expect(judged({}, {}, { p95CeilingMs: 250 }).verdict).toBe("PASS");
  });
});

describe("missing data never passes", () => {
  const cases: [string, Shape, Shape, string][] = [
    ["20 samples", { seconds: 1, rps: 20 }, {}, "LOW_SAMPLES"],
    ["10 s of data", { seconds: 10, rps: 100 }, { seconds: 10, rps: 100 }, "LOW_SAMPLES"],
    ["an arm that ends half-way", { seconds: 30 }, {}, "LOW_SAMPLES"],
    ["no canary", { seconds: 0 }, {}, "NO_DATA"],
    ["no baseline", {}, { seconds: 0 }, "NO_DATA"],
    ["both arms down", { failEvery: 1 }, { failEvery: 1 }, "NO_DATA"],
    ["a baseline that is down", {}, { failEvery: 1 }, "NO_DATA"],
    ["a latency that is NaN", { change: (s, i) => (i === 9 ? { ...s, latencyMs: Number.NaN } : s) }, {}, "NON_FINITE"],
    ["a negative latency", { change: (s, i) => (i === 9 ? { ...s, latencyMs: -1 } : s) }, {}, "NON_FINITE"],
    ["a time that is NaN", { change: (s, i) => (i === 9 ? { ...s, t: Number.NaN } : s) }, {}, "NON_FINITE"],
    ["a canary in seconds", { factor: 0.001 }, {}, "NON_FINITE"],
    ["a canary partly in seconds", { change: (s, i) => (i % 3 ? s : { ...s, latencyMs: s.latencyMs / 1000 }) }, {}, "NON_FINITE"],
    ["a baseline of 0 ms", {}, { factor: 0 }, "BASELINE_ZERO"],
  ];
  test.each(cases)("%s", (_, canary, baseline, code) => {
    for (const mode of ["guarded", "strict"] as const) {
      const judgement = judged(canary, baseline, { mode });
      if (mode === "guarded") expect(codes(judgement)).toContain(code);
      const short = code === "LOW_SAMPLES" && judgement.canary.requests >= 300;
      if (mode === "guarded" || !(short || code === "BASELINE_ZERO")) expect(judgement.verdict).toBe("INCONCLUSIVE");
    }
  });

  test("a canary that is down fails on errors", () => {
    const judgement = judged({ failEvery: 1 });
    expect(judgement.verdict).toBe("FAIL");
    expect(codes(judgement)).toEqual(expect.arrayContaining(["ERROR_RATE_EXCEEDED", "NO_DATA"]));
  });
});

describe("the environment gate", () => {
  const gated = (environment: object, canary: Shape = { factor: 1.3 }) =>
    judge(arm(), arm(canary), DEFAULT_POLICY, { environment });
  test.each([
    ["load under 90 % of the target", { targetRps: 50, achievedRps: { baseline: 43, canary: 44 } }, "LOAD_NOT_DELIVERED"],
    ["more than 1 % dropped", { droppedIterations: 40, startedIterations: 3000 }, "LOAD_NOT_DELIVERED"],
    ["a split off by more than a tenth", { plannedCanaryShare: 0.5, observedCanaryShare: 0.44 }, "SPLIT_MISMATCH"],
    ["twice the planned twentieth", { plannedCanaryShare: 0.05, observedCanaryShare: 0.099 }, "SPLIT_MISMATCH"],
    ["a fiftieth of the planned twentieth", { plannedCanaryShare: 0.05, observedCanaryShare: 0.001 }, "SPLIT_MISMATCH"],
    ["a saturated generator", { generatorCpu: 0.95 }, "ENVIRONMENT"],
    ["stolen CPU", { stolenCpu: 0.2 }, "ENVIRONMENT"],
    ["both arms slower than before", { beforeP95Ms: 100 }, "ENVIRONMENT"],
  ])("%s keeps FAIL on latency back", (_, environment, code) => {
    const judgement = gated(environment);
    expect(judgement.verdict).toBe("INCONCLUSIVE");
    expect(codes(judgement)).toContain(code);
    expect(judge(arm(), arm({ factor: 1.3 }), { ...DEFAULT_POLICY, mode: "strict" }, { environment }).verdict).toBe("FAIL");
  });

  test("load that one arm alone didn't get keeps it from passing, and takes no FAIL away", () => {
    const environment = { targetRps: 50, achievedRps: { baseline: 50, canary: 44 } };
    expect(gated(environment)).toMatchObject({
      verdict: "FAIL",
      reasons: [{ code: "P95_RATIO_EXCEEDED" }, { code: "LOAD_NOT_DELIVERED" }],
    });
    expect(gated(environment, {})).toMatchObject({ verdict: "INCONCLUSIVE", reasons: [{ code: "LOAD_NOT_DELIVERED" }] });
  });

  test("chance explains a split that is a little off, and so few requests that anything may be", () => {
    expect(gated({ plannedCanaryShare: 0.05, observedCanaryShare: 0.053 }, {}).verdict).toBe("PASS");
    const thin = { seconds: 60, rps: 5 };
    const environment = { plannedCanaryShare: 0.05, observedCanaryShare: 0.07 };
    const codes = judge(arm(thin), arm(thin), { ...DEFAULT_POLICY, minSamples: 100 }, { environment }).reasons.map(
      ({ code }) => code,
    );
    expect(codes).not.toContain("SPLIT_MISMATCH");
  });

  test("what makes the source unsure keeps from passing and takes no FAIL away", () => {
    const circumstances = {
      notes: [{ code: "STALE_DATA", metric: null, severity: "warning", message: "x" }] as const,
      unsure: true,
    };
    expect(judge(arm(), arm(), DEFAULT_POLICY, circumstances)).toMatchObject({
      verdict: "INCONCLUSIVE",
      reasons: [{ code: "STALE_DATA" }],
    });
    expect(judge(arm(), arm({ factor: 1.3 }), DEFAULT_POLICY, circumstances)).toMatchObject({
      verdict: "FAIL",
      reasons: [{ code: "P95_RATIO_EXCEEDED" }, { code: "STALE_DATA" }],
    });
    const { unsure: _, ...blind } = circumstances;
    expect(judge(arm(), arm({ factor: 1.3 }), DEFAULT_POLICY, blind)).toMatchObject({ verdict: "INCONCLUSIVE" });
  });

  test("a note that is an error fails the canary, whatever its numbers are", () => {
    const notes = [{ code: "THRESHOLD_CROSSED", metric: null, severity: "error", message: "x" }] as const;
    for (const unsure of [false, true]) {
      expect(judge(arm(), arm(), DEFAULT_POLICY, { notes, unsure })).toMatchObject({
        verdict: "FAIL",
        reasons: [{ code: "THRESHOLD_CROSSED" }],
      });
    }
    expect(judge(arm(), arm(), DEFAULT_POLICY, { notes, blocking: true }).verdict).toBe("INCONCLUSIVE");
  });

  test("a factor of 1,000 is guessed to be a unit only where nobody knows the unit", () => {
    expect(judge(arm(), arm({ factor: 0.001 }), DEFAULT_POLICY)).toMatchObject({
      verdict: "INCONCLUSIVE",
      reasons: [{ code: "NON_FINITE" }],
    });
    expect(judge(arm(), arm({ factor: 0.001 }), DEFAULT_POLICY, { measured: true })).toMatchObject({ verdict: "PASS" });
    expect(judge(arm(), arm({ factor: 1000 }), DEFAULT_POLICY, { measured: true })).toMatchObject({
      verdict: "FAIL",
      reasons: [{ code: "P95_RATIO_EXCEEDED" }],
    });
  });

  test("a machine slower than before still lets a canary pass that is as good as its baseline", () => {
    expect(gated({ beforeP95Ms: 100 }, {})).toMatchObject({ verdict: "PASS" });
    expect(gated({ generatorCpu: 0.95 }, {})).toMatchObject({ verdict: "INCONCLUSIVE" });
  });

  test("errors fail whatever the environment", () => {
    expect(gated({ generatorCpu: 0.99 }, { failEvery: 20 }).verdict).toBe("FAIL");
  });
});

describe("designs", () => {
  /** Moves an arm's requests into turns of 10 s, every 20 s. */
  const turns = (first: number) => (s: Sample) => ({ ...s, t: s.t + Math.floor(s.t / 10) * 10 + first });

  test("alternating slices lose the other arm's turns", () => {
    const slow = judged({ factor: 1.3, change: turns(10) }, { change: turns(0) });
    expect(slow).toMatchObject({ design: "slices", verdict: "FAIL" });
    expect(judged({ change: turns(10) }, { change: turns(0) })).toMatchObject({ design: "slices", verdict: "PASS" });
  });

  test("one after the other is said, and what drift explains doesn't fail", () => {
    const judgement = judged({ factor: 1.25, offset: 100 });
    expect(judgement).toMatchObject({ design: "before-after", verdict: "INCONCLUSIVE" });
    expect(codes(judgement)).toContain("ENVIRONMENT");
  });
});

describe("laws", () => {
  const factors = fc.constantFrom(0.7, 1, 1.04, 1.1, 1.2, 1.4);
  const fails = fc.constantFrom(0, 15, 60, 300);

  test("the order of the samples doesn't matter", () => {
    fc.assert(
      fc.property(factors, fails, fc.integer({ min: 1, max: 1e6 }), (factor, failEvery, seed) => {
        const [b, c] = [arm({ seconds: 40 }), arm({ seconds: 40, factor, failEvery })];
        const order = [...c.t.keys()].sort((i, j) => chance(i * seed) - chance(j * seed));
        const mixed = {
          t: c.t.map((_, i) => c.t[order[i]!]!),
          latencyMs: c.t.map((_, i) => c.latencyMs[order[i]!]!),
          ok: c.ok.map((_, i) => c.ok[order[i]!]!),
        };
        expect(judge(b, mixed, DEFAULT_POLICY)).toEqual(judge(b, c, DEFAULT_POLICY));
      }),
      { numRuns: 12 },
    );
  });

  test("the unit of latency doesn't matter when the minimum difference has the same", () => {
    fc.assert(
      fc.property(factors, fails, fc.constantFrom(0.5, 3, 1000), (factor, failEvery, unit) => {
        const policy = { ...DEFAULT_POLICY, minP95DeltaMs: 5 * unit };
        const scaled = judge(arm({ medianMs: 100 * unit }), arm({ medianMs: 100 * unit, factor, failEvery }), policy);
        const plain = judged({ factor, failEvery });
        expect(scaled.verdict).toBe(plain.verdict);
        expect(scaled.latency.evidence!.typical.est).toBeCloseTo(plain.latency.evidence!.typical.est, 9);
      }),
      { numRuns: 12 },
    );
  });

  test("more of the same evidence never flips PASS and FAIL", () => {
    fc.assert(
      fc.property(factors, fails, fc.nat(9999), (factor, failEvery, salt) => {
        const disturb = (s: Sample): Sample =>
          chance(Math.floor((s.t % 40) * 2) * 7 + salt) > 0.9 ? { ...s, latencyMs: s.latencyMs * 1.8 } : s;
        const verdictOf = (seconds: number) => judged({ factor, failEvery, seconds, change: disturb }, { seconds }).verdict;
        const [once, thrice] = [verdictOf(40), verdictOf(120)];
        expect([once, thrice].sort()).not.toEqual(["FAIL", "PASS"]);
      }),
      { numRuns: 40 },
    );
  });

  test("a slower canary is never judged better", () => {
    const rank = { PASS: 0, INCONCLUSIVE: 1, FAIL: 2 };
    const ranks = [0.9, 1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 2].map((factor) => rank[judged({ factor }).verdict]);
    expect(ranks).toEqual(ranks.toSorted());
  });

  test("where guarded and strict differ a reason says why", () => {
    fc.assert(
      fc.property(factors, fails, fc.constantFrom(4, 12, 40), fc.nat(9999), (factor, failEvery, seconds, salt) => {
        const disturb = (s: Sample): Sample =>
          chance(Math.floor(s.t) * 11 + salt) > 0.85 ? { ...s, latencyMs: s.latencyMs * 2 } : s;
        const shape = { factor, failEvery, seconds, rps: 80, change: disturb };
        const guarded = judged(shape, { seconds, rps: 80 });
        const strict = judged(shape, { seconds, rps: 80 }, { mode: "strict" });
        if (guarded.verdict === strict.verdict) return;
        const why = ["NOT_SIGNIFICANT", "ENVIRONMENT", "LOW_SAMPLES"];
        expect(codes(guarded).some((code) => why.includes(code))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

describe("series of a monitoring system", () => {
  const windows = (count: number, factor: number, failures = 0) =>
    Array.from({ length: count }, (_, i) => ({
      start: 1000 + 30 * i,
      p95Ms: { baseline: 200 * (1 + 0.1 * chance(i)), canary: 200 * factor * (1 + 0.1 * chance(i + 3)) },
      saturated: { baseline: false, canary: false },
      requests: { baseline: 1500, canary: 1500 },
      failures: { baseline: 0, canary: failures },
    }));
  const arm = (p95Ms: number, saturated = false) => ({
    p95Ms,
    saturated,
    bucketMs: 10,
    p95Interval: [p95Ms - 9, p95Ms + 9] as [number, number],
  });
  const whole = (factor: number) => ({ baseline: arm(210), canary: arm(210 * factor), largestMs: 1600 });
  const series = (count: number, factor: number, failures = 0, policy: Partial<Policy> = {}) =>
    judgeSeries(windows(count, factor, failures), 30, whole(factor), { ...DEFAULT_POLICY, ...policy });

  test("the same zones: PASS, FAIL, and too few windows", () => {
    expect(series(20, 1).verdict).toBe("PASS");
    expect(series(20, 1.3)).toMatchObject({ verdict: "FAIL", latency: { windows: { widthSeconds: 30, blocks: 20 } } });
    expect(series(20, 1, 75).reasons[0]!.code).toBe("ERROR_RATE_EXCEEDED");
    expect(codes(series(3, 1))).toContain("LOW_SAMPLES");
    expect(series(0, 1).verdict).toBe("INCONCLUSIVE");
  });

  test("a difference that interpolation in a bucket alone makes is none", () => {
    const near = (bucketMs: number) => {
      const whole = { baseline: { ...arm(200), bucketMs }, canary: { ...arm(226), bucketMs }, largestMs: 1600 };
      return judgeSeries(windows(20, 1.13), 30, whole, { ...DEFAULT_POLICY, minP95DeltaMs: 5 });
    };
    expect(near(10).latency.limitRatio).toBeCloseTo(1.1);
    expect(near(10).verdict).not.toBe("PASS");
    expect(near(300).latency.limitRatio).toBeCloseTo(1.175);
    expect(near(300).verdict).toBe("PASS");
  });

  test("a step without a value is a hole", () => {
    const holes = windows(20, 1).map((w, i) => (i % 3 === 0 ? { ...w, p95Ms: { ...w.p95Ms, canary: undefined } } : w));
    const judgement = judgeSeries(holes, 30, whole(1), DEFAULT_POLICY);
    expect(judgement.verdict).toBe("INCONCLUSIVE");
    expect(codes(judgement)).toContain("LOW_SAMPLES");
  });

  test.each(["guarded", "strict"] as const)("the ceiling holds in mode %s", (mode) => {
    expect(series(20, 1, 0, { p95CeilingMs: 230, mode }).verdict).toBe("PASS");
    expect(series(20, 1, 0, { p95CeilingMs: 150, mode }).reasons[0]!.code).toBe("P95_CEILING_EXCEEDED");
    expect(series(20, 1, 0, { p95CeilingMs: 205, mode }).verdict).toBe(mode === "strict" ? "FAIL" : "INCONCLUSIVE");
  });

  describe("a p95 above the largest bucket is a lower bound", () => {
    const saturated = (factor: number, count: number, arms: { baseline: boolean; canary: boolean }) =>
      windows(20, factor).map((w, i) => (i < count ? { ...w, saturated: arms } : w));

    test.each([
      { baseline: true, canary: false },
      { baseline: false, canary: true },
      { baseline: true, canary: true },
    ])("nothing passes, not even with one window such: %j", (arms) => {
      for (const mode of ["guarded", "strict"] as const) {
        const judgement = judgeSeries(saturated(1, 1, arms), 30, whole(1), { ...DEFAULT_POLICY, mode });
        expect(judgement.verdict).toBe("INCONCLUSIVE");
        expect(codes(judgement)).toContain("SATURATED_HISTOGRAM");
        expect(codes(judgement)).not.toContain("OK");
      }
    });

    test("the canary's alone may fail, since it can only be slower; the baseline's takes its windows away", () => {
      const slower = { baseline: arm(210), canary: arm(1600, true), largestMs: 1600 };
      expect(judgeSeries(saturated(7, 20, { baseline: false, canary: true }), 30, slower, DEFAULT_POLICY).verdict).toBe("FAIL");
      const unknown = { baseline: arm(1600, true), canary: arm(1600, true), largestMs: 1600 };
      const both = judgeSeries(saturated(1.5, 20, { baseline: true, canary: true }), 30, unknown, DEFAULT_POLICY);
      expect(both.verdict).toBe("INCONCLUSIVE");
      expect(codes(both)).toContain("SATURATED_HISTOGRAM");
    });
  });
});

describe("decisions", () => {
  test("follow the verdict, the choice and the cause", () => {
    expect(decide("PASS", "hold", "unknown").decision).toBe("PROCEED");
    expect(decide("FAIL", "proceed", "canary").decision).toBe("ROLLBACK");
    expect(decide("FAIL", "hold", "upstream").decision).toBe("HOLD");
    expect(decide("INCONCLUSIVE", "hold", "unknown")).toEqual({ decision: "HOLD", override: undefined });
    expect(decide("INCONCLUSIVE", "proceed", "unknown")).toMatchObject({ decision: "PROCEED", override: { code: "OVERRIDDEN" } });
    expect(decide("INCONCLUSIVE", "rollback", "unknown")).toMatchObject({
      decision: "ROLLBACK",
      override: { code: "OVERRIDDEN" },
    });
  });

  test("the worst verdict wins, and nothing judged is inconclusive", () => {
    expect(worst(["PASS", "FAIL", "INCONCLUSIVE"])).toBe("FAIL");
    expect(worst(["PASS", "INCONCLUSIVE"])).toBe("INCONCLUSIVE");
    expect(worst([])).toBe("INCONCLUSIVE");
  });
});

test("every code of the judge is reachable", () => {
  const seen = new Set(
    [
      judged({}),
      judged({ factor: 1.3 }),
      judged({ failEvery: 20 }),
      judged({ medianMs: 3, factor: 1.3 }, { medianMs: 3 }, { minP95DeltaMs: 5 }),
      judged({}, {}, { p95CeilingMs: 120 }),
      judged({ seconds: 1 }),
      judged({ seconds: 0 }),
      judged({ factor: 0.001 }),
      judged({ factor: 1.1 }),
      judge(arm(), arm(), DEFAULT_POLICY, {
        environment: {
          plannedCanaryShare: 0.5,
          observedCanaryShare: 0.2,
          generatorCpu: 1,
          droppedIterations: 9,
          startedIterations: 9,
        },
      }),
    ].flatMap(codes),
  );
  seen.add(decide("INCONCLUSIVE", "proceed", "unknown").override!.code);
  const codesOfTheJudge: ReasonCode[] = [
    "BASELINE_ZERO",
    "BELOW_ABSOLUTE_MINIMUM",
    "ENVIRONMENT",
    "ERROR_RATE_EXCEEDED",
    "LOAD_NOT_DELIVERED",
    "LOW_SAMPLES",
    "NON_FINITE",
    "NOT_SIGNIFICANT",
    "NO_DATA",
    "OK",
    "OVERRIDDEN",
    "P95_CEILING_EXCEEDED",
    "P95_RATIO_EXCEEDED",
    "SPLIT_MISMATCH",
  ];
  expect([...seen].sort()).toEqual(codesOfTheJudge);
});
