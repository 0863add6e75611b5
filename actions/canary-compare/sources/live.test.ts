import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCanary, throwAwayFolder } from "../../../test/canary-action.ts";
import { realK6 } from "../../../test/k6.ts";
import { until } from "../../../test/servers.ts";
import { type RunningService, spawnService } from "../../../test/service.ts";
import { startTarget, type Target } from "../../../test/target.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";

const place = throwAwayFolder();

/**
 * A server that asks another one before each answer and measures how long that took, as the service does with its PMS.
 *
 * @param dependency URL of the server that is asked
 */
function dependent(version: string, dependency: string): Promise<Target> {
  let [seconds, count] = [0, 0];
  return startTarget(async ({ path }) => {
    if (path === "/metrics") {
      return { body: `pms_request_duration_seconds_sum ${seconds}\npms_request_duration_seconds_count ${count}\n` };
    }
    const start = performance.now();
    await (await fetch(dependency)).text();
    seconds += (performance.now() - start) / 1000;
    count += 1;
    return { headers: { "X-Release-Version": version } };
  });
}
afterAll(() => place[Symbol.dispose]());

/** Answers in 30–50 ms, one in twenty 40 ms later, times `factor`. */
function arm(version: string, { factor = 1, failEvery = 0 } = {}): Promise<Target> {
  return startTarget((request, number) => {
    if (request.path === "/metrics") return { body: `process_cpu_seconds_total ${number}\npms_request_duration_seconds_sum 1\n` };
    const spread = (number * 0.618) % 1;
    return {
      delayMs: (30 + 20 * spread + (number % 20 === 0 ? 40 : 0)) * factor,
      status: failEvery > 0 && number % failEvery === 0 ? 503 : 200,
      headers: { "X-Release-Version": version },
    };
  });
}

let k6 = "";
beforeAll(async () => {
  k6 = (await realK6()).path;
  // An unsigned message is little work for the service, so that a busy machine of a test run can't be what slows it.
  writeFileSync(
    join(place.folder, "unsigned.js"),
    `import http from "k6/http";
http.setResponseCallback(http.expectedStatuses(401));
export default function () {
  http.post(__ENV.BASE_URL + "/webhooks/messages", "{}", { tags: { name: "POST /webhooks/messages" } });
}`,
  );
  writeFileSync(
    join(place.folder, "rooms.js"),
    `import http from "k6/http";
export const options = { vus: 1, duration: "1s", thresholds: { http_reqs: ["count<1"] } };
export function setup() { return __ENV.BASE_URL; }
export default function (data) {
  if (data !== __ENV.BASE_URL) throw new Error("setup of another arm");
  http.get(__ENV.BASE_URL + "/rooms?guests=" + __ENV.GUESTS, { tags: { name: "GET /rooms" } });
}`,
  );
}, 180_000);

/**
 * Whether the report itself measured that the machine of this test run got in the way: then latency must be INCONCLUSIVE, and a test can
 * ask for no more. The limits are the documented ones, applied here anew.
 */
function disturbed({ environment, traffic, observations }: CanaryReport): boolean {
  const { achieved_rps: achieved, target_rps: target, dropped_iterations: dropped } = traffic;
  const started = observations.started_iterations!;
  return (
    environment.stolen_cpu! > 0.1 ||
    environment.generator_cpu! > 0.9 ||
    Math.min(achieved.baseline!, achieved.canary!) < 0.9 * target! ||
    dropped! > 0.01 * (dropped! + started)
  );
}

/** Real instances of the service. They answer in about 150 ms, so that what a busy machine of a test run adds is little of it. */
const services: RunningService[] = [];
async function release(version: string, faults: Record<string, string> = {}): Promise<string> {
  const service = await spawnService({ RELEASE_VERSION: version, FAULT_LATENCY_MS: "150", ...faults });
  services.push(service);
  return service.url;
}
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()));
});

const live = (inputs: Record<string, string>, onStart?: Parameters<typeof runCanary>[2]) =>
  runCanary(
    place.folder,
    { script: "rooms.js", "k6-path": k6, "warm-up": "1s", "max-extension": "0s", rps: "40", env: "GUESTS=2", ...inputs },
    onStart,
  );

describe.concurrent("real instances of the service", { timeout: 240_000 }, () => {
  const rehearse = (baseline: string, canary: string, inputs: Record<string, string> = {}) =>
    live({
      "baseline-url": baseline,
      "canary-url": canary,
      script: "unsigned.js",
      duration: "30s",
      rps: "20",
      "max-extension": "30s",
      // Two instances on the crowded machine of a test run differ by more than two on machines of their own.
      "min-p95-delta-ms": "75",
      ...inputs,
    });

  let [baseline, canary, slow, failing] = ["", "", "", ""];
  beforeAll(async () => {
    [baseline, canary, slow, failing] = await Promise.all([
      release("1.0.0"),
      release("1.1.0"),
      release("1.1.1", { FAULT_LATENCY_PERCENT: "200" }),
      release("1.1.2", { FAULT_ERROR_RATE: "0.05" }),
    ]);
  }, 180_000);

  test("an identical canary passes; traffic is interleaved, attested and as much as was asked for", async () => {
    const run = await rehearse(baseline, canary);
    if (disturbed(run.report!)) expect(run.outputs, run.log).toMatchObject({ verdict: "INCONCLUSIVE", decision: "HOLD" });
    else expect(run.outputs, run.log).toMatchObject({ verdict: "PASS", decision: "PROCEED", reason: "OK" });
    expect(run.report).toMatchObject({
      baseline: { version: "1.0.0", url: baseline, kind: "live" },
      canary: { version: "1.1.0", url: canary },
      traffic: { source: "k6", pattern: "interleaved", target_rps: 20, warm_up_s: 1, planned_canary_share: 0.5 },
      routes: [{ name: "POST /webhooks/messages" }],
    });
    const { achieved_rps: achieved, duration_s: seconds } = run.report!.traffic;
    expect(achieved.canary! * seconds).toBeCloseTo(run.report!.metrics[1]!.canary.n, -2);
    expect(achieved.canary).toBeGreaterThan(10);
    const again = await runCanary(place.folder, { report: run.outputs["report-path"]! });
    expect(again.log).toContain("Made again from its samples");
  });

  test("the guest agent's journey sends guests' messages to both arms", async () => {
    const script = fileURLToPath(new URL("../../../k6/canary.js", import.meta.url));
    const run = await rehearse(baseline, canary, { script, env: "", rps: "4", duration: "4s", "max-extension": "0s" });
    expect(run.report, run.log).toMatchObject({
      verdict: "INCONCLUSIVE",
      baseline: { version: "1.0.0" },
      canary: { version: "1.1.0" },
      routes: [{ name: "POST /webhooks/messages" }],
    });
    for (const arm of ["baseline", "canary"] as const) {
      expect(run.report!.metrics[1]![arm], run.log).toMatchObject({ value: 0 });
      expect(run.report!.metrics[1]![arm].n).toBeGreaterThan(2);
    }
  });

  test("a slower release fails with cause canary, phases and routes measured; 5 % errors fail", async () => {
    const [slower, errors] = await Promise.all([rehearse(baseline, slow), rehearse(baseline, failing)]);
    const { cause, observations, routes } = slower!.report!;
    if (disturbed(slower!.report!)) {
      expect(slower!.outputs, slower!.log).toMatchObject({ verdict: "INCONCLUSIVE", decision: "HOLD" });
      expect(cause.class).toBe("environment");
    } else {
      expect(slower!.outputs, slower!.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK", reason: "P95_RATIO_EXCEEDED" });
      expect(slower!.exitCode).toBe(1);
      expect(cause.class).toBe("canary");
    }
    expect(cause.evidence.map((item) => `${item.source} ${item.name}`)).toContain("arms p95");
    expect(observations.evidence.map((item) => `${item.source} ${item.name}`)).toContain("phases waiting");
    expect(routes.map((route) => route.name)).toEqual(["POST /webhooks/messages"]);
    // Failures fail whatever the machine does.
    expect(errors!.outputs, errors!.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK" });
    expect(errors!.report!.reasons).toContainEqual(expect.objectContaining({ code: "ERROR_RATE_EXCEEDED", severity: "error" }));
    expect(errors!.report!.cause.class).toBe("canary");
  });
});

// Where two runs one after the other are held against each other, a machine that stood still in the first is measured again.
describe.concurrent("the real k6 on two real servers", { timeout: 120_000 }, () => {
  test("a canary that is down fails", async () => {
    await using baseline = await arm("1.0.0");
    const down = await arm("1.1.0");
    await down[Symbol.asyncDispose]();
    const run = await live({ "baseline-url": baseline.url, "canary-url": down.url, duration: "10s", "min-samples": "100" });
    expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", reason: "ERROR_RATE_EXCEEDED" });
    expect(run.report!.metrics[1]!.canary.value).toBe(1);
    expect(run.report!.reasons.map((reason) => reason.code)).toContain("NO_DATA");
  });

  test("a canary answered by another release is a failure of the run", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.0.0");
    const run = await live({ "baseline-url": baseline.url, "canary-url": canary.url, "canary-version": "1.1.0", duration: "8s" });
    expect(run.outputs, run.log).toMatchObject({ verdict: "INCONCLUSIVE", decision: "HOLD", reason: "ARM_NOT_ATTESTED" });
    expect(run.exitCode).toBe(1);
    expect(run.log).toMatch(/canary: \d+ responses came from 1\.0\.0, expected was 1\.1\.0/);
  });

  test("rounds give each arm turns of its own", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0", { failEvery: 8 });
    const run = await live({
      "baseline-url": baseline.url,
      "canary-url": canary.url,
      duration: "12s",
      rounds: "4",
      "min-samples": "100",
    });
    expect(run.report, run.log).toMatchObject({ verdict: "FAIL", traffic: { pattern: "slices", rounds: 4 } });
    // Twelve seconds each, not six.
    expect(run.report!.metrics[1]!.canary.n).toBeGreaterThan(300);
  });

  test("k6 killed half-way is a broken run, with what was measured in the report", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0");
    const run = await live({ "baseline-url": baseline.url, "canary-url": canary.url, duration: "60s" }, async (child) => {
      await until(async () => {
        if (canary.count < 150) throw new Error("no traffic yet");
      }, 60_000);
      const pids = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(child.pid)]).toString();
      process.kill(Number(/^\s*(\d+) .*canary\/driver\.js/m.exec(pids)![1]), "SIGKILL");
    });
    expect(run, run.log).toMatchObject({
      exitCode: 1,
      outputs: { verdict: "INCONCLUSIVE", decision: "HOLD", reason: "SCRIPT_ERROR" },
    });
    expect(run.report!.metrics[1]!.canary.n).toBeGreaterThan(40);
  });

  test("a cancel leaves a report and no pass", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0");
    const run = await live({ "baseline-url": baseline.url, "canary-url": canary.url, duration: "60s" }, async (child) => {
      await until(async () => {
        if (canary.count < 150) throw new Error("no traffic yet");
      }, 60_000);
      child.kill("SIGINT");
    });
    expect(run, run.log).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE", reason: "CANCELLED" } });
  });

  test("a script that throws is the script's fault", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0");
    writeFileSync(join(place.folder, "throws.js"), 'export default function () { throw new Error("mistyped"); }');
    writeFileSync(join(place.folder, "empty.js"), "export const options = {};");
    const inputs = { "baseline-url": baseline.url, "canary-url": canary.url, duration: "4s" };
    const [throwing, empty] = await Promise.all([
      live({ ...inputs, script: "throws.js" }),
      live({ ...inputs, script: "empty.js" }),
    ]);
    expect(throwing!.report, throwing!.log).toMatchObject({
      verdict: "INCONCLUSIVE",
      reasons: expect.arrayContaining([expect.objectContaining({ code: "SCRIPT_ERROR", severity: "warning" })]),
    });
    expect(throwing!.exitCode).toBe(1);
    expect(empty!.outputs, empty!.log).toMatchObject({ verdict: "INCONCLUSIVE", reason: "SCRIPT_ERROR" });
    expect(empty!.log).toContain("no default function");
    expect(empty!.exitCode).toBe(1);
  });

  test("phase baseline stores what compare takes as a second opinion: both arms slow now is the machine", {
    retry: 2,
  }, async () => {
    await using baseline = await arm("1.0.0");
    // Far beyond what a busy machine of a test run adds to the first measurement.
    await using slow = await arm("1.0.0", { factor: 12 });
    await using slowCanary = await arm("1.1.0", { factor: 12 });
    const inputs = { duration: "8s", rps: "15", "min-samples": "30" };
    const stored = await live({ ...inputs, phase: "baseline", "baseline-url": baseline.url, "report-directory": "before" });
    expect(stored, stored.log).toMatchObject({
      exitCode: 0,
      report: { environment: { phase: "baseline" }, verdict: "INCONCLUSIVE" },
    });
    const before = stored.outputs["report-path"]!;
    const run = await live({ ...inputs, before, "baseline-url": slow.url, "canary-url": slowCanary.url });
    expect(run.report!.cause.class).toBe("environment");
    expect(run.report!.reasons.map((reason) => reason.code)).toContain("ENVIRONMENT");
    expect(run.report!.environment.before_p95_ms).toBe(stored.report!.metrics[0]!.baseline.value);
    const alone = await live({ ...inputs, before, "canary-url": slowCanary.url });
    expect(alone.report, alone.log).toMatchObject({
      traffic: { pattern: "before-after" },
      baseline: { kind: "before" },
      verdict: "INCONCLUSIVE",
    });
  });

  test("both arms slower than before because what they share got slow: the cause is upstream, with its times", {
    retry: 2,
  }, async () => {
    let delayMs = 5;
    await using shared = await startTarget(() => ({ delayMs }));
    await using baseline = await dependent("1.0.0", shared.url);
    await using canary = await dependent("1.1.0", shared.url);
    const inputs = { "baseline-url": baseline.url, duration: "8s", rps: "15", "min-samples": "30" };
    const stored = await live({ ...inputs, phase: "baseline", "report-directory": "before-upstream" });
    expect(stored.report, stored.log).toMatchObject({ environment: { phase: "baseline" } });
    // Far beyond what a busy machine of a test run adds to the first measurement.
    delayMs = 600;
    const run = await live({ ...inputs, before: stored.outputs["report-path"]!, "canary-url": canary.url });
    const { cause, decision, reasons } = run.report!;
    expect(cause.class, run.log).toBe("upstream");
    const evidence = cause.evidence.find((item) => item.source === "before" && item.name === "upstream_pms_ms")!;
    expect(evidence.baseline).toBeLessThan(evidence.canary! / 1.2);
    expect(evidence.canary).toBeGreaterThanOrEqual(590);
    expect(evidence.message).toMatch(/^upstream_pms_ms was [\d.]+ ms before the deployment and is [\d.]+ ms now$/);
    expect(reasons.map((reason) => reason.code)).toContain("ENVIRONMENT");
    expect(decision).toBe("HOLD");
    expect(run.summary).toContain("upstream");
  });
});
