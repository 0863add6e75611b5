/**
 * Quantile of values already sorted ascending, by linear interpolation at position `q·(n − 1)` ("type 7").
 *
 * @param sorted ascending, at least one value
 * @param q 0–1
 * @throws RangeError when there is no value or q is outside 0–1
 * @see Hyndman & Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996). R, NumPy and k6 use the same.
 */
export function quantileSorted(sorted: ArrayLike<number>, q: number): number {
  const n = sorted.length;
  if (n === 0) throw new RangeError("quantile: expected at least one value, got none");
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile: expected q from 0 to 1, got ${q}`);
  const position = q * (n - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, n - 1)]!;
  return low + (position - below) * (high - low);
}

/**
 * Quantile ("type 7") of values in any order; the input is left as it is.
 *
 * @throws RangeError when there is no value or q is outside 0–1
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  return quantileSorted(Float64Array.from(values).sort(), q);
}

/**
 * Median of values in any order: `quantile(values, 0.5)`.
 *
 * @throws RangeError when there is no value
 */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}
