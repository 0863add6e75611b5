import { expect, test } from "vitest";
import { byVerdict, exitCode, FAIL_ON, type FailOn, isBlind, REASON_CODES, type Verdict, worst } from "./verdict.ts";

test("the worst verdict wins, in any order, and of nothing nothing was judged", () => {
  expect(worst([])).toBe("INCONCLUSIVE");
  expect(worst(["PASS"])).toBe("PASS");
  expect(worst(["PASS", "INCONCLUSIVE"])).toBe("INCONCLUSIVE");
  expect(worst(["INCONCLUSIVE", "FAIL", "PASS"])).toBe("FAIL");
  expect((["PASS", "FAIL", "INCONCLUSIVE"] as Verdict[]).sort(byVerdict)).toEqual(["FAIL", "INCONCLUSIVE", "PASS"]);
});

test.each<[Verdict, FailOn, boolean, 0 | 1]>([
  ["PASS", "fail", false, 0],
  ["PASS", "fail-or-inconclusive", false, 0],
  ["FAIL", "fail", false, 1],
  ["INCONCLUSIVE", "fail", false, 0],
  ["INCONCLUSIVE", "fail-or-inconclusive", false, 1],
  ["FAIL", "never", false, 0],
  ["INCONCLUSIVE", "fail", true, 1],
  ["INCONCLUSIVE", "never", true, 0],
])("%s with fail-on %s, blind %s: exit %i", (verdict, failOn, blind, code) => {
  expect(exitCode(verdict, failOn, blind)).toBe(code);
});

test("green means PASS by default", () => {
  expect(FAIL_ON[0]).toBe("fail-or-inconclusive");
});

test("what could not be seen is blind, what only explains isn't", () => {
  const blind = REASON_CODES.filter((code) => isBlind({ code, severity: "warning" }));
  expect(blind).toHaveLength(16);
  expect(blind).toEqual(expect.arrayContaining(["NO_DATA", "TRAFFIC_BROKEN", "PARTIAL_DATA", "SAME_RELEASE"]));
  expect(blind).not.toContain("LOW_SAMPLES");
  expect(REASON_CODES.filter((code) => isBlind({ code, severity: "info" }))).toEqual([]);
});
