import type { NativeHistogram, PrometheusClient, Series } from "../../lib/prometheus/client.ts";
import { addHistograms, countUpTo, type Histogram } from "../../lib/prometheus/histogram.ts";
import { formatMatcher, negate } from "../../lib/prometheus/matchers.ts";
import type { PrometheusInputs } from "../prometheus-inputs.ts";
import { ARMS, type ArmName } from "../samples/recording.ts";
import type { ArmSeries, Cell } from "./prometheus-arm.ts";
import { countedBy, type Plan, selectorOf } from "./prometheus-plan.ts";

/** What native histograms of some series grew by in one cell. */
interface Growth {
  count: number;
  /** Requests in the first histograms of series that were not there before. */
  born: number;
  histograms: Histogram[];
}

/**
 * Reads both arms' native histograms and cuts them as classic ones are cut. Servers subtract them since late versions only, so the
 * series come as they are, and the subtraction is done here. Their buckets are as fine as needed, and none of them is the last.
 *
 * @throws PrometheusError
 */
export async function readNativeArms(
  client: PrometheusClient,
  inputs: PrometheusInputs,
  plan: Plan,
): Promise<Record<ArmName, ArmSeries>> {
  const { errorMatcher } = inputs;
  const read = async (arm: ArmName) => {
    const selector = selectorOf(inputs, arm);
    const range = { start: plan.start, end: plan.end, stepSeconds: plan.cellSeconds };
    const ask = async (matcher: string) =>
      growth(await client.range(countedBy(inputs, "native", `${selector},${matcher}`), range), plan);
    const [successes, failures] = await Promise.all([ask(negate(errorMatcher)), ask(formatMatcher(errorMatcher))]);
    return { successes, failures };
  };
  const [baseline, canary] = await Promise.all(ARMS.map(read));
  const arms = { baseline: baseline!, canary: canary! };
  // A bucket that one arm lacks is an empty one, so every bound of either arm is one of both.
  const all = ARMS.flatMap((arm) => arms[arm].successes.flatMap((cell) => cell.histograms.flatMap(({ bounds }) => bounds)));
  const bounds = [...new Set([...all, Number.POSITIVE_INFINITY])].sort((a, b) => a - b);
  const cut = ({ successes, failures }: (typeof arms)["baseline"]): ArmSeries => ({
    bounds,
    cells: successes.map((cell, i): Cell => {
      const spread = cell.histograms.map((histogram) => ({
        bounds,
        counts: bounds.map((bound) => countUpTo(histogram, bound)),
      }));
      return {
        end: plan.start + (i + 1) * plan.cellSeconds,
        requests: cell.count + failures[i]!.count,
        failures: failures[i]!.count,
        born: cell.born + failures[i]!.born,
        successes: addHistograms(bounds, spread),
      };
    }),
  });
  return { baseline: cut(arms.baseline), canary: cut(arms.canary) };
}

/** Bucket counts as counts up to each bound, lower ones too since empty buckets are left out; the last bound is Infinity. */
function cumulate({ count, buckets }: NativeHistogram): Histogram {
  const bounds: number[] = [];
  const counts: number[] = [];
  let sum = 0;
  for (const bucket of buckets.toSorted((a, b) => a.upper - b.upper)) {
    if (bucket.lower > (bounds.at(-1) ?? Number.NEGATIVE_INFINITY)) {
      bounds.push(bucket.lower);
      counts.push(sum);
    }
    sum += bucket.count;
    bounds.push(bucket.upper);
    counts.push(sum);
  }
  if (bounds.at(-1) === Number.POSITIVE_INFINITY) return { bounds, counts };
  return { bounds: [...bounds, Number.POSITIVE_INFINITY], counts: [...counts, Math.max(sum, count)] };
}

/** What came in each cell: as with classic counters, absent is 0 before a birth, a fall is a reset, and a gap is bridged. */
function growth(list: readonly Series[], { start, end, cellSeconds }: Plan): Growth[] {
  const cells = Array.from(
    { length: Math.round((end - start) / cellSeconds) },
    (): Growth => ({ count: 0, born: 0, histograms: [] }),
  );
  for (const { histograms } of list) {
    let before: Histogram | undefined;
    for (const [t, histogram] of histograms) {
      const cell = cells[Math.round((t - start) / cellSeconds) - 1];
      const now = cumulate(histogram);
      if (cell !== undefined) {
        const total = now.counts.at(-1)!;
        const known = before !== undefined && before.counts.at(-1)! <= total ? before : undefined;
        const counts = now.bounds.map((bound, i) => now.counts[i]! - (known === undefined ? 0 : countUpTo(known, bound)));
        cell.count += counts.at(-1)!;
        if (before === undefined) cell.born += total;
        cell.histograms.push({ bounds: now.bounds, counts });
      }
      before = now;
    }
  }
  return cells;
}
