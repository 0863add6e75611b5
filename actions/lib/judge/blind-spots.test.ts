import { describe, expect, test } from "vitest";
import { EFFECTS } from "../../../bench/trials/effects.ts";
import { NOISES } from "../../../bench/trials/weather.ts";
import { makeTrial, type TrialPlan } from "../../../bench/trials/world.ts";
import { judge } from "./judge.ts";
import type { Circumstances, Judgement } from "./judgement.ts";
import { DEFAULT_POLICY, type Policy } from "./policy.ts";
import { filterSamples, type Samples } from "./samples.ts";

const TYPICAL = NOISES[1]!;
const identical = EFFECTS[0]!;

function judged(
  plan: Partial<TrialPlan>,
  policy: Partial<Policy> = {},
  circumstances: Circumstances = {},
  change: (arms: { baseline: Samples; canary: Samples }) => { baseline: Samples; canary: Samples } = (arms) => arms,
): Judgement {
  const trial = makeTrial({ seed: 42, noise: TYPICAL, effect: identical, seconds: 120, rps: 50, ...plan });
  const { baseline, canary } = change(trial);
  return judge(baseline, canary, { ...DEFAULT_POLICY, minP95DeltaMs: 0, ...policy }, circumstances);
}

const codes = ({ reasons }: Judgement) => reasons.map(({ code }) => code);
const typical = (judgement: Judgement) => Math.exp(judgement.latency.evidence!.typical.est);

describe("arms of unequal size", () => {
  test.each([0.05, 0.1, 0.25, 0.5])("a canary with %d of the requests of the same service has the same p95", (canaryShare) => {
    const ratios = Array.from({ length: 3 }, (_, i) =>
      typical(judged({ canaryShare, rps: 200, seed: 900 + i, noise: NOISES[0]! })),
    );
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    expect(mean).toBeGreaterThan(0.98);
    expect(mean).toBeLessThan(1.02);
  });

  test("either arm may be the poorer one, and +20 % fails", () => {
    const slower = { ...identical, p95Factor: 1.2 };
    for (const canaryShare of [0.05, 0.95]) {
      expect(judged({ canaryShare, rps: 200, effect: slower, seconds: 180 }).verdict).toBe("FAIL");
    }
  });

  test("the same samples in another order give the same judgement", () => {
    const backwards = (arm: Samples): Samples => ({
      t: arm.t.toReversed(),
      latencyMs: arm.latencyMs.toReversed(),
      ok: arm.ok.toReversed(),
    });
    const plan = { canaryShare: 0.1 };
    const turned = judged(plan, {}, {}, ({ baseline, canary }) => ({ baseline: backwards(baseline), canary: backwards(canary) }));
    expect(turned).toEqual(judged(plan));
  });
});

describe("slow for a part of the run", () => {
  test.each([
    [10, 5],
    [15, 5],
    [20, 3],
    [20, 20],
  ])("%d s of 180 s at ×%d don't pass, and the ratio shown is the one that says so", (seconds, factor) => {
    const judgement = judged({ seconds: 180, slowStretch: { seconds, factor } });
    expect(judgement.verdict).not.toBe("PASS");
    const { judged: shown } = judgement.latency.evidence!;
    expect(shown.ratio).toBeGreaterThan(1.1);
    expect(judgement.reasons[0]!.message).toContain(`×${shown.ratio.toFixed(3)}`);
  });

  test("most of a minute of 180 s fails", () => {
    const judgement = judged({ seconds: 180, slowStretch: { seconds: 50, factor: 5 } });
    expect(judgement).toMatchObject({ verdict: "FAIL", reasons: [{ code: "P95_RATIO_EXCEEDED" }] });
    expect(judgement.latency.evidence!.judged).toMatchObject({ kind: "pooled" });
  });

  test("a baseline that was slow for a while is no fault of the canary", () => {
    const judgement = judged({ seconds: 180, slowStretch: { seconds: 20, factor: 5 } }, {}, {}, ({ baseline, canary }) => ({
      baseline: canary,
      canary: baseline,
    }));
    expect(judgement.verdict).toBe("PASS");
  });
});

describe("a closed loop that freezes", () => {
  /** An arm that got no request within some stretches. */
  const silent = (arm: Samples, ...stretches: [number, number][]) =>
    filterSamples(arm, (i) => !stretches.some(([from, until]) => arm.t[i]! >= from && arm.t[i]! < until));
  const withSilence = (canary: [number, number][], baseline: [number, number][] = []) =>
    judged({}, {}, {}, (arms) => ({ baseline: silent(arms.baseline, ...baseline), canary: silent(arms.canary, ...canary) }));

  test("a hole in the canary's requests while the baseline went on is the canary's", () => {
    const judgement = withSilence([[50, 62]]);
    expect(judgement).toMatchObject({ verdict: "FAIL" });
    expect(judgement.reasons).toContainEqual(expect.objectContaining({ code: "UNANSWERED", severity: "error" }));
    expect(judgement.reasons.find(({ code }) => code === "UNANSWERED")!.message).toMatch(
      /answered nobody for 12\.\d s of 120\.\d s/,
    );
  });

  test("a short one keeps from passing", () => {
    expect(withSilence([[50, 53]])).toMatchObject({ verdict: "INCONCLUSIVE", reasons: [{ code: "UNANSWERED" }] });
  });

  test("the same hole in both arms, or in the baseline, isn't", () => {
    expect(codes(withSilence([[50, 53]], [[50, 53]]))).not.toContain("UNANSWERED");
    expect(withSilence([], [[50, 53]]).verdict).toBe("PASS");
  });
});

describe("errors", () => {
  const steady = (rate: number) => ({ ...identical, errors: [0, rate] as [number, number] });

  test("a burst of the baseline doesn't cover what the canary fails all the time", () => {
    for (const seed of [1, 2]) {
      const judgement = judged({ seed, errorBurst: 50, effect: steady(0.02) });
      expect(judgement).toMatchObject({ verdict: "FAIL", reasons: [{ code: "ERROR_RATE_EXCEEDED" }] });
    }
  });

  test("failures of both arms beyond max-error-rate say that the traffic is broken", () => {
    const both = { ...identical, errors: [0.6, 0.6] as [number, number] };
    const judgement = judged({ effect: both });
    expect(judgement).toMatchObject({ verdict: "INCONCLUSIVE" });
    expect(judgement.reasons[0]).toMatchObject({ code: "TRAFFIC_BROKEN", metric: "error_rate" });
    const allowed = judged({ effect: both, noise: NOISES[0]! }, { maxErrorRate: 0.7 });
    expect(allowed.errors.verdict).toBe("PASS");
    expect(codes(allowed)).not.toContain("TRAFFIC_BROKEN");
  });

  test("the canary alone beyond max-error-rate fails, though the ratio allows it", () => {
    const judgement = judged({ effect: { ...identical, errors: [0.09, 0.125] }, seconds: 180 });
    expect(judgement.verdict).toBe("FAIL");
    expect(codes(judgement)).toContain("ERROR_CEILING_EXCEEDED");
  });

  test("min-error-rate: 0 passes arms without a failure, and fails failures against none", () => {
    expect(judged({ noise: NOISES[0]! }, { minErrorRate: 0 }).verdict).toBe("PASS");
    expect(judged({ noise: NOISES[0]!, effect: steady(0.004) }, { minErrorRate: 0 }).verdict).toBe("FAIL");
  });

  test("one failure more in a burst keeps the bound that PASS needs as wide as the one that FAIL needs", () => {
    const burst = (arm: Samples): Samples => ({ ...arm, ok: arm.ok.map((ok, i) => (i >= 3000 && i < 3060 ? 0 : ok)) });
    const judgement = judged({ noise: NOISES[0]!, effect: steady(0.01) }, {}, {}, ({ baseline, canary }) => ({
      baseline: burst(baseline),
      canary,
    }));
    expect(judgement.verdict).not.toBe("PASS");
  });
});

describe("route by route", () => {
  const plan = (faults: Partial<NonNullable<TrialPlan["routes"]>>) => ({
    routes: { count: 6, share: 0.2, canaryErrors: 0, canaryFactor: 1, ...faults },
  });

  test("3 % errors on one route fail, though over all they are under the limit", () => {
    for (const seed of [11, 12]) {
      const judgement = judged({ seed, seconds: 60, ...plan({ canaryErrors: 0.025, share: 0.15 }) });
      expect(judgement.errors.verdict).not.toBe("FAIL");
      expect(judgement.verdict).not.toBe("PASS");
      expect(judgement.reasons[0]!.message).toMatch(/^GET \/route-0: errors /);
    }
    const { routes, verdict } = judged({ seconds: 120, ...plan({ canaryErrors: 0.03 }) });
    expect(verdict).toBe("FAIL");
    expect(routes.filter(({ errors }) => errors?.status === "fail").map(({ name }) => name)).toEqual(["GET /route-0"]);
  });

  test("one route three times as slow fails by name, though it is but a twentieth of the traffic", () => {
    const judgement = judged({ ...plan({ count: 20, share: 0.05, canaryFactor: 3 }) });
    expect(judgement).toMatchObject({ verdict: "FAIL", reasons: [{ code: "P95_RATIO_EXCEEDED" }] });
    expect(judgement.reasons[0]!.message).toMatch(/^GET \/route-0: p95 /);
    // The same with the machine in the way.
    const held = judged({ ...plan({ count: 20, share: 0.05, canaryFactor: 3 }) }, {}, { environment: { generatorCpu: 0.99 } });
    expect(held.verdict).toBe("INCONCLUSIVE");
  });

  test("twenty routes of the same service don't cry wolf", () => {
    for (const seed of [21, 22]) {
      const judgement = judged({ seed, ...plan({ count: 20 }) });
      expect(judgement.verdict).not.toBe("FAIL");
      expect(judgement.routes.filter(({ latency, errors }) => latency?.status === "fail" || errors?.status === "fail")).toEqual(
        [],
      );
    }
  });

  test("a source without routes, and one with a single route, have nothing to compare route by route", () => {
    expect(judged({}).routes).toEqual([]);
    const { routes } = judged({ routes: { count: 2, share: 1, canaryErrors: 0, canaryFactor: 1 } });
    expect(routes.find(({ name }) => name === "GET /route-0")).toMatchObject({ name: "GET /route-0" });
  });
});

describe("units", () => {
  /** Every other request a cache hit of a millisecond, the others misses. */
  const cached = (arm: Samples, missMs: number): Samples => ({
    ...arm,
    latencyMs: arm.latencyMs.map((ms, i) => (i % 2 === 0 ? 1 + (ms % 1) : missMs + (ms % 50))),
  });

  test("cache hits and misses of both arms aren't seconds mixed with milliseconds", () => {
    const judgement = judged({ noise: NOISES[0]! }, {}, {}, ({ baseline, canary }) => ({
      baseline: cached(baseline, 900),
      canary: cached(canary, 900),
    }));
    expect(codes(judgement)).not.toContain("NON_FINITE");
    expect(judgement.verdict).toBe("PASS");
  });

  test("a canary 800 times slower fails, whoever guesses that it is a unit", () => {
    for (const measured of [true, false]) {
      const judgement = judged({ effect: { ...identical, p95Factor: 800 } }, {}, { measured });
      expect(judgement.verdict).toBe("FAIL");
      expect(codes(judgement).includes("NON_FINITE")).toBe(!measured);
    }
  });

  test("a canary in seconds against a baseline in milliseconds doesn't pass", () => {
    const judgement = judged({ effect: { ...identical, p95Factor: 0.001 } });
    expect(judgement).toMatchObject({ verdict: "INCONCLUSIVE", reasons: [{ code: "NON_FINITE" }] });
    expect(judged({ effect: { ...identical, p95Factor: 0.001 } }, {}, { measured: true }).verdict).toBe("PASS");
  });
});
