import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toggle } from "../../test/flags.ts";
import { type Override, parseDefinition, parseOverride } from "./definition.ts";
import type { Registry } from "./registry.ts";
import { Snapshot } from "./snapshot.ts";

function overrides(registry: Registry, given: Record<string, unknown>): Map<string, Override> {
  return new Map(
    Object.entries(given).map(([key, value]) => {
      const parsed =
        typeof value === "string" ? parseOverride(key, value, registry[key]!) : parseDefinition(key, value, registry[key]!);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
      return [key, parsed.override];
    }),
  );
}

function snapshotOf(registry: Registry, given: Record<string, unknown> = {}): Snapshot {
  return new Snapshot(registry, new Map(), overrides(registry, given));
}

const needs = (...flags: string[]) => ({ prerequisites: flags.map((flag) => ({ flag, value: true })) });

describe("what is above what", () => {
  test("a kill switch wins over prerequisites, targeting and default", () => {
    const registry = { a: toggle(true, { targeting: { if: [true, "on"] } }) };
    expect(snapshotOf(registry, { a: "off" }).evaluate("a", {})).toMatchObject({
      value: false,
      variant: "off",
      reason: "DISABLED",
    });
  });

  test("a switch that is on leaves targeting aside, and prerequisites not", () => {
    const registry = { base: toggle(true), a: toggle(false, { targeting: { if: [true, "off"] }, ...needs("base") }) };
    expect(snapshotOf(registry, { a: "on" }).evaluate("a", {})).toMatchObject({ value: true, reason: "STATIC" });
    expect(snapshotOf(registry, { a: "on", base: "off" }).evaluate("a", {})).toMatchObject({
      value: false,
      reason: "PREREQUISITE_FAILED",
    });
  });

  test("settings stand above the registry and below overrides", () => {
    const registry = { a: toggle(false) };
    const settings = overrides(registry, { a: { defaultVariant: "on" } });
    expect(new Snapshot(registry, settings, new Map()).evaluate("a", {}).value).toBe(true);
    expect(new Snapshot(registry, settings, overrides(registry, { a: "off" })).evaluate("a", {}).value).toBe(false);
  });

  test("a killed flag of texts gives its off variant", () => {
    const registry: Registry = {
      greeting: {
        ...toggle(true),
        type: "string",
        variants: { short: "Hi", long: "Good morning" },
        defaultVariant: "long",
        offVariant: "short",
      },
    };
    expect(snapshotOf(registry, { greeting: "off" }).evaluate("greeting", {}).value).toBe("Hi");
  });

  test("an unknown flag is an outcome, not an exception", () => {
    expect(snapshotOf({}).evaluate("none", {})).toMatchObject({ reason: "ERROR", errorCode: "FLAG_NOT_FOUND" });
    expect(snapshotOf({}).evaluate("__proto__", {})).toMatchObject({ errorCode: "FLAG_NOT_FOUND" });
  });
});

describe("prerequisites", () => {
  test("a diamond of forty storeys is evaluated once a flag, not once a path", () => {
    const registry: Record<string, ReturnType<typeof toggle>> = { l0: toggle(true), r0: toggle(true) };
    for (let storey = 1; storey <= 40; storey += 1) {
      registry[`l${storey}`] = toggle(true, needs(`l${storey - 1}`, `r${storey - 1}`));
      registry[`r${storey}`] = toggle(true, needs(`l${storey - 1}`, `r${storey - 1}`));
    }
    expect(snapshotOf(registry).evaluate("l40", {})).toMatchObject({ value: true, reason: "STATIC" });
    expect(snapshotOf(registry, { r0: "off" }).evaluate("l40", {})).toMatchObject({
      value: false,
      reason: "PREREQUISITE_FAILED",
    });
  });

  test("a chain of 10,000 flags works without running out of stack", () => {
    const registry: Record<string, ReturnType<typeof toggle>> = { f0: toggle(true) };
    for (let index = 1; index < 10_000; index += 1) registry[`f${index}`] = toggle(true, needs(`f${index - 1}`));
    expect(snapshotOf(registry).evaluate("f9999", {}).value).toBe(true);
    expect(snapshotOf(registry, { f0: "off" }).evaluate("f9999", {}).value).toBe(false);
  });

  test("flags on a ring are off, and so is what needs one, even at its off value", () => {
    const registry = {
      a: toggle(true, needs("b")),
      b: toggle(true, needs("c")),
      c: toggle(true, needs("a")),
      wantsOff: toggle(true, { prerequisites: [{ flag: "a", value: false }] }),
      apart: toggle(true),
    };
    const snapshot = snapshotOf(registry);
    for (const flag of ["a", "b", "c", "wantsOff"]) {
      expect(snapshot.evaluate(flag, {})).toMatchObject({ value: false, reason: "PREREQUISITE_FAILED" });
    }
    expect(snapshot.evaluate("apart", {}).value).toBe(true);
  });

  test("a kill inside a ring breaks nothing else open", () => {
    const registry = { a: toggle(true, needs("b")), b: toggle(true, needs("a")) };
    const snapshot = snapshotOf(registry, { a: "off" });
    expect(snapshot.evaluate("a", {})).toMatchObject({ value: false, reason: "DISABLED" });
    expect(snapshot.evaluate("b", {}).value).toBe(false);
  });

  test("a prerequisite that there isn't, or that can't be evaluated, fails closed", () => {
    const registry = {
      a: toggle(true, needs("gone")),
      broken: toggle(true, { targeting: { nonsense: [1] } }),
      b: toggle(true, { prerequisites: [{ flag: "broken", value: true }] }),
    };
    const snapshot = snapshotOf(registry);
    expect(snapshot.evaluate("a", {})).toMatchObject({ value: false, reason: "PREREQUISITE_FAILED" });
    expect(snapshot.evaluate("broken", {})).toMatchObject({ reason: "ERROR", errorCode: "PARSE_ERROR" });
    expect(snapshot.evaluate("b", {})).toMatchObject({ value: false, reason: "PREREQUISITE_FAILED" });
  });

  test("a prerequisite is evaluated for the same context", () => {
    const registry = {
      base: toggle(false, { targeting: { if: [{ "==": [{ var: "tenant" }, "a"] }, "on"] } }),
      top: toggle(true, needs("base")),
    };
    const snapshot = snapshotOf(registry);
    expect(snapshot.evaluate("top", { tenant: "a" }).value).toBe(true);
    expect(snapshot.evaluate("top", { tenant: "b" }).value).toBe(false);
  });

  test("any graph: a flag is on exactly when it and all that it needs are on and on no ring", () => {
    const graph = fc.integer({ min: 1, max: 12 }).chain((size) =>
      fc.array(fc.record({ on: fc.boolean(), needs: fc.uniqueArray(fc.nat(size - 1), { maxLength: 4 }) }), {
        minLength: size,
        maxLength: size,
      }),
    );
    fc.assert(
      fc.property(graph, (flags) => {
        const registry = Object.fromEntries(
          flags.map((flag, index) => [`f${index}`, toggle(flag.on, needs(...flag.needs.map((one) => `f${one}`)))]),
        );
        const reaches = (from: number, seen = new Set<number>()): Set<number> => {
          for (const next of flags[from]!.needs) {
            if (!seen.has(next)) {
              seen.add(next);
              reaches(next, seen);
            }
          }
          return seen;
        };
        const snapshot = snapshotOf(registry);
        for (const [index, flag] of flags.entries()) {
          const below = reaches(index);
          const sound = [...below].every((one) => flags[one]!.on && !reaches(one).has(one));
          const expected = flag.on && sound && !below.has(index);
          expect(snapshot.evaluate(`f${index}`, {}).value, `f${index}`).toBe(expected);
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

describe("shares of guests", () => {
  const registry = { a: toggle(false), b: toggle(false) };
  const guests = Array.from({ length: 20_000 }, (_, index) => `+54911${String(index).padStart(8, "0")}`);
  const inShare = (snapshot: Snapshot, flag: string, more: Record<string, unknown> = {}) =>
    guests.filter((targetingKey) => snapshot.evaluate(flag, { targetingKey, ...more }).value === true);

  test("5 % of one hotel's guests are 5 % of them, and nobody elsewhere", () => {
    const snapshot = snapshotOf(registry, { a: { rules: [{ tenants: ["sol"], percentage: 5 }] } });
    const share = inShare(snapshot, "a", { tenant: "sol" }).length / guests.length;
    expect(Math.abs(share - 0.05)).toBeLessThan(4 * Math.sqrt((0.05 * 0.95) / guests.length));
    expect(inShare(snapshot, "a", { tenant: "luna" })).toEqual([]);
  });

  test("a larger share keeps everyone who was in the smaller one", () => {
    const small = new Set(inShare(snapshotOf(registry, { a: { rules: [{ percentage: 5 }] } }), "a"));
    const large = new Set(inShare(snapshotOf(registry, { a: { rules: [{ percentage: 25 }] } }), "a"));
    expect([...small].filter((guest) => !large.has(guest))).toEqual([]);
    expect(large.size).toBeGreaterThan(small.size);
  });

  test("two flags at 10 % don't take the same guests, unless they share a salt", () => {
    const rules = [{ percentage: 10 }];
    const apart = snapshotOf(registry, { a: { rules }, b: { rules } });
    const a = new Set(inShare(apart, "a"));
    const both = inShare(apart, "b").filter((guest) => a.has(guest)).length;
    expect(both).toBeGreaterThan(100);
    expect(both).toBeLessThan(300);
    const together = snapshotOf(registry, { a: { rules, salt: "pilot" }, b: { rules, salt: "pilot" } });
    expect(inShare(together, "a")).toEqual(inShare(together, "b"));
  });

  test("0 % is nobody, 100 % is everybody, and a guest without key is in no share", () => {
    expect(inShare(snapshotOf(registry, { a: { rules: [{ percentage: 0 }] } }), "a")).toEqual([]);
    expect(inShare(snapshotOf(registry, { a: { rules: [{ percentage: 100 }] } }), "a").length).toBe(guests.length);
    const all = snapshotOf(registry, { a: { rules: [{ percentage: 100 }] } });
    expect(all.evaluate("a", {})).toMatchObject({ value: false, reason: "DEFAULT" });
  });

  // MurmurHash3_x86_32 of the UTF-8 bytes, seed 0, computed in Python from Appleby's description ("hello" gives 0x248bfa47).
  test.each([
    ["habitación", 0xd945_a5f5],
    ["niño-José", 0x3f61_e452],
    ["客人", 0x146f_b7c8],
    ["plain", 0x0fbf_e879],
  ])("%s is put where murmur3 of its UTF-8 bytes says", (targetingKey, hash) => {
    const edge = Math.floor((hash * 100_000) / 2 ** 32);
    const at = (weight: number) =>
      snapshotOf(registry, {
        a: { targeting: { fractional: [{ var: "targetingKey" }, ["on", weight], ["off", 100_000 - weight]] } },
      }).evaluate("a", { targetingKey }).value;
    expect(at(edge + 1)).toBe(true);
    expect(at(edge)).toBe(false);
  });

  test("the shorthand of fractional buckets by flag and guest, in UTF-8 too", () => {
    const explicit = { fractional: [{ cat: ["a", { var: "targetingKey" }] }, ["on", 50], ["off", 50]] };
    const long = snapshotOf(registry, { a: { targeting: explicit } });
    const short = snapshotOf(registry, {
      a: {
        targeting: {
          fractional: [
            ["on", 50],
            ["off", 50],
          ],
        },
      },
    });
    for (const targetingKey of ["José", "Zoë", "plain", "ñandú", "客人"]) {
      expect(short.evaluate("a", { targetingKey }).value).toBe(long.evaluate("a", { targetingKey }).value);
    }
  });

  test("rules in other alphabets compare as they are written", () => {
    const targeting = {
      if: [
        { "==": [{ var: "city" }, "Asunción"] },
        {
          fractional: [
            ["on", 100],
            ["off", 0],
          ],
        },
      ],
    };
    const snapshot = snapshotOf(registry, { a: { targeting } });
    expect(snapshot.evaluate("a", { targetingKey: "José", city: "Asunción" }).value).toBe(true);
    expect(snapshot.evaluate("a", { targetingKey: "José", city: "Asuncion" }).value).toBe(false);
  });
});

test("an evaluation never throws, whatever the context holds", () => {
  const ring: Record<string, unknown> = {};
  ring.self = ring;
  const throwing = {
    get tenant() {
      throw new Error("no");
    },
  };
  const targeting = { if: [{ in: [{ var: "tenant" }, ["a"]] }, { fractional: [["on", 1]] }] };
  const snapshot = snapshotOf({ a: toggle(false) }, { a: { targeting } });
  for (const context of [ring, throwing, { tenant: Symbol("a") }, { tenant: 1n }, { targetingKey: { toString: null } }]) {
    expect(snapshot.evaluate("a", context as never).variant ?? "none").toMatch(/^(on|off|none)$/);
  }
});
