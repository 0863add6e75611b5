import { conclude, findMissing, judgeWindows, unjudged } from "./conclude.ts";
import { judgeErrors } from "./errors.ts";
import type { ArmFigures, Circumstances, Judgement, LatencyJudgement } from "./judgement.ts";
import { STALL_SECONDS } from "./latency.ts";
import { mean } from "./location.ts";
import { onlyLook } from "./looks.ts";
import { effectiveLimit, LEAST_SUCCESSES_AN_ARM, type Policy } from "./policy.ts";
import { bySeverity, type Reason, worst } from "./verdict.ts";
import { BLOCK_SECONDS, type Window } from "./windows.ts";

/** Both arms in one step of time, as a monitoring system knows them. */
export interface SeriesWindow {
  /** Seconds on the monitoring system's clock. */
  start: number;
  /** Milliseconds; undefined when the step holds no success. */
  p95Ms: { baseline: number | undefined; canary: number | undefined };
  /** Whether p95 lies above the histogram's largest bound: then `p95Ms` is that bound, and p95 at least that. */
  saturated: { baseline: boolean; canary: boolean };
  requests: { baseline: number; canary: number };
  failures: { baseline: number; canary: number };
}

/** One arm over the whole time, as its histogram knows it. */
export interface WholeArm {
  /** Milliseconds; undefined without a success. */
  p95Ms: number | undefined;
  /** 95 % interval in milliseconds. */
  p95Interval: [number, number] | undefined;
  /** As in a window. */
  saturated: boolean;
  /** Width in milliseconds of the bucket in which p95 lies. */
  bucketMs: number;
}

/** Share of a bucket by which a p95 that is interpolated in it may be off: requests don't lie evenly between two bounds. */
const INTERPOLATION_ERROR = 0.1;

/**
 * Judges windows that a monitoring system has cut: the steps are the windows, their mean over pairs or more is the stall ratio, and
 * the rest is as with requests. Too few windows are INCONCLUSIVE. Where a p95 is only a lower bound nothing passes; the canary's alone
 * may fail, since its p95 can only be higher.
 *
 * @param whole both arms over the whole time, and the largest bound of their histograms in milliseconds
 */
export function judgeSeries(
  windows: readonly SeriesWindow[],
  stepSeconds: number,
  whole: { baseline: WholeArm; canary: WholeArm; largestMs: number | null },
  policy: Policy,
  circumstances: Pick<Circumstances, "environment" | "notes" | "blocking" | "unsure"> = {},
): Judgement {
  const total = (kind: "requests" | "failures", arm: "baseline" | "canary") => windows.reduce((sum, w) => sum + w[kind][arm], 0);
  const figuresOf = (arm: "baseline" | "canary"): ArmFigures => {
    const requests = Math.round(total("requests", arm));
    // Two queries may see a scrape more or less: failures may come out a little above requests.
    const failures = Math.min(requests, Math.round(total("failures", arm)));
    const { p95Ms, p95Interval } = whole[arm];
    return { requests, failures, successes: Math.max(0, requests - failures), p95Ms, p95Interval };
  };
  const figures = { baseline: figuresOf("baseline"), canary: figuresOf("canary") };
  const look = onlyLook(windows.length * stepSeconds);
  const missing = findMissing(figures, policy, []);
  if (missing.length > 0) return unjudged(missing, "interleaved", look, figures, circumstances);
  const origin = windows[0]!.start;
  const blockSeconds = Math.max(BLOCK_SECONDS, stepSeconds);
  const usable: Window[] = windows.flatMap(({ start, p95Ms, saturated }) => {
    // A baseline that may be slower than it seems would make the canary look slower than it is.
    if (saturated.baseline) return [];
    const d = Math.log((p95Ms.canary ?? Number.NaN) / (p95Ms.baseline ?? Number.NaN));
    return Number.isFinite(d)
      ? [{ start: start - origin, d, thinned: [d], block: Math.floor((start - origin + 1e-9) / blockSeconds) }]
      : [];
  });
  const stallSeconds = Math.max(STALL_SECONDS, 2 * stepSeconds);
  const groups = Map.groupBy(usable, (w) => Math.floor((w.start + 1e-9) / stallSeconds));
  const stall = [...groups.entries()].map(([group, list]) => ({
    start: group * stallSeconds,
    block: group,
    d: mean(list.map((w) => w.d)),
    thinned: [],
  }));
  const { p95Ms: baselineP95, bucketMs } = whole.baseline;
  // A difference that interpolation alone makes is none.
  const minP95DeltaMs = policy.minP95DeltaMs + INTERPOLATION_ERROR * bucketMs;
  const limitRatio =
    baselineP95 !== undefined && baselineP95 > 0 ? effectiveLimit({ ...policy, minP95DeltaMs }, baselineP95) : undefined;
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
          figures,
        );
  const counts = {
    requests: { baseline: figures.baseline.requests, canary: figures.canary.requests },
    failures: { baseline: figures.baseline.failures, canary: figures.canary.failures },
    blocks: windows.map((w) => w.failures).filter((failures) => failures.baseline + failures.canary > 0),
  };
  const judgement = conclude({
    policy,
    design: "interleaved",
    look,
    figures,
    latency,
    errors: judgeErrors(counts, policy, look),
    routes: [],
    silence: { baseline: { seconds: 0, longest: undefined }, canary: { seconds: 0, longest: undefined } },
    units: undefined,
    circumstances,
  });
  return withoutGuess(judgement, windows, whole);
}

/** Takes a PASS away that rests on a p95 which the histogram can't tell. */
function withoutGuess(
  judgement: Judgement,
  windows: readonly SeriesWindow[],
  whole: { baseline: WholeArm; canary: WholeArm; largestMs: number | null },
): Judgement {
  const arms = (["baseline", "canary"] as const).flatMap((arm) => {
    const count = windows.filter((window) => window.saturated[arm]).length;
    if (count === 0 && !whole[arm].saturated) return [];
    return [`${arm} in ${count} of ${windows.length} windows${whole[arm].saturated ? " and over all" : ""}`];
  });
  if (arms.length === 0) return judgement;
  const message = `p95 lies above the histogram's largest bucket (${whole.largestMs} ms), where it isn't known: ${arms.join(", ")}. Give the histogram larger buckets.`;
  const reason: Reason = { code: "SATURATED_HISTOGRAM", metric: "p95", severity: "warning", message };
  const latency = {
    ...judgement.latency,
    verdict: judgement.latency.verdict === "PASS" ? ("INCONCLUSIVE" as const) : judgement.latency.verdict,
  };
  const verdict = worst([judgement.verdict, latency.verdict, "INCONCLUSIVE"]);
  const kept = judgement.reasons.filter(({ code }) => code !== "OK");
  return { ...judgement, latency, verdict, reasons: [reason, ...kept].toSorted(bySeverity) };
}
