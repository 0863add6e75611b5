import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { entitiesIn } from "./entities.ts";

const NOW = new Date("2026-03-10T15:00:00Z");

for (const language of ["es", "en", "pt"]) {
  describe(`entities in ${language}`, () => {
    const lines = readFileSync(new URL(`fixtures/${language}.txt`, import.meta.url), "utf8").split("\n");
    for (const line of lines) {
      const match = /^(\w+) \| (.*) => (\{.*\})$/.exec(line);
      if (!match) continue;
      const [, intent, text, expected] = match;
      test(text!, () => {
        const entities = entitiesIn(text!, { now: NOW, timeZone: "America/Montevideo", language, intent: intent! });
        expect(entities).toEqual(JSON.parse(expected!));
      });
    }
  });
}

/** Words that every JavaScript object knows, in what makes numbers, days, months, times, rooms and sums of them. */
const KNOWN_TO_OBJECTS = ["constructor", "toString", "valueOf", "hasOwnProperty", "__proto__"];
const SENTENCES = [
  "WORD",
  "una WORD para 2",
  "20 WORD",
  "2 WORD 3",
  "treinta y WORD",
  "WORD de abril",
  "a las WORD",
  "20 WORD pesos",
];

test.each(["es", "en", "pt"])("names of what every object has mean nothing in %s", (language) => {
  const read = (text: string) => entitiesIn(text, { now: NOW, timeZone: "UTC", language, intent: "check_availability" });
  for (const sentence of SENTENCES) {
    for (const word of KNOWN_TO_OBJECTS)
      expect(read(sentence.replace("WORD", word)), word).toEqual(read(sentence.replace("WORD", "qwx")));
  }
});
