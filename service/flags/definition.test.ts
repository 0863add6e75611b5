import { describe, expect, test } from "vitest";
import { toggle } from "../../test/flags.ts";
import { MAXIMUM_BYTES, parseDefinition, parseOverride } from "./definition.ts";
import type { DeclaredFlag } from "./registry.ts";
import { FlagSettingsError, readSettings } from "./settings.ts";

const flag = toggle(false);
const texts: DeclaredFlag = { ...flag, type: "string", variants: { a: "A", b: "B" }, defaultVariant: "a", offVariant: "a" };

function mistakes(json: unknown, declared: DeclaredFlag = flag): string[] {
  const parsed = parseDefinition("f", json, declared, {
    pilot: { in: [{ var: "tenant" }, ["sol"]] },
    loop: { "!": [{ $ref: "loop" }] },
  });
  return parsed.ok ? [] : parsed.mistakes.map(({ field, message }) => `${field}: ${message}`);
}

describe("switches", () => {
  test.each(["1", "true", "yes", "on", "TRUE", " On ", "Yes"])("%j is on", (text) => {
    expect(parseOverride("f", text, flag)).toEqual({ ok: true, override: { kind: "forced" } });
  });
  test.each(["0", "false", "no", "off", "OFF", " False\n"])("%j is off", (text) => {
    expect(parseOverride("f", text, flag)).toEqual({ ok: true, override: { kind: "killed" } });
  });
  test.each(["", "2", "enabled", "tru", "null", "[]", '"on"', "yes please", "{", "\u0000"])("%j is refused", (text) => {
    expect(parseOverride("f", text, flag).ok).toBe(false);
  });
  test("a flag of texts can be killed and not forced on", () => {
    expect(parseOverride("f", "off", texts).ok).toBe(true);
    expect(parseOverride("f", "on", texts)).toMatchObject({ ok: false, mistakes: [{ field: "value" }] });
  });
});

describe("definitions", () => {
  test("what is left out is as declared", () => {
    const declared = toggle(true, { prerequisites: [{ flag: "base", value: true }] });
    const parsed = parseDefinition("f", {}, declared);
    expect(parsed).toMatchObject({
      ok: true,
      override: { definition: { state: "ENABLED", defaultVariant: "on", prerequisites: [{ flag: "base" }] } },
    });
  });

  test("all mistakes are told at once, each with its field", () => {
    const said = mistakes({
      state: "on",
      variants: { on: "yes", off: false },
      defaultVariant: "blue",
      targeting: { if: [{ within: [1, 2] }, "on"] },
      prerequisites: [{ flag: "f", value: true }, "x"],
      colour: "red",
    });
    expect(said.map((line) => line.split(":")[0])).toEqual([
      "colour",
      "state",
      "variants.on",
      "defaultVariant",
      "targeting.if[0].within",
      "prerequisites[0]",
      "prerequisites[1]",
    ]);
  });

  test.each([
    ["an operator that there isn't", { exec: ["rm"] }],
    ["two operators in one object", { "==": [1, 1], "!=": [1, 2] }],
    ["an empty condition", { if: [{}, "on"] }],
    ["a variant that there isn't", { if: [true, "blue"] }],
    ["a variant that there isn't, in a bucket", { fractional: [["blue", 1]] }],
    [
      "a fraction as weight",
      {
        fractional: [
          ["on", 0.5],
          ["off", 99.5],
        ],
      },
    ],
    [
      "weights beyond 2^31",
      {
        fractional: [
          ["on", 2_147_483_647],
          ["off", 1],
        ],
      },
    ],
    ["no buckets", { fractional: [{ var: "targetingKey" }] }],
    ["a bucket of three", { fractional: [["on", 1, 2]] }],
    ["a comparison that sem_ver doesn't know", { if: [{ sem_ver: [{ var: "v" }, "~=", "1.0.0"] }, "on"] }],
    ["a reference to nothing", { if: [{ $ref: "nobody" }, "on"] }],
    ["a reference to itself", { if: [{ $ref: "loop" }, "on"] }],
    ["starts_with with one operand", { if: [{ starts_with: ["a"] }, "on"] }],
    ["a list", [1]],
    ["a text", "on"],
  ])("targeting with %s is refused", (_, targeting) => {
    expect(mistakes({ targeting })).not.toEqual([]);
  });

  test("shared rules and those of the definition are put in", () => {
    const targeting = { if: [{ and: [{ $ref: "pilot" }, { $ref: "spanish" }] }, "on"] };
    expect(mistakes({ targeting, $evaluators: { spanish: { "==": [{ var: "language" }, "es"] } } })).toEqual([]);
  });

  test("rules that double themselves by reference are refused before they fill the memory", () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`r${index}`, { or: [{ $ref: `r${index + 1}` }, { $ref: `r${index + 1}` }] }]),
    );
    expect(mistakes({ targeting: { if: [{ $ref: "r0" }, "on"] }, $evaluators: doubling })).toEqual([
      expect.stringContaining("more than"),
    ]);
  });

  test("nesting without end is refused", () => {
    expect(mistakes(JSON.parse(`{"targeting":${'{"!":['.repeat(5_000)}1${"]}".repeat(5_000)}}`))).toEqual([
      expect.stringContaining("nested deeper"),
    ]);
  });

  test("a definition of a megabyte is refused with its size", () => {
    const text = JSON.stringify({ targeting: { if: [{ in: [{ var: "tenant" }, ["x".repeat(1_000_000)]] }, "on"] } });
    expect(parseOverride("f", text, flag)).toMatchObject({
      ok: false,
      mistakes: [{ message: expect.stringContaining(`at most ${MAXIMUM_BYTES}`) }],
    });
  });
});

describe("shortcuts", () => {
  test.each([
    [{ rules: [{ split: { on: 50, off: 49 } }] }, "rules[0].split: adds up to 99 %, not to 100 %."],
    [{ rules: [{ split: { on: 33.333, off: 33.333 } }] }, "rules[0].split: adds up to 66.666 %, not to 100 %."],
    [{ rules: [{ percentage: 101 }] }, "rules[0].percentage: expected a number from 0 to 100 with at most 3 decimals; got 101."],
    [{ rules: [{ percentage: "5" }] }, 'rules[0].percentage: expected a number from 0 to 100 with at most 3 decimals; got "5".'],
    [
      { rules: [{ percentage: 0.0001 }] },
      "rules[0].percentage: expected a number from 0 to 100 with at most 3 decimals; got 0.0001.",
    ],
    [
      { rules: [{ percentage: 5, split: { on: 100 } }] },
      "rules[0].percentage: can't stand beside `split`. Write the share into `split`.",
    ],
    [{ rules: [{ variant: "blue" }] }, 'rules[0].variant: expected one of on, off; got "blue".'],
    [{ rules: [{ tenants: [] }] }, "rules[0].tenants: expected a list of 1 to 1000 tenant ids."],
    [{ rules: [{}] }, "rules[0]: is empty. Give it tenants, percentage, variant or split."],
    [{ rules: [{ percent: 5 }] }, "rules[0].percent: isn't a field of a rule. There are: tenants, percentage, variant, split."],
    [{ rules: [] }, "rules: expected a list of 1 to 100 rules."],
    [
      { rules: [{ percentage: 5 }], targeting: { if: [true, "on"] } },
      "rules: can't stand beside `targeting`. Leave one of them out.",
    ],
  ])("%j is refused", (definition, message) => {
    expect(mistakes(definition)).toContain(message);
  });

  test("shares that add up in decimals add up", () => {
    expect(mistakes({ rules: [{ split: { on: 33.333, off: 66.667 } }] })).toEqual([]);
    expect(mistakes({ rules: [{ split: { on: 0.1, off: 99.9 } }] })).toEqual([]);
  });

  test("a flag of texts needs the variant to be named", () => {
    expect(mistakes({ rules: [{ percentage: 5 }] }, texts)).toEqual(["rules[0].variant: is missing. Name one of a, b."]);
    expect(mistakes({ rules: [{ percentage: 5, variant: "b" }] }, texts)).toEqual([]);
  });
});

describe("settings", () => {
  const registry = { f: flag, g: texts };
  test("values, switches and definitions are read", () => {
    const layer = readSettings({ f: true, g: { defaultVariant: "b" } }, registry);
    expect(layer.get("f")).toMatchObject({ definition: { defaultVariant: "on" } });
    expect(layer.get("g")).toMatchObject({ definition: { defaultVariant: "b" } });
    expect(readSettings({ g: "B" }, registry).get("g")).toMatchObject({ definition: { defaultVariant: "b" } });
    expect(readSettings({ f: "off" }, registry).get("f")).toEqual({ kind: "killed" });
    expect(readSettings({ f: 1 }, registry).get("f")).toEqual({ kind: "forced" });
  });

  test("every mistake is told at once", () => {
    const read = () => readSettings({ nobody: true, f: "perhaps", g: 3 }, registry);
    expect(read).toThrow(FlagSettingsError);
    expect(read).toThrow(/nobody.*\n.*FEATURE_FLAGS\.f: expected true or false.*\n.*FEATURE_FLAGS\.g/);
  });
});
