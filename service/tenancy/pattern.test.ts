import { describe, expect, test } from "vitest";
import { compilePattern, planPattern, reviewPattern } from "./pattern.ts";

test.each([
  ["^\\+549110", ["+549110"], { text: "+549110", atStart: true, atEnd: false }],
  ["^549110002222$", ["549110002222"], { text: "549110002222", atStart: true, atEnd: true }],
  ["@hotel\\.com$", ["@hotel.com"], { text: "@hotel.com", atStart: false, atEnd: true }],
  ["^\\+549.*", ["+549"], { text: "+549", atStart: true, atEnd: false }],
  ["^\\+549\\d{6,8}$", ["+549"], undefined],
  ["^(?:\\+54|\\+598)9", ["+54", "+598"], undefined],
  ["ab*c", ["a"], undefined],
  ["(ab)+", ["ab"], undefined],
  ["(ab){0,3}c", ["c"], undefined],
  ["a?b?", undefined, undefined],
  ["a|", undefined, undefined],
  ["(?i)hotel", undefined, undefined],
  ["[0-9]+", undefined, undefined],
  ["\\Qab\\E", undefined, undefined],
  ["^\\+54911000222233$", ["+54911000222"], { text: "+54911000222233", atStart: true, atEnd: true }],
])("of %j it requires %j", (source, literals, plain) => {
  const plan = planPattern(source);
  expect(plan.literals).toEqual(literals);
  expect(plan.plain).toEqual(plain);
});

test.each([
  ["^\\+549[0-9]{2,4}$", true],
  ["^(?:\\+54|\\+598)9\\d+$", true],
  ["@[a-z]+\\.com$", true],
  ["^a.*b.*$", true],
  ["a.*b.*$", false],
  ["^(a|b)(a|b)(a|b)$", false],
  ["(a+)+$", false],
  ["^(?:a*|b)c", false],
  ["^\\s", false],
  ["^[]a]", false],
  ["^[[:alpha:]]x", false],
  ["^[9-0]", false],
  ["^a{3,2}", false],
  ["^a{1001}", false],
])("leaves %j to JavaScript's own engine: %s", (source, native) => {
  expect(planPattern(source).native !== undefined).toBe(native);
});

test("a full stop is any character but a line feed in both engines", () => {
  for (const character of ["\r", "\u2028", "\n", "😀", "\ud83d"]) {
    const text = `a${character}b`;
    expect(planPattern("^a.b$").native!.test(text), JSON.stringify(text)).toBe(compilePattern("^a.b$")(text));
  }
});

describe("reviewPattern", () => {
  test.each([
    ["^(549", /^isn't RE2 syntax: missing closing \)/],
    ["(?=549)", /Lookaround isn't supported/],
    ["(?<!549)1", /Lookaround isn't supported/],
    ["(5)\\1", /Back-references aren't supported/],
    ["+549110002222", /For exactly this number write "\^\\\+549110002222\$"/],
    ["a".repeat(201), /is 201 characters long; at most 200/],
    ["((a{30}){30}){2}", /(invalid repeat|instructions)/],
  ])("refuses %j", (source, problem) => {
    const { problems } = reviewPattern(source);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  test("warns of patterns that are slow or take everybody", () => {
    expect(reviewPattern("^[0-9]{9}$").warnings).toEqual([expect.stringContaining("is slow")]);
    expect(reviewPattern(".*").warnings).toEqual(["matches every guest"]);
    expect(reviewPattern("^$").warnings).toEqual([expect.stringContaining("is slow")]);
    expect(reviewPattern("^\\+549").warnings).toEqual([]);
  });

  test.each(["^\\+549110\\d{4,6}$", "^(ana|eva)[^@]*@hotel\\.com$", "[A-F]{2}x", "^a{3}(b|c)+$"])(
    "finds an id that %j matches",
    (source) => {
      const { example } = reviewPattern(source);
      expect(example).toBeDefined();
      expect(compilePattern(source)(example!)).toBe(true);
    },
  );

  test("gives no example rather than a wrong one", () => {
    expect(reviewPattern("a^b").example).toBeUndefined();
    expect(reviewPattern("(?i)hotel").example).toBeUndefined();
  });
});
