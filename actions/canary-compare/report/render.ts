import { MARKS, type Verdict } from "../../lib/judge/verdict.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import { culprit, nextStep, routeMark } from "../../lib/report/next-step.ts";
import { formatChange, formatMs, formatRatio, formatShare, UNKNOWN } from "../../lib/report/numbers.ts";
import type { Annotation } from "../../lib/runner/log.ts";
import { escapeMarkdown, inlineCode, markdownTable, plainTable, type Section } from "../../lib/runner/summary.ts";

function rows(report: CanaryReport): string[][] {
  return report.metrics.map((metric) => {
    const show = metric.unit === "ms" ? formatMs : formatShare;
    const interval = metric.ratio_interval;
    return [
      metric.name === "p95" ? "p95" : "errors",
      show(metric.baseline.value),
      show(metric.canary.value),
      formatRatio(metric.ratio),
      interval === null ? UNKNOWN : `${formatRatio(interval[0])} to ${formatRatio(interval[1])}`,
      limitCell(metric.limits),
      `${metric.baseline.n} / ${metric.canary.n}`,
      metric.status,
    ];
  });
}

/** Every limit that holds, such as `×1.20, ≤ 450 ms`. */
function limitCell(limits: CanaryReport["metrics"][number]["limits"]): string {
  const shown = limits.map(({ kind, value, source }) =>
    kind === "ratio" ? formatRatio(value) : source === "p95-ceiling-ms" ? `≤ ${formatMs(value)}` : formatShare(value),
  );
  return shown.join(", ");
}

const HEADER = ["metric", "baseline", "canary", "ratio", "95 %", "limit", "n", "status"];

/** What the judged ratio is, in words. */
const KINDS = {
  typical: "typical one, window by window",
  stall: "mean over long windows, which stalls raise",
  pooled: "one of the whole run, which a slow stretch raises",
} as const;

/** The verdict, its reasons and the table, for a log: what to do comes first. */
export function verdictText(report: CanaryReport): string {
  const reasons = report.reasons.map((reason) => `  ${reason.code}: ${reason.message}`);
  const where = culprit(report);
  const first = [nextStep(report), ...(where === undefined ? [] : [where])].map((line) => `  ${line}`);
  return [
    `canary-compare: ${report.verdict}, ${report.decision}`,
    ...first,
    ...reasons,
    "",
    plainTable(HEADER, rows(report)),
  ].join("\n");
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
        `**${escapeMarkdown(nextStep(report))}**`,
        [report.summary, culprit(report)].flatMap((line) => (line === undefined ? [] : [escapeMarkdown(line)])).join(" "),
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
      routeMark(route.status),
    ]);
    const table = markdownTable(["Route", "Requests", "Baseline p95", "Canary p95", "Change", "Errors", "Judged"], routes);
    sections.push({ name: "routes", markdown: `<details><summary>Routes</summary>\n\n${table}\n\n</details>` });
  }
  const p95 = report.metrics[0]!;
  const facts = [
    `Traffic: ${traffic.source}, ${traffic.pattern}, ${traffic.duration_s.toFixed(1)} s judged, look ${report.observations.look.number}`,
    `Least ratio that this run would detect: ${formatRatio(p95.min_detectable_ratio)}`,
    ...(p95.ratio_kind === undefined ? [] : [`The ratio is the ${KINDS[p95.ratio_kind]}`]),
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
