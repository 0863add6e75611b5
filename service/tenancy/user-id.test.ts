import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuMs } from "../../test/cpu.ts";
import { canonicalUserId, userIdForms } from "./user-id.ts";

describe("canonicalUserId", () => {
  test.each([
    " 00 54 (9) 11-000-2222 ",
    "+549110002222",
    "549110002222",
    "+54 9 11 000 2222",
    "0054 9 11 000.2222",
    "54 (9) 11-000-2222",
    "+(549) 110002222",
    "\u202a+54\u00a09\u00a011\u00a0000-2222\u202c",
  ])("%j is the guest 549110002222", (spelling) => {
    expect(canonicalUserId(spelling)).toBe("549110002222");
  });

  test.each([
    ["  Ana.Perez@Hotel.COM ", "ana.perez@hotel.com"],
    ["guest-42", "guest-42"],
    ["Guest-42", "Guest-42"],
    ["12345", "12345"],
    ["011 4000 2222", "011 4000 2222"],
    ["+0 11 4000 2222", "+0 11 4000 2222"],
    ["+1234567890123456", "+1234567890123456"],
    ["", ""],
    ["+", "+"],
  ])("%j becomes %j", (raw, canonical) => {
    expect(canonicalUserId(raw)).toBe(canonical);
  });

  test("opaque ids that differ only in hyphens stay two guests", () => {
    expect(canonicalUserId("1-234567890")).not.toBe(canonicalUserId("12-34567890"));
  });

  test("Unicode look-alikes stay other guests", () => {
    const latin = canonicalUserId("ana@hotel.com");
    for (const alike of ["аna@hotel.com", "ａna@hotel.com", "ana@hotel.сom"]) expect(canonicalUserId(alike)).not.toBe(latin);
    expect(canonicalUserId("\u212aim@hotel.com"), "the Kelvin sign isn't a k").not.toBe("kim@hotel.com");
    expect(canonicalUserId("٥٤٩١١٠٠٠٢٢٢٢")).not.toBe("549110002222");
  });

  test("is idempotent", () => {
    const spelling = fc.string({ unit: fc.constantFrom(..."+0123456789 ()-./aB@".split("")), maxLength: 30 });
    fc.assert(
      fc.property(fc.oneof(spelling, fc.string({ unit: "binary" })), (raw) => {
        const canonical = canonicalUserId(raw);
        expect(canonicalUserId(canonical)).toBe(canonical);
      }),
      { numRuns: 5000, seed: 6 },
    );
  });

  test.each(["1", " ", "(", "+ ", "a@", "@", "-", "+1 "])("a megabyte of %j takes no time to speak of", (unit) => {
    const raw = unit.repeat(1_000_000 / unit.length);
    expect(cpuMs(() => expect(canonicalUserId(raw)).toBe(raw.trim()))).toBeLessThan(200);
  });
});

test("patterns see a number with + and without, and other ids as they are", () => {
  expect(userIdForms("549110002222")).toEqual(["+549110002222", "549110002222"]);
  expect(userIdForms("ana@hotel.com")).toEqual(["ana@hotel.com"]);
  expect(userIdForms("12345")).toEqual(["12345"]);
});
