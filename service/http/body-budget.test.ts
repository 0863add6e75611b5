import fc from "fast-check";
import { expect, test } from "vitest";
import { createBodyBudget } from "./body-budget.ts";
import type { Problem } from "./problem.ts";

test("the body that has been coming for the longest time makes room for the others", () => {
  const budget = createBodyBudget(100);
  const ended: string[] = [];
  const begin = (name: string) => budget.begin((problem: Problem) => ended.push(`${name} ${problem.status}`));
  const slow = begin("slow");
  const second = begin("second");
  slow.hold(60);
  second.hold(30);
  second.end();
  slow.hold(40);
  expect(ended).toEqual([]);
  const quick = begin("quick");
  quick.hold(10);
  expect(ended).toEqual(["slow 503"]);
  slow.hold(1000); // it is over: nothing is held
  quick.hold(90);
  expect(ended).toEqual(["slow 503"]);
  quick.hold(1);
  expect(ended).toEqual(["slow 503", "quick 503"]);
});

test("whatever comes in whatever order, never more is held than may be", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(60), fc.boolean()), { maxLength: 200 }), (steps) => {
      const budget = createBodyBudget(100);
      const held = new Map<number, number>();
      const readings = Array.from({ length: 10 }, (_, index) => {
        held.set(index, 0);
        return budget.begin(() => held.delete(index));
      });
      for (const [index, bytes, ends] of steps) {
        if (!held.has(index)) continue;
        held.set(index, held.get(index)! + bytes);
        readings[index]!.hold(bytes);
        if (ends && held.delete(index)) readings[index]!.end();
        expect([...held.values()].reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(100);
      }
    }),
  );
});
