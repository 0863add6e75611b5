/** What the evidence says. */
export type Verdict = "PASS" | "FAIL" | "INCONCLUSIVE";
/** What to do about it. */
export type Decision = "PROCEED" | "ROLLBACK" | "HOLD";
/** What to do when the evidence doesn't tell. */
export type OnInconclusive = "hold" | "rollback" | "proceed";
/** Where a rise of p95 comes from. */
export type CauseClass = "canary" | "environment" | "upstream" | "unknown";

/** Codes that the judge can give: a part of the list that reports know. */
export const JUDGE_CODES = [
  "OK",
  "P95_RATIO_EXCEEDED",
  "P95_CEILING_EXCEEDED",
  "ERROR_RATE_EXCEEDED",
  "BELOW_ABSOLUTE_MINIMUM",
  "NOT_SIGNIFICANT",
  "LOW_SAMPLES",
  "NO_DATA",
  "NON_FINITE",
  "BASELINE_ZERO",
  "SPLIT_MISMATCH",
  "LOAD_NOT_DELIVERED",
  "ENVIRONMENT",
  "OVERRIDDEN",
] as const;
/** One of {@link JUDGE_CODES}. */
export type JudgeCode = (typeof JUDGE_CODES)[number];

/** One thing that speaks for the verdict, or that a reader must know. */
export interface Reason {
  code: JudgeCode;
  /** The metric it is about, null for the run as a whole. */
  metric: "p95" | "error_rate" | null;
  /** `error` fails, `warning` keeps from passing or must be read, `info` explains. */
  severity: "error" | "warning" | "info";
  message: string;
}

const ORDER: readonly Verdict[] = ["PASS", "INCONCLUSIVE", "FAIL"];

/** The verdict of several: FAIL before INCONCLUSIVE before PASS; nothing judged is INCONCLUSIVE. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.length === 0) return "INCONCLUSIVE";
  return verdicts.reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a));
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
