import fc from "fast-check";
import { expect, test } from "vitest";
import { median, quantile, quantileSorted } from "./quantiles.ts";

test("interpolates at q(n − 1), as R's type 7 and NumPy do", () => {
  expect(quantile([15, 20, 35, 40, 50], 0.4)).toBeCloseTo(29, 12);
  expect(quantile([1, 2, 3, 4], 0.95)).toBeCloseTo(3.85, 12);
  expect(quantile([7], 0.95)).toBe(7);
  expect(quantile([3, 1, 2], 0)).toBe(1);
  expect(quantile([3, 1, 2], 1)).toBe(3);
});

test("the order of the values doesn't matter, and they are left alone", () => {
  const values = [9, 1, 5];
  expect(median(values)).toBe(5);
  expect(values).toEqual([9, 1, 5]);
});

test("no value or a q outside 0–1 is refused", () => {
  expect(() => quantile([], 0.5)).toThrow(/at least one value/);
  expect(() => quantileSorted([1], 1.01)).toThrow(/from 0 to 1, got 1.01/);
  expect(() => quantileSorted([1], Number.NaN)).toThrow(/got NaN/);
});

test("scales with the unit and grows with q", () => {
  const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (list, a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      expect(quantile(list, low)).toBeLessThanOrEqual(quantile(list, high) * (1 + 1e-12));
      const seconds = list.map((value) => value / 1000);
      expect(quantile(seconds, a) * 1000).toBeCloseTo(quantile(list, a), 6);
    }),
  );
});
