import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bandOf } from "./bands.ts";
import { calibrate, confidenceOf } from "./calibration.ts";
import { classify, classifyGrams, DEFAULT_OPTIONS, type Example, train } from "./classifier.ts";
import { areaUnderRoc, measure } from "./evaluation.ts";
import { grams } from "./features.ts";
import { Lexicon } from "./lexicon.ts";
import { MAX_CHARACTERS, normalise } from "./normalise.ts";
import { Vocabulary } from "./vocabulary.ts";

const EXAMPLES: Example[] = ["red", "blue", "green", "black"].flatMap((colour) => [
  { text: `open the ${colour} door please`, intent: "open" },
  { text: `please open that ${colour} window`, intent: "open" },
  { text: `sell me the ${colour} car`, intent: "sell" },
  { text: `i would like to sell a ${colour} boat`, intent: "sell" },
  { text: `weather on the ${colour} planet`, intent: null },
]);

test("bands begin at 0.45 and 0.75 and anything else is low", () => {
  expect([0, 0.4499, 0.45, 0.7499, 0.75, 1, Number.NaN].map(bandOf)).toEqual([
    "low",
    "low",
    "medium",
    "medium",
    "high",
    "high",
    "low",
  ]);
});

describe("features", () => {
  test("accents, case, stretched letters and numbers of the same length make no difference", () => {
    expect(normalise("¡HOLAAAA, habitación 12!")).toBe("hola habitacion 00");
    expect(grams("Reservá  el 12/4")).toEqual(grams("reserva el 15/4"));
  });

  test("any string gives bounded, well-formed words", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3_000 }), (text) => {
        const plain = normalise(text);
        expect(plain.isWellFormed()).toBe(true);
        expect(plain.length).toBeLessThanOrEqual(MAX_CHARACTERS * 18);
        expect(plain).toBe(plain.trim());
      }),
    );
  });

  test("words that training never saw shorten the vector", () => {
    const vocabulary = Vocabulary.build([grams("open the door"), grams("open the window")], {
      ...DEFAULT_OPTIONS.vocabulary,
      minDocuments: 1,
    });
    const length = (text: string) => Math.hypot(...vocabulary.vector(grams(text)).values);
    expect(length("open the door")).toBeCloseTo(1, 5);
    expect(length("open the xylophone")).toBeLessThan(0.8);
    expect(length("zzz")).toBeLessThan(0.3);
    const whole = [...vocabulary.weights(grams("open the xylophone")).values()];
    expect(Math.hypot(...whole)).toBeCloseTo(1, 5);
  });

  test("words of one concept share a gram", () => {
    const lexicon = Lexicon.parse("pool: pool piscina alberca\nbig: gran* tamano_grande", "concepts.txt");
    expect(lexicon.conceptsOf(["la", "piscina"])).toEqual(lexicon.conceptsOf(["the", "pool"]));
    expect(lexicon.conceptsOf(["grandota"])).toEqual(lexicon.conceptsOf(["tamano", "grande"]));
    expect(lexicon.conceptsOf(["x"])).toEqual([]);
  });

  test("every bad line of a lexicon is named at once", () => {
    expect(() => Lexicon.parse("pool: pool\nno colon\nwater: pool Água ab*", "c.txt")).toThrow(
      /c.txt:2: expected.*\nc.txt:3: "pool" stands under pool and water.*\nc.txt:3: "Água".*\nc.txt:3: "ab\*"/,
    );
  });
});

describe("training", () => {
  test("the same data gives the same model, bit for bit", () => {
    const [first, second] = [train(EXAMPLES), train(EXAMPLES)];
    expect(first.classifier.regression.weights).toEqual(second.classifier.regression.weights);
    expect(first.classifier.calibration).toEqual(second.classifier.calibration);
  });

  test("learns its intents, and confidence is lower for what it never saw", () => {
    const { classifier } = train(EXAMPLES, DEFAULT_OPTIONS);
    expect(classify(classifier, "open the blue door").intent).toBe("open");
    expect(classify(classifier, "sell me a boat").intent).toBe("sell");
    expect(classify(classifier, "quantum xylophone").confidence).toBeLessThan(
      classify(classifier, "open the red door please").confidence,
    );
  });

  test("a classifier uses its lexicon when it answers, as it did when it learnt", () => {
    const lexicon = Lexicon.parse("give: sell vendo", "concepts.txt");
    const { classifier } = train(EXAMPLES, DEFAULT_OPTIONS, undefined, lexicon);
    expect(classify(classifier, "vendo the red car")).toEqual(classifyGrams(classifier, grams("vendo the red car", lexicon)));
    expect(classify(classifier, "vendo").ranked[0]).toMatchObject({ intent: "sell" });
  });

  test("one intent alone is refused", () => {
    expect(() => train([{ text: "a", intent: "x" }])).toThrow("at least two intents, got 1");
  });

  test("calibration puts out-of-scope messages at their share", () => {
    const evidence = (logOdds: number) => ({ logOdds, top: 0, gap: 0, aboveOutOfScope: 0, known: 1 });
    const outcomes = [
      ...Array.from({ length: 90 }, () => ({ evidence: evidence(1), right: true, outOfScope: false })),
      ...Array.from({ length: 10 }, () => ({ evidence: evidence(1), right: false, outOfScope: true })),
    ];
    expect(confidenceOf(calibrate(outcomes, 0.1), evidence(1))).toBeCloseTo(0.9, 1);
    expect(confidenceOf(calibrate(outcomes, 0.5), evidence(1))).toBeCloseTo(0.5, 1);
  });
});

describe("measures", () => {
  test("AUROC counts ties half and is null without both sides", () => {
    expect(areaUnderRoc([0.9, 0.8], [0.1, 0.2])).toBe(1);
    expect(areaUnderRoc([0.5], [0.5])).toBe(0.5);
    expect(areaUnderRoc([0.9, 0.3], [0.5, 0.1])).toBe(0.75);
    expect(areaUnderRoc([], [0.1])).toBeNull();
  });

  test("out-of-scope messages count as wrong, and nothing to measure is null", () => {
    const quality = measure([
      { expected: "a", intent: "a", confidence: 0.9 },
      { expected: "a", intent: "b", confidence: 0.5 },
      { expected: null, intent: "a", confidence: 0.8 },
      { expected: null, intent: "a", confidence: 0.2 },
    ]);
    expect(quality).toMatchObject({
      accuracy: 0.5,
      auroc: 0.75,
      precision_above_075: 0.5,
      wrong_above_075: 1,
      out_of_scope_recall_at_045: 0.5,
      right_at_045: 0.5,
      in_scope_below_045: 0,
    });
    expect(quality.ece).toBeCloseTo((0.1 + 0.5 + 0.8 + 0.2) / 4, 10);
    expect(measure([])).toMatchObject({ accuracy: null, auroc: null, ece: null, precision_above_075: null });
  });

  test("a share weighs out-of-scope messages in precision", () => {
    const judged = [
      { expected: "a", intent: "a", confidence: 0.9 },
      { expected: null, intent: "a", confidence: 0.9 },
    ];
    expect(measure(judged, 0.2).precision_above_075).toBeCloseTo(0.8, 10);
  });
});
