import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { LANGUAGES } from "../vocabulary.ts";
import { type Danger, dangerIn, dangerWords } from "./danger.ts";
import { parseDanger } from "./danger-training.ts";
import { grams } from "./features.ts";
import type { Model } from "./model.ts";
import { openModel } from "./training.ts";

let model: Model;
beforeAll(async () => {
  model = await openModel();
});
const dangerOf = (text: string): Danger | undefined => dangerIn(model.danger, text, grams(text, model.classifier.lexicon));
const heldOut = LANGUAGES.flatMap((language) =>
  parseDanger(readFileSync(new URL(`fixtures/danger/${language}.txt`, import.meta.url), "utf8"), language),
);
const of = (kind: "emergency" | "harmless") => heldOut.filter(({ danger }) => danger === kind).map(({ text }) => text);

describe("messages that were never trained on", () => {
  test("of emergencies in a guest's own words at least 97 of 100 reach a person", () => {
    const missed = of("emergency").filter((text) => dangerOf(text) !== "emergency");
    expect(of("emergency").length).toBeGreaterThanOrEqual(70);
    expect(missed.length / of("emergency").length, missed.join("\n")).toBeLessThanOrEqual(0.03);
  });

  test("of messages that only sound so at most 10 of 100 of the hardest ring", () => {
    const rang = of("harmless").filter((text) => dangerOf(text) === "emergency");
    expect(of("harmless").length).toBeGreaterThanOrEqual(70);
    expect(rang.length / of("harmless").length, rang.join("\n")).toBeLessThanOrEqual(0.1);
  });
});

describe("words that are an emergency by themselves", () => {
  const words = `emergencia emergency urgencia médica|incendio|hay fuego|tem fogo|se prende fuego|on fire|there's a fire|pegando fogo
    ambulancia|ambulance|ambulância|socorro|auxilio|infarto|heart attack|se desmayó|desmayada|desmaiou|fainted|unconscious|inconsciente
    no respira|não respira|not breathing|me robaron|I was robbed|fui roubada|fui assaltado|gas leak|fuga de gas|vazamento de gás
    escape de gas|olor a gas|cheiro de gás|smell of gas|smells like gas|leaking gas`;
  test.each(words.split(/\||\n/).map((word) => word.trim()))("%s", (word) => {
    expect(dangerOf(word)).toBe("emergency");
    expect(dangerOf(`${word}!!!`)).toBe("emergency");
    expect(dangerOf(`hola, ${word}, habitación 204`)).toBe("emergency");
  });

  test("what can't wait is urgent", () => {
    for (const word of ["urgente", "urgent", "me urge", "ya mismo", "sin luz", "no power"])
      expect(dangerWords(word), word).toBe("urgent");
  });

  test("names that hold such a word aren't danger", () => {
    for (const text of ["¿dónde está la salida de emergencia?", "do you have smoke detectors?", "tem luz de emergência?"])
      expect(dangerOf(text), text).not.toBe("emergency");
  });
});

test("a bad line of the data is named, all at once", () => {
  expect(() => parseDanger("lost\n# emergency\nhelp\n# fire\nhelp", "x.txt")).toThrow(
    /x\.txt:1: "lost" stands before[\s\S]*x\.txt:4: unknown heading "fire"[\s\S]*x\.txt:5/,
  );
});
