import { quantileSorted } from "./quantiles.ts";

/** The requests of one arm, in parallel arrays of one length. */
export interface Samples {
  /** Seconds, on one clock for both arms. */
  readonly t: Float64Array;
  /** Milliseconds. NaN only where `ok` is 0: a failed request may have no latency. */
  readonly latencyMs: Float64Array;
  /** 1 a success, 0 a failure. */
  readonly ok: Uint8Array;
}

/** One request, as it is easy to write down. */
export interface Sample {
  t: number;
  latencyMs: number;
  ok: boolean;
}

/** Packs requests into the arrays that the judge works on, in the order given. */
export function toSamples(list: readonly Sample[]): Samples {
  const samples = { t: new Float64Array(list.length), latencyMs: new Float64Array(list.length), ok: new Uint8Array(list.length) };
  list.forEach((sample, i) => {
    samples.t[i] = sample.t;
    samples.latencyMs[i] = sample.latencyMs;
    samples.ok[i] = sample.ok ? 1 : 0;
  });
  return samples;
}

/** The requests that `keep` names by index, in their order. */
export function filterSamples(samples: Samples, keep: (index: number) => boolean): Samples {
  const indices: number[] = [];
  for (let i = 0; i < samples.t.length; i++) if (keep(i)) indices.push(i);
  return pick(samples, indices);
}

function pick(samples: Samples, indices: ArrayLike<number>): Samples {
  return {
    t: Float64Array.from(indices, (i) => samples.t[i]!),
    latencyMs: Float64Array.from(indices, (i) => samples.latencyMs[i]!),
    ok: Uint8Array.from(indices, (i) => samples.ok[i]!),
  };
}

/** The same requests in the order of their times; ties by latency, so that the order in which they were read can't matter. */
export function sortByTime(samples: Samples): Samples {
  const { t, latencyMs, ok } = samples;
  let sorted = true;
  for (let i = 1; i < t.length && sorted; i++) sorted = t[i]! > t[i - 1]!;
  if (sorted) return samples;
  const order = Uint32Array.from(t.keys());
  order.sort((a, b) => t[a]! - t[b]! || ok[a]! - ok[b]! || latencyMs[a]! - latencyMs[b]! || a - b);
  return pick(samples, order);
}

/** Latencies of the successes in milliseconds, ascending. */
export function sortedLatencies(samples: Samples): Float64Array {
  return samples.latencyMs.filter((_, i) => samples.ok[i] === 1).sort();
}

/** How many requests failed. */
export function countFailures(samples: Samples): number {
  return samples.ok.reduce((sum, ok) => sum + (ok === 1 ? 0 : 1), 0);
}

/** A value that can't be a measurement, or a sign that one arm's numbers mean something else. */
export interface SampleFault {
  kind: "time" | "latency" | "units";
  arm: "baseline" | "canary";
  message: string;
}

/** Between these factors two sets of latencies are as far apart as milliseconds and seconds. */
const THOUSAND = { low: 400, high: 2500 };
/** A hole this wide in one arm's latencies divides it in two kinds of values. */
const HOLE = 20;

/**
 * What makes the samples unusable: a time or latency that is NaN, infinite or negative, and latencies whose unit seems to change,
 * between the arms or within one.
 *
 * @param measured whether the unit is surely milliseconds: then a factor of 1,000 is what it looks like
 * @returns one fault an arm and kind, none when the samples can be judged
 */
export function findFaults(baseline: Samples, canary: Samples, measured = false): SampleFault[] {
  const arms = [
    ["baseline", baseline],
    ["canary", canary],
  ] as const;
  const faults: SampleFault[] = [];
  for (const [arm, samples] of arms) {
    const times = samples.t.filter((t) => !Number.isFinite(t)).length;
    if (times > 0) faults.push({ kind: "time", arm, message: `${times} of ${samples.t.length} times are not finite numbers` });
    const bad = samples.latencyMs.filter((ms, i) =>
      samples.ok[i] === 1 ? !(ms >= 0 && Number.isFinite(ms)) : ms < 0 || Math.abs(ms) === Infinity,
    );
    if (bad.length > 0) {
      const example = Number.isNaN(bad[0]) ? "NaN" : `${bad[0]} ms`;
      faults.push({
        kind: "latency",
        arm,
        message: `${bad.length} of ${samples.t.length} latencies are not finite numbers ≥ 0, such as ${example}`,
      });
    }
  }
  if (faults.length > 0 || measured) return faults;
  for (const [arm, samples] of arms) {
    const latencies = sortedLatencies(samples);
    const split = findThousandfoldSplit(latencies);
    if (split) faults.push({ kind: "units", arm, message: split });
  }
  const across = faults.length === 0 ? thousandfoldApart(sortedLatencies(baseline), sortedLatencies(canary)) : undefined;
  if (across) faults.push({ kind: "units", arm: "canary", message: across });
  return faults;
}

function findThousandfoldSplit(latencies: Float64Array): string | undefined {
  const n = latencies.length;
  if (n < 20) return undefined;
  for (let i = Math.ceil(n * 0.02); i < n - Math.ceil(n * 0.02); i++) {
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
  if (baseline.length < 20 || canary.length < 20) return undefined;
  const factors = [0.1, 0.5, 0.9].map((q) => quantileSorted(canary, q) / quantileSorted(baseline, q));
  const apart = (list: number[]) => list.every((factor) => factor >= THOUSAND.low && factor <= THOUSAND.high);
  if (!apart(factors) && !apart(factors.map((factor) => 1 / factor))) return undefined;
  const medians = [quantileSorted(baseline, 0.5), quantileSorted(canary, 0.5)].map((value) => value.toPrecision(3));
  return `the whole distribution is a factor of about 1,000 from the baseline's (medians ${medians[1]} and ${medians[0]}): seconds against milliseconds?`;
}
