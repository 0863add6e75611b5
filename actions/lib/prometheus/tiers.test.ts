import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exhaustionHours, parseTiers, strictest, type Tiers, tierFor } from "./tiers.ts";

const tiers = (text: string): Tiers => {
  const parsed = parseTiers(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.tiers;
};
const DEFAULT = "100:450,80:420,60:400";

test.each([
  [100, 450],
  [80, 450],
  [79.9, 420],
  [60, 420],
  [59.9, 400],
  [0, 400],
  [-5, 400],
])("%d %% of the budget gives a limit of %d ms", (percent, limit) => {
  expect(tierFor(percent / 100, tiers(DEFAULT)).p95Ms).toBe(limit);
});

test("the floating point of Prometheus doesn't cross a bound", () => {
  expect(0.7 + 0.1).toBeLessThan(0.8);
  expect(tierFor(0.7 + 0.1, tiers(DEFAULT)).p95Ms).toBe(450);
});

test("less budget never gives a looser limit", () => {
  const budget = fc.double({ min: -3, max: 1, noNaN: true });
  fc.assert(
    fc.property(budget, budget, (a, b) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      return tierFor(less, tiers(DEFAULT)).p95Ms <= tierFor(more, tiers(DEFAULT)).p95Ms;
    }),
  );
});

test("one tier holds always; blanks don't matter; the strictest is the last", () => {
  expect(tierFor(-1, tiers("100:300")).p95Ms).toBe(300);
  expect(tiers(" 100 : 450 , 40:420.5 ")).toEqual([
    { name: "100:450", below: null, p95Ms: 450 },
    { name: "40:420.5", below: 0.4, p95Ms: 420.5 },
  ]);
  expect(strictest(tiers(DEFAULT)).p95Ms).toBe(400);
});

test.each([
  ["", /percent:milliseconds in part 1 \(""\)/],
  ["100:450,", /part 2/],
  ["100:450ms", /percent:milliseconds/],
  ["80:420,60:400", /first bound to be 100 \(it is 80\)/],
  ["100:450,60:420,80:400", /bounds that fall \(80 follows 60\)/],
  ["100:450,100:420", /bounds that fall \(100 follows 100\)/],
  ["100:400,80:450", /limits that don't rise.*450 ms follows 400 ms/],
  ["100:0", /above 0 ms/],
  ["100:-1", /percent:milliseconds/],
  ["100:1e3", /percent:milliseconds/],
])("%j is refused", (text, expected) => {
  const parsed = parseTiers(text);
  expect(parsed.ok).toBe(false);
  expect(JSON.stringify(!parsed.ok && parsed.mistakes).replaceAll('\\"', '"')).toMatch(expected);
});

test("all mistakes of the tiers come at once", () => {
  const parsed = parseTiers("90:450,x,95:500");
  expect(!parsed.ok && parsed.mistakes).toHaveLength(4);
});

describe("hours until the budget is exhausted", () => {
  test("a full budget at burn rate 1 lasts the window, half a budget at 14.4 a day", () => {
    expect(exhaustionHours(1, 1, 30)).toBe(720);
    expect(exhaustionHours(0.5, 14.4, 30)).toBeCloseTo(25);
  });
  test("nothing burns: no end; nothing left: no time", () => {
    expect(exhaustionHours(0.5, 0, 30)).toBeNull();
    expect(exhaustionHours(-0.2, 3, 30)).toBe(0);
    expect(exhaustionHours(0, 0, 30)).toBe(0);
  });
});
