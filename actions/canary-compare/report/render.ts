import { MARKS, type Verdict } from "../../lib/judge/verdict.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import { formatChange, formatMs, formatRatio, formatShare, UNKNOWN } from "../../lib/report/numbers.ts";
import type { Annotation } from "../../lib/runner/log.ts";
import { escapeMarkdown, inlineCode, markdownTable, plainTable, type Section } from "../../lib/runner/summary.ts";

function rows(report: CanaryReport): string[][] {
  return report.metrics.map((metric) => {
    const show = metric.unit === "ms" ? formatMs : formatShare;
    const limit = metric.limits[0]!;
    const interval = metric.ratio_interval;
    return [
      metric.name === "p95" ? "p95" : "errors",
      show(metric.baseline.value),
      show(metric.canary.value),
      formatChange(metric.delta_percent),
      limit.kind === "ratio" ? formatRatio(limit.value) : formatShare(limit.value),
      interval === null ? UNKNOWN : `${formatRatio(interval[0])} to ${formatRatio(interval[1])}`,
      `${metric.baseline.n} / ${metric.canary.n}`,
      metric.status,
    ];
  });
}

const HEADER = ["metric", "baseline", "canary", "change", "limit", "ratio, 95 %", "n", "status"];

/** The verdict, its reasons and the table, for a log. */
export function verdictText(report: CanaryReport): string {
  const reasons = report.reasons.map((reason) => `  ${reason.code}: ${reason.message}`);
  return [`canary-compare: ${report.verdict}, ${report.decision}`, ...reasons, "", plainTable(HEADER, rows(report))].join("\n");
}

/** The job summary, the most wanted section first. */
export function summarySections(report: CanaryReport): Section[] {
  const { verdict, decision, traffic, cause } = report;
  const verdictRows = rows(report).map((row) => [...row.slice(0, -1), `${MARKS[row.at(-1) as Verdict]} ${row.at(-1)}`]);
  const sections: Section[] = [
    {
      name: "verdict",
      markdown: [
        `### ${MARKS[verdict]} Canary: ${verdict}, ${decision}`,
        escapeMarkdown(report.summary),
        markdownTable(HEADER, verdictRows),
        report.reasons.map((reason) => `- \`${reason.code}\` ${escapeMarkdown(reason.message)}`).join("\n"),
      ].join("\n\n"),
    },
  ];
  const evidence = cause.evidence.map((item) => `- ${item.source}: ${escapeMarkdown(item.message)}`);
  if (cause.class !== "unknown") {
    sections.push({ name: "cause", markdown: `**Cause: ${cause.class}**\n\n${evidence.join("\n")}` });
  }
  if (report.routes.length > 0) {
    const routes = report.routes.map((route) => [
      inlineCode(route.name),
      `${route.baseline.requests} / ${route.canary.requests}`,
      formatMs(route.baseline.p95_ms),
      formatMs(route.canary.p95_ms),
      formatChange(route.delta_percent),
      `${formatShare(route.baseline.error_rate)} / ${formatShare(route.canary.error_rate)}`,
    ]);
    const table = markdownTable(["Route", "Requests", "Baseline p95", "Canary p95", "Change", "Errors"], routes);
    sections.push({ name: "routes", markdown: `<details><summary>Routes</summary>\n\n${table}\n\n</details>` });
  }
  const p95 = report.metrics[0]!;
  const facts = [
    `Traffic: ${traffic.source}, ${traffic.pattern}, ${traffic.duration_s.toFixed(1)} s judged, look ${report.observations.look.number}`,
    `Least ratio that this run would detect: ${formatRatio(p95.min_detectable_ratio)}`,
    `Typical ratio ${formatRatio(p95.typical_ratio)}, over stalls ${formatRatio(p95.stall_ratio)}`,
    `Baseline ${inlineCode(report.baseline.version ?? report.baseline.url ?? report.baseline.kind)}, canary ${inlineCode(report.canary.version ?? report.canary.url ?? report.canary.kind)}`,
  ];
  sections.push({
    name: "details",
    markdown: `<details><summary>Details</summary>\n\n${facts.map((fact) => `- ${fact}`).join("\n")}\n\n</details>`,
  });
  return sections;
}

/**
 * What GitHub shows beside the run: one line a reason that isn't good news, with its numbers.
 *
 * @param failing whether the step fails
 */
export function annotations(report: CanaryReport, failing: boolean): Annotation[] {
  return report.reasons
    .filter((reason) => reason.severity !== "info")
    .map((reason) => ({
      level: reason.severity === "error" || (failing && report.verdict === "INCONCLUSIVE") ? "error" : "warning",
      title: `canary-compare ${report.verdict}: ${reason.code}`,
      message: reason.message,
    }));
}
