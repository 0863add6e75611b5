import { expect, test } from "vitest";
import { exitCode, type FailOn, type Verdict, worst } from "./verdict.ts";

test("the worst verdict wins", () => {
  expect(worst([])).toBe("PASS");
  expect(worst(["PASS", "INCONCLUSIVE"])).toBe("INCONCLUSIVE");
  expect(worst(["INCONCLUSIVE", "FAIL", "PASS"])).toBe("FAIL");
});

test.each<[Verdict, FailOn, boolean, 0 | 1]>([
  ["PASS", "fail", false, 0],
  ["FAIL", "fail", false, 1],
  ["INCONCLUSIVE", "fail", false, 0],
  ["INCONCLUSIVE", "fail-or-inconclusive", false, 1],
  ["FAIL", "never", false, 0],
  ["INCONCLUSIVE", "fail", true, 1],
  ["INCONCLUSIVE", "never", true, 0],
])("%s with fail-on %s, broken %s: exit %i", (verdict, failOn, broken, code) => {
  expect(exitCode(verdict, failOn, broken)).toBe(code);
});
