import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { throwAwayFolder } from "../../../test/canary-action.ts";
import { judge } from "../../lib/judge/judge.ts";
import { DEFAULT_POLICY } from "../../lib/judge/judgement.ts";
import { toSamples } from "../../lib/judge/samples.ts";
import type { Evidence } from "../../lib/report/canary-report.ts";
import { findCause } from "../report/cause.ts";
import { LineFollower } from "../samples/follow.ts";
import { attest } from "./attest.ts";
import { driverSource, planScenarios } from "./driver.ts";
import { cpuShares, readCpuTimes } from "./machine.ts";
import { metricEvidence, parseMetrics } from "./scrape.ts";

describe("the driver", () => {
  const plan = {
    script: "/x/it's.js",
    urls: { baseline: "http://b", canary: "http://c" },
    rps: 50,
    warmUpSeconds: 5,
    seconds: 180,
    rounds: undefined,
    versionHeader: "X-Release-Version",
  };

  test("interleaves the arms half a period apart", () => {
    const { baseline, canary } = planScenarios(plan);
    expect(baseline).toMatchObject({
      rate: 500,
      timeUnit: "10s",
      startTime: "0ms",
      duration: "185000ms",
      env: { BASE_URL: "http://b" },
    });
    expect(canary).toMatchObject({ startTime: "10ms", duration: "185000ms", env: { BASE_URL: "http://c" } });
  });

  test("gives turns in the order that a drift can't prefer an arm by", () => {
    const scenarios = planScenarios({ ...plan, seconds: 60, rounds: 2 });
    const turns = Object.entries(scenarios).filter(([name]) => !name.endsWith("_0"));
    expect(turns.map(([name, { startTime, duration }]) => [name, startTime, duration])).toEqual([
      ["baseline_1", "5000ms", "30000ms"],
      ["canary_1", "35000ms", "30000ms"],
      ["canary_2", "65000ms", "30000ms"],
      ["baseline_2", "95000ms", "30000ms"],
    ]);
    expect(scenarios["canary_0"]).toMatchObject({ startTime: "0ms", duration: "5000ms" });
  });

  test("names the script as a string that can't end early", () => {
    expect(driverSource(plan)).toContain(`from "/x/it's.js"`);
    expect(driverSource({ ...plan, script: 'a";evil("' })).toContain('from "a\\";evil(\\""');
  });
});

describe("attestation", () => {
  const seen = (baseline: [string, number][], canary: [string, number][]) => ({
    baseline: new Map(baseline),
    canary: new Map(canary),
  });
  const none = { baseline: "", canary: "" };

  test("two releases, each on its arm, are attested", () => {
    expect(attest(seen([["1", 9]], [["2", 9]]), none, "X")).toEqual({
      notes: [],
      mismatch: false,
      versions: { baseline: "1", canary: "2" },
    });
  });

  test("no header is a note, the same release on both too", () => {
    expect(attest(seen([], []), none, "X")).toMatchObject({
      mismatch: false,
      notes: [{ severity: "info" }, { severity: "info" }],
    });
    expect(attest(seen([["1", 9]], [["1", 9]]), none, "X")).toMatchObject({ mismatch: false, notes: [{ severity: "info" }] });
  });

  test("the wrong release, a mixed arm, or no header where one is expected is a mismatch", () => {
    expect(attest(seen([["1", 9]], [["1", 9]]), { baseline: "1", canary: "2" }, "X").mismatch).toBe(true);
    expect(
      attest(
        seen(
          [
            ["1", 9],
            ["2", 1],
          ],
          [["2", 9]],
        ),
        none,
        "X",
      ),
    ).toMatchObject({ mismatch: true, notes: [{ message: expect.stringContaining("1 (9) and 2 (1)") }] });
    expect(attest(seen([["1", 9]], []), { baseline: "1", canary: "2" }, "X").mismatch).toBe(true);
  });
});

describe("the cause", () => {
  const arm = (factor: number) =>
    toSamples(
      Array.from({ length: 2400 }, (_, i) => ({ t: i / 40, latencyMs: (80 + 40 * ((i * 0.618) % 1)) * factor, ok: true })),
    );
  const item = (source: Evidence["source"], name: string, baseline: number, canary: number): Evidence => ({
    source,
    name,
    unit: "ms",
    baseline,
    canary,
    message: name,
  });
  const judged = (factor: number, environment = {}) => judge(arm(1), arm(factor), DEFAULT_POLICY, { environment });

  test("is the canary when it alone is slower, with the phase that rose", () => {
    const cause = findCause(judged(1.3), [item("phases", "waiting", 100, 130), item("phases", "receiving", 5, 5.1)], []);
    expect(cause.class).toBe("canary");
    expect(cause.evidence.map(({ name }) => name)).toEqual(["p95", "waiting"]);
  });

  test("is the environment when both arms are slower than before, upstream when a dependency is too", () => {
    const slower = judged(1, { beforeP95Ms: 50 });
    const before = [item("before", "p95", 50, 120)];
    expect(findCause(slower, before, []).class).toBe("environment");
    const upstream = findCause(slower, [...before, item("before", "upstream_pms_ms", 5, 50)], []);
    expect(upstream.class).toBe("upstream");
    expect(upstream.evidence.map(({ name }) => name)).toContain("upstream_pms_ms");
    expect(findCause(judged(1.3, { generatorCpu: 0.99 }), [], []).class).toBe("environment");
  });

  test("is the canary when it fails more, whatever the machine does: a hanging canary must be rolled back", () => {
    const failing = toSamples(Array.from({ length: 2400 }, (_, i) => ({ t: i / 40, latencyMs: 100, ok: i % 10 !== 0 })));
    const environment = { targetRps: 60, achievedRps: { baseline: 60, canary: 40 } };
    expect(findCause(judge(arm(1), failing, DEFAULT_POLICY, { environment }), [], []).class).toBe("canary");
    expect(findCause(judged(1.3, environment), [], []).class).toBe("environment");
  });

  test("is unknown when nothing is worse", () => {
    expect(findCause(judged(1), [item("phases", "waiting", 100, 130)], []).class).toBe("unknown");
  });
});

describe("metrics of the arms", () => {
  test("are summed over labels and compared where both arms have them", () => {
    const page = (cpu: number, sum: number, count: number) =>
      parseMetrics(
        `# HELP x y\nprocess_cpu_seconds_total ${cpu}\npms_request_duration_seconds_sum{operation="a"} ${sum}\npms_request_duration_seconds_count{operation="a"} ${count}\npms_request_duration_seconds_count{operation="b"} 0\nup NaN\n`,
      );
    const evidence = metricEvidence(
      { baseline: { before: page(1, 0, 0), after: page(4, 2, 100) }, canary: { before: page(1, 0, 0), after: page(7, 8, 100) } },
      30,
    );
    expect(evidence.map(({ name, baseline, canary }) => [name, baseline, canary])).toEqual([
      ["cpu", 0.1, 0.2],
      ["upstream_pms_ms", 20, 80],
    ]);
    // Phase baseline drives one arm: what it says is kept, to be held against later.
    const [first] = metricEvidence({ baseline: { before: page(1, 0, 0), after: page(4, 2, 100) } }, 30);
    expect(first).toMatchObject({ name: "cpu", baseline: 0.1, canary: null, message: "CPU: baseline 0.1 cores" });
    expect(
      metricEvidence(
        { baseline: { before: undefined, after: undefined }, canary: { before: page(1, 0, 0), after: page(2, 0, 0) } },
        30,
      ),
    ).toEqual([]);
  });
});

test("a file that grows is followed line by line, half lines kept for later", async () => {
  using place = throwAwayFolder();
  const path = join(place.folder, "grows");
  const follower = new LineFollower(path);
  const lines: string[] = [];
  const read = () => follower.read((line) => lines.push(line));
  await read();
  writeFileSync(path, "one\ntw");
  await read();
  expect(lines).toEqual(["one"]);
  expect(follower.cutOff).toBe(true);
  appendFileSync(path, "ö\nthree\n");
  await read();
  await follower.close();
  expect(lines).toEqual(["one", "twö", "three"]);
});

test("CPU shares come from two readings, and are unknown without them", async () => {
  const reading = (total: number, stolen: number, generator?: number) => ({ total, stolen, generator });
  expect(cpuShares(reading(100, 0, 10), reading(300, 20, 60))).toEqual({ generator: 0.25, stolen: 0.1 });
  expect(cpuShares(reading(100, 0), reading(300, 20))).toEqual({ generator: null, stolen: 0.1 });
  expect(cpuShares(undefined, reading(1, 0))).toEqual({ generator: null, stolen: null });
  if (process.platform === "linux") expect((await readCpuTimes("no such child"))!.total).toBeGreaterThan(0);
});
