/** What the evidence says, from best to worst. Missing evidence is INCONCLUSIVE, never PASS. */
export const VERDICTS = ["PASS", "INCONCLUSIVE", "FAIL"] as const;
/** One of {@link VERDICTS}. */
export type Verdict = (typeof VERDICTS)[number];
/** What to do about it. */
export type Decision = "PROCEED" | "ROLLBACK" | "HOLD";
/** What to do when the evidence doesn't tell. */
export type OnInconclusive = "hold" | "rollback" | "proceed";
/** Where a rise of p95 comes from. */
export type CauseClass = "canary" | "environment" | "upstream" | "unknown";

/** Every reason code of every gate and report, defined here and nowhere else. */
export const REASON_CODES = [
  "OK",
  "P95_RATIO_EXCEEDED",
  "P95_CEILING_EXCEEDED",
  "ERROR_RATE_EXCEEDED",
  "ERROR_CEILING_EXCEEDED",
  "CHECKS_FAILED",
  "UNANSWERED",
  "THRESHOLD_CROSSED",
  "METRIC_EXCEEDED",
  "BELOW_ABSOLUTE_MINIMUM",
  "NOT_SIGNIFICANT",
  "LOW_SAMPLES",
  "NO_DATA",
  "NON_FINITE",
  "QUERY_ERROR",
  "MULTIPLE_SERIES",
  "STALE_DATA",
  "PARTIAL_DATA",
  "IDENTICAL_SAMPLES",
  "SATURATED_HISTOGRAM",
  "LABEL_ABSENT",
  "BASELINE_ZERO",
  "SPLIT_MISMATCH",
  "ARM_NOT_ATTESTED",
  "SAME_RELEASE",
  "WRONG_HOST",
  "TRAFFIC_BROKEN",
  "LOAD_NOT_DELIVERED",
  "ENVIRONMENT",
  "BUDGET_UNKNOWN",
  "BUDGET_LOW",
  "BUDGET_EXHAUSTED",
  "FAST_BURN",
  "SCRIPT_ERROR",
  "CANCELLED",
  "OVERRIDDEN",
  "INTERNAL_ERROR",
] as const;
/** One of {@link REASON_CODES}. */
export type ReasonCode = (typeof REASON_CODES)[number];

/** Codes that say that something could not be seen: not weak evidence, but a fault to mend. */
const BLIND_CODES: ReadonlySet<ReasonCode> = new Set([
  "NO_DATA",
  "NON_FINITE",
  "QUERY_ERROR",
  "MULTIPLE_SERIES",
  "STALE_DATA",
  "PARTIAL_DATA",
  "IDENTICAL_SAMPLES",
  "SATURATED_HISTOGRAM",
  "LABEL_ABSENT",
  "SPLIT_MISMATCH",
  "ARM_NOT_ATTESTED",
  "SAME_RELEASE",
  "WRONG_HOST",
  "TRAFFIC_BROKEN",
  "SCRIPT_ERROR",
  "INTERNAL_ERROR",
]);

/** How much a reason weighs, the heaviest first: `error` fails, `warning` keeps from passing or must be read, `info` explains. */
export const SEVERITIES = ["error", "warning", "info"] as const;
/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

/** How a verdict is marked in a comment, a summary or a log. */
export const MARKS: Readonly<Record<Verdict, string>> = { PASS: "✅", INCONCLUSIVE: "⚠️", FAIL: "❌" };

/** One thing that speaks for the verdict, or that a reader must know. */
export interface Reason {
  code: ReasonCode;
  /** What was measured, null when the reason is about the run as a whole. */
  metric: string | null;
  severity: Severity;
  /** One sentence with the numbers. */
  message: string;
}

/** Sorts reasons by weight, the heaviest first; `toSorted` keeps the order of equals. */
export function bySeverity(a: Pick<Reason, "severity">, b: Pick<Reason, "severity">): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);
}

/** Whether the reason says that something could not be seen. An `info` only explains, so it never does. */
export function isBlind({ code, severity }: Pick<Reason, "code" | "severity">): boolean {
  return severity !== "info" && BLIND_CODES.has(code);
}

/** Sorts verdicts, the worst first. */
export function byVerdict(a: Verdict, b: Verdict): number {
  return VERDICTS.indexOf(b) - VERDICTS.indexOf(a);
}

/** The worst of several verdicts; of nothing INCONCLUSIVE, since nothing was judged. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  return [...verdicts].sort(byVerdict)[0] ?? "INCONCLUSIVE";
}

/** When a verdict makes the step fail: input `fail-on` of every gate. The first is the default: green means PASS and nothing else. */
export const FAIL_ON = ["fail-or-inconclusive", "fail", "never"] as const;
/** One of {@link FAIL_ON}. */
export type FailOn = (typeof FAIL_ON)[number];

/**
 * Exit code of a gate.
 *
 * @param blind something could not be seen (the script failed, the answer was cut off, the run was cancelled): a fault to mend, not
 *   weak evidence, so it fails the step unless `failOn` is `never`
 */
export function exitCode(verdict: Verdict, failOn: FailOn, blind = false): 0 | 1 {
  if (failOn === "never") return 0;
  if (verdict === "FAIL" || blind) return 1;
  return verdict === "INCONCLUSIVE" && failOn === "fail-or-inconclusive" ? 1 : 0;
}

/** What to do, and whether the answer overrides what INCONCLUSIVE means by itself. */
export interface Decided {
  decision: Decision;
  override: Reason | undefined;
}

/**
 * Turns a verdict into a decision. A FAIL whose cause lies outside the canary holds: rolling back wouldn't help.
 */
export function decide(verdict: Verdict, onInconclusive: OnInconclusive, cause: CauseClass): Decided {
  if (verdict === "PASS") return { decision: "PROCEED", override: undefined };
  if (verdict === "FAIL") {
    return { decision: cause === "environment" || cause === "upstream" ? "HOLD" : "ROLLBACK", override: undefined };
  }
  if (onInconclusive === "hold") return { decision: "HOLD", override: undefined };
  const decision = onInconclusive === "proceed" ? "PROCEED" : "ROLLBACK";
  const message = `on-inconclusive: ${onInconclusive} turned HOLD into ${decision}; the verdict stays INCONCLUSIVE`;
  return { decision, override: { code: "OVERRIDDEN", metric: null, severity: "warning", message } };
}
