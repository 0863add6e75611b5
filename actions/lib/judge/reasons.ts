import type { Design } from "./design.ts";
import type { ArmFigures, ErrorJudgement, LatencyJudgement } from "./judgement.ts";
import type { Look } from "./looks.ts";
import { LEAST_BLOCKS, LEAST_STALL_WINDOWS, LEAST_SUCCESSES_AN_ARM, LEAST_USABLE, type Policy } from "./policy.ts";
import type { RouteJudgement } from "./routes.ts";
import type { Silence } from "./silence.ts";
import type { StrictVerdicts } from "./strict.ts";
import type { Reason, Verdict } from "./verdict.ts";

/** All that the sentences are made of. */
export interface Facts {
  policy: Policy;
  design: Design;
  look: Look;
  figures: { baseline: ArmFigures; canary: ArmFigures };
  latency: LatencyJudgement;
  errors: ErrorJudgement;
  strict: StrictVerdicts;
  routes: readonly RouteJudgement[];
  silence: { baseline: Silence; canary: Silence };
}

export const ms = (value: number | undefined) => (value === undefined ? "no p95" : `${value.toFixed(1)} ms`);
export const times = (value: number) => `×${value.toFixed(3)}`;
export const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

/** The two p95, without a ratio of their own: the judged one stands beside them. */
function p95Pair({ figures }: Facts): string {
  return `p95 ${ms(figures.canary.p95Ms)} against ${ms(figures.baseline.p95Ms)}`;
}

/** The ratio of the two p95 as the bare rule sees it. */
function bareRatio({ figures: { baseline, canary } }: Facts): string {
  return canary.p95Ms === undefined || !baseline.p95Ms ? "no ratio" : times(canary.p95Ms / baseline.p95Ms);
}

/** What the judged ratio is one of. */
const KINDS = {
  typical: "typical ratio",
  stall: "mean ratio over stalls",
  pooled: "ratio of the whole run",
} as const;

/** The highest allowed ratio, and where `min-p95-delta-ms` made it so high, how. */
export function limitText({ policy, latency }: Pick<Facts, "policy" | "latency">): string {
  const limit = latency.limitRatio ?? policy.maxP95Ratio;
  const raised =
    limit > policy.maxP95Ratio ? ` (min-p95-delta-ms: ${policy.minP95DeltaMs} ms; max-p95-ratio is ×${policy.maxP95Ratio})` : "";
  return `${times(limit)}${raised}`;
}

/** What the latency verdict rests on. */
export function latencyReasons(facts: Facts): Reason[] {
  const { policy, latency, design, strict } = facts;
  const reason = (code: Reason["code"], severity: Reason["severity"], message: string): Reason => ({
    code,
    metric: "p95",
    severity,
    message,
  });
  const reasons: Reason[] = [];
  if (policy.mode === "strict") {
    if (strict.p95 === "FAIL") {
      reasons.push(
        reason(
          "P95_RATIO_EXCEEDED",
          "error",
          `${bareRatio(facts)} > ×${policy.maxP95Ratio} and more than ${policy.minP95DeltaMs} ms slower: ${p95Pair(facts)}`,
        ),
      );
    }
    if (strict.p95 === "INCONCLUSIVE") reasons.push(...noData(facts));
  } else if (latency.evidence === undefined) {
    reasons.push(...tooLittle(facts));
  } else {
    reasons.push(...zoneReasons(facts, reason));
    if (design === "before-after") {
      reasons.push(
        reason(
          "ENVIRONMENT",
          "warning",
          "the arms ran one after the other: a change of the machine or its load in between looks like the canary's",
        ),
      );
    }
  }
  const { baseline, canary } = facts.figures;
  if (baseline.p95Ms !== undefined && canary.p95Ms !== undefined && baseline.p95Ms > 0) {
    const delta = canary.p95Ms - baseline.p95Ms;
    if (canary.p95Ms / baseline.p95Ms > policy.maxP95Ratio && delta <= policy.minP95DeltaMs) {
      reasons.push(
        reason(
          "BELOW_ABSOLUTE_MINIMUM",
          "info",
          `${p95Pair(facts)} is above ×${policy.maxP95Ratio}, but only ${delta.toFixed(2)} ms ≤ ${policy.minP95DeltaMs} ms (min-p95-delta-ms) slower`,
        ),
      );
    }
  }
  return reasons;
}

/** Why the evidence fails, doesn't tell, or is held back; nothing when it passes. */
function zoneReasons(
  facts: Facts,
  reason: (code: Reason["code"], severity: Reason["severity"], message: string) => Reason,
): Reason[] {
  const { latency } = facts;
  const evidence = latency.evidence!;
  const { kind, ratio, interval } = evidence.judged;
  const shown = `${KINDS[kind]} ${times(ratio)} (95 %: ${times(interval[0])} to ${times(interval[1])})`;
  const limit = limitText(facts);
  if (evidence.status === "fail") {
    const held = latency.verdict === "FAIL" ? "" : "; held back, see the other reasons";
    const stretch = evidence.failed === "episode" ? "; the canary was far slower for half a minute or more" : "";
    const severity = latency.verdict === "FAIL" ? "error" : "warning";
    return [reason("P95_RATIO_EXCEEDED", severity, `${shown} > ${limit}; ${p95Pair(facts)}${stretch}${held}`)];
  }
  if (evidence.status === "pass") return [];
  if (kind === "pooled") {
    const message = `${shown} contradicts the windows' typical ratio ${times(Math.exp(evidence.typical.est))}: for a part of the run the canary was far above ${limit}; ${p95Pair(facts)}`;
    return [reason("NOT_SIGNIFICANT", "warning", message)];
  }
  const see = `this run would detect ${times(evidence.minDetectableRatio)}`;
  return [reason("NOT_SIGNIFICANT", "warning", `${shown}: neither surely above nor surely under ${limit}; ${see}`)];
}

function noData({ figures }: Facts): Reason[] {
  return (["baseline", "canary"] as const)
    .filter((arm) => figures[arm].p95Ms === undefined)
    .map((arm) => ({
      code: "NO_DATA",
      metric: "p95",
      severity: "warning",
      message: `${arm}: none of ${figures[arm].requests} requests succeeded, so it has no latency`,
    }));
}

function tooLittle(facts: Facts): Reason[] {
  const nothing = noData(facts);
  if (nothing.length > 0) return nothing;
  const { figures, latency, policy } = facts;
  if (latency.limitRatio === undefined) {
    return [
      {
        code: "BASELINE_ZERO",
        metric: "p95",
        severity: "warning",
        message: "the baseline's p95 is 0 ms: no ratio can be taken. Use a finer clock.",
      },
    ];
  }
  const least = Math.max(LEAST_SUCCESSES_AN_ARM, policy.minSamples);
  const poor = (["baseline", "canary"] as const).filter((arm) => figures[arm].successes < least);
  const { windows } = latency;
  const messages = poor.map(
    (arm) => `${arm} has ${figures[arm].successes} successes < ${least}, the least for a verdict on latency`,
  );
  if (messages.length === 0) {
    if (windows.usable < LEAST_USABLE * windows.possible) {
      messages.push(
        `${windows.usable} of ${windows.possible} windows hold both arms < ${LEAST_USABLE * 100} %: a hole in the data`,
      );
    }
    if (windows.blocks < LEAST_BLOCKS) messages.push(`${windows.blocks} blocks of time < ${LEAST_BLOCKS}: run longer`);
    if (windows.stall < LEAST_STALL_WINDOWS) messages.push(`${windows.stall} stall windows < ${LEAST_STALL_WINDOWS}: run longer`);
  }
  return messages.map((message) => ({ code: "LOW_SAMPLES", metric: "p95", severity: "warning", message }));
}

/** What the errors' verdict rests on. */
export function errorReasons({ policy, errors, figures }: Facts): Reason[] {
  const { evidence } = errors;
  if (!evidence) return [];
  const reason = (code: Reason["code"], severity: Reason["severity"], message: string): Reason => ({
    code,
    metric: "error_rate",
    severity,
    message,
  });
  const { baseline, canary } = figures;
  const pair = `errors ${percent(evidence.canaryRate)} (${canary.failures} of ${canary.requests}) against ${percent(evidence.baselineRate)} (${baseline.failures} of ${baseline.requests})`;
  const limit = `${percent(evidence.limit)} = max(${policy.maxErrorRatio} × baseline, ${policy.minErrorRate})`;
  const reasons: Reason[] = [];
  if (errors.verdict === "FAIL") {
    const steady = evidence.steady
      ? ": without the worst 10 s of each arm, whose burst hides it, the canary fails surely more than it may"
      : "";
    reasons.push(reason("ERROR_RATE_EXCEEDED", "error", evidence.steady ? `${pair}${steady}` : `${pair} > ${limit}`));
  }
  if (errors.verdict === "INCONCLUSIVE") {
    reasons.push(reason("NOT_SIGNIFICANT", "warning", `${pair}: neither surely above nor surely under ${limit}`));
  }
  if (baseline.failures === 0 && canary.failures > 0) {
    reasons.push(
      reason(
        "BASELINE_ZERO",
        "info",
        `the baseline has no errors, so there is no ratio: ${policy.minErrorRate} (min-error-rate) is the limit`,
      ),
    );
  }
  if (
    baseline.failures > 0 &&
    evidence.canaryRate > policy.maxErrorRatio * evidence.baselineRate &&
    evidence.canaryRate <= policy.minErrorRate
  ) {
    reasons.push(
      reason("BELOW_ABSOLUTE_MINIMUM", "info", `${pair}, above the ratio but ≤ ${policy.minErrorRate} (min-error-rate)`),
    );
  }
  return reasons;
}

/** Why a guarded judgement differs from the bare rule's, where no other reason says so. */
export function strictReasons(facts: Facts, verdict: Verdict): Reason[] {
  const { policy, strict, latency, errors } = facts;
  if (policy.mode === "strict") return [];
  const reasons: Reason[] = [];
  if (latency.verdict === "PASS" && strict.p95 === "FAIL") {
    const message = `the bare rule would fail: ${bareRatio(facts)} > ×${policy.maxP95Ratio}. Window by window the canary isn't that much slower.`;
    reasons.push({ code: "NOT_SIGNIFICANT", metric: "p95", severity: "info", message });
  }
  if (latency.verdict === "FAIL" && strict.p95 === "PASS") {
    const message = `the bare rule would pass: ${bareRatio(facts)}. Window by window the canary is slower than that.`;
    reasons.push({ code: "NOT_SIGNIFICANT", metric: "p95", severity: "info", message });
  }
  if (errors.verdict === "INCONCLUSIVE" && strict.errorRate === "FAIL" && verdict !== "FAIL") {
    const message = "the bare rule would fail on errors; so few failures can fall so by chance";
    reasons.push({ code: "NOT_SIGNIFICANT", metric: "error_rate", severity: "info", message });
  }
  return reasons;
}
