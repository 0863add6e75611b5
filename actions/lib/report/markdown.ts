import { MARKS, type Verdict } from "../judge/verdict.ts";
import { describeBudget, formatHours } from "../prometheus/budget.ts";
import { describeAge } from "../prometheus/reading.ts";
import { markdownTable, type Section } from "../runner/summary.ts";
import type { CanaryReport } from "./canary-report.ts";
import { type Collection, headline, overallVerdict, reportOf } from "./collection.ts";
import type { ErrorBudget } from "./error-budget.ts";
import { foreign } from "./foreign.ts";
import { gatesSection } from "./gate-lines.ts";
import type { HistoryPoint } from "./history.ts";
import { culprit, nextStep, routeMark } from "./next-step.ts";
import { formatChange, formatCount, formatMs, formatRate, formatRatio, formatShare, UNKNOWN } from "./numbers.ts";
import type { SmokeSummary } from "./smoke-summary.ts";

/** Rows that a table shows; a hostile report may hold thousands. */
const MOST_ROWS = 40;

/**
 * The summary as Markdown, for the job summary and the comment of a pull request: what decides first, so that whole
 * sections can be dropped from the end when there is no room.
 */
export function summarySections(collection: Collection): Section[] {
  const verdict = overallVerdict(collection);
  const smoke = reportOf(collection.smoke);
  const canary = reportOf(collection.canary);
  const budget = reportOf(collection.budget);
  const sections: (Section | undefined)[] = [
    {
      name: "verdict",
      markdown: [
        `## ${MARKS[verdict]} ${foreign(collection.title)}: ${verdict}`,
        ...advice(canary, verdict),
        foreign(headline(collection)),
      ].join("\n\n"),
    },
    gatesSection(collection),
    figuresSection(smoke, canary),
    budget && { name: "error budget", markdown: budgetLine(budget) },
    notesSection(collection),
    historyChart(collection.history, collection.historyBranch),
    reasonsSection(collection),
    routesSection(smoke, canary),
    canary && methodSection(canary),
    historyTable(collection.history),
  ];
  return sections.filter((section) => section !== undefined);
}

/** What the canary comparison says to do, and where to look: before everything else. */
function advice(canary: CanaryReport | undefined, verdict: Verdict): string[] {
  // Another report is worse: then what this one advises isn't what to do.
  if (canary?.verdict !== verdict) return [];
  const where = culprit(canary);
  return [`**${canary.decision}** ${foreign(nextStep(canary))}`, ...(where === undefined ? [] : [foreign(where)])];
}

/** p95 and errors of what was measured, each with its limit. */
function figuresSection(smoke: SmokeSummary | undefined, canary: CanaryReport | undefined): Section | undefined {
  const rows: string[][] = [];
  if (canary !== undefined) {
    for (const metric of canary.metrics) {
      const p95 = metric.name === "p95";
      const show = p95 ? formatMs : formatShare;
      const limit = metric.limits.find((one) => one.kind === (p95 ? "ratio" : "absolute"));
      const interval = metric.ratio_interval?.map(formatRatio).join("–");
      const ratio = `${formatRatio(metric.ratio)}${interval === undefined ? "" : ` (95 % ${interval})`}`;
      rows.push([
        p95 ? "Canary p95" : "Canary errors",
        show(metric.baseline.value),
        `**${show(metric.canary.value)}**`,
        ratio,
        limit === undefined ? UNKNOWN : p95 ? formatRatio(limit.value) : formatShare(limit.value),
        `${MARKS[metric.status]}`,
      ]);
    }
  }
  if (smoke !== undefined) {
    const { p95_ms: p95Limit, error_rate: errorLimit, min_rps: minRps } = smoke.thresholds;
    rows.push(
      [
        "Smoke p95",
        "",
        `**${formatMs(smoke.p95_ms)}**`,
        "",
        `≤ ${formatMs(p95Limit)}`,
        mark(smoke.p95_ms, (value) => value <= p95Limit),
      ],
      [
        "Smoke errors",
        "",
        `**${formatShare(smoke.error_rate)}**`,
        "",
        `≤ ${formatShare(errorLimit)}`,
        mark(smoke.error_rate, (value) => value <= errorLimit),
      ],
      [
        "Smoke load",
        "",
        `**${formatRate(smoke.rps)}**`,
        `${formatCount(smoke.requests)} requests`,
        `≥ ${formatRate(minRps)}`,
        mark(smoke.rps, (value) => Math.round(value * 10) / 10 >= minRps, "INCONCLUSIVE"),
      ],
    );
  }
  if (rows.length === 0) return undefined;
  return { name: "figures", markdown: markdownTable(["", "Baseline", "Measured", "Ratio", "Limit", ""], rows) };
}

function mark(value: number | null, passes: (value: number) => boolean, otherwise: Verdict = "FAIL"): string {
  return MARKS[value === null ? "INCONCLUSIVE" : passes(value) ? "PASS" : otherwise];
}

/** One line: what is left, the limit that follows, where it comes from, how fast it burns. */
export function budgetLine(budget: ErrorBudget): string {
  const limit = `p95 limit **${formatMs(budget.p95_threshold_ms)}** (tier ${foreign(budget.tier.name, 40)})`;
  if (budget.budget_remaining === null) {
    const why = budget.reasons.find((reason) => reason.code !== "BUDGET_UNKNOWN")?.message;
    return `${MARKS.INCONCLUSIVE} **Error budget**: unknown → ${limit}.${why === undefined ? "" : ` ${foreign(why)}`}`;
  }
  const left = budget.budget_remaining <= 0 ? "❌" : budget.tier.below === null ? "✅" : "⚠️";
  const source =
    budget.source === "cache"
      ? `cached, asked ${describeAge(budget.cache_age_s ?? 0)} ago`
      : `from Prometheus, sample ${describeAge(budget.sample_age_s ?? 0)} old`;
  const burn =
    budget.burn_rate === null
      ? ""
      : `; burns at ×${budget.burn_rate.toFixed(1)}${budget.exhaustion_hours === null || budget.exhaustion_hours === 0 ? "" : `, exhausted in ${formatHours(budget.exhaustion_hours)}`}`;
  return `${left} **Error budget**: **${describeBudget(budget.budget_remaining)}**${budget.budget_remaining < 0 ? ` in ${budget.window_days} days` : ` of ${budget.window_days} days left`} → ${limit}; ${source}${burn}.`;
}

/** What isn't there or was left aside, and why. */
function notesSection({ notes }: Collection): Section | undefined {
  if (notes.length === 0) return undefined;
  const lines = notes.slice(0, MOST_ROWS).map((note) => `- ${foreign(note)}`);
  const more = notes.length > MOST_ROWS ? [`- and ${notes.length - MOST_ROWS} more notes`] : [];
  return { name: "notes", markdown: [...lines, ...more].join("\n") };
}

function reasonsSection({ smoke, canary, budget }: Collection): Section | undefined {
  const groups = [
    ["Canary", reportOf(canary)],
    ["Smoke", reportOf(smoke)],
    ["Error budget", reportOf(budget)],
  ] as const;
  const lines = groups.flatMap(([name, report]) =>
    (report?.reasons ?? []).slice(0, MOST_ROWS).map((reason) => `- ${name}: \`${reason.code}\` ${foreign(reason.message)}`),
  );
  return lines.length === 0 ? undefined : folded("reasons", "Reasons", lines.join("\n"));
}

function routesSection(smoke: SmokeSummary | undefined, canary: CanaryReport | undefined): Section | undefined {
  const name = (text: string) => `<code>${foreign(text, 120)}</code>`;
  if (canary !== undefined && canary.routes.length > 0) {
    const rows = canary.routes
      .slice(0, MOST_ROWS)
      .map((route) => [
        name(route.name),
        formatCount(route.baseline.requests + route.canary.requests),
        formatMs(route.baseline.p95_ms),
        formatMs(route.canary.p95_ms),
        formatChange(route.delta_percent),
        formatShare(route.canary.error_rate),
        routeMark(route.status),
      ]);
    const head = ["Route", "Requests", "p95 baseline", "p95 canary", "Change", "Errors canary", "Judged"];
    return folded("routes", `Routes (${canary.routes.length})`, markdownTable(head, rows));
  }
  if (smoke === undefined || smoke.routes.length === 0) return undefined;
  const rows = smoke.routes
    .slice(0, MOST_ROWS)
    .map((route) => [name(route.name), formatCount(route.requests), formatMs(route.p95_ms), formatShare(route.error_rate)]);
  return folded("routes", `Routes (${smoke.routes.length})`, markdownTable(["Route", "Requests", "p95", "Errors"], rows));
}

function methodSection({ traffic, policy, decision, cause, metrics, baseline, canary }: CanaryReport): Section {
  const detectable = metrics.find((metric) => metric.name === "p95")?.min_detectable_ratio;
  const arm = ({ version, url, kind }: CanaryReport["baseline"]) =>
    foreign([version, url, kind].filter((part) => part !== null).join(", "));
  const lines = [
    `- Baseline: ${arm(baseline)}`,
    `- Canary: ${arm(canary)}`,
    `- Traffic: ${traffic.source}, ${traffic.pattern}, ${Math.round(traffic.duration_s)} s judged`,
    `- Decision: ${decision} (${policy.mode}, on inconclusive ${policy.on_inconclusive})`,
    `- Cause: ${cause.class}${cause.evidence
      .slice(0, 3)
      .map((one) => `; ${foreign(one.message)}`)
      .join("")}`,
    `- Least ratio that this run could detect: ${formatRatio(detectable)}`,
  ];
  return folded("method", "How the canary was measured", lines.join("\n"));
}

/** p95 of the last runs as a Mermaid chart. Only numbers go into it. */
function historyChart(history: readonly HistoryPoint[], branch: string): Section | undefined {
  const points = history.filter((point) => point.p95_ms !== null);
  if (points.length < 2) return undefined;
  const value = (ms: number) => String(Math.round(ms * 10) / 10);
  const values = points.map((point) => point.p95_ms!);
  const limits = points.map((point) => point.p95_limit_ms);
  const top = Math.max(...values, ...limits.map((limit) => limit ?? 0));
  const chart = [
    "```mermaid",
    "xychart-beta",
    `  x-axis "run (${points.length} is this one)" [${points.map((_, index) => index + 1).join(", ")}]`,
    `  y-axis "p95 (ms)" 0 --> ${Math.ceil(top * 1.1)}`,
    `  bar [${values.map(value).join(", ")}]`,
    // A line can't have holes: it is drawn when every run knew its limit.
    ...(limits.every((limit) => limit !== null) ? [`  line [${limits.map((limit) => value(limit!)).join(", ")}]`] : []),
    "```",
  ];
  const caption = `p95 of the last ${points.length} runs of ${foreign(branch, 80)} (bars) against the limit that held (line).`;
  return { name: "history chart", markdown: `${caption}\n\n${chart.join("\n")}` };
}

function historyTable(history: readonly HistoryPoint[]): Section | undefined {
  if (history.length < 2) return undefined;
  const rows = history
    .toReversed()
    .map((point, index) => [
      `${history.length - index}`,
      `<code>${foreign(point.sha?.slice(0, 10) ?? UNKNOWN)}</code>`,
      point.at.replace("T", " ").slice(0, 16),
      formatMs(point.p95_ms),
      formatMs(point.p95_limit_ms),
      formatShare(point.error_rate),
      formatRatio(point.p95_ratio),
      `${MARKS[point.verdict]}`,
    ]);
  const head = ["Run", "Commit", "Time (UTC)", "p95", "Limit", "Errors", "Canary ratio", ""];
  return folded("history table", `History (${history.length} runs)`, markdownTable(head, rows));
}

function folded(name: string, heading: string, markdown: string): Section {
  return { name, markdown: `<details><summary>${heading}</summary>\n\n${markdown}\n\n</details>` };
}
