import { join } from "node:path";
import { exitCode, type Verdict, worst } from "../lib/judge/verdict.ts";
import { askBudget, type BudgetAnswer, type BudgetReading, decide, decideUnknown } from "../lib/prometheus/budget.ts";
import { PrometheusClient } from "../lib/prometheus/client.ts";
import type { Tier } from "../lib/prometheus/tiers.ts";
import type { ErrorBudget } from "../lib/report/error-budget.ts";
import { smokeSummarySchema } from "../lib/report/smoke-summary.ts";
import { readUntrusted } from "../lib/report/untrusted.ts";
import { runContext } from "../lib/runner/context.ts";
import { writeJsonAtomically } from "../lib/runner/files.ts";
import { noteReport } from "../lib/runner/gates.ts";
import { maskSecrets, splitUrlPassword } from "../lib/runner/log.ts";
import { setOutputs } from "../lib/runner/outputs.ts";
import { writeJobSummary } from "../lib/runner/summary.ts";
import { BudgetCache } from "./cache.ts";
import { announce, summarySections } from "./display.ts";
import { type Inputs, loadInputs } from "./inputs.ts";
import { judgeSmoke } from "./smoke.ts";

/** Runs the action once. @returns the exit code of the step */
export async function main(environment: Readonly<Record<string, string | undefined>> = process.env): Promise<0 | 1> {
  // Before anything can be logged: a wrong URL is quoted in the message about it.
  maskSecrets([environment["INPUT_PROMETHEUS-TOKEN"], splitUrlPassword(environment["INPUT_PROMETHEUS-URL"] ?? "").password]);
  const inputs = loadInputs(environment);
  maskSecrets(Object.values(inputs.prometheusHeaders));

  const found = await findBudget(inputs, environment);
  const now = new Date();
  const decision = found.answer.known
    ? decide(found.answer.reading, inputs.tiers, inputs.windowDays, inputs.onExhausted)
    : decideUnknown(inputs.onUnknown, inputs.tiers, found.answer.reasons);
  const smoke =
    inputs.summaryPath === ""
      ? undefined
      : judgeSmoke(inputs.summaryPath, await readUntrusted(inputs.summaryPath, smokeSummarySchema), decision.tier);

  const refused = decision.reasons.some((reason) => reason.severity === "error");
  const budgetVerdict: Verdict = refused ? "FAIL" : found.answer.known ? "PASS" : "INCONCLUSIVE";
  const verdict = smoke === undefined ? budgetVerdict : worst([smoke.smoke.verdict, refused ? "FAIL" : "PASS"]);
  const reading = found.answer.known ? found.answer.reading : undefined;
  const report: ErrorBudget = {
    schema_version: 1,
    kind: "error-budget",
    verdict,
    reasons: [...(smoke?.reasons ?? []), ...decision.reasons, ...(found.answer.known ? found.answer.notes : [])],
    budget_remaining: reading?.remaining ?? null,
    p95_threshold_ms: decision.tier.p95Ms,
    tier: reportTier(decision.tier),
    tiers: inputs.tiers.map(reportTier),
    source: reading === undefined ? "unknown" : found.cached ? "cache" : "prometheus",
    on_unknown: inputs.onUnknown,
    query: inputs.query,
    unit: inputs.unit,
    sampled_at: reading?.sampledAt ?? null,
    sample_age_s: reading === undefined ? null : secondsSince(reading.sampledAt, now),
    cache_age_s: reading !== undefined && found.cached ? secondsSince(reading.askedAt, now) : null,
    burn_rate: reading?.burnRate ?? null,
    burn_rate_query: inputs.burnRateQuery,
    window_days: inputs.windowDays,
    exhaustion_hours: decision.exhaustionHours,
    smoke: smoke?.smoke ?? null,
    run: runContext(environment),
    generated_at: now.toISOString(),
  };

  const path = join(inputs.reportDirectory, "error-budget.json");
  await writeJsonAtomically(path, report);
  await noteReport("error-budget", path, environment);
  setOutputs({
    "p95-threshold-ms": report.p95_threshold_ms,
    "budget-remaining": report.budget_remaining,
    tier: report.tier.name,
    source: report.source,
    "burn-rate": report.burn_rate,
    "exhaustion-hours": report.exhaustion_hours,
    verdict,
    "report-path": path,
  });
  await writeJobSummary(summarySections(report), environment);
  announce(report);
  // The limit for an unknown budget is chosen, so by itself it is no reason for a red step.
  const chosen = smoke === undefined && verdict === "INCONCLUSIVE" && !inputs.unknownCounts;
  return chosen ? 0 : exitCode(verdict, inputs.failOn, smoke?.broken ?? false);
}

/** The budget from the cache, else from Prometheus. */
async function findBudget(
  inputs: Inputs,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ answer: BudgetAnswer; cached: boolean }> {
  const { prometheusUrl: url, prometheusToken: token, prometheusHeaders: headers, timeoutMs } = inputs;
  if (url === "") {
    const message = "prometheus-url is empty, so nobody was asked.";
    return {
      answer: { known: false, reasons: [{ code: "NO_DATA", metric: "error_budget", severity: "info", message }] },
      cached: false,
    };
  }
  const client = new PrometheusClient({ url, token, headers, timeoutMs });
  const cache = new BudgetCache({
    question: [client.url, inputs.query, inputs.unit, inputs.burnRateQuery, JSON.stringify(headers)],
    ttlSeconds: inputs.cacheTtlSeconds,
    maxAgeSeconds: inputs.maxAgeSeconds,
    environment,
  });
  const cached: BudgetReading | undefined = await cache.read(new Date());
  if (cached !== undefined) return { answer: { known: true, reading: cached, notes: [] }, cached: true };
  const answer = await askBudget(client, inputs, new Date());
  if (answer.known) await cache.write(answer.reading);
  return { answer, cached: false };
}

function reportTier({ name, below, p95Ms }: Tier): ErrorBudget["tier"] {
  return { name, below, p95_ms: p95Ms };
}

function secondsSince(time: string, now: Date): number {
  return Math.max(0, Math.round((now.getTime() - Date.parse(time)) / 100) / 10);
}
