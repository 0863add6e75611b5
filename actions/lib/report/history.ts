import { z } from "zod";
import type { CanaryReport } from "./canary-report.ts";
import { millisecondsSchema, ratioSchema, timeSchema, verdictSchema } from "./run.ts";
import type { SmokeSummary } from "./smoke-summary.ts";

/** Text from a file that other runs wrote: bounded, so that a report stays a report. */
const short = z.string().max(200).nullable();

export const historyPointSchema = z.strictObject({
  run_id: z.int().positive().nullable(),
  run_attempt: z.int().positive().nullable(),
  sha: short,
  ref: short,
  at: timeSchema,
  verdict: verdictSchema,
  p95_ms: millisecondsSchema.describe("Of the smoke run, else of the canary arm; null when neither was measured"),
  p95_limit_ms: z.number().positive().nullable(),
  error_rate: ratioSchema,
  p95_ratio: z.number().positive().nullable().describe("Canary ÷ baseline, null without a comparison"),
});

/** One run in the history. */
export type HistoryPoint = z.infer<typeof historyPointSchema>;

/** Enough for any `history` input, and small enough to carry along in each artifact. */
export const LONGEST_HISTORY = 100;

/** `history.json`, what publish-summary keeps in its artifact for the runs that follow. */
export const historySchema = z
  .strictObject({
    schema_version: z.literal(1),
    kind: z.literal("performance-history"),
    points: z.array(historyPointSchema).max(LONGEST_HISTORY).describe("Oldest first, this run last"),
  })
  .describe("The last runs of a branch, for the history in reports");

export type History = z.infer<typeof historySchema>;

/** The point of this run; undefined when nothing was measured. */
export function pointOf(
  smoke: SmokeSummary | undefined,
  canary: CanaryReport | undefined,
  verdict: HistoryPoint["verdict"],
): HistoryPoint | undefined {
  const source = smoke ?? canary;
  if (source === undefined) return undefined;
  const p95 = canary?.metrics.find((metric) => metric.name === "p95");
  const errors = canary?.metrics.find((metric) => metric.name === "error_rate");
  const { run_id, run_attempt, sha, ref } = source.run;
  return {
    run_id,
    run_attempt,
    sha: sha?.slice(0, 200) ?? null,
    ref: ref?.slice(0, 200) ?? null,
    at: smoke?.started_at ?? canary!.generated_at,
    verdict,
    p95_ms: smoke === undefined ? nonNegative(p95?.canary.value) : smoke.p95_ms,
    p95_limit_ms: smoke?.thresholds.p95_ms ?? null,
    error_rate: smoke === undefined ? share(errors?.canary.value) : smoke.error_rate,
    p95_ratio: positive(p95?.ratio),
  };
}

/**
 * Joins histories: each run once (its last attempt), oldest first, the newest `length` of them.
 *
 * @param lists histories in any order
 */
export function mergeHistory(lists: readonly (readonly HistoryPoint[])[], length: number): HistoryPoint[] {
  const byRun = new Map<string, HistoryPoint>();
  for (const point of lists.flat()) {
    const key = point.run_id === null ? `${point.at} ${point.sha}` : String(point.run_id);
    const former = byRun.get(key);
    if (former === undefined || (point.run_attempt ?? 0) >= (former.run_attempt ?? 0)) byRun.set(key, point);
  }
  const points = [...byRun.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return length === 0 ? [] : points.slice(-length);
}

function nonNegative(value: number | null | undefined): number | null {
  return value === null || value === undefined || value < 0 ? null : value;
}

function positive(value: number | null | undefined): number | null {
  return value === null || value === undefined || value <= 0 ? null : value;
}

function share(value: number | null | undefined): number | null {
  return value === null || value === undefined || value < 0 || value > 1 ? null : value;
}
