import { z } from "zod";
import { millisecondsSchema, ratioSchema, reasonSchema, runSchema, timeSchema, verdictSchema } from "./run.ts";

const count = z.int().nonnegative();

/** `smoke-summary.json`, what k6-smoke writes. */
export const smokeSummarySchema = z
  .strictObject({
    schema_version: z.literal(1),
    kind: z.literal("smoke-summary"),
    verdict: verdictSchema,
    reasons: z.array(reasonSchema).min(1),
    target: z.string().exactOptional().describe("Base URL under test, without user, password and query"),
    p95_ms: millisecondsSchema.describe("95th percentile of the latency of successful responses, type 7"),
    p50_ms: millisecondsSchema,
    p99_ms: millisecondsSchema,
    error_rate: ratioSchema.describe("Failed requests ÷ requests"),
    rps: z.number().nonnegative().nullable().describe("Requests started ÷ seconds"),
    requests: count.describe("Requests that were sent, those without an answer among them"),
    unanswered: count.exactOptional().describe("Requests without an answer by the end of the run; they count as failed"),
    failures: z
      .array(z.strictObject({ route: z.string(), what: z.string(), count }))
      .exactOptional()
      .describe("The ways in which requests failed, the most frequent first"),
    dropped_iterations: count.describe("Iterations that k6 should have started and could not"),
    checks: z.strictObject({ passed: count, failed: count }),
    duration_s: z.number().nonnegative().nullable().describe("Seconds in which requests were started"),
    thresholds: z.strictObject({
      p95_ms: z.number().positive(),
      error_rate: z.number().min(0).max(1),
      check_failure_rate: z.number().min(0).max(1).exactOptional(),
      min_rps: z.number().nonnegative(),
      source: z
        .enum(["input", "default"])
        .describe("Where the p95 limit comes from: default when it is the action's default, else input"),
    }),
    routes: z.array(
      z.strictObject({
        name: z.string(),
        requests: count,
        p95_ms: millisecondsSchema,
        error_rate: ratioSchema,
      }),
    ),
    k6: z.strictObject({
      version: z.string().nullable(),
      exit_code: z.int().nullable().describe("null when a signal ended k6"),
      script_sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullable(),
      cpu_share: ratioSchema.exactOptional().describe("CPU time of k6 as a share of what it may use; null when not known"),
    }),
    run: runSchema,
    started_at: timeSchema,
    ended_at: timeSchema,
  })
  .describe("Result of one smoke run: k6 at a constant arrival rate, judged against absolute limits");

export type SmokeSummary = z.infer<typeof smokeSummarySchema>;
