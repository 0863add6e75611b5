import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { cpuMs } from "../../test/cpu.ts";
import { precedes, type Rule, RuleSet } from "./matcher.ts";
import { readPattern } from "./pattern-syntax.ts";
import { userIdForms } from "./user-id.ts";

const rules = (...patterns: string[]): Rule[] =>
  patterns.map((pattern, index) => ({ id: `hotel-${index}`, pattern, priority: 0 }));

function setOf(list: Rule[], onBroken?: ConstructorParameters<typeof RuleSet>[0]): RuleSet {
  const set = new RuleSet(onBroken);
  for (const rule of list) set.set(rule);
  return set;
}

/** What the rule set has to be equal to: every pattern tried on every form, sorted. */
function plainLoop(list: Rule[], canonicalUserId: string): Rule[] {
  const forms = userIdForms(canonicalUserId);
  return list
    .filter(({ pattern }) => forms.some((form) => RE2JS.compile(pattern).matcher(form).find()))
    .sort((one, other) => (precedes(one, other) ? -1 : 1));
}

describe("random patterns and ids", () => {
  // Few characters, so that random patterns and ids meet often.
  const characters = [..."015+@aA.-", "ñ", "😀", "\n", "\r"];
  const literal = fc.constantFrom(...characters).map((character) => character.replace(/[+.\-@]/, "\\$&"));
  const atom = fc.oneof(
    { weight: 8, arbitrary: literal },
    { weight: 2, arbitrary: fc.constantFrom(".", "\\d", "\\D", "\\w", "[01]", "[^0]", "[]a]", "[\\]5]", "[a-z]", "[[:alpha:]]") },
    {
      weight: 1,
      arbitrary: fc.constantFrom("^", "$", "\\b", "\\x30", "\\Q+\\E", "(?i:A)", "\\pL", "{", "]", "}", "\\A", "\\n"),
    },
  );
  const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
    piece: fc
      .tuple(
        fc.oneof(
          { weight: 6, arbitrary: atom },
          {
            weight: 1,
            arbitrary: fc
              .tuple(fc.constantFrom("(", "(?:", "(?P<n>", "(?<m>"), tie("pattern"))
              .map(([open, inside]) => `${open}${inside})`),
          },
        ),
        fc.constantFrom("", "", "", "", "", "*", "+", "?", "{0}", "{0,2}", "{2}", "{1,}", "*?", "{,2}"),
      )
      .map(([one, count]) => one + count),
    pattern: fc.oneof(
      {
        maxDepth: 2,
        weight: 4,
        arbitrary: fc.array(tie("piece") as fc.Arbitrary<string>, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("")),
      } as never,
      { weight: 1, arbitrary: fc.tuple(atom, atom).map(([one, other]) => `${one}|${other}`) } as never,
    ) as fc.Arbitrary<string>,
  }));
  const anchored = fc
    .tuple(fc.constantFrom("", "^"), pattern, fc.constantFrom("", "$"))
    .map(([before, middle, behind]) => before + middle + behind)
    .filter((source) => {
      try {
        RE2JS.compile(source);
        return true;
      } catch {
        return false; // the generator may join parts that aren't a pattern; those are tested by name below
      }
    });
  const id = fc.oneof(
    fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 }),
    fc.string({ unit: fc.constantFrom("0", "1", "5"), minLength: 7, maxLength: 14 }).map((digits) => `5${digits}`),
  );
  const rule = fc.tuple(anchored, fc.integer({ min: 0, max: 2 }));

  test("are matched as a plain loop matches them: more than 100,000 pairs", () => {
    let pairs = 0;
    let hits = 0;
    let understood = 0;
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 140, maxLength: 160 }),
        fc.array(id, { minLength: 30, maxLength: 30 }),
        (some, ids) => {
          const list = some.map(([source, priority], index) => ({ id: `hotel-${index}`, pattern: source, priority }));
          understood += list.filter((one) => readPattern(one.pattern) !== undefined).length / list.length;
          const set = setOf(list);
          const compiled = list.map((one) => ({ one, re: RE2JS.compile(one.pattern) }));
          for (const userId of ids) {
            const forms = userIdForms(userId);
            const expected = compiled
              .filter(({ re }) => forms.some((form) => re.matcher(form).find()))
              .map(({ one }) => one)
              .sort((one, other) => (precedes(one, other) ? -1 : 1));
            expect(set.matchAll(userId)).toEqual(expected);
            expect(set.match(userId)).toEqual(expected[0]);
            pairs += list.length;
            hits += expected.length;
          }
        },
      ),
      { numRuns: 40, seed: 6, endOnFailure: true },
    );
    expect(pairs).toBeGreaterThan(100_000);
    expect(hits / pairs, "the pairs are worth something").toBeGreaterThan(0.02);
    expect(understood / 40, "most patterns go through the literal search").toBeGreaterThan(0.5);
  }, 60_000);

  test("stay right while rules come, change and go", () => {
    const change = fc.tuple(fc.integer({ min: 0, max: 120 }), fc.option(rule, { freq: 4 }));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 150, maxLength: 250 }),
        fc.array(id, { minLength: 4, maxLength: 4 }),
        (changes, ids) => {
          const set = new RuleSet();
          const list = new Map<string, Rule>();
          changes.forEach(([number, content], index) => {
            const tenant = `hotel-${number}`;
            if (content === null) {
              set.delete(tenant);
              list.delete(tenant);
            } else {
              const one = { id: tenant, pattern: content[0], priority: content[1] };
              set.set(one);
              list.set(tenant, one);
            }
            if (index % 25 === 0) {
              for (const userId of ids) expect(set.matchAll(userId)).toEqual(plainLoop([...list.values()], userId));
            }
          });
          expect(set.size).toBe(list.size);
        },
      ),
      { numRuns: 15, seed: 7, endOnFailure: true },
    );
  }, 60_000);
});

test("a number matches patterns that are written with + and without", () => {
  const set = setOf(rules("^\\+54911", "^54911", "^\\+?54911\\d+$", "^11"));
  expect(set.matchAll("549110002222").map(({ id }) => id)).toEqual(["hotel-0", "hotel-1", "hotel-2"]);
});

test("the higher priority gets the guest, then the smaller id", () => {
  const list = [
    { id: "b", pattern: "^549", priority: 1 },
    { id: "a", pattern: "^5491", priority: 1 },
    { id: "c", pattern: "^54", priority: 2 },
  ];
  expect(
    setOf(list)
      .matchAll("549110002222")
      .map(({ id }) => id),
  ).toEqual(["c", "a", "b"]);
});

test("a broken pattern matches nobody, is told once and leaves the others alone", async () => {
  const broken: string[] = [];
  const set = setOf(rules("^549(", "(?=549)", "(5)\\1", "[9-0]", "^549"), (rule) => broken.push(rule.id));
  expect(set.match("549110002222")?.id).toBe("hotel-4");
  await set.checkAll(async () => undefined);
  expect(set.match("549110002222")?.id).toBe("hotel-4");
  expect(broken.sort()).toEqual(["hotel-0", "hotel-1", "hotel-2", "hotel-3"]);
});

test("patterns that hang other engines take no time", () => {
  const patterns = [
    "(a+)+$",
    "(a|a)*$",
    "(.*a){10}$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "^.*.*x$",
    "[^@]*[^@]*[^@]*x",
    "^(a|aa)(a|aa)(a|aa)(a|aa)+x",
  ];
  const set = setOf(rules(...patterns));
  const spent = cpuMs(() => {
    for (let round = 0; round < 20; round += 1) set.match(`${"a".repeat(200)}!${round}`);
  });
  expect(spent).toBeLessThan(1000);
});

test("an id of a megabyte matches nobody at once", () => {
  const set = setOf(rules(".*", "a"));
  const spent = cpuMs(() => expect(set.match("a".repeat(1_000_000))).toBeUndefined());
  expect(spent).toBeLessThan(50);
});
