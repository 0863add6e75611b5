import type { Reason } from "../judge/verdict.ts";
import type { PrometheusClient } from "./client.ts";
import { type Reading, readNumber } from "./reading.ts";
import { exhaustionHours, strictest, type Tier, type Tiers, tierFor } from "./tiers.ts";

/** What the budget's answer was, as it is cached: plain JSON. */
export interface BudgetReading {
  /** Share of the budget that is left: 1 full, 0 exhausted, negative overspent. */
  remaining: number;
  /** null when there is no such series. */
  burnRate: number | null;
  /** ISO 8601. */
  sampledAt: string;
  /** ISO 8601: when Prometheus was asked, by this machine's clock. */
  askedAt: string;
}

export interface BudgetQuery {
  query: string;
  unit: "ratio" | "percent";
  burnRateQuery: string;
  maxAgeSeconds: number;
}

export type BudgetAnswer =
  | { known: true; reading: BudgetReading; notes: Reason[] }
  /** The reasons why not, most important first. */
  | { known: false; reasons: Reason[] };

/** Burn rate that spends 2 % of a 30-day budget in an hour; the fastest alert pages here. */
export const FAST_BURN_RATE = 14.4;

/** Asks Prometheus for what is left of the budget and how fast it burns, both at once. */
export async function askBudget(client: PrometheusClient, asked: BudgetQuery, now: Date): Promise<BudgetAnswer> {
  const [budget, burn] = await Promise.all([
    readNumber(client, asked.query, asked.maxAgeSeconds),
    asked.burnRateQuery === "" ? undefined : readNumber(client, asked.burnRateQuery, asked.maxAgeSeconds),
  ]);
  if (!budget.known) return unknown(budget);
  const remaining = asked.unit === "percent" ? budget.value / 100 : budget.value;
  if (remaining > 1 + 1e-6) {
    const remedy =
      asked.unit === "ratio" && budget.value <= 100
        ? "If it is a percentage, set unit: percent."
        : "A budget can't be more than full: check the query.";
    const message = `${asked.query}: the value ${budget.value} isn't a ${asked.unit} of a budget. ${remedy}`;
    return unknown({ known: false, code: "QUERY_ERROR", message });
  }
  const notes: Reason[] = [];
  if (asked.unit === "percent" && budget.value > 0 && budget.value < 1) {
    const message = `${asked.query} is ${budget.value}, read as ${budget.value} percent. If it is a ratio, set unit: ratio.`;
    notes.push({ code: "OK", metric: "error_budget", severity: "warning", message });
  }
  const { burnRate, note } = judgeBurn(burn);
  if (note !== undefined) notes.push(note);
  return {
    known: true,
    reading: {
      remaining: Math.min(1, remaining),
      burnRate,
      sampledAt: budget.sampledAt.toISOString(),
      askedAt: now.toISOString(),
    },
    notes,
  };
}

function unknown(reading: Extract<Reading, { known: false }>): BudgetAnswer {
  return {
    known: false,
    reasons: [{ code: reading.code, metric: "error_budget", severity: "warning", message: reading.message }],
  };
}

/** A missing burn rate is only said when it is more than absent: the series are an extra. */
function judgeBurn(burn: Reading | undefined): { burnRate: number | null; note?: Reason } {
  if (burn === undefined) return { burnRate: null };
  if (burn.known && burn.value >= 0) return { burnRate: burn.value };
  if (burn.known) {
    const message = `The burn rate is ${burn.value}, below 0: check burn-rate-query.`;
    return { burnRate: null, note: { code: "QUERY_ERROR", metric: "burn_rate", severity: "info", message } };
  }
  if (burn.code === "NO_DATA") return { burnRate: null };
  return { burnRate: null, note: { code: burn.code, metric: "burn_rate", severity: "info", message: burn.message } };
}

export interface BudgetDecision {
  tier: Tier;
  exhaustionHours: number | null;
  reasons: Reason[];
}

/** What an exhausted or fast-burning budget does beside choosing the strictest limit: input `on-exhausted`. */
export const ON_EXHAUSTED = ["warn", "fail"] as const;
/** One of {@link ON_EXHAUSTED}. */
export type OnExhausted = (typeof ON_EXHAUSTED)[number];

/** The tier that follows from a known budget, with its reasons. */
export function decide(
  { remaining, burnRate }: BudgetReading,
  tiers: Tiers,
  windowDays: number,
  onExhausted: OnExhausted = "warn",
): BudgetDecision {
  const tier = tierFor(remaining, tiers);
  const share = formatPercent(remaining);
  const reasons: Reason[] = [];
  const about = { metric: "error_budget" } as const;
  const stopping =
    onExhausted === "fail" ? ({ severity: "error", and: " on-exhausted is fail, so this step fails." } as const) : undefined;
  const { severity, and } = stopping ?? ({ severity: "warning", and: "" } as const);
  if (remaining <= 0) {
    const spent = remaining < 0 ? describeBudget(remaining) : "exhausted (0 % left)";
    const message = `The error budget is ${spent}: the p95 limit is ${tier.p95Ms} ms.${and}`;
    reasons.push({ ...about, code: "BUDGET_EXHAUSTED", severity, message });
  } else if (tier.below !== null) {
    const message = `${share} of the error budget is left, below ${formatPercent(tier.below)}: the p95 limit is ${tier.p95Ms} ms instead of ${tiers[0].p95Ms} ms.`;
    reasons.push({ ...about, code: "BUDGET_LOW", severity: "warning", message });
  } else {
    const message = `${share} of the error budget is left: the p95 limit is ${tier.p95Ms} ms.`;
    reasons.push({ ...about, code: "OK", severity: "info", message });
  }
  const hours = burnRate === null ? null : exhaustionHours(remaining, burnRate, windowDays);
  if (burnRate !== null && burnRate >= FAST_BURN_RATE) {
    const left = hours === null || hours === 0 ? "" : `: at this speed it is exhausted in ${formatHours(hours)}`;
    const message = `The budget burns at ${round(burnRate)} times the sustainable rate (fast from ${FAST_BURN_RATE})${left}.${and}`;
    reasons.push({ code: "FAST_BURN", metric: "burn_rate", severity, message });
  }
  return { tier, exhaustionHours: hours, reasons };
}

/** What to do when the budget isn't known: input `on-unknown`. */
export function decideUnknown(
  onUnknown: "strictest" | "default" | "fail",
  tiers: Tiers,
  reasons: readonly Reason[],
): BudgetDecision {
  const tier = onUnknown === "default" ? tiers[0] : strictest(tiers);
  const consequence =
    onUnknown === "fail"
      ? "on-unknown is fail, so this step fails"
      : `on-unknown is ${onUnknown}, so the p95 limit is ${tier.p95Ms} ms`;
  const message = `The error budget isn't known: ${consequence}.`;
  const severity = onUnknown === "fail" ? "error" : "warning";
  return {
    tier,
    exhaustionHours: null,
    reasons: [{ code: "BUDGET_UNKNOWN", metric: "error_budget", severity, message }, ...reasons],
  };
}

/** A ratio as a percentage with at most one decimal, e.g. `79.9 %`; never rounded to a bound that it doesn't reach. */
export function formatPercent(ratio: number): string {
  const percent = ratio * 100;
  const rounded = Math.round(percent * 10) / 10;
  const precise = Math.abs(rounded - percent) > 1e-7 && Number.isInteger(rounded) ? Math.round(percent * 1e4) / 1e4 : rounded;
  return `${precise === 0 ? 0 : precise} %`;
}

/** What is left of a budget in words: `73 %`, or `overspent 149 ×` where 149 budgets have been spent. */
export function describeBudget(remaining: number): string {
  if (remaining >= 0) return formatPercent(remaining);
  return `overspent ${Number((1 - remaining).toPrecision(3))} ×`;
}

/** Hours in words: `25 h`, `3.1 days`. */
export function formatHours(hours: number): string {
  return hours < 48 ? `${round(hours)} h` : `${round(hours / 24)} days`;
}

function round(value: number): number {
  return value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
}
