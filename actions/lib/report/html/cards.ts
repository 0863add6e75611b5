import type { Verdict } from "../../judge/verdict.ts";
import { describeBudget, formatHours } from "../../prometheus/budget.ts";
import type { CanaryReport } from "../canary-report.ts";
import type { ErrorBudget } from "../error-budget.ts";
import { formatCount, formatMs, formatRate, formatRatio, formatShare } from "../numbers.ts";
import type { SmokeSummary } from "../smoke-summary.ts";
import { html, type Markup } from "./markup.ts";

const MARKS = { PASS: "✓", FAIL: "✗", INCONCLUSIVE: "?" } as const;

interface Card {
  heading: string;
  verdict: Verdict | undefined;
  value: string;
  unit?: string;
  /** How far the value is along the bar, and where the limit stands; both 0–1. */
  bar?: { value: number; limit: number };
  /** Colour of the bar where it isn't the verdict's. */
  colour?: Verdict;
  lines: string[];
}

/** The numbers that decide, one card each. */
export function cards(
  smoke: SmokeSummary | undefined,
  canary: CanaryReport | undefined,
  budget: ErrorBudget | undefined,
): Markup {
  const all = [
    ...(canary ? canaryCards(canary) : []),
    ...(smoke ? smokeCards(smoke) : []),
    ...(budget ? [budgetCard(budget)] : []),
  ];
  return html`<section class="cards" aria-label="Figures">${all.map(card)}</section>`;
}

function card({ heading, verdict, value, unit, bar, colour, lines }: Card): Markup {
  const mark =
    verdict &&
    html`<span class="mark c-${verdict}" title="${verdict}">${MARKS[verdict]} ${verdict === "INCONCLUSIVE" ? "unclear" : verdict.toLowerCase()}</span>`;
  const drawn =
    bar &&
    html`<div class="bar"><i class="${colour ?? verdict ?? "PASS"}" style="width:${percent(bar.value)}"></i><b style="left:${percent(bar.limit)}"></b></div>`;
  const limit = (mark || unit) && html`<p class="limit">${mark}${unit}</p>`;
  return html`<article class="card"><h2>${heading}</h2><div class="value">${value}</div>${limit}${drawn}${lines.map((line) => html`<p>${line}</p>`)}</article>`;
}

function percent(share: number): string {
  return `${(Math.min(1, Math.max(0, share)) * 100).toFixed(1)}%`;
}

/** A bar on which the limit stands at three quarters, so that values beyond it show as well. */
function againstLimit(value: number | null, limit: number | undefined): { value: number; limit: number } | undefined {
  if (value === null || limit === undefined || !(limit > 0)) return undefined;
  return { value: (value / limit) * 0.75, limit: 0.75 };
}

function canaryCards(report: CanaryReport): Card[] {
  const found: Card[] = [];
  const p95 = report.metrics.find((metric) => metric.name === "p95");
  const errors = report.metrics.find((metric) => metric.name === "error_rate");
  if (p95 !== undefined) {
    const limit = p95.limits.find((one) => one.kind === "ratio")?.value;
    const judged = p95.ratio;
    const interval =
      p95.ratio_interval === null ? [] : [`95 % interval ${p95.ratio_interval.map((end) => formatRatio(end)).join(" to ")}`];
    found.push({
      heading: "Canary p95 ÷ baseline",
      verdict: p95.status,
      value: formatRatio(judged),
      unit: limit === undefined ? "" : `limit ${formatRatio(limit)}`,
      ...withBar(againstLimit(judged, limit)),
      lines: [`${formatMs(p95.baseline.value)} → ${formatMs(p95.canary.value)}`, ...interval],
    });
  }
  if (errors !== undefined) {
    const limit = errors.limits.find((one) => one.kind === "absolute")?.value;
    found.push({
      heading: "Canary errors",
      verdict: errors.status,
      value: formatShare(errors.canary.value),
      unit: limit === undefined ? "" : `limit ${formatShare(limit)}`,
      ...withBar(againstLimit(errors.canary.value, limit)),
      lines: [
        `baseline ${formatShare(errors.baseline.value)}`,
        `${formatCount(errors.baseline.n)} + ${formatCount(errors.canary.n)} requests`,
      ],
    });
  }
  return found;
}

function smokeCards(smoke: SmokeSummary): Card[] {
  const { p95_ms: p95Limit, error_rate: errorLimit, min_rps: minRps } = smoke.thresholds;
  const p95Over = smoke.p95_ms === null ? undefined : verdictOf(smoke.p95_ms <= p95Limit);
  const errorsOver = smoke.error_rate === null ? undefined : verdictOf(smoke.error_rate <= errorLimit);
  return [
    {
      heading: "Smoke p95",
      verdict: p95Over ?? "INCONCLUSIVE",
      value: formatMs(smoke.p95_ms),
      unit: `limit ${formatMs(p95Limit)}`,
      ...withBar(againstLimit(smoke.p95_ms, p95Limit)),
      lines: [`p50 ${formatMs(smoke.p50_ms)}, p99 ${formatMs(smoke.p99_ms)}`],
    },
    {
      heading: "Smoke errors",
      verdict: errorsOver ?? "INCONCLUSIVE",
      value: formatShare(smoke.error_rate),
      unit: `limit ${formatShare(errorLimit)}`,
      ...withBar(againstLimit(smoke.error_rate, errorLimit)),
      lines: [`${formatCount(smoke.requests)} requests, ${formatRate(smoke.rps)} (least ${formatRate(minRps)})`],
    },
  ];
}

function verdictOf(passes: boolean): Verdict {
  return passes ? "PASS" : "FAIL";
}

function budgetCard(budget: ErrorBudget): Card {
  const left = budget.budget_remaining;
  const colour: Verdict =
    left === null ? "INCONCLUSIVE" : left <= 0 ? "FAIL" : budget.tier.below === null ? "PASS" : "INCONCLUSIVE";
  const burn = budget.burn_rate === null ? [] : [burnLine(budget.burn_rate, budget.exhaustion_hours)];
  const bound = budget.tiers[1]?.below;
  return {
    heading: `Error budget, ${budget.window_days} days`,
    verdict: left === null ? "INCONCLUSIVE" : undefined,
    value: left === null ? "unknown" : describeBudget(left),
    unit: left === null || left < 0 ? "" : "left",
    ...(left === null || bound === null || bound === undefined ? {} : { bar: { value: left, limit: bound } }),
    colour,
    lines: [`p95 limit ${formatMs(budget.p95_threshold_ms)} (tier ${budget.tier.name})`, ...burn],
  };
}

function burnLine(rate: number, hours: number | null): string {
  const end = hours === null ? "" : hours === 0 ? ", exhausted" : `, exhausted in ${formatHours(hours)}`;
  return `burns at ×${rate.toFixed(1)}${end}`;
}

function withBar(bar: { value: number; limit: number } | undefined): { bar?: { value: number; limit: number } } {
  return bar === undefined ? {} : { bar };
}
