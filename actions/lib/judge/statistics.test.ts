import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dispersion, judgeErrors, wilson } from "./errors.ts";
import fixture from "./fixtures/statistics.json" with { type: "json" };
import { hodgesLehmann, jackknife, mean, trimmedMean } from "./location.ts";
import { lastLook, onlyLook, planLooks } from "./looks.ts";

describe(`ties out to ${fixture.made_with}`, () => {
  test("Hodges–Lehmann and its block jackknife", () => {
    for (const { x, est, blocks, se } of fixture.hodges_lehmann) {
      expect(hodgesLehmann(x)).toBeCloseTo(est, 10);
      if (se !== null) expect(jackknife(x, blocks, hodgesLehmann, 0.02)!.se).toBeCloseTo(se, 10);
    }
  });

  test("the jackknife error of a mean is the standard error of the mean", () => {
    for (const { x, sem, se_mean: expected } of fixture.hodges_lehmann) {
      if (sem === null) continue;
      const { se, df } = jackknife(x, [...x.keys()], mean, 0)!;
      expect(se).toBeCloseTo(sem, 10);
      expect(se).toBeCloseTo(expected!, 10);
      expect(df).toBe(x.length - 1);
    }
  });

  test("Wilson's interval", () => {
    for (const [k, n, z, low, high] of fixture.wilson) {
      const interval = wilson(k!, n!, z!);
      expect(interval[0]).toBeCloseTo(low!, 10);
      expect(interval[1]).toBeCloseTo(high!, 10);
    }
  });

  test("dispersion is Pearson's χ² of the table of failures over its degrees of freedom", () => {
    const { blocks, chi_square: chiSquare } = fixture.dispersion;
    const found = dispersion(blocks.map(([baseline, canary]) => ({ baseline: baseline!, canary: canary! })));
    expect(found).toBeCloseTo(chiSquare / (blocks.length - 1), 10);
  });
});

test("Hodges–Lehmann by bisection is the median of all pairs", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 25 }), (x) => {
      const pairs = x.flatMap((a, i) => x.slice(i).map((b) => (a + b) / 2)).sort((a, b) => a - b);
      const half = pairs.length / 2;
      const expected = pairs.length % 2 === 1 ? pairs[Math.floor(half)]! : (pairs[half - 1]! + pairs[half]!) / 2;
      expect(hodgesLehmann(x)).toBeCloseTo(expected, 9);
    }),
  );
});

test("a burst in a few windows doesn't move the typical ratio", () => {
  const calm = Array.from({ length: 60 }, (_, i) => 0.01 * Math.sin(i));
  const burst = calm.map((value, i) => (i >= 10 && i < 16 ? value + 2 : value));
  expect(Math.abs(hodgesLehmann(burst) - hodgesLehmann(calm))).toBeLessThan(0.01);
  expect(mean(burst) - mean(calm)).toBeCloseTo(0.2, 6);
});

test("a trimmed mean cuts an eighth off at each end, of seven values nothing", () => {
  expect(trimmedMean([1, 2, 3, 4, 5, 6, 70])).toBe(13);
  expect(trimmedMean([50, 1, 2, 3, 4, 5, 6, -70])).toBe(3.5);
  // Of sixteen, two at each end.
  expect(trimmedMean([9, 8, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, -9, -8])).toBe(2);
});

test("an error can't be told from one block", () => {
  expect(jackknife([1, 2, 3], [0, 0, 0], hodgesLehmann, 0.02)).toBeUndefined();
  expect(() => hodgesLehmann([])).toThrow(/at least one value/);
});

describe("errors", () => {
  const limits = { maxErrorRatio: 1.5, minErrorRate: 0.005 };
  const counts = (xb: number, nb: number, xc: number, nc: number, blocks = [{ baseline: xb, canary: xc }]) => ({
    requests: { baseline: nb, canary: nc },
    failures: { baseline: xb, canary: xc },
    blocks,
  });

  test("a canary whose every request fails in every block is no burst", () => {
    const blocks = Array.from({ length: 6 }, () => ({ baseline: 0, canary: 150 }));
    expect(dispersion(blocks)).toBe(1);
    expect(judgeErrors(counts(0, 900, 900, 900, blocks), limits, onlyLook(30)).status).toBe("fail");
  });

  test("no failure at all passes when there are enough requests to say so", () => {
    expect(judgeErrors(counts(0, 3000, 0, 3000), limits, onlyLook(60))).toMatchObject({ status: "pass", pValue: 1 });
    expect(judgeErrors(counts(0, 100, 0, 100), limits, onlyLook(60)).status).toBe("inconclusive");
  });

  test("equal error rates pass, doubled ones fail, a rate at the limit isn't above it", () => {
    expect(judgeErrors(counts(100, 5000, 100, 5000), limits, onlyLook(60)).status).toBe("pass");
    expect(judgeErrors(counts(100, 5000, 200, 5000), limits, onlyLook(60)).status).toBe("fail");
    expect(judgeErrors(counts(2, 1000, 5, 1000), limits, onlyLook(60)).status).not.toBe("fail");
  });

  test("the same failures in a burst on one arm weigh less than spread out", () => {
    const spread = Array.from({ length: 10 }, () => ({ baseline: 2, canary: 4 }));
    const burst = [{ baseline: 1, canary: 22 }, ...Array.from({ length: 9 }, () => ({ baseline: 2, canary: 2 }))];
    expect(dispersion(burst)).toBeGreaterThan(1.3);
    const even = judgeErrors(counts(20, 3000, 40, 3000, spread), limits, onlyLook(60));
    const bursty = judgeErrors(counts(19, 3000, 40, 3000, burst), limits, onlyLook(60));
    expect(bursty.pValue).toBeGreaterThan(even.pValue);
  });
});

describe("looks", () => {
  test("scale with duration and extension and keep their columns", () => {
    expect(planLooks(60, 120).map((look) => look.seconds)).toEqual([30, 60, 120, 180]);
    expect(planLooks(30, 30).map((look) => [look.seconds, look.alphaFail])).toEqual([
      [15, 0.0005],
      [30, 0.001],
      [45, 0.002],
      [60, 0.003],
    ]);
    expect(planLooks(60, 0).map((look) => [look.seconds, look.alphaFail, look.c])).toEqual([
      [30, 0.001, 2],
      [60, 0.006, 0.25],
    ]);
  });

  test("data that end early take the last column, a file takes that of a hard end", () => {
    expect(lastLook(90)).toEqual({ seconds: 90, alphaFail: 0.003, alphaPass: 0.03, c: 0.25 });
    expect(onlyLook(90)).toEqual({ seconds: 90, alphaFail: 0.006, alphaPass: 0.03, c: 0.25 });
  });
});
