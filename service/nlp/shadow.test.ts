import { expect, test } from "vitest";
import { shadow } from "./shadow.ts";
import type { Understanding } from "./understand.ts";

const answer = (intent: string, confidence: number, band: Understanding["band"], language = "es"): Understanding => ({
  text: "x",
  language,
  intent,
  confidence,
  band,
  entities: {},
  party: { unclear: false },
  choices: [],
  danger: undefined,
});

test("a candidate that acts on another intent disagrees", () => {
  const compared = shadow(answer("ask_price", 0.9, "high"), answer("ask_amenities", 0.8, "high"));
  expect(compared).toMatchObject({ agree: false, sameAction: false, bandShift: 0 });
});

test("a candidate that would only ask shifts a band down", () => {
  const compared = shadow(answer("ask_price", 0.9, "high"), answer("ask_price", 0.5, "medium", "pt"));
  expect(compared).toMatchObject({ agree: true, sameAction: false, bandShift: -1, sameLanguage: false });
  expect(compared.confidenceShift).toBeCloseTo(-0.4, 10);
});

test("two that both fall back act alike whatever they guess", () => {
  expect(shadow(answer("deny", 0.1, "low"), answer("affirm", 0.2, "low"))).toMatchObject({ agree: false, sameAction: true });
});
