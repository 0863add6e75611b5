import { expect, test } from "vitest";
import { exampleCanary } from "../../../test/report-examples.ts";
import type { CanaryReport } from "./canary-report.ts";
import { culprit, nextStep, routeMark } from "./next-step.ts";

const report = (values: Partial<CanaryReport>): CanaryReport => exampleCanary(undefined, values);
const reason = (code: CanaryReport["reasons"][number]["code"]) => [
  { code, metric: null, severity: "warning" as const, message: "x" },
];

test("each decision says what to do, and a hold what would end it", () => {
  expect(nextStep(report({ verdict: "PASS", decision: "PROCEED" }))).toBe("Proceed: release the canary.");
  expect(nextStep(report({ verdict: "INCONCLUSIVE", decision: "PROCEED" }))).toContain("nothing showed that the canary is good");
  expect(nextStep(report({ verdict: "FAIL", decision: "ROLLBACK" }))).toBe("Roll the canary back.");
  const hold = (code: Parameters<typeof reason>[0]) =>
    nextStep(report({ verdict: "INCONCLUSIVE", decision: "HOLD", reasons: reason(code) }));
  expect(hold("PARTIAL_DATA")).toMatch(/^Hold: .* Take samples of both arms from the beginning to the end\.$/);
  expect(hold("TRAFFIC_BROKEN")).toContain("Mend the requests");
});

test("the culprit is the worst route, and the part of a request that grew most", () => {
  const arm = { requests: 600, p95_ms: 100, error_rate: 0 };
  const routes = [
    { name: "GET /cart", baseline: arm, canary: { ...arm, error_rate: 0.03 }, delta_percent: 0, status: "FAIL" as const },
  ];
  const evidence = [
    { source: "phases" as const, name: "waiting", unit: "ms", baseline: 10, canary: 90, message: "x" },
    { source: "phases" as const, name: "sending", unit: "ms", baseline: 1, canary: 2, message: "x" },
  ];
  const found = culprit(report({ verdict: "FAIL", routes, cause: { class: "canary", evidence } }));
  expect(found).toContain("Worst route: GET /cart (p95 100 ms, ±0 %; errors 3 % against 0 %)");
  expect(found).toContain("The time is spent in waiting: p95 90 ms against 10 ms.");
  expect(culprit(report({ verdict: "PASS", routes }))).toBeUndefined();
  expect([routeMark("FAIL"), routeMark(null), routeMark(undefined)]).toEqual(["worse", "too few to say", "–"]);
});
