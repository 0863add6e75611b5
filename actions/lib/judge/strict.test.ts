import { expect, test } from "vitest";
import { judgeStrictly } from "./strict.ts";

const LIMITS = { maxP95Ratio: 1.1, minP95DeltaMs: 0, maxErrorRatio: 1.5, minErrorRate: 0.005 };
const point = (seconds: number | undefined, errorRate: number | undefined) => ({
  p95Ms: seconds === undefined ? undefined : seconds * 1000,
  errorRate,
});

test.each([
  [0.25, 0.265, "PASS"],
  [0.25, 0.275, "PASS"],
  [0.25, 0.276, "FAIL"],
])("p95 %s s against %s s: %s", (baseline, canary, verdict) => {
  expect(judgeStrictly(point(baseline, 0), point(canary, 0), LIMITS).p95).toBe(verdict);
});

test.each([
  [0.002, 0.0025, "PASS"],
  [0.002, 0.005, "PASS"],
  [0.004, 0.0061, "FAIL"],
  [0.004, 0.006, "PASS"],
])("error rate %s against %s: %s", (baseline, canary, verdict) => {
  expect(judgeStrictly(point(0.25, baseline), point(0.25, canary), LIMITS).errorRate).toBe(verdict);
});

test("a difference of up to the minimum never fails", () => {
  const limits = { ...LIMITS, minP95DeltaMs: 5 };
  expect(judgeStrictly(point(0.006, 0), point(0.011, 0), limits).p95).toBe("PASS");
  expect(judgeStrictly(point(0.006, 0), point(0.0111, 0), limits).p95).toBe("FAIL");
});

test.each([undefined, Number.NaN, Number.POSITIVE_INFINITY])("%s is not a measurement", (value) => {
  expect(judgeStrictly(point(0.25, 0), point(value, value), LIMITS)).toEqual({ p95: "INCONCLUSIVE", errorRate: "INCONCLUSIVE" });
  expect(judgeStrictly(point(value, value), point(0.25, 0), LIMITS)).toEqual({ p95: "INCONCLUSIVE", errorRate: "INCONCLUSIVE" });
});
