/** Counts of a classic histogram up to each bound: bounds ascending, the last one is Infinity; each count holds those below it. */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

/** A quantile, as far as a histogram knows it. */
export interface HistogramQuantile {
  /** In the unit of the bounds. Where `saturated`, the largest finite bound: the quantile is at least that. */
  value: number;
  /** Whether the quantile lies above the largest finite bound, where the histogram can't tell how far. */
  saturated: boolean;
  /** Width of the bucket in which the quantile lies, within which it is a guess; 0 where `saturated`. */
  width: number;
}

/** How many observations a histogram holds. */
export function totalOf({ counts }: Histogram): number {
  return counts.at(-1) ?? 0;
}

/** Adds histograms of the same bounds. */
export function addHistograms(bounds: readonly number[], list: readonly Histogram[]): Histogram {
  const counts = bounds.map((_, i) => list.reduce((sum, { counts }) => sum + counts[i]!, 0));
  return { bounds, counts };
}

/**
 * A quantile by linear interpolation within its bucket, as Prometheus' `histogram_quantile` does it; the first bucket begins at 0.
 *
 * @param q 0–1
 * @returns undefined for an empty histogram, and for one without a finite bound
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function histogramQuantile({ bounds, counts }: Histogram, q: number): HistogramQuantile | undefined {
  const total = counts.at(-1) ?? 0;
  const last = bounds.length - 2;
  if (total <= 0 || last < 0) return undefined;
  const rank = q * total;
  const bucket = counts.findIndex((count) => count >= rank);
  if (bucket > last) return { value: bounds[last]!, saturated: true, width: 0 };
  const [low, below] = bucket === 0 ? [Math.min(0, bounds[0]!), 0] : [bounds[bucket - 1]!, counts[bucket - 1]!];
  const inside = counts[bucket]! - below;
  const share = inside > 0 ? (rank - below) / inside : 1;
  const width = bounds[bucket]! - low;
  return { value: low + width * share, saturated: false, width };
}

/**
 * Counts that don't fall from bound to bound: scrapes of two replicas may lie between two bounds of one request.
 *
 * @param counts up to each bound, in the order of the bounds
 */
export function monotonous(counts: readonly number[]): number[] {
  let highest = 0;
  return counts.map((count) => {
    highest = Math.max(highest, count);
    return highest;
  });
}

/** Observations of a histogram up to a bound; between two of its bounds those up to the lower one. */
export function countUpTo({ bounds, counts }: Histogram, bound: number): number {
  const index = bounds.findLastIndex((own) => own <= bound);
  return index < 0 ? 0 : counts[index]!;
}

/** Units that a latency histogram may have, with the milliseconds of one. */
export const LATENCY_UNITS = { seconds: 1000, milliseconds: 1, microseconds: 1e-3, nanoseconds: 1e-6 } as const;
/** One of {@link LATENCY_UNITS}. */
export type LatencyUnit = keyof typeof LATENCY_UNITS;

const SUFFIXES: readonly [RegExp, LatencyUnit][] = [
  [/(^|_|:)(milliseconds?|millis|msec|ms)$/i, "milliseconds"],
  [/(^|_|:)(microseconds?|micros|usec|us)$/i, "microseconds"],
  [/(^|_|:)(nanoseconds?|nanos|nsec|ns)$/i, "nanoseconds"],
  [/(^|_|:)(seconds?|secs?|s)$/i, "seconds"],
];

/**
 * The unit that a histogram's name ends in, as Prometheus' naming rules want it.
 *
 * @see https://prometheus.io/docs/practices/naming/#base-units
 */
export function unitOfName(metric: string): LatencyUnit | undefined {
  return SUFFIXES.find(([suffix]) => suffix.test(metric))?.[1];
}

/** Above this no request takes so long: the unit is wrong. */
const AN_HOUR_MS = 3_600_000;

/**
 * Why a histogram of latencies isn't likely to be in the unit that its name says; undefined when nothing speaks against it. Client
 * libraries have the same default bounds whatever a metric is called: 5 ms to 10 s.
 *
 * @param bounds the finite ones that the client library was given, ascending; none for a native histogram
 * @param p95Ms as it comes out in this unit
 */
export function doubtUnit(unit: LatencyUnit, bounds: readonly number[], p95Ms: number | undefined): string | undefined {
  if (p95Ms !== undefined && p95Ms > AN_HOUR_MS) return `in ${unit} its p95 is ${(p95Ms / AN_HOUR_MS).toFixed(1)} hours`;
  const [smallest, largest] = [bounds[0], bounds.at(-1)];
  if (smallest === undefined || largest === undefined) return undefined;
  const range = `its buckets reach from ${smallest} to ${largest}`;
  if (unit === "seconds" && smallest >= 1 && largest >= 100) return `${range}, which looks like milliseconds`;
  if (unit !== "seconds" && smallest < 0.1 && largest <= 60) return `${range}, which looks like seconds`;
  return undefined;
}
