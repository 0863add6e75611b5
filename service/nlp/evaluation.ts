import { HIGH, MEDIUM } from "./bands.ts";

/** One judged message. */
export interface Judged {
  /** The right intent; null when the message is out of scope. */
  expected: string | null;
  /** The likeliest intent. */
  intent: string;
  confidence: number;
}

/** How good a classifier is on a set of judged messages. Ratios 0–1; null where the set holds nothing to measure it on. */
export interface Quality {
  in_scope: number;
  out_of_scope: number;
  /** In-scope messages whose likeliest intent is right. */
  accuracy: number | null;
  /** Chance that an in-scope message gets a higher confidence than an out-of-scope one. */
  auroc: number | null;
  /** Expected calibration error over ten bins of equal width; out-of-scope messages count as wrong. */
  ece: number | null;
  /** Right answers among those of confidence ≥ 0.75, out-of-scope messages counted as wrong. */
  precision_above_075: number | null;
  /** Wrong answers of confidence ≥ 0.75, out-of-scope messages included. */
  wrong_above_075: number;
  /** Share of out-of-scope messages below 0.45. */
  out_of_scope_recall_at_045: number | null;
  /** In-scope messages that are right and at or above 0.45. */
  right_at_045: number | null;
  /** In-scope messages below 0.45. */
  in_scope_below_045: number | null;
  /** Share and precision of each band. */
  bands: { high: BandQuality; medium: BandQuality; low: BandQuality };
}

/** How many messages fall in a band and how many of them are right. */
export interface BandQuality {
  share: number | null;
  precision: number | null;
}

/**
 * Measures judged messages.
 *
 * @param outOfScopeShare weighs out-of-scope messages to this share in ECE, precision and bands; without it each message counts once
 */
export function measure(judged: readonly Judged[], outOfScopeShare?: number): Quality {
  const inside = judged.filter((one) => one.expected !== null);
  const outside = judged.filter((one) => one.expected === null);
  const weight =
    outOfScopeShare !== undefined && inside.length > 0 && outside.length > 0
      ? (outOfScopeShare / (1 - outOfScopeShare)) * (inside.length / outside.length)
      : 1;
  const right = (one: Judged) => one.expected === one.intent;
  const weightOf = (one: Judged) => (one.expected === null ? weight : 1);
  const mass = (some: readonly Judged[]) => some.reduce((sum, one) => sum + weightOf(one), 0);
  const share = (some: readonly Judged[], of: readonly Judged[]) => (of.length === 0 ? null : mass(some) / mass(of));
  const high = judged.filter((one) => one.confidence >= HIGH);
  const medium = judged.filter((one) => one.confidence < HIGH && one.confidence >= MEDIUM);
  const low = judged.filter((one) => !(one.confidence >= MEDIUM));
  const band = (some: readonly Judged[]): BandQuality => ({
    share: share(some, judged),
    precision: share(some.filter(right), some),
  });
  return {
    in_scope: inside.length,
    out_of_scope: outside.length,
    accuracy: share(inside.filter(right), inside),
    auroc: areaUnderRoc(
      inside.map((one) => one.confidence),
      outside.map((one) => one.confidence),
    ),
    ece: calibrationError(judged, right, weightOf),
    precision_above_075: share(high.filter(right), high),
    wrong_above_075: high.filter((one) => !right(one)).length,
    out_of_scope_recall_at_045: share(
      outside.filter((one) => one.confidence < MEDIUM),
      outside,
    ),
    right_at_045: share(
      inside.filter((one) => right(one) && one.confidence >= MEDIUM),
      inside,
    ),
    in_scope_below_045: share(
      inside.filter((one) => one.confidence < MEDIUM),
      inside,
    ),
    bands: { high: band(high), medium: band(medium), low: band(low) },
  };
}

/**
 * Area under the ROC curve by ranks, ties counted half.
 *
 * @returns null when either side is empty
 * @see Hanley & McNeil, Radiology 143 (1982)
 */
export function areaUnderRoc(positives: readonly number[], negatives: readonly number[]): number | null {
  if (positives.length === 0 || negatives.length === 0) return null;
  const all = [
    ...positives.map((value) => ({ value, positive: true })),
    ...negatives.map((value) => ({ value, positive: false })),
  ];
  all.sort((a, b) => a.value - b.value);
  let rankSum = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    while (end < all.length && all[end]!.value === all[start]!.value) end++;
    const rank = (start + end + 1) / 2;
    for (let i = start; i < end; i++) if (all[i]!.positive) rankSum += rank;
    start = end;
  }
  return (rankSum - (positives.length * (positives.length + 1)) / 2) / (positives.length * negatives.length);
}

function calibrationError(
  judged: readonly Judged[],
  right: (one: Judged) => boolean,
  weightOf: (one: Judged) => number,
): number | null {
  const bins = Array.from({ length: 10 }, () => ({ mass: 0, confidence: 0, right: 0 }));
  let total = 0;
  for (const one of judged) {
    const bin = bins[Math.min(9, Math.floor(one.confidence * 10))]!;
    const weight = weightOf(one);
    bin.mass += weight;
    bin.confidence += weight * one.confidence;
    if (right(one)) bin.right += weight;
    total += weight;
  }
  if (total === 0) return null;
  return bins.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.right), 0) / total;
}
