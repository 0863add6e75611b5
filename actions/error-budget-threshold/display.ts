import { MARKS } from "../lib/judge/verdict.ts";
import { describeBudget, formatHours } from "../lib/prometheus/budget.ts";
import { describeAge } from "../lib/prometheus/reading.ts";
import type { ErrorBudget } from "../lib/report/error-budget.ts";
import { annotate, say } from "../lib/runner/log.ts";
import { escapeMarkdown, inlineCode, markdownTable, plainTable, type Section } from "../lib/runner/summary.ts";

/** The section of the job summary. */
export function summarySections(report: ErrorBudget): Section[] {
  const first = report.reasons[0]?.message ?? "";
  const rows = facts(report).map(([name, value]) => [escapeMarkdown(name), escapeMarkdown(value)]);
  const reasons = report.reasons.map((reason) => `- ${inlineCode(reason.code)} ${escapeMarkdown(reason.message)}`);
  return [
    { name: "error budget", markdown: `### ${MARKS[report.verdict]} Error budget\n\n${escapeMarkdown(first)}` },
    { name: "budget table", markdown: markdownTable(["", "Value"], rows) },
    { name: "budget reasons", markdown: reasons.join("\n") },
  ];
}

/** The log: a table of what was found, and an annotation for what a person should see. */
export function announce(report: ErrorBudget): void {
  say(plainTable(["Error budget", ""], facts(report)));
  for (const reason of report.reasons) {
    if (reason.severity === "info") say(`${reason.code}: ${reason.message}`);
    else annotate({ level: reason.severity, title: `Error budget: ${reason.code}`, message: reason.message });
  }
}

function facts(report: ErrorBudget): [string, string][] {
  const remaining = report.budget_remaining === null ? "unknown" : describeBudget(report.budget_remaining);
  const rows: [string, string][] = [
    ["verdict", report.verdict],
    ["budget left", remaining],
    ["p95 limit", `${report.p95_threshold_ms} ms (tier ${report.tier.name})`],
    ["source", describeSource(report)],
  ];
  if (report.burn_rate !== null) rows.push(["burn rate", `${Math.round(report.burn_rate * 100) / 100}`]);
  if (report.exhaustion_hours !== null) rows.push(["exhausted in", formatHours(report.exhaustion_hours)]);
  if (report.smoke !== null) {
    const p95 = report.smoke.p95_ms === null ? "unknown" : `${Math.round(report.smoke.p95_ms * 10) / 10} ms`;
    rows.push(["smoke run", `${report.smoke.verdict}, p95 ${p95}`]);
  }
  return rows;
}

function describeSource(report: ErrorBudget): string {
  if (report.source === "unknown") return "unknown";
  const sample = `sample ${describeAge(report.sample_age_s ?? 0)} old`;
  if (report.source === "prometheus") return `Prometheus, ${sample}`;
  return `cache, asked ${describeAge(report.cache_age_s ?? 0)} ago, ${sample}`;
}
