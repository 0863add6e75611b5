import type { Band } from "../vocabulary.ts";

/** From here on the agent acts. */
export const HIGH = 0.75;
/** From here on it asks; below it falls back. */
export const MEDIUM = 0.45;

/** Band of a confidence: ≥ 0.75 high, ≥ 0.45 medium, below low. NaN is low. */
export function bandOf(confidence: number): Band {
  if (confidence >= HIGH) return "high";
  return confidence >= MEDIUM ? "medium" : "low";
}
