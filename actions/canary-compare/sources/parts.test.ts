import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { throwAwayFolder } from "../../../test/canary-action.ts";
import { judge } from "../../lib/judge/judge.ts";
import { DEFAULT_POLICY } from "../../lib/judge/policy.ts";
import { toSamples } from "../../lib/judge/samples.ts";
import { allowedCores, cpuShares, readCpuTimes } from "../../lib/k6/machine.ts";
import type { Evidence } from "../../lib/report/canary-report.ts";
import { findCause } from "../report/cause.ts";
import { RecordFollower } from "../samples/follow.ts";
import { attest } from "./attest.ts";
import { planStretches, writeDriver } from "./driver.ts";
import { startGate } from "./gate.ts";
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
    env: {},
  };

  test("interleaves the arms half a period apart", () => {
    expect(planStretches(plan)).toEqual({
      baseline: [{ suffix: "", startMs: 0, durationMs: 185_000 }],
      canary: [{ suffix: "", startMs: 10, durationMs: 185_000 }],
    });
  });

  test("gives turns in the order that a drift can't prefer an arm by", () => {
    expect(planStretches({ ...plan, seconds: 60, rounds: 2 })).toEqual({
      baseline: [
        { suffix: "_0", startMs: 0, durationMs: 5_000 },
        { suffix: "_1", startMs: 5_000, durationMs: 30_000 },
        { suffix: "_2", startMs: 95_000, durationMs: 30_000 },
      ],
      canary: [
        { suffix: "_0", startMs: 0, durationMs: 5_000 },
        { suffix: "_1", startMs: 35_000, durationMs: 30_000 },
        { suffix: "_2", startMs: 65_000, durationMs: 30_000 },
      ],
    });
  });

  test("names the script as a string that can't end early", async () => {
    using place = throwAwayFolder();
    const path = await writeDriver({ ...plan, script: 'a";evil("' }, "canary", place.folder, "http://gate");
    expect(readFileSync(path, "utf8")).toContain('from "a\\";evil(\\""');
  });
});

test("the arms wait for each other at the gate; one that has left is waited for no more", async () => {
  const ask = async (url: string) => (await fetch(url)).text();
  {
    await using gate = await startGate(["baseline", "canary"]);
    const first = ask(`${gate.url}/canary?problem=no+rooms`);
    expect(gate.openedAt).toBeUndefined();
    expect(await ask(`${gate.url}/baseline?problem=`)).toBe("go");
    expect(await first).toBe("go");
    expect(gate.openedAt).toBeGreaterThan(1);
    expect(gate.problems).toEqual({ canary: "no rooms" });
  }
  await using gate = await startGate(["baseline", "canary"]);
  const first = ask(`${gate.url}/canary?problem=`);
  gate.leave("baseline");
  expect(await first).toBe("stop");
  await using broken = await startGate(["baseline", "canary"]);
  expect(await Promise.all([ask(`${broken.url}/baseline?problem=x`), ask(`${broken.url}/canary?problem=`)])).toEqual([
    "stop",
    "stop",
  ]);
});

describe("attestation", () => {
  const seen = (baseline: [string, number][], canary: [string, number][]) => ({
    baseline: new Map(baseline),
    canary: new Map(canary),
  });
  const none = { baseline: "", canary: "" };

  test("two releases, each on its arm, are attested", () => {
    expect(attest(seen([["1", 9]], [["2", 9]]), none, "X", "refuse")).toEqual({
      notes: [],
      mismatch: false,
      same: false,
      versions: { baseline: "1", canary: "2" },
    });
  });

  test("no header is one note for both arms", () => {
    expect(attest(seen([], []), none, "X", "refuse")).toMatchObject({
      mismatch: false,
      same: false,
      notes: [{ code: "ARM_NOT_ATTESTED", severity: "info" }],
    });
  });

  test("the same release on both arms can't pass, unless that is allowed", () => {
    const both = seen([["1", 9]], [["1", 9]]);
    expect(attest(both, none, "X", "refuse")).toMatchObject({
      mismatch: false,
      same: true,
      notes: [{ code: "SAME_RELEASE", severity: "warning" }],
    });
    expect(attest(both, none, "X", "allow")).toMatchObject({ same: false, notes: [{ code: "SAME_RELEASE", severity: "info" }] });
  });

  test("the wrong release, a mixed arm, or no header where one is expected is a mismatch", () => {
    const wanted = { baseline: "1", canary: "2" };
    expect(attest(seen([["1", 9]], [["1", 9]]), wanted, "X", "allow").mismatch).toBe(true);
    const mixed: [string, number][] = [
      ["1", 9],
      ["2", 1],
    ];
    expect(attest(seen(mixed, [["2", 9]]), none, "X", "refuse")).toMatchObject({
      mismatch: true,
      notes: [{ message: expect.stringContaining("1 (9) and 2 (1)") }],
    });
    expect(attest(seen([["1", 9]], []), wanted, "X", "refuse").mismatch).toBe(true);
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

test("a file that grows is followed record by record, half ones kept for later", async () => {
  using place = throwAwayFolder();
  const path = join(place.folder, "grows");
  const follower = new RecordFollower(path);
  const records: [string, number][] = [];
  const read = () => follower.read((record, line) => records.push([record, line]));
  await read();
  writeFileSync(path, 'one\n"tw');
  await read();
  expect(records).toEqual([["one", 1]]);
  expect(follower.cutOff).toBe(true);
  appendFileSync(path, 'ö\n and ""more"""\nthree\n');
  await read();
  await follower.close();
  expect(records).toEqual([
    ["one", 1],
    ['"twö\n and ""more"""', 2],
    ["three", 4],
  ]);
});

test("CPU shares come from two readings, and are unknown without them", async () => {
  const reading = (total: number, stolen: number, ticks?: number, processes = 2, allowedShare = 1) => ({
    total,
    stolen,
    generator: ticks === undefined ? undefined : { processes, ticks },
    allowedShare,
  });
  expect(cpuShares(reading(100, 0, 10), reading(300, 20, 60))).toEqual({ generator: 0.25, stolen: 0.1 });
  // Of half of the machine, which is all that the control group allows.
  expect(cpuShares(reading(100, 0, 10), reading(300, 20, 60, 2, 0.5))).toEqual({ generator: 0.5, stolen: 0.1 });
  expect(cpuShares(reading(100, 0, 10), reading(300, 20, 60, 1))).toEqual({ generator: null, stolen: 0.1 });
  expect(cpuShares(reading(100, 0), reading(300, 20))).toEqual({ generator: null, stolen: 0.1 });
  expect(cpuShares(undefined, reading(1, 0))).toEqual({ generator: null, stolen: null });
  if (process.platform === "linux") expect((await readCpuTimes("no such child"))!.total).toBeGreaterThan(0);
});

test("a control group's quota is what may be used, in its old and its new form", async () => {
  using place = throwAwayFolder();
  expect(await allowedCores(8, place.folder)).toBe(8);
  writeFileSync(join(place.folder, "cpu.max"), "max 100000\n");
  expect(await allowedCores(8, place.folder)).toBe(8);
  writeFileSync(join(place.folder, "cpu.max"), "150000 100000\n");
  expect(await allowedCores(8, place.folder)).toBe(1.5);
  mkdirSync(join(place.folder, "cpu"));
  writeFileSync(join(place.folder, "cpu", "cpu.cfs_quota_us"), "50000\n");
  writeFileSync(join(place.folder, "cpu", "cpu.cfs_period_us"), "100000\n");
  expect(await allowedCores(8, place.folder)).toBe(0.5);
});
