import { describe, expect, test } from "vitest";
import { normalQuantile, normalUpperTail, studentQuantile, studentUpperTail } from "./distributions.ts";
import fixture from "./fixtures/distributions.json" with { type: "json" };

function expectNear(actual: number, expected: number) {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9 * Math.max(1e-6, Math.abs(expected)));
}

describe(`ties out to ${fixture.made_with}`, () => {
  test("normal quantiles", () => {
    for (const [alpha, z] of fixture.normal) expectNear(normalQuantile(alpha!), z!);
  });
  test("Student quantiles", () => {
    for (const [alpha, df, t] of fixture.student) expectNear(studentQuantile(alpha!, df!), t!);
  });
  test("normal tails", () => {
    for (const [z, p] of fixture.normal_tail) expectNear(normalUpperTail(z!), p!);
  });
  test("Student tails", () => {
    for (const [t, df, p] of fixture.student_tail) expectNear(studentUpperTail(t!, df!), p!);
  });
});

test("a probability outside its range is refused", () => {
  expect(() => normalQuantile(0)).toThrow(/got 0/);
  expect(() => studentQuantile(0.7, 3)).toThrow(/got 0.7/);
  expect(() => studentQuantile(0.1, 0)).toThrow(/df > 0/);
});
