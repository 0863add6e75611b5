import { conclude, findMissing, judgeWindows, unjudged } from "./conclude.ts";
import { align, detectDesign } from "./design.ts";
import { countFailureBlocks, judgeErrors } from "./errors.ts";
import type { ArmFigures, Circumstances, Judgement, LatencyJudgement } from "./judgement.ts";
import { STALL_SECONDS } from "./latency.ts";
import { type Look, onlyLook } from "./looks.ts";
import { effectiveLimit, LEAST_SUCCESSES_AN_ARM, type Policy } from "./policy.ts";
import { quantileSorted } from "./quantiles.ts";
import { judgeRoutes } from "./routes.ts";
import { findFaults, guessUnits, type Samples, sortByTime, sortedLatencies } from "./samples.ts";
import { findSilences } from "./silence.ts";
import { needsThinning } from "./thinning.ts";
import { LEVEL_WINDOWS, withoutWeather } from "./weather.ts";
import { chooseWidth, cutWindows, successesOf } from "./windows.ts";

/**
 * Judges a canary against its baseline. Pure and deterministic: the same samples, in any order, give the same judgement.
 *
 * Windows of both arms on one clock give log ratios of p95, whose typical and mean values are compared with the limit; failures are
 * compared by their own test. FAIL needs either, PASS needs both, everything else is INCONCLUSIVE.
 *
 * @see docs/judge.md for the rule in words and every constant
 */
export function judge(baseline: Samples, canary: Samples, policy: Policy, circumstances: Circumstances = {}): Judgement {
  const faults = findFaults(baseline, canary);
  const b = sortByTime(baseline);
  const c = sortByTime(canary);
  const empty = b.t.length === 0 || c.t.length === 0;
  const design = circumstances.design ?? (empty || faults.length > 0 ? "interleaved" : detectDesign(b, c));
  const arms = align(b, c, design, circumstances.clock);
  const look = circumstances.look ?? onlyLook(arms.seconds);
  const latencies = { baseline: sortedLatencies(arms.baseline), canary: sortedLatencies(arms.canary) };
  const figures = {
    baseline: describeArm(arms.baseline.t.length, latencies.baseline),
    canary: describeArm(arms.canary.t.length, latencies.canary),
  };
  const missing = findMissing(figures, policy, faults);
  const routes =
    faults.length > 0
      ? []
      : judgeRoutes(arms.baseline, arms.canary, policy, look, missing.length === 0 && design !== "before-after");
  if (missing.length > 0) return { ...unjudged(missing, design, look, figures, circumstances), routes };

  return conclude({
    policy,
    design,
    look,
    figures,
    latency: compareLatency(arms, policy, look, figures),
    errors: judgeErrors(countFailureBlocks(arms.baseline, arms.canary), policy, look),
    routes,
    silence: findSilences(arms),
    units: circumstances.measured ? undefined : guessUnits(latencies.baseline, latencies.canary),
    circumstances,
  });
}

/** @param latencies of the successes, ascending */
function describeArm(requests: number, latencies: Float64Array): ArmFigures {
  const n = latencies.length;
  if (n === 0) return { requests, successes: 0, failures: requests, p95Ms: undefined, p95Interval: undefined };
  const spread = 1.959963984540054 * Math.sqrt(0.95 * 0.05 * n);
  const rank = (position: number) => latencies[Math.min(n - 1, Math.max(0, Math.round(position)))]!;
  return {
    requests,
    successes: n,
    failures: requests - n,
    p95Ms: quantileSorted(latencies, 0.95),
    p95Interval: [rank(0.95 * n - spread - 1), rank(0.95 * n + spread)],
  };
}

function compareLatency(
  arms: ReturnType<typeof align>,
  policy: Policy,
  look: Look,
  figures: { baseline: ArmFigures; canary: ArmFigures },
): LatencyJudgement {
  const [b, c] = [successesOf(arms.baseline), successesOf(arms.canary)];
  const poorer = Math.min(b.t.length, c.t.length);
  const width = chooseWidth(poorer, Math.max(arms.seconds, 1e-9));
  const thin = needsThinning(b.t.length, c.t.length);
  const typical = cutWindows(b, c, arms.seconds, width, thin);
  const windows = { widthSeconds: width, usable: typical.usable.length, possible: typical.possible, blocks: 0, stall: 0 };
  const baselineP95 = figures.baseline.p95Ms;
  const limitRatio = baselineP95 === undefined || baselineP95 <= 0 ? undefined : effectiveLimit(policy, baselineP95);
  const enough = poorer >= Math.max(LEAST_SUCCESSES_AN_ARM, policy.minSamples);
  if (!enough || limitRatio === undefined) return { verdict: "INCONCLUSIVE", limitRatio, evidence: undefined, windows };
  // Arms that ran at different times share no weather.
  const calm =
    arms.design === "interleaved" ? withoutWeather(b, c, arms.seconds, LEVEL_WINDOWS * width) : { baseline: b, canary: c };
  const stall = cutWindows(calm.baseline, calm.canary, arms.seconds, Math.max(STALL_SECONDS, 2 * width), thin);
  return judgeWindows(
    {
      windows: { typical: typical.usable, stall: stall.usable },
      widthSeconds: width,
      possible: typical.possible,
      limitRatio,
      design: arms.design,
    },
    look,
    figures,
  );
}
