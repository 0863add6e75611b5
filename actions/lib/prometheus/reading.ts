import type { ReasonCode } from "../judge/verdict.ts";
import type { PrometheusClient } from "./client.ts";
import { PrometheusError } from "./failure.ts";
import { formatLabels, type Sample } from "./results.ts";

/** One number out of Prometheus, or the reason why there is none. Never a zero in place of a number that isn't known. */
export type Reading =
  | {
      known: true;
      value: number;
      /** When the sample was taken, by the server's clock. */
      sampledAt: Date;
      /** Seconds between the sample and the query, by the server's clock. */
      ageSeconds: number;
    }
  | { known: false; code: ReasonCode; message: string };

/**
 * Reads an expression that must give exactly one finite number from a sample not older than `maxAgeSeconds`.
 *
 * An instant query's answer carries the time of the query, so the age comes from a second one, `timestamp(…)`. It
 * tells the truth for a plain selector; for a larger expression the server's lookback is what keeps old samples out:
 * `maxAgeSeconds` where the server takes it as a parameter, its default (5 minutes) elsewhere.
 */
export async function readNumber(client: PrometheusClient, query: string, maxAgeSeconds: number): Promise<Reading> {
  try {
    for (const view of views(query, maxAgeSeconds)) {
      const samples = await client.instant(view.value, { lookbackSeconds: maxAgeSeconds });
      if (samples.length > 0) return await judge(client, query, view, samples, maxAgeSeconds);
    }
    return await explainEmpty(client, query, maxAgeSeconds);
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    return { known: false, code: error.code, message: `${query}: ${error.message}` };
  }
}

/** Two queries: one for the value, one for the time of the sample underneath. */
interface View {
  value: string;
  stamp: string;
}

/** The expression as it is; then, for a plain selector, its last sample within the age, in case a rule is evaluated more rarely than the server looks back. */
function views(query: string, maxAgeSeconds: number): View[] {
  const asItIs = { value: query, stamp: `timestamp(${query}\n)` };
  if (!isPlainSelector(query)) return [asItIs];
  const age = `${Math.ceil(maxAgeSeconds)}s`;
  return [asItIs, { value: `last_over_time(${query}[${age}])`, stamp: `max_over_time(timestamp(${query})[${age}:15s])` }];
}

function isPlainSelector(query: string): boolean {
  return /^\s*[a-zA-Z_:][\w:]*\s*(\{[^{}]*\})?\s*$/.test(query);
}

async function judge(
  client: PrometheusClient,
  query: string,
  view: View,
  samples: readonly Sample[],
  maxAgeSeconds: number,
): Promise<Reading> {
  if (samples.length > 1) {
    const names = samples.slice(0, 3).map((sample) => formatLabels(sample.labels));
    const more = samples.length > names.length ? `, and ${samples.length - names.length} more` : "";
    const message = `${query}: expected one series, got ${samples.length}: ${names.join(", ")}${more}. Select one by its labels, or aggregate.`;
    return { known: false, code: "MULTIPLE_SERIES", message };
  }
  const { value, time } = samples[0]!;
  if (!Number.isFinite(value)) {
    const cause = Number.isNaN(value) ? "0 ÷ 0, no traffic, or a rule without a default" : "a division by zero";
    return { known: false, code: "NON_FINITE", message: `${query}: the value is ${value} (${cause}), which is not a number.` };
  }
  const sampled = await sampleTime(client, view, time, maxAgeSeconds);
  const ageSeconds = Math.max(0, time - sampled);
  if (ageSeconds > maxAgeSeconds) return stale(query, ageSeconds, maxAgeSeconds);
  return { known: true, value, sampledAt: new Date(sampled * 1000), ageSeconds };
}

async function sampleTime(client: PrometheusClient, view: View, time: number, lookbackSeconds: number): Promise<number> {
  try {
    const stamps = await client.instant(view.stamp, { time, lookbackSeconds });
    return stamps.length === 1 && Number.isFinite(stamps[0]!.value) ? stamps[0]!.value : time;
  } catch (error) {
    // A scalar has no time of its own: Prometheus refuses timestamp() of it.
    if (error instanceof PrometheusError && error.kind === "query") return time;
    throw error;
  }
}

/** Tells "never there" from "was there until …". */
async function explainEmpty(client: PrometheusClient, query: string, maxAgeSeconds: number): Promise<Reading> {
  // Repeating a plain selector is cheap; a larger expression may read 30 days each time.
  const history = isPlainSelector(query) ? `timestamp(${query})[1d:1m]` : `timestamp(${query}\n)[1h:5m]`;
  let last: number | undefined;
  let unasked = "";
  try {
    last = (await client.instant(`time() - max(max_over_time(${history}))`))[0]?.value;
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    unasked = ` (Whether it had one before could not be found out: ${error.message})`;
  }
  if (last !== undefined && Number.isFinite(last)) return stale(query, last, maxAgeSeconds);
  const message = `${query}: no series. Check the name, and that Prometheus loads the rule and scrapes the service.${unasked}`;
  return { known: false, code: "NO_DATA", message };
}

function stale(query: string, ageSeconds: number, maxAgeSeconds: number): Reading {
  const message = `${query}: the last sample is ${describeAge(ageSeconds)} old, above max-age ${describeAge(maxAgeSeconds)}. Is Prometheus still scraping and evaluating?`;
  return { known: false, code: "STALE_DATA", message };
}

/** An age in words: `40 s`, `10 min`, `3 h`. */
export function describeAge(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
