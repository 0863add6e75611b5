import { resolve } from "node:path";
import { FAIL_ON, type FailOn } from "../lib/judge/verdict.ts";
import { ON_EXHAUSTED, type OnExhausted } from "../lib/prometheus/budget.ts";
import { parseTiers, type Tiers } from "../lib/prometheus/tiers.ts";
import { type InputReader, readInputs } from "../lib/runner/inputs.ts";

export interface Inputs {
  /** Empty: there is no server to ask, so the budget is unknown. */
  prometheusUrl: string;
  prometheusToken: string;
  prometheusHeaders: Record<string, string>;
  query: string;
  unit: "ratio" | "percent";
  tiers: Tiers;
  onUnknown: "strictest" | "default" | "fail";
  onExhausted: OnExhausted;
  maxAgeSeconds: number;
  cacheTtlSeconds: number;
  timeoutMs: number;
  burnRateQuery: string;
  windowDays: number;
  summaryPath: string;
  reportDirectory: string;
  failOn: FailOn;
  /** Whether an unknown budget counts as INCONCLUSIVE for `failOn`; else `onUnknown` alone says what it does. */
  unknownCounts: boolean;
}

const DEFAULT_TIERS = "100:450,80:420,60:400";
const STAND_IN: Tiers = [{ name: "100:450", below: null, p95Ms: 450 }];

/** The inputs of one run. @throws InputMistakes with every mistake */
export function loadInputs(environment: Readonly<Record<string, string | undefined>> = process.env): Inputs {
  const workspace = resolve(environment.GITHUB_WORKSPACE || process.cwd());
  return readInputs(
    (read) => ({
      prometheusUrl: read.url("prometheus-url", { example: "http://localhost:9090" }),
      prometheusToken: token(read),
      prometheusHeaders: read.headerLines("prometheus-headers"),
      query: read.text("query", "error_budget_remaining"),
      unit: read.choice("unit", ["ratio", "percent"]),
      tiers: tiers(read),
      onUnknown: read.choice("on-unknown", ["strictest", "default", "fail"]),
      onExhausted: read.choice("on-exhausted", ON_EXHAUSTED),
      maxAgeSeconds: read.duration("max-age", "10m"),
      cacheTtlSeconds: read.duration("cache-ttl", "5m", { minSeconds: 0, maxSeconds: 3_600 }),
      timeoutMs: 1000 * read.duration("timeout", "10s", { minSeconds: 0.1, maxSeconds: 600 }),
      burnRateQuery: read.textOrOff("burn-rate-query", "slo:burn_rate:1h"),
      windowDays: read.number("window-days", { fallback: 30, above: 0, max: 366 }),
      summaryPath: read.given("summary-path") ? resolve(workspace, read.text("summary-path")) : "",
      reportDirectory: resolve(workspace, read.text("report-directory", "reports/performance")),
      failOn: read.choice("fail-on", FAIL_ON),
      unknownCounts: read.given("fail-on"),
    }),
    environment,
  );
}

function tiers(read: InputReader): Tiers {
  const parsed = parseTiers(read.text("tiers", DEFAULT_TIERS));
  if (parsed.ok) return parsed.tiers;
  for (const { wanted, remedy } of parsed.mistakes) read.reject("tiers", wanted, remedy);
  return STAND_IN;
}

/** A token with a blank or a line break inside would break the header; the message must not show it. */
function token(read: InputReader): string {
  const text = read.text("prometheus-token");
  if (/[^\x21-\x7e]/.test(text)) {
    read.mistakes.push(
      "prometheus-token: expected visible ASCII characters only, got others. Copy the token again, without line breaks or blanks.",
    );
  }
  return text;
}
