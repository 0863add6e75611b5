import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCanary, throwAwayFolder } from "../../test/canary-action.ts";
import { realK6 } from "../../test/k6.ts";
import { until } from "../../test/servers.ts";
import { startTarget, type Target } from "../../test/target.ts";

const place = throwAwayFolder();
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

const live = (inputs: Record<string, string>, onStart?: Parameters<typeof runCanary>[2]) =>
  runCanary(
    place.folder,
    { script: "rooms.js", "k6-path": k6, "warm-up": "1s", "max-extension": "0s", rps: "40", env: "GUESTS=2", ...inputs },
    onStart,
  );

describe.concurrent("the real k6 on two real servers", { timeout: 120_000 }, () => {
  test("an identical canary passes; traffic is interleaved, attested and as much as was asked for", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0");
    const run = await live({
      "baseline-url": baseline.url,
      "canary-url": canary.url,
      duration: "30s",
      rps: "30",
      "max-extension": "60s",
    });
    expect(run.outputs, run.log).toMatchObject({ verdict: "PASS", decision: "PROCEED", reason: "OK" });
    expect(run.report).toMatchObject({
      baseline: { version: "1.0.0", url: baseline.url, kind: "live" },
      canary: { version: "1.1.0", url: canary.url },
      traffic: {
        source: "k6",
        pattern: "interleaved",
        target_rps: 30,
        warm_up_s: 1,
        dropped_iterations: 0,
        planned_canary_share: 0.5,
      },
      routes: [{ name: "GET /rooms" }],
    });
    expect(run.report!.traffic.achieved_rps.canary).toBeGreaterThan(28.5);
    expect(run.report!.metrics[0]!.canary.n).toBeGreaterThan(850);
    // Warm-up was sent and thrown away.
    expect(canary.count).toBeGreaterThan(run.report!.metrics[1]!.canary.n + 25);
    const again = await runCanary(place.folder, { report: run.outputs["report-path"]! });
    expect(again.log).toContain("Made again from its samples");
  });

  test("+40 % fails with cause canary, naming the phase and the route", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0", { factor: 1.4 });
    const run = await live({ "baseline-url": baseline.url, "canary-url": canary.url, duration: "30s", "max-extension": "60s" });
    expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK", reason: "P95_RATIO_EXCEEDED" });
    expect(run.exitCode).toBe(1);
    const { cause } = run.report!;
    expect(cause.class).toBe("canary");
    expect(cause.evidence.map((item) => `${item.source} ${item.name}`)).toEqual(
      expect.arrayContaining(["arms p95", "phases waiting", "routes GET /rooms"]),
    );
  });

  test("10 % errors fail, and a canary that is down fails", async () => {
    await using baseline = await arm("1.0.0");
    await using failing = await arm("1.1.0", { failEvery: 10 });
    const down = await arm("1.1.0");
    await down[Symbol.asyncDispose]();
    const [errors, gone] = await Promise.all(
      [failing, down].map(({ url }) => live({ "baseline-url": baseline.url, "canary-url": url, duration: "12s" })),
    );
    expect(errors!.outputs, errors!.log).toMatchObject({ verdict: "FAIL", reason: "ERROR_RATE_EXCEEDED" });
    expect(gone!.outputs, gone!.log).toMatchObject({ verdict: "FAIL", reason: "ERROR_RATE_EXCEEDED", "error-rate-delta": "1" });
    expect(gone!.report!.reasons.map((reason) => reason.code)).toContain("NO_DATA");
  });

  test("a canary answered by another release is a failure of the run", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.0.0");
    const run = await live({ "baseline-url": baseline.url, "canary-url": canary.url, "canary-version": "1.1.0", duration: "8s" });
    expect(run.outputs, run.log).toMatchObject({ verdict: "INCONCLUSIVE", decision: "HOLD", reason: "ARM_NOT_ATTESTED" });
    expect(run.log).toMatch(/canary: \d+ responses came from 1\.0\.0, expected was 1\.1\.0/);
  });

  test("rounds give each arm turns of its own", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0", { failEvery: 8 });
    const run = await live({ "baseline-url": baseline.url, "canary-url": canary.url, duration: "12s", rounds: "4" });
    expect(run.report, run.log).toMatchObject({ verdict: "FAIL", traffic: { pattern: "slices", rounds: 4 } });
    expect(run.report!.metrics[1]!.canary.n).toBeGreaterThan(440);
  });

  test("k6 killed half-way is a broken run, with what was measured in the report", async () => {
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0");
    const run = await live({ "baseline-url": baseline.url, "canary-url": canary.url, duration: "60s" }, async (child) => {
      await until(async () => {
        if (canary.count < 150) throw new Error("no traffic yet");
      }, 60_000);
      const pids = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(child.pid)]).toString();
      process.kill(Number(/^\s*(\d+) .*driver\.js/m.exec(pids)![1]), "SIGKILL");
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
      reasons: [
        { code: "SCRIPT_ERROR" },
        { code: "ARM_NOT_ATTESTED" },
        { code: "ARM_NOT_ATTESTED" },
        { code: "NO_DATA" },
        { code: "NO_DATA" },
      ],
    });
    expect(empty!.outputs, empty!.log).toMatchObject({ verdict: "INCONCLUSIVE", reason: "SCRIPT_ERROR" });
    expect(empty!.log).toContain("no default function");
    expect(empty!.exitCode).toBe(1);
  });

  test("phase baseline stores what compare takes as a second opinion: both arms slow now is the machine", async () => {
    await using baseline = await arm("1.0.0");
    await using slow = await arm("1.0.0", { factor: 2 });
    await using slowCanary = await arm("1.1.0", { factor: 2 });
    const stored = await live({ phase: "baseline", "baseline-url": baseline.url, duration: "8s", "report-directory": "before" });
    expect(stored, stored.log).toMatchObject({
      exitCode: 0,
      report: { environment: { phase: "baseline" }, verdict: "INCONCLUSIVE" },
    });
    const before = stored.outputs["report-path"]!;
    const run = await live({ before, "baseline-url": slow.url, "canary-url": slowCanary.url, duration: "8s" });
    expect(run.report!.cause.class).toBe("environment");
    expect(run.report!.reasons.map((reason) => reason.code)).toContain("ENVIRONMENT");
    expect(run.report!.environment.before_p95_ms).toBe(stored.report!.metrics[0]!.baseline.value);
    const alone = await live({ before, "canary-url": slowCanary.url, duration: "8s" });
    expect(alone.report, alone.log).toMatchObject({
      traffic: { pattern: "before-after" },
      baseline: { kind: "before" },
      verdict: "INCONCLUSIVE",
    });
  });
});
