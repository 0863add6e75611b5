import type { CanaryReport } from "../../lib/report/canary-report.ts";
import type { Recording } from "../samples/recording.ts";

/**
 * All that a report is made of besides the samples: the part of the report that was measured or chosen, not concluded. A report is a
 * function of these and the samples, which is what makes a replay possible.
 */
export type Facts = Pick<
  CanaryReport,
  | "run"
  | "generated_at"
  | "environment"
  | "baseline"
  | "canary"
  | "traffic"
  | "error_budget"
  | "self_check"
  | "policy"
  | "inputs"
  | "observations"
>;

/** What one source of samples found. */
export interface Observed {
  arms: { baseline: Recording; canary: Recording };
  facts: Pick<Facts, "environment" | "baseline" | "canary" | "traffic" | "observations">;
}

/** The last bit of a measured number is noise: six decimals are kept. */
export function rounded(value: number): number;
export function rounded(value: number | undefined): number | null;
export function rounded(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Math.round(value * 1e6) / 1e6;
}
