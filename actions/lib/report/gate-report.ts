import { z } from "zod";
import { SEVERITIES } from "../judge/verdict.ts";
import { runSchema, timeSchema, verdictSchema } from "./run.ts";

/**
 * What the reports of all gates have in common. Of kinds that have no card of their own in the summary nothing else is read, so
 * each may hold more.
 */
const gateReportSchema = z.object({
  schema_version: z.literal(1),
  verdict: verdictSchema,
  decision: z.string().max(40).nullish(),
  summary: z.string().nullish(),
  reasons: z.array(
    z.object({
      code: z.string().max(80),
      severity: z.enum(SEVERITIES),
      message: z.string(),
    }),
  ),
  run: runSchema,
  generated_at: timeSchema.nullish(),
});

/** The part of a gate's report that every gate writes. */
export type GateReport = z.infer<typeof gateReportSchema>;

/** `rollout-report-<timestamp>.json`, as far as the summary needs it. */
export const rolloutReportSchema = gateReportSchema.extend({ kind: z.literal("rollout-report") });
/** `migration-report.json`, as far as the summary needs it. */
export const migrationReportSchema = gateReportSchema.extend({ kind: z.literal("migration-report") });
