import { conclude, effectiveLimit, findMissing, judgeWindows, unjudged } from "./conclude.ts";
import { judgeErrors } from "./errors.ts";
import {
  type ArmFigures,
  type Circumstances,
  type Judgement,
  type LatencyJudgement,
  LEAST_SUCCESSES_AN_ARM,
  type Policy,
} from "./judgement.ts";
import { STALL_SECONDS } from "./latency.ts";
import { mean } from "./location.ts";
import { onlyLook } from "./looks.ts";
import { BLOCK_SECONDS, type Window } from "./windows.ts";

/** Both arms in one step of time, as a monitoring system knows them. */
export interface SeriesWindow {
  /** Seconds on the monitoring system's clock. */
  start: number;
  /** Milliseconds; undefined when the step holds no success. */
  p95Ms: { baseline: number | undefined; canary: number | undefined };
  requests: { baseline: number; canary: number };
  failures: { baseline: number; canary: number };
}

/**
 * Judges windows that a monitoring system has cut: the steps are the windows, their mean over pairs or more is the stall ratio, and
 * the rest is as with requests. Too few windows are INCONCLUSIVE.
 *
 * @param overall p95 of the whole time in milliseconds
 */
export function judgeSeries(
  windows: readonly SeriesWindow[],
  stepSeconds: number,
  overall: { baseline: number | undefined; canary: number | undefined },
  policy: Policy,
  circumstances: Pick<Circumstances, "environment" | "notes" | "blocking" | "unsure"> = {},
): Judgement {
  const total = (kind: "requests" | "failures", arm: "baseline" | "canary") => windows.reduce((sum, w) => sum + w[kind][arm], 0);
  const figuresOf = (arm: "baseline" | "canary"): ArmFigures => {
    const requests = Math.round(total("requests", arm));
    // Prometheus extrapolates counts: failures may come out a little above requests.
    const failures = Math.min(requests, Math.round(total("failures", arm)));
    return { requests, failures, successes: Math.max(0, requests - failures), p95Ms: overall[arm], p95Interval: undefined };
  };
  const figures = { baseline: figuresOf("baseline"), canary: figuresOf("canary") };
  const look = onlyLook(windows.length * stepSeconds);
  const missing = findMissing(figures, policy, []);
  if (missing.length > 0) return unjudged(missing, "interleaved", look, figures, circumstances);
  const origin = windows[0]!.start;
  const blockSeconds = Math.max(BLOCK_SECONDS, stepSeconds);
  const usable: Window[] = windows.flatMap(({ start, p95Ms }) => {
    const d = Math.log((p95Ms.canary ?? Number.NaN) / (p95Ms.baseline ?? Number.NaN));
    return Number.isFinite(d) ? [{ start: start - origin, d, block: Math.floor((start - origin + 1e-9) / blockSeconds) }] : [];
  });
  const stallSeconds = Math.max(STALL_SECONDS, 2 * stepSeconds);
  const groups = Map.groupBy(usable, (w) => Math.floor((w.start + 1e-9) / stallSeconds));
  const stall = [...groups.entries()].map(([group, list]) => ({
    start: group * stallSeconds,
    block: group,
    d: mean(list.map((w) => w.d)),
  }));
  const limitRatio =
    overall.baseline !== undefined && overall.baseline > 0 ? effectiveLimit(policy, overall.baseline) : undefined;
  const poorer = Math.min(figures.baseline.successes, figures.canary.successes);
  const counted = { widthSeconds: stepSeconds, usable: usable.length, possible: windows.length, blocks: 0, stall: stall.length };
  const latency: LatencyJudgement =
    limitRatio === undefined || poorer < Math.max(LEAST_SUCCESSES_AN_ARM, policy.minSamples)
      ? { verdict: "INCONCLUSIVE", limitRatio, evidence: undefined, windows: counted }
      : judgeWindows(
          {
            windows: { typical: usable, stall },
            widthSeconds: stepSeconds,
            possible: windows.length,
            limitRatio,
            design: "interleaved",
          },
          look,
        );
  const counts = {
    requests: { baseline: figures.baseline.requests, canary: figures.canary.requests },
    failures: { baseline: figures.baseline.failures, canary: figures.canary.failures },
    blocks: windows.map((w) => w.failures).filter((failures) => failures.baseline + failures.canary > 0),
  };
  return conclude({
    policy,
    design: "interleaved",
    look,
    figures,
    latency,
    errors: judgeErrors(counts, policy, look),
    circumstances,
  });
}
