/** Two instances of one build differ by about this much, as a log ratio. */
export const INSTANCE_FLOOR = 0.02;
/** The same for arms that ran one after the other, where drift looks like effect. */
export const BEFORE_AFTER_FLOOR = 0.12;

/** An estimate with its standard error, both log ratios, and the degrees of freedom of that error. */
export interface Estimate {
  est: number;
  se: number;
  df: number;
}

/** How many pairs i ≤ j of ascending values have a mean ≤ limit. */
function countPairs(sorted: Float64Array, limit: number): number {
  let ordered = 0;
  let single = 0;
  let j = sorted.length - 1;
  for (let i = 0; i < sorted.length; i++) {
    while (j >= 0 && (sorted[i]! + sorted[j]!) / 2 > limit) j--;
    ordered += j + 1;
    if (sorted[i]! <= limit) single++;
  }
  return (ordered + single) / 2;
}

/** The smallest mean of a pair that is > limit. */
function nextPair(sorted: Float64Array, limit: number): number {
  let next = Number.POSITIVE_INFINITY;
  let j = sorted.length - 1;
  for (let i = 0; i < sorted.length; i++) {
    while (j >= 0 && (sorted[i]! + sorted[j]!) / 2 > limit) j--;
    if (j + 1 < sorted.length) next = Math.min(next, (sorted[i]! + sorted[j + 1]!) / 2);
  }
  return next;
}

/** The k-th smallest mean of a pair, k from 1, by bisection on its value: n log, where a list of all pairs would be n². */
function kthPair(sorted: Float64Array, k: number): number {
  let low = sorted[0]! - 1;
  let high = sorted.at(-1)!;
  for (let i = 0; i < 48; i++) {
    const middle = (low + high) / 2;
    if (countPairs(sorted, middle) >= k) high = middle;
    else low = middle;
  }
  return nextPair(sorted, low);
}

/**
 * Hodges–Lehmann estimate of location: the median of the means of all pairs i ≤ j.
 *
 * @param values at least one, any order
 * @throws RangeError when there is none
 * @see Hodges & Lehmann, "Estimates of Location Based on Rank Tests", Annals of Mathematical Statistics 34 (1963)
 */
export function hodgesLehmann(values: ArrayLike<number>): number {
  if (values.length === 0) throw new RangeError("Hodges–Lehmann: expected at least one value, got none");
  const sorted = Float64Array.from(values).sort();
  const pairs = (sorted.length * (sorted.length + 1)) / 2;
  const upper = kthPair(sorted, Math.floor(pairs / 2) + 1);
  return pairs % 2 === 1 ? upper : (kthPair(sorted, pairs / 2) + upper) / 2;
}

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/**
 * Mean of what is left when an eighth of the values is cut off at each end, rounded down: of one to seven values the plain mean.
 *
 * @see Tukey & McLaughlin, "Less Vulnerable Confidence and Significance Procedures for Location", Sankhyā A 25 (1963)
 */
export function trimmedMean(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const cut = Math.floor(sorted.length / 8);
  return mean(sorted.subarray(cut, sorted.length - cut));
}

/**
 * An estimate with its block jackknife error: leave each block out, `SE² = (K−1)/K · Σ(est_k − mean)² + floor²`, df = K − 1.
 *
 * @param values one value an observation
 * @param blocks the block of each value
 * @param estimator of a list of values
 * @param floor a log ratio below which a difference means nothing
 * @returns undefined with fewer than two blocks: no error can be told
 * @see Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 11
 */
export function jackknife(
  values: readonly number[],
  blocks: readonly number[],
  estimator: (values: ArrayLike<number>) => number,
  floor: number,
): Estimate | undefined {
  const names = [...new Set(blocks)];
  if (names.length < 2) return undefined;
  const left = names.map((name) => estimator(values.filter((_, i) => blocks[i] !== name)));
  const centre = mean(left);
  const k = names.length;
  const variance = ((k - 1) / k) * left.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return { est: estimator(values), se: Math.sqrt(variance + floor * floor), df: k - 1 };
}
