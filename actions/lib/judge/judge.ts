import { align, type Design, detectDesign } from "./design.ts";
import { judgeEnvironment } from "./environment.ts";
import { judgeErrors } from "./errors.ts";
import {
  type ArmFigures,
  type Circumstances,
  type ErrorJudgement,
  type Judgement,
  type LatencyJudgement,
  LEAST_BLOCKS,
  LEAST_STALL_WINDOWS,
  LEAST_SUCCESSES_AN_ARM,
  LEAST_USABLE,
  type Policy,
} from "./judgement.ts";
import { judgeLatency, type LatencyWindows, STALL_SECONDS } from "./latency.ts";
import { BEFORE_AFTER_FLOOR, INSTANCE_FLOOR } from "./location.ts";
import { type Look, onlyLook } from "./looks.ts";
import { quantileSorted } from "./quantiles.ts";
import { ceilingReasons, errorReasons, latencyReasons, strictReasons } from "./reasons.ts";
import { findFaults, type Samples, sortByTime, sortedLatencies } from "./samples.ts";
import { judgeStrictly } from "./strict.ts";
import { type Reason, type Verdict, worst } from "./verdict.ts";
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
  const figures = { baseline: describeArm(arms.baseline), canary: describeArm(arms.canary) };
  const reasons: Reason[] = [];
  const missing = findMissing(figures, policy, faults);
  if (missing.length > 0) return unjudged(missing, design, look, figures);

  const latency = compareLatency(arms, policy, look, figures);
  const errors: ErrorJudgement = { verdict: "INCONCLUSIVE", evidence: judgeErrors(arms.baseline, arms.canary, policy, look) };
  errors.verdict = toVerdict(errors.evidence!.status);
  const strict = judgeStrictly(pointOf(figures.baseline), pointOf(figures.canary), policy);
  if (policy.mode === "strict") {
    latency.verdict = strict.p95;
    errors.verdict = strict.errorRate;
  }
  const both = figures.baseline.p95Ms !== undefined && figures.canary.p95Ms !== undefined;
  const p95Ms = both ? { baseline: figures.baseline.p95Ms!, canary: figures.canary.p95Ms! } : undefined;
  const gate = judgeEnvironment(circumstances.environment ?? {}, p95Ms, latency.limitRatio ?? policy.maxP95Ratio);
  if (gate.reasons.length > 0 && policy.mode === "guarded") {
    const onlySlower = gate.slower && gate.reasons.length === 1;
    if (latency.verdict === "FAIL" || !onlySlower) latency.verdict = "INCONCLUSIVE";
  }
  const facts = { policy, design, look, figures, latency, errors, strict };
  const ceiling = ceilingReasons(facts);
  reasons.push(...latencyReasons(facts), ...errorReasons(facts), ...ceiling, ...gate.reasons);
  const ceilingVerdict: Verdict = ceiling.some((r) => r.severity === "error")
    ? "FAIL"
    : ceiling.length > 0
      ? "INCONCLUSIVE"
      : "PASS";
  const verdict = worst([latency.verdict, errors.verdict, ceilingVerdict]);
  reasons.push(...strictReasons(facts, verdict));
  return { verdict, reasons: sortReasons(reasons, verdict), design, look, ...figures, latency, errors, strict };
}

/** What both arms' windows and figures lead to; the part that a source of ready-made windows (Prometheus) shares. */
export interface WindowedLatency {
  windows: LatencyWindows;
  widthSeconds: number;
  possible: number;
  limitRatio: number;
  design: Design;
}

/** Judges ready-made windows: enough of them, then the zones. */
export function judgeWindows(source: WindowedLatency, look: Look): LatencyJudgement {
  const blocks = new Set(source.windows.typical.map((w) => w.block)).size;
  const windows = {
    widthSeconds: source.widthSeconds,
    usable: source.windows.typical.length,
    possible: source.possible,
    blocks,
    stall: source.windows.stall.length,
  };
  const enough =
    blocks >= LEAST_BLOCKS && windows.stall >= LEAST_STALL_WINDOWS && windows.usable >= LEAST_USABLE * windows.possible - 1e-9;
  const floor = source.design === "before-after" ? BEFORE_AFTER_FLOOR : INSTANCE_FLOOR;
  const evidence = enough ? judgeLatency(source.windows, Math.log(source.limitRatio), look, floor) : undefined;
  return { verdict: evidence ? toVerdict(evidence.status) : "INCONCLUSIVE", limitRatio: source.limitRatio, evidence, windows };
}

/** The highest allowed ratio for a baseline of this p95: 5 ms on a 6-ms service is ×1.83. */
export function effectiveLimit(policy: Pick<Policy, "maxP95Ratio" | "minP95DeltaMs">, baselineP95Ms: number): number {
  return Math.max(policy.maxP95Ratio, 1 + policy.minP95DeltaMs / baselineP95Ms);
}

function toVerdict(status: "pass" | "fail" | "inconclusive"): Verdict {
  return status === "pass" ? "PASS" : status === "fail" ? "FAIL" : "INCONCLUSIVE";
}

function pointOf(arm: ArmFigures) {
  return { p95Ms: arm.p95Ms, errorRate: arm.requests > 0 ? arm.failures / arm.requests : undefined };
}

function describeArm(samples: Samples): ArmFigures {
  const latencies = sortedLatencies(samples);
  const n = latencies.length;
  const requests = samples.t.length;
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

function findMissing(
  figures: { baseline: ArmFigures; canary: ArmFigures },
  policy: Policy,
  faults: ReturnType<typeof findFaults>,
): Reason[] {
  const reasons: Reason[] = faults.map((fault) => ({
    code: "NON_FINITE",
    metric: fault.kind === "time" ? null : "p95",
    severity: "warning",
    message: `${fault.arm}: ${fault.message}`,
  }));
  for (const arm of ["baseline", "canary"] as const) {
    const { requests } = figures[arm];
    if (requests === 0) {
      reasons.push({ code: "NO_DATA", metric: null, severity: "warning", message: `${arm} has no requests at all` });
    } else if (requests < policy.minSamples) {
      const message = `${arm} has ${requests} requests < ${policy.minSamples} (min-samples)`;
      reasons.push({ code: "LOW_SAMPLES", metric: null, severity: "warning", message });
    }
  }
  return reasons;
}

function unjudged(
  reasons: Reason[],
  design: Design,
  look: Look,
  figures: { baseline: ArmFigures; canary: ArmFigures },
): Judgement {
  const windows = { widthSeconds: 0, usable: 0, possible: 0, blocks: 0, stall: 0 };
  return {
    verdict: "INCONCLUSIVE",
    reasons,
    design,
    look,
    ...figures,
    latency: { verdict: "INCONCLUSIVE", limitRatio: undefined, evidence: undefined, windows },
    errors: { verdict: "INCONCLUSIVE", evidence: undefined },
    strict: { p95: "INCONCLUSIVE", errorRate: "INCONCLUSIVE" },
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
  const typical = cutWindows(b, c, arms.seconds, width);
  const windows = { widthSeconds: width, usable: typical.usable.length, possible: typical.possible, blocks: 0, stall: 0 };
  const baselineP95 = figures.baseline.p95Ms;
  const limitRatio = baselineP95 === undefined || baselineP95 <= 0 ? undefined : effectiveLimit(policy, baselineP95);
  const enough = poorer >= Math.max(LEAST_SUCCESSES_AN_ARM, policy.minSamples);
  if (!enough || limitRatio === undefined) return { verdict: "INCONCLUSIVE", limitRatio, evidence: undefined, windows };
  const stall = cutWindows(b, c, arms.seconds, Math.max(STALL_SECONDS, 2 * width));
  return judgeWindows(
    {
      windows: { typical: typical.usable, stall: stall.usable },
      widthSeconds: width,
      possible: typical.possible,
      limitRatio,
      design: arms.design,
    },
    look,
  );
}

/** The reason that decided comes first: severity, then the order in which they were found. */
function sortReasons(reasons: Reason[], verdict: Verdict): Reason[] {
  const rank = { error: 0, warning: 1, info: 2 };
  const sorted = reasons.toSorted((a, b) => rank[a.severity] - rank[b.severity]);
  if (verdict === "PASS")
    return [{ code: "OK", metric: null, severity: "info", message: "p95 and error rate are within their limits" }, ...sorted];
  return sorted;
}
