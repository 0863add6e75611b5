import type { Band } from "../vocabulary.ts";
import type { Understanding } from "./understand.ts";

/** How a candidate's answer to one message stands to the answer that was sent. */
export interface Shadow {
  /** Both name the same intent. */
  agree: boolean;
  /** Acting on either would do the same: both act on the same intent, or neither acts. */
  sameAction: boolean;
  /** Bands that the candidate is above (positive) or below the primary, −2 … 2. */
  bandShift: -2 | -1 | 0 | 1 | 2;
  /** Candidate's confidence − primary's. */
  confidenceShift: number;
  sameLanguage: boolean;
}

const RANK: Readonly<Record<Band, 0 | 1 | 2>> = { low: 0, medium: 1, high: 2 };

/** Compares two answers to the same message; counts nothing and sends nothing. */
export function shadow(primary: Understanding, candidate: Understanding): Shadow {
  const agree = primary.intent === candidate.intent;
  const acts = (one: Understanding) => one.band === "high";
  return {
    agree,
    sameAction: acts(primary) === acts(candidate) && (agree || !acts(primary)),
    bandShift: (RANK[candidate.band] - RANK[primary.band]) as Shadow["bandShift"],
    confidenceShift: candidate.confidence - primary.confidence,
    sameLanguage: primary.language === candidate.language,
  };
}
