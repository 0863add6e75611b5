import fc from "fast-check";
import { expect, test } from "vitest";
import { buildLiteralSearch } from "./literal-search.ts";

function found(texts: string[], subject: string): Set<number> {
  const owners = new Set<number>();
  buildLiteralSearch(texts.map((text, owner) => ({ text, owner }))).scan(subject, (owner) => owners.add(owner));
  return owners;
}

test("finds exactly the texts that stand in the string, however they overlap", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 6 });
  const subject = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 20 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), subject, (texts, text) => {
      const expected = texts.flatMap((one, owner) => (text.includes(one) ? [owner] : []));
      expect([...found(texts, text)].sort((one, other) => one - other)).toEqual(expected);
    }),
    { numRuns: 5_000, seed: 6 },
  );
});

test("finds a text that ends inside another only through two shorter ones", () => {
  expect([...found(["abcd", "bcx", "c"], "abcy")]).toEqual([2]);
});

test("characters that share their last bits give candidates too many, never too few", () => {
  expect(found(["p"], "0")).toEqual(new Set([0]));
  expect(found(["ñandú😀"], "un ñandú😀")).toEqual(new Set([0]));
});

test("nothing to look for finds nothing", () => {
  expect(found([], "abc")).toEqual(new Set());
});
