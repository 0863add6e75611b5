import { z } from "zod";
import { millisecondsSchema, reasonSchema, runSchema, timeSchema, verdictSchema } from "./run.ts";

export const BUDGET_SOURCES = ["prometheus", "cache", "unknown"] as const;

const tierSchema = z.strictObject({
  name: z.string().describe("The tier as it is written in the input, e.g. 80:420"),
  below: z
    .number()
    .nullable()
    .describe(
      "The tier holds below this share of the budget (0–1), null for the first, which holds from the next one's bound up",
    ),
  p95_ms: z.number().positive(),
});

/** `error-budget.json`, what error-budget-threshold writes. */
export const errorBudgetSchema = z
  .strictObject({
    schema_version: z.literal(1),
    kind: z.literal("error-budget"),
    verdict: verdictSchema,
    reasons: z.array(reasonSchema).min(1),
    budget_remaining: z
      .number()
      .max(1)
      .nullable()
      .describe("Share of the error budget that is left: 1 full, 0 exhausted, negative overspent; null when unknown"),
    p95_threshold_ms: z.number().positive().describe("The p95 limit that follows"),
    tier: tierSchema,
    tiers: z.array(tierSchema).min(1),
    source: z.enum(BUDGET_SOURCES),
    on_unknown: z.enum(["strictest", "default", "fail"]),
    query: z.string(),
    unit: z.enum(["ratio", "percent"]),
    sampled_at: timeSchema.nullable().describe("When Prometheus took the sample"),
    sample_age_s: z.number().nonnegative().nullable().describe("Age of the sample when the report was made"),
    cache_age_s: z.number().nonnegative().nullable().describe("How long ago Prometheus was asked; null unless source is cache"),
    burn_rate: z
      .number()
      .nonnegative()
      .nullable()
      .describe("Speed of spending: 1 spends the whole budget in exactly the window; null when unknown"),
    burn_rate_query: z.string(),
    window_days: z.number().positive(),
    exhaustion_hours: z
      .number()
      .nonnegative()
      .nullable()
      .describe("Hours until the budget is exhausted at this burn rate; null when unknown or when nothing burns"),
    smoke: z
      .strictObject({
        path: z.string(),
        p95_ms: millisecondsSchema,
        verdict: verdictSchema.describe("The smoke run's verdict with the p95 limit of the tier in place of its own"),
      })
      .nullable()
      .describe("The smoke summary that was judged under the tier, null when none was given"),
    run: runSchema,
    generated_at: timeSchema,
  })
  .describe("How much error budget is left, and the p95 limit that follows from it");

export type ErrorBudget = z.infer<typeof errorBudgetSchema>;
