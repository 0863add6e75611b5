import { expect, test } from "vitest";
import { type Attempt, nextFallback } from "./fallback.ts";

const ladder = (language: string, hour: number, steps: number) => {
  const attempts: Attempt[] = [];
  return Array.from({ length: steps }, () => {
    const fallback = nextFallback({ language, hour, attempts });
    attempts.push({ rung: fallback.rung, key: fallback.key });
    return fallback;
  });
};

test("first rephrase, then a menu, then a person", () => {
  expect(ladder("es", 12, 4).map(({ rung }) => rung)).toEqual(["rephrase", "menu", "person", "person"]);
});

test("never the same text twice in a row, in no language and at no hour", () => {
  for (const language of ["es", "en", "pt", "de"]) {
    for (const hour of [3, 12, 23]) {
      const texts = ladder(language, hour, 9).map(({ text }) => text);
      expect(texts.every((text) => text.length > 10)).toBe(true);
      texts.slice(1).forEach((text, at) => {
        expect(text).not.toBe(texts[at]);
      });
    }
  }
});

test("at night a person answers in the morning, and at once when it is urgent", () => {
  const attempts: Attempt[] = [
    { rung: "rephrase", key: "rephrase.1.pt" },
    { rung: "menu", key: "menu.1.pt" },
  ];
  expect(nextFallback({ language: "pt", hour: 23, attempts }).text).toContain("pela manhã");
  expect(nextFallback({ language: "pt", hour: 6, attempts }).text).toContain("pela manhã");
  expect(nextFallback({ language: "pt", hour: 7, attempts }).text).not.toContain("pela manhã");
  expect(nextFallback({ language: "pt", hour: 3, attempts: [], urgent: true })).toMatchObject({
    rung: "person",
    key: "urgent.1.pt",
  });
});

test("a repeated first rung still changes its words", () => {
  const again = nextFallback({ language: "es", hour: 12, attempts: [{ rung: "rephrase", key: "menu.1.es" }] });
  expect(again.key).toBe("menu.2.es");
});

test("an unknown language, even a name of Object's own, is answered in English", () => {
  expect(nextFallback({ language: "constructor", hour: 12, attempts: [] }).key).toBe("rephrase.1.en");
});
