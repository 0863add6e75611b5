/** How reports write numbers: units always, three digits where more would be noise, a dash for what isn't known. */

export const UNKNOWN = "–";

/** `432 ms`, `8.27 ms`, `0.12 ms`. */
export function formatMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return UNKNOWN;
  return `${threeDigits(ms)} ms`;
}

/** A ratio as a percentage: `0.25 %`, `12.3 %`, `100 %`. */
export function formatShare(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined) return UNKNOWN;
  return `${threeDigits(ratio * 100)} %`;
}

/** A factor: `×1.10`. */
export function formatRatio(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined) return UNKNOWN;
  return `×${ratio < 10 ? ratio.toFixed(2) : threeDigits(ratio)}`;
}

/** A change in percent with its sign: `+4.2 %`, `−11 %`, `±0 %`. */
export function formatChange(percent: number | null | undefined): string {
  if (percent === null || percent === undefined) return UNKNOWN;
  const size = threeDigits(Math.abs(percent));
  if (size === "0") return "±0 %";
  return `${percent > 0 ? "+" : "−"}${size} %`;
}

/** A count with thin groups of three: `12 345`. */
export function formatCount(count: number | null | undefined): string {
  if (count === null || count === undefined) return UNKNOWN;
  return count.toLocaleString("en-US").replaceAll(",", "\u202f");
}

/** `49.9 requests/s`. */
export function formatRate(perSecond: number | null | undefined): string {
  return perSecond === null || perSecond === undefined ? UNKNOWN : `${threeDigits(perSecond)} requests/s`;
}

/** Three significant digits without an exponent and without trailing zeros after the point; whole numbers stay whole. */
export function threeDigits(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 100) return String(Math.round(value));
  if (size < 0.001) return value.toPrecision(1).includes("e") ? "<0.001" : value.toPrecision(1);
  return String(Number(value.toPrecision(3)));
}
