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
