import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SmokeLimits } from "./inputs.ts";
import { judgeSmoke, type RunFacts } from "./judge.ts";
import { type Measurement, nothingMeasured } from "./measure.ts";

const LIMITS: SmokeLimits = { p95Ms: 450, errorRate: 0.01, checkFailureRate: 0.01, minRps: 40, minRequests: 300 };
const FINISHED: RunFacts = {
  ending: { kind: "finished", message: "k6 ran to its end" },
  exceptions: 0,
  unusable: [],
  judgesChecks: false,
  generatorCpu: 0.2,
};

function measured(change: Partial<Measurement> = {}): Measurement {
  const requests = change.requests ?? 10_000;
  const failed = change.failed ?? 0;
  return {
    ...nothingMeasured(),
    requests,
    failed,
    errorRate: requests === 0 ? null : failed / requests,
    p95Ms: 100,
    rps: 50,
    durationS: 60,
    iterations: requests,
    ...change,
  };
}

const judge = (change: Partial<Measurement>, facts: Partial<RunFacts> = {}, limits: Partial<SmokeLimits> = {}) =>
  judgeSmoke(measured(change), { ...LIMITS, ...limits }, { ...FINISHED, ...facts });

describe("limits", () => {
  test.each([
    [451, 0, "FAIL", ["P95_CEILING_EXCEEDED"]],
    [450.000001, 0, "FAIL", ["P95_CEILING_EXCEEDED"]],
    [449.9, 101, "FAIL", ["ERROR_RATE_EXCEEDED"]],
    [450, 100, "PASS", ["OK"]],
    [449.9, 100, "PASS", ["OK"]],
    [451, 101, "FAIL", ["ERROR_RATE_EXCEEDED", "P95_CEILING_EXCEEDED"]],
  ])("p95 %s ms with %s failures of 10000: %s", (p95Ms, failed, verdict, codes) => {
    const judgement = judge({ p95Ms, failed });
    expect(judgement.verdict).toBe(verdict);
    expect(judgement.reasons.map((reason) => reason.code)).toEqual(codes);
  });

  test("equality passes whatever the error rate: 3 of 300 at 0.01, 29 of 100 at 0.29", () => {
    expect(judge({ requests: 300, failed: 3 }).verdict).toBe("PASS");
    expect(judge({ requests: 300, failed: 87 }, {}, { errorRate: 0.29 }).verdict).toBe("PASS");
  });

  test("the message shows both numbers", () => {
    expect(judge({ p95Ms: 512.34 }).reasons[0]?.message).toBe("p95 512.3 ms > limit 450 ms");
    expect(judge({ failed: 250 }).reasons[0]?.message).toBe("error rate 2.5 % (250 of 10000) > limit 1 %");
  });
});

describe("what the script and the machine say", () => {
  const checks = (failed: number) => ({
    checks: { passed: 10_000 - failed, failed },
    failedChecks: [{ name: "has rooms", passed: 0, failed }],
  });

  test("failed checks above their limit fail; equality passes; a threshold of the script takes the limit's place", () => {
    expect(judge(checks(100)).verdict).toBe("PASS");
    const failed = judge(checks(101));
    expect(failed).toMatchObject({ verdict: "FAIL", reasons: [{ code: "CHECKS_FAILED" }] });
    expect(failed.reasons[0]?.message).toBe('failed checks 1.01 % (101 of 10000) > limit 1 %: "has rooms" 101 of 101');
    expect(judge(checks(5000), { judgesChecks: true }).verdict).toBe("PASS");
    expect(judge({ ...checks(101), requests: 299, failed: 0 }).verdict).toBe("INCONCLUSIVE");
  });

  test("a generator without CPU to spare makes latency inconclusive, also a slow one; errors fail all the same", () => {
    const busy = { generatorCpu: 0.97 };
    expect(judge({}, busy)).toMatchObject({ verdict: "INCONCLUSIVE", reasons: [{ code: "ENVIRONMENT" }] });
    expect(judge({ p95Ms: 900 }, busy).verdict).toBe("INCONCLUSIVE");
    expect(judge({ failed: 500 }, busy).verdict).toBe("FAIL");
    expect(judge({}, { generatorCpu: null }).verdict).toBe("PASS");
  });

  test("requests without an answer that alone break the limit have a code of their own", () => {
    const failures = [{ route: "GET /slow", what: "no answer until the run's end", count: 300 }];
    const unanswered = judge({ failed: 310, unanswered: 300, failures });
    expect(unanswered.reasons[0]).toMatchObject({ code: "UNANSWERED" });
    expect(unanswered.reasons[0]?.message).toContain("GET /slow no answer until the run's end × 300");
    expect(judge({ failed: 500, unanswered: 300, failures }).reasons[0]?.code).toBe("ERROR_RATE_EXCEEDED");
  });
});

describe("missing evidence is never a pass", () => {
  test("no request at all, though k6 ended well", () => {
    const judgement = judge({ requests: 0, p95Ms: null, rps: null, iterations: 5 });
    expect(judgement).toMatchObject({ verdict: "INCONCLUSIVE", broken: true });
    expect(judgement.reasons[0]?.code).toBe("NO_DATA");
  });

  test("too few requests, even bad ones", () => {
    expect(judge({ requests: 299, p95Ms: 900 })).toMatchObject({ verdict: "INCONCLUSIVE", broken: false });
    expect(judge({ requests: 300 }).verdict).toBe("PASS");
  });

  test("a service that answers nothing fails, however few the requests", () => {
    const judgement = judge({ requests: 1, failed: 1, p95Ms: null, rps: null });
    expect(judgement.verdict).toBe("FAIL");
    expect(judgement.reasons[0]?.message).toBe("none of 1 requests succeeded");
  });

  test("less load than asked", () => {
    expect(judge({ rps: 39.9 })).toMatchObject({ verdict: "INCONCLUSIVE", reasons: [{ code: "LOAD_NOT_DELIVERED" }] });
    expect(judge({ rps: 39.98 }).verdict).toBe("PASS");
    expect(judge({ rps: null }).verdict).toBe("INCONCLUSIVE");
  });

  test("more than 1 % of the iterations dropped", () => {
    expect(judge({ iterations: 990, droppedIterations: 10 }).verdict).toBe("PASS");
    expect(judge({ iterations: 989, droppedIterations: 11 }).verdict).toBe("INCONCLUSIVE");
  });

  test("a broken limit fails even when less load was delivered", () => {
    expect(judge({ rps: 10, p95Ms: 4_000, iterations: 500, droppedIterations: 500 }).verdict).toBe("FAIL");
  });

  test("a script that failed, lost samples, a cancel", () => {
    for (const facts of [
      { ending: { kind: "failed", message: "107" } as const },
      { ending: { kind: "cancelled", message: "cancelled" } as const },
      { unusable: ["the gzip file is cut off"] },
    ]) {
      expect(judge({}, facts)).toMatchObject({ verdict: "INCONCLUSIVE", broken: true });
    }
    expect(judge({}, { ending: { kind: "cancelled", message: "" } }).reasons.map(({ code }) => code)).toEqual(["CANCELLED"]);
  });

  test("iterations that throw: many break the run, one is a warning", () => {
    expect(judge({ iterations: 1000 }, { exceptions: 11 })).toMatchObject({ verdict: "INCONCLUSIVE", broken: true });
    expect(judge({ iterations: 1000 }, { exceptions: 1 })).toMatchObject({ verdict: "PASS", broken: false });
    expect(judge({ iterations: 0 }, { exceptions: 1 }).broken).toBe(true);
  });

  test("a script that throws in its setup is told of once, and not as a share of no iterations", () => {
    const scriptErrors = (facts: Partial<RunFacts>) =>
      judge({ iterations: 0 }, { exceptions: 1, ...facts }).reasons.filter(({ code }) => code === "SCRIPT_ERROR");
    expect(scriptErrors({}).map(({ message }) => message)).toEqual([expect.stringMatching(/before its first iteration/)]);
    const ending = { kind: "failed", message: "the script threw (107)" } as const;
    expect(scriptErrors({ ending }).map(({ message }) => message)).toEqual(["the script threw (107)"]);
  });

  test("whatever is measured: a pass has enough requests under the limits, and each verdict has a reason", () => {
    const maybe = (max: number) => fc.option(fc.double({ min: 0, max, noNaN: true }));
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.nat(1_000),
        maybe(1_000),
        maybe(100),
        fc.nat(100),
        fc.constantFrom("finished", "thresholds", "cancelled", "failed"),
        (requests, bad, p95Ms, rps, droppedIterations, kind) => {
          const failed = Math.min(bad, requests);
          const judgement = judge({ requests, failed, p95Ms, rps, droppedIterations }, { ending: { kind, message: "x" } });
          expect(judgement.reasons.length).toBeGreaterThan(0);
          if (judgement.verdict === "PASS") {
            expect(kind).toBe("finished");
            expect(requests).toBeGreaterThanOrEqual(300);
            expect(p95Ms).not.toBeNull();
            expect(p95Ms).toBeLessThanOrEqual(450);
            expect(failed / requests).toBeLessThanOrEqual(0.01);
          }
        },
      ),
    );
  });
});

test("a threshold of the script itself that was crossed fails, with our numbers beside it", () => {
  const judgement = judge({}, { ending: { kind: "thresholds", message: "a threshold in the script itself was crossed (x)" } });
  expect(judgement).toMatchObject({ verdict: "FAIL", broken: false, reasons: [{ code: "THRESHOLD_CROSSED" }] });
  expect(judgement.rules.map(({ verdict }) => verdict)).toEqual(["PASS", "PASS", "PASS", "PASS", "PASS"]);
});

test("the table shows an unknown number as unknown, not as passed", () => {
  const [p95, errors, requests, rps] = judge({ requests: 0, p95Ms: null, rps: null }).rules;
  expect([p95, errors, requests, rps].map((rule) => rule?.verdict)).toEqual([
    "INCONCLUSIVE",
    "INCONCLUSIVE",
    "INCONCLUSIVE",
    "INCONCLUSIVE",
  ]);
  expect(p95?.measured).toBe("–");
});
