import type { Reason, Verdict } from "../../judge/verdict.ts";
import type { CanaryReport } from "../canary-report.ts";
import { type Collection, headline, overallVerdict, reportOf } from "../collection.ts";
import { gateHeading, linesOf } from "../gate-lines.ts";
import { culprit, nextStep, routeMark } from "../next-step.ts";
import { formatChange, formatCount, formatMs, formatRatio, formatShare, threeDigits } from "../numbers.ts";
import type { SmokeSummary } from "../smoke-summary.ts";
import { cards } from "./cards.ts";
import { html, type Markup, trusted } from "./markup.ts";
import { type Arms, comparisonPlots, historyPlot, type Plot } from "./plots.ts";
import { STYLE } from "./style.ts";

/** Rows of a table that are drawn; a hostile report may hold thousands. */
const MOST_ROWS = 100;

/**
 * The whole report as one HTML file: no script, no network, light and dark, wide and narrow.
 * Everything in it that isn't a number of ours is escaped; a content security policy forbids the rest.
 *
 * @param arms samples of the canary comparison, undefined when there are none to draw
 */
export function renderPage(collection: Collection, arms: Arms | undefined): string {
  const canary = reportOf(collection.canary);
  const smoke = reportOf(collection.smoke);
  const budget = reportOf(collection.budget);
  const verdict = overallVerdict(collection);
  const plots = arms === undefined ? [] : comparisonPlots(arms, ratioLimitMs(canary));
  const body = html`<main>
${header(collection, verdict)}
${gatesPanel(collection)}
${cards(smoke, canary, budget)}
${reasonsPanel(collection)}
${figures(plots)}
${routesPanel(smoke, canary)}
${historyPanel(collection)}
${canary && detailsPanel(canary)}
${notesPanel(collection)}
<footer>Made by Gatehouse from the reports of this run. Percentiles are type 7; latency is of successful requests, errors are of all.</footer>
</main>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>${collection.title}: ${verdict}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}

function header(collection: Collection, verdict: Verdict): Markup {
  const compared = reportOf(collection.canary);
  // Where another report is worse, what the comparison advises isn't what to do.
  const canary = compared?.verdict === verdict ? compared : undefined;
  const where = canary && culprit(canary);
  const run = (reportOf(collection.smoke) ?? reportOf(collection.canary) ?? reportOf(collection.budget))?.run;
  const generated = reportOf(collection.canary)?.generated_at ?? reportOf(collection.smoke)?.ended_at;
  return html`<header>
<p class="title">${collection.title}</p>
<div class="verdict"><span class="pill ${verdict}">${verdict}</span><h1>${canary && html`${canary.decision}: ${nextStep(canary)} `}<span class="why">${headline(collection)}</span></h1></div>
${where && html`<p class="where">${where}</p>`}
<div class="meta">${run?.repository && html`<span>${run.repository}</span>`}${run?.ref && html`<span>${run.ref}</span>`}${run?.sha && html`<span><code>${run.sha.slice(0, 10)}</code></span>`}${collection.runUrl && html`<span><a href="${collection.runUrl}">Run ${run?.run_id ?? ""}</a></span>`}${generated && html`<span>${generated.replace("T", " ").slice(0, 16)} UTC</span>`}</div>
</header>`;
}

/** One row a report, when there is more than one. */
function gatesPanel(collection: Collection): Markup | undefined {
  const lines = linesOf(collection);
  if (lines.length === 0 || (lines.length === 1 && lines[0]!.state === "found")) return undefined;
  const rows = lines
    .slice(0, MOST_ROWS)
    .map((line) => [
      html`<span class="c-${line.verdict}">${line.verdict}</span>`,
      gateHeading(line),
      html`<code>${line.path}</code>${line.about !== "" && html` (${line.about})`}`,
      line.sentence,
    ]);
  const more = lines.length > MOST_ROWS ? `${lines.length - MOST_ROWS} more reports aren't shown.` : undefined;
  return panel("Reports", table(["Verdict", "Gate", "Report", "Why"], rows), more);
}

function reasonsPanel({ smoke, canary, budget }: Collection): Markup | undefined {
  const groups: [string, readonly Reason[]][] = [
    ["Canary", reportOf(canary)?.reasons ?? []],
    ["Smoke", reportOf(smoke)?.reasons ?? []],
    ["Error budget", reportOf(budget)?.reasons ?? []],
  ];
  const items = groups.flatMap(([name, reasons]) => reasons.slice(0, MOST_ROWS).map((reason) => ({ name, reason })));
  if (items.length === 0) return undefined;
  return html`<section class="panel"><h2>Why</h2><ul class="reasons">${items.map(
    ({ name, reason }) =>
      html`<li class="s-${reason.severity}"><code>${reason.code}</code><span>${name}: ${reason.message}</span></li>`,
  )}</ul></section>`;
}

/** Plots one below the other, two halves side by side. */
function figures(plots: readonly Plot[]): Markup {
  const wide = plots.filter((plot) => !plot.half).map(figure);
  const halves = plots.filter((plot) => plot.half).map(figure);
  return html`${wide[0]}${halves.length > 0 && html`<div class="pair">${halves}</div>`}${wide.slice(1)}`;
}

function figure({ id, heading, caption, svg }: Plot): Markup {
  return html`<figure id="${id}"><figcaption><h2>${heading}</h2><p>${caption}</p></figcaption>${svg === undefined ? undefined : trusted(svg)}</figure>`;
}

function routesPanel(smoke: SmokeSummary | undefined, canary: CanaryReport | undefined): Markup | undefined {
  if (canary !== undefined && canary.routes.length > 0) {
    const rows = canary.routes
      .slice(0, MOST_ROWS)
      .map((route) => [
        html`<code>${route.name}</code>`,
        formatCount(route.baseline.requests + route.canary.requests),
        formatMs(route.baseline.p95_ms),
        formatMs(route.canary.p95_ms),
        formatChange(route.delta_percent),
        formatShare(route.baseline.error_rate),
        formatShare(route.canary.error_rate),
        html`<span class="c-${route.status ?? "none"}">${routeMark(route.status)}</span>`,
      ]);
    const head = ["Route", "Requests", "p95 baseline", "p95 canary", "Change", "Errors baseline", "Errors canary", "Judged"];
    return panel("Routes", table(head, rows), leftOut(canary.routes.length));
  }
  if (smoke === undefined || smoke.routes.length === 0) return undefined;
  const rows = smoke.routes
    .slice(0, MOST_ROWS)
    .map((route) => [
      html`<code>${route.name}</code>`,
      formatCount(route.requests),
      formatMs(route.p95_ms),
      formatShare(route.error_rate),
    ]);
  return panel("Routes", table(["Route", "Requests", "p95", "Errors"], rows), leftOut(smoke.routes.length));
}

function historyPanel({ history, historyBranch }: Collection): Markup | undefined {
  if (history.length < 2) return undefined;
  const rows = history
    .toReversed()
    .map((point, index) => [
      html`<code>${point.sha?.slice(0, 10) ?? "–"}</code>${index === 0 && " (this run)"}`,
      point.at.replace("T", " ").slice(0, 16),
      formatMs(point.p95_ms),
      formatMs(point.p95_limit_ms),
      formatShare(point.error_rate),
      formatRatio(point.p95_ratio),
      html`<span class="c-${point.verdict}">${point.verdict}</span>`,
    ]);
  const head = ["Commit", "Time (UTC)", "p95", "Limit", "Errors", "Canary ratio", "Verdict"];
  return html`${figure(historyPlot(history, historyBranch))}${panel("Last runs", table(head, rows))}`;
}

function detailsPanel(canary: CanaryReport): Markup {
  const p95 = canary.metrics.find((metric) => metric.name === "p95");
  const { traffic, policy } = canary;
  const facts: [string, string][] = [
    ["Baseline", arm(canary.baseline)],
    ["Canary", arm(canary.canary)],
    [
      "Traffic",
      `${traffic.source}, ${traffic.pattern}, ${threeDigits(traffic.duration_s)} s judged, target ${traffic.target_rps ?? "–"} requests/s an arm`,
    ],
    ["Decision", `${canary.decision} (${policy.mode}, on inconclusive ${policy.on_inconclusive})`],
    ["Cause", [canary.cause.class, ...canary.cause.evidence.slice(0, 3).map((one) => one.message)].join(": ")],
    ["Least detectable ratio", formatRatio(p95?.min_detectable_ratio)],
    ["Samples", canary.inputs.digest],
  ];
  return panel("How it was measured", html`<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`);
}

function arm({ version, url, kind }: CanaryReport["baseline"]): string {
  return [version, url, kind].filter((part) => part !== null).join(", ");
}

function notesPanel({ notes }: Collection): Markup | undefined {
  if (notes.length === 0) return undefined;
  return panel("Notes", html`<ul>${notes.slice(0, MOST_ROWS).map((note) => html`<li>${note}</li>`)}</ul>`);
}

function panel(heading: string, content: Markup, note?: string): Markup {
  return html`<section class="panel"><h2>${heading}</h2>${content}${note && html`<p>${note}</p>`}</section>`;
}

function table(head: readonly string[], rows: readonly (readonly (string | Markup)[])[]): Markup {
  return html`<div class="scroll"><table><thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody>${rows.map(
    (cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

function leftOut(count: number): string | undefined {
  return count > MOST_ROWS ? `${count - MOST_ROWS} more routes are in the JSON report.` : undefined;
}

/** The ratio limit as a latency of this run: baseline p95 × ratio. */
function ratioLimitMs(canary: CanaryReport | undefined): number | null {
  const p95 = canary?.metrics.find((metric) => metric.name === "p95");
  const ratio = p95?.limits.find((limit) => limit.kind === "ratio")?.value;
  const baseline = p95?.baseline.value;
  return ratio === undefined || baseline === null || baseline === undefined ? null : baseline * ratio;
}
