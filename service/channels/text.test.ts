import fc from "fast-check";
import { expect, test } from "vitest";
import { clip, split, storableJson, storableText } from "./text.ts";

test("what Postgres can't store is taken out", () => {
  expect(storableText("a\u0000b\ud800c")).toBe("ab\ufffdc");
  expect(storableJson({ "a\u0000": ["x\u0000", 1, null, true, { b: "\udc00" }] })).toEqual({
    a: ["x", 1, null, true, { b: "\ufffd" }],
  });
});

test("clipping never exceeds the limit and never cuts through a character", () => {
  expect(clip("Habitación doble", 20)).toBe("Habitación doble");
  expect(clip("Habitación doble superior", 20)).toBe("Habitación doble su…");
  expect(clip("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 15)).toBe("👨‍👩‍👧‍👦…");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 30 }), (text, maximum) => {
      const clipped = clip(text, maximum);
      expect(clipped.length).toBeLessThanOrEqual(maximum);
      expect(clipped.isWellFormed()).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test("splitting keeps every word, in order, in pieces that fit", () => {
  expect(split("uno dos\n\ntres cuatro", 12)).toEqual(["uno dos", "tres cuatro"]);
  expect(split("  ", 5)).toEqual([]);
  expect(split("aaaa👍", 5)).toEqual(["aaaa", "👍"]);
  const endless = `e${"\u0301".repeat(50)}`;
  expect(split(endless, 20).join("")).toBe(endless);
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "é", " ", "\n", "👍", "👨‍👩‍👧") }),
      fc.integer({ min: 12, max: 40 }),
      (text, maximum) => {
        const pieces = split(text, maximum);
        for (const piece of pieces) {
          expect(piece.length).toBeLessThanOrEqual(maximum);
          expect(piece.isWellFormed()).toBe(true);
          expect(piece).not.toBe("");
        }
        expect(pieces.join("").replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
      },
    ),
  );
});
