import { z } from "zod";
import { VERDICTS } from "./verdict.ts";

/** Every reason code of every report, defined here and nowhere else. */
export const REASON_CODES = [
  "OK",
  "P95_RATIO_EXCEEDED",
  "P95_CEILING_EXCEEDED",
  "ERROR_RATE_EXCEEDED",
  "BELOW_ABSOLUTE_MINIMUM",
  "NOT_SIGNIFICANT",
  "LOW_SAMPLES",
  "NO_DATA",
  "NON_FINITE",
  "QUERY_ERROR",
  "MULTIPLE_SERIES",
  "STALE_DATA",
  "BASELINE_ZERO",
  "SPLIT_MISMATCH",
  "ARM_NOT_ATTESTED",
  "LOAD_NOT_DELIVERED",
  "ENVIRONMENT",
  "BUDGET_UNKNOWN",
  "BUDGET_LOW",
  "BUDGET_EXHAUSTED",
  "FAST_BURN",
  "SCRIPT_ERROR",
  "SCRIPT_THRESHOLD_CROSSED",
  "CANCELLED",
  "OVERRIDDEN",
  "INTERNAL_ERROR",
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

export const verdictSchema = z.enum(VERDICTS).describe("What the gate says");

export const reasonSchema = z
  .strictObject({
    code: z.enum(REASON_CODES),
    metric: z.string().nullable().describe("What was measured, null when the reason is about the run as a whole"),
    severity: z.enum(["error", "warning", "info"]),
    message: z.string().describe("One sentence with the numbers"),
  })
  .describe("One reason for the verdict");
export type Reason = z.infer<typeof reasonSchema>;

export const runSchema = z
  .strictObject({
    repository: z.string().nullable(),
    run_id: z.int().positive().nullable(),
    run_attempt: z.int().positive().nullable(),
    sha: z.string().nullable(),
    ref: z.string().nullable(),
    workflow: z.string().nullable(),
    job: z.string().nullable(),
    event: z.string().nullable(),
  })
  .describe("The run of GitHub Actions that made the report; all null elsewhere");

/** A time in UTC with milliseconds, as `Date.toISOString` writes it. */
export const timeSchema = z.iso.datetime().describe("ISO 8601, UTC");

/** Milliseconds, null when it could not be measured. */
export const millisecondsSchema = z.number().nonnegative().nullable();

/** A ratio from 0 to 1, null when it could not be measured. */
export const ratioSchema = z.number().min(0).max(1).nullable();
