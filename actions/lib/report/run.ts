import { z } from "zod";
import { REASON_CODES, SEVERITIES, VERDICTS } from "../judge/verdict.ts";

export const verdictSchema = z.enum(VERDICTS).describe("What the gate says");

export const reasonSchema = z
  .strictObject({
    code: z.enum(REASON_CODES),
    metric: z.string().nullable().describe("What was measured, null when the reason is about the run as a whole"),
    severity: z.enum(SEVERITIES),
    message: z.string().describe("One sentence with the numbers"),
  })
  .describe("One reason for the verdict");

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
