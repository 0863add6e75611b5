import { quantileSorted } from "./quantiles.ts";

/** The requests of one arm, in parallel arrays of one length. */
export interface Samples {
  /** Seconds, on one clock for both arms. */
  readonly t: Float64Array;
  /** Milliseconds. NaN only where `ok` is 0: a failed request may have no latency. */
  readonly latencyMs: Float64Array;
  /** 1 a success, 0 a failure. */
  readonly ok: Uint8Array;
  /** The routes of the requests; absent when the source doesn't know them. */
  readonly routes?: Routes;
}

/** The routes of an arm's requests. */
export interface Routes {
  readonly names: readonly string[];
  /** For each request the index of its route's name; {@link NO_ROUTE} for a request without one. */
  readonly of: Uint16Array;
}

/** Stands for the name of a request that has none. */
export const NO_ROUTE = 0xffff;

/** One request, as it is easy to write down. */
export interface Sample {
  t: number;
  latencyMs: number;
  ok: boolean;
  route?: string;
}

/** Packs requests into the arrays that the judge works on, in the order given. */
export function toSamples(list: readonly Sample[]): Samples {
  const samples = { t: new Float64Array(list.length), latencyMs: new Float64Array(list.length), ok: new Uint8Array(list.length) };
  const names = [...new Set(list.flatMap(({ route }) => (route === undefined ? [] : [route])))];
  const indices = new Map(names.map((name, i) => [name, i]));
  const of = new Uint16Array(names.length === 0 ? 0 : list.length);
  list.forEach((sample, i) => {
    samples.t[i] = sample.t;
    samples.latencyMs[i] = sample.latencyMs;
    samples.ok[i] = sample.ok ? 1 : 0;
    if (of.length > 0) of[i] = sample.route === undefined ? NO_ROUTE : indices.get(sample.route)!;
  });
  return names.length === 0 ? samples : { ...samples, routes: { names, of } };
}

/** The requests that `keep` names by index, in their order. */
export function filterSamples(samples: Samples, keep: (index: number) => boolean): Samples {
  const indices: number[] = [];
  for (let i = 0; i < samples.t.length; i += 1) if (keep(i)) indices.push(i);
  return pick(samples, indices);
}

function pick({ t, latencyMs, ok, routes }: Samples, indices: ArrayLike<number>): Samples {
  const picked = {
    t: Float64Array.from(indices, (i) => t[i]!),
    latencyMs: Float64Array.from(indices, (i) => latencyMs[i]!),
    ok: Uint8Array.from(indices, (i) => ok[i]!),
  };
  return routes === undefined
    ? picked
    : { ...picked, routes: { names: routes.names, of: Uint16Array.from(indices, (i) => routes.of[i]!) } };
}

/** The same requests in the order of their times; ties by latency, so that the order in which they were read can't matter. */
export function sortByTime(samples: Samples): Samples {
  const { t, latencyMs, ok, routes } = samples;
  let sorted = true;
  for (let i = 1; i < t.length && sorted; i += 1) sorted = t[i]! > t[i - 1]!;
  if (sorted) return samples;
  const order = Uint32Array.from(t.keys());
  const name = (i: number) => routes?.names[routes.of[i]!] ?? "";
  order.sort(
    (a, b) =>
      t[a]! - t[b]! || ok[a]! - ok[b]! || latencyMs[a]! - latencyMs[b]! || (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0),
  );
  return pick(samples, order);
}

/** Latencies of the successes in milliseconds, ascending. */
export function sortedLatencies({ latencyMs, ok }: Samples): Float64Array {
  const latencies = new Float64Array(latencyMs.length);
  let count = 0;
  for (let i = 0; i < ok.length; i += 1) {
    if (ok[i] !== 1) continue;
    latencies[count] = latencyMs[i]!;
    count += 1;
  }
  return latencies.subarray(0, count).sort();
}

/** A value that can't be a measurement. */
export interface SampleFault {
  kind: "time" | "latency";
  arm: "baseline" | "canary";
  message: string;
}

/**
 * What makes the samples unusable: a time or latency that is NaN, infinite or negative.
 *
 * @returns at most one fault per arm and kind, none when the samples can be judged
 */
export function findFaults(baseline: Samples, canary: Samples): SampleFault[] {
  const faults: SampleFault[] = [];
  for (const [arm, { t, latencyMs, ok }] of [
    ["baseline", baseline],
    ["canary", canary],
  ] as const) {
    let times = 0;
    let bad = 0;
    let example = 0;
    for (let i = 0; i < t.length; i += 1) {
      if (!Number.isFinite(t[i])) times += 1;
      const ms = latencyMs[i]!;
      const fine = ok[i] === 1 ? ms >= 0 && ms < Number.POSITIVE_INFINITY : !(ms < 0 || ms === Number.POSITIVE_INFINITY);
      if (fine) continue;
      if (bad === 0) example = ms;
      bad += 1;
    }
    if (times > 0) faults.push({ kind: "time", arm, message: `${times} of ${t.length} times are not finite numbers` });
    if (bad > 0) {
      const shown = Number.isNaN(example) ? "NaN" : `${example} ms`;
      const message = `${bad} of ${t.length} latencies are not finite numbers ≥ 0, such as ${shown}`;
      faults.push({ kind: "latency", arm, message });
    }
  }
  return faults;
}

/** Between these factors two sets of latencies are as far apart as milliseconds and seconds. */
const THOUSAND = { low: 400, high: 2500 };
/** A hole this wide in one arm's latencies divides it in two kinds of values. */
const HOLE = 20;
/** Fewer latencies than these say nothing of their unit. */
const LEAST_FOR_UNITS = 20;

/**
 * Whether the numbers of a file look as if their unit changed, between the arms or within one. A guess: it keeps from passing, and takes no
 * FAIL away. What both arms show alike, such as a cache with hits of 1 ms and misses of 900 ms, is the service's own.
 *
 * @param baseline latencies of the successes, ascending
 * @param canary as baseline
 */
export function guessUnits(
  baseline: Float64Array,
  canary: Float64Array,
): { arm: "baseline" | "canary"; message: string } | undefined {
  if (baseline.length < LEAST_FOR_UNITS || canary.length < LEAST_FOR_UNITS) return undefined;
  const [b, c] = [findThousandfoldSplit(baseline), findThousandfoldSplit(canary)];
  if (b !== undefined && c !== undefined) return undefined;
  if (b !== undefined) return { arm: "baseline", message: b };
  if (c !== undefined) return { arm: "canary", message: c };
  const across = thousandfoldApart(baseline, canary);
  return across === undefined ? undefined : { arm: "canary", message: across };
}

function findThousandfoldSplit(latencies: Float64Array): string | undefined {
  const n = latencies.length;
  const edge = Math.ceil(n * 0.02);
  for (let i = edge; i < n - edge; i += 1) {
    const below = latencies[i - 1]!;
    if (!(below > 0 && latencies[i]! / below >= HOLE)) continue;
    const low = quantileSorted(latencies.subarray(0, i), 0.5);
    const high = quantileSorted(latencies.subarray(i), 0.5);
    if (high / low >= THOUSAND.low && high / low <= THOUSAND.high) {
      return `${i} latencies lie around ${low.toPrecision(3)} and ${n - i} around ${high.toPrecision(3)}, a factor of about 1,000: seconds mixed with milliseconds?`;
    }
  }
  return undefined;
}

function thousandfoldApart(baseline: Float64Array, canary: Float64Array): string | undefined {
  const factors = [0.1, 0.5, 0.9].map((q) => quantileSorted(canary, q) / quantileSorted(baseline, q));
  const apart = (list: number[]) => list.every((factor) => factor >= THOUSAND.low && factor <= THOUSAND.high);
  if (!apart(factors) && !apart(factors.map((factor) => 1 / factor))) return undefined;
  const medians = [quantileSorted(baseline, 0.5), quantileSorted(canary, 0.5)].map((value) => value.toPrecision(3));
  return `the whole distribution is a factor of about 1,000 from the baseline's (medians ${medians[1]} and ${medians[0]}): seconds against milliseconds?`;
}
