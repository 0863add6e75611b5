import type { PrometheusClient, Series } from "../../lib/prometheus/client.ts";
import { addHistograms, type Histogram, monotonous } from "../../lib/prometheus/histogram.ts";
import { formatMatcher, negate } from "../../lib/prometheus/matchers.ts";
import type { PrometheusInputs } from "../prometheus-inputs.ts";
import type { Plan } from "./prometheus-plan.ts";

/** One arm between two readings of its counters. */
export interface Cell {
  /** Unix seconds. */
  end: number;
  requests: number;
  failures: number;
  /** Requests that stand in the first value of series that were not there before. */
  born: number;
  /** Of the successes, in the metric's unit; its bounds are those of the arm. */
  successes: Histogram;
}

/** One arm's counters over time. */
export interface ArmSeries {
  /** Upper bounds of the buckets that every series of the arm has, ascending, the last Infinity; empty when it has no buckets. */
  bounds: readonly number[];
  cells: readonly Cell[];
}

/** How far back a reading looks for the last value of a series beyond the stretch itself, in seconds: an absence that long is a birth. */
const MEMORY_SECONDS = 900;

/** Milliseconds, the only unit in which PromQL takes every length exactly. */
function duration(seconds: number): string {
  return `${Math.round(seconds * 1000)}ms`;
}

/**
 * How much counters grew in each cell, as an expression: last value minus the last value one cell before. Nothing falls between two
 * cells, a missed scrape is no gap, and nothing is extrapolated. A series that was not there before has grown from 0: client libraries
 * make a series with its first increment, and the whole burst may stand in it. A counter that fell was reset, and has grown from 0 too.
 */
function grown(series: string, { cellSeconds, start, end }: Plan): { all: string; born: string } {
  const memory = duration(end - start + MEMORY_SECONDS);
  const last = `last_over_time(${series}[${memory}])`;
  const before = `last_over_time(${series}[${memory}] offset ${duration(cellSeconds)})`;
  return { all: `((${last} - ${before}) >= 0 or ${last})`, born: `(${last} unless ${before})` };
}

/** The expressions of one arm, each a sum over its series: what came since the cell before. */
export function armQueries({ metric, errorMatcher }: PrometheusInputs, selector: string, plan: Plan) {
  const counted = `${metric}_count{${selector}}`;
  return {
    requests: `sum(${grown(counted, plan).all})`,
    failures: `sum(${grown(`${metric}_count{${selector},${formatMatcher(errorMatcher)}}`, plan).all})`,
    born: `sum(${grown(counted, plan).born})`,
    successes: `sum by (le) (${grown(`${metric}_bucket{${selector},${negate(errorMatcher)}}`, plan).all})`,
  };
}

/** Upper bounds of the buckets that every series of an arm has; versions with different buckets may stand side by side. */
async function commonBounds(client: PrometheusClient, inputs: PrometheusInputs, selector: string, plan: Plan): Promise<number[]> {
  const stretch = duration(plan.end - plan.start);
  const query = `count by (le) (last_over_time(${inputs.metric}_bucket{${selector}}[${stretch}]))`;
  const counts = new Map<number, number>();
  for (const { labels, value } of await client.instant(query, { time: plan.end })) {
    const bound = boundOf(labels["le"]);
    if (bound !== undefined) counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  const series = counts.get(Number.POSITIVE_INFINITY) ?? 0;
  return [...counts].flatMap(([bound, count]) => (series > 0 && count >= series ? [bound] : [])).sort((a, b) => a - b);
}

function boundOf(le: string | undefined): number | undefined {
  if (le === undefined || le === "") return undefined;
  const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
  return Number.isNaN(bound) ? undefined : bound;
}

/** Values by the number of their cell. */
function byCell({ points }: Series, { start, cellSeconds }: Plan): Map<number, number> {
  return new Map(points.map(([t, value]) => [Math.round((t - start) / cellSeconds) - 1, Number.isFinite(value) ? value : 0]));
}

/**
 * Reads one arm's counters from start to end.
 *
 * @throws PrometheusError
 */
export async function readArm(
  client: PrometheusClient,
  inputs: PrometheusInputs,
  selector: string,
  plan: Plan,
): Promise<ArmSeries> {
  const queries = armQueries(inputs, selector, plan);
  const { start, end, cellSeconds } = plan;
  const range = { start: start + cellSeconds, end, stepSeconds: cellSeconds };
  const [bounds, requests, failures, born, buckets] = await Promise.all([
    commonBounds(client, inputs, selector, plan),
    client.range(queries.requests, range),
    client.range(queries.failures, range),
    client.range(queries.born, range),
    client.range(queries.successes, range),
  ]);
  const one = (series: Series[]) => (series[0] === undefined ? new Map<number, number>() : byCell(series[0], plan));
  const [all, failed, first] = [one(requests), one(failures), one(born)];
  const byBound = new Map<number, Map<number, number>>();
  for (const series of buckets) {
    const bound = boundOf(series.labels["le"]);
    if (bound !== undefined && bounds.includes(bound)) byBound.set(bound, byCell(series, plan));
  }
  const cells = Array.from(
    { length: Math.round((end - start) / cellSeconds) },
    (_, i): Cell => ({
      end: start + (i + 1) * cellSeconds,
      requests: all.get(i) ?? 0,
      failures: failed.get(i) ?? 0,
      born: first.get(i) ?? 0,
      successes: { bounds, counts: bounds.map((bound) => byBound.get(bound)?.get(i) ?? 0) },
    }),
  );
  return { bounds, cells };
}

/** Some cells as one, with the buckets of the given bounds alone: counts up to a bound stay exact when others are left out. */
export function mergeCells(cells: readonly Cell[], bounds: readonly number[]): Omit<Cell, "end" | "born"> {
  const total = (kind: "requests" | "failures") => cells.reduce((sum, cell) => sum + cell[kind], 0);
  const kept = cells.map(({ successes }) => ({
    bounds,
    counts: bounds.map((bound) => successes.counts[successes.bounds.indexOf(bound)] ?? 0),
  }));
  const { counts } = addHistograms(bounds, kept);
  return { requests: total("requests"), failures: total("failures"), successes: { bounds, counts: monotonous(counts) } };
}
