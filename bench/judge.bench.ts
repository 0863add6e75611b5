import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { judge } from "../actions/lib/judge/judge.ts";
import { planLooks } from "../actions/lib/judge/looks.ts";
import { DEFAULT_POLICY } from "../actions/lib/judge/policy.ts";
import { quantile } from "../actions/lib/judge/quantiles.ts";
import { filterSamples, type Samples } from "../actions/lib/judge/samples.ts";
import { type Bench, median } from "./figure.ts";
import { EFFECTS } from "./trials/effects.ts";
import { NOISES } from "./trials/weather.ts";
import { makeTrial } from "./trials/world.ts";

const ENTRY = fileURLToPath(new URL("../actions/canary-compare/index.ts", import.meta.url));
const ROUNDS = 15;

function milliseconds(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function lines(samples: Samples): string {
  return Array.from(samples.t, (t, i) => JSON.stringify({ t, latency_ms: samples.latencyMs[i], ok: samples.ok[i] === 1 })).join(
    "\n",
  );
}

/** The bare rule: two quantiles and a comparison. */
function bareRule(baseline: Samples, canary: Samples): boolean {
  return quantile(canary.latencyMs, 0.95) > 1.1 * quantile(baseline.latencyMs, 0.95);
}

const bench: Bench = {
  name: "judge",
  compares:
    "one judgement of 6,000 requests an arm with the bare rule on the same samples; all four looks; the whole action from files",
  async run(report) {
    const plan = { seed: 1, noise: NOISES[1]!, effect: EFFECTS[0]!, rps: 50 };
    const { baseline, canary } = makeTrial({ ...plan, seconds: 120 });
    const [ours, bare]: [number[], number[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      ours.push(milliseconds(() => judge(baseline, canary, DEFAULT_POLICY)));
      bare.push(milliseconds(() => bareRule(baseline, canary)));
    }
    const ratio = median(ours) / median(bare);
    report({
      name: "judge 6,000 requests an arm",
      value: round(median(ours)),
      unit: "ms",
      peer: "bare rule",
      ratio: round(ratio),
      n: ROUNDS,
    });

    const long = makeTrial({ ...plan, seconds: 180 });
    const looks = planLooks(60, 120).map((look) => ({
      look,
      baseline: filterSamples(long.baseline, (i) => long.baseline.t[i]! < look.seconds),
      canary: filterSamples(long.canary, (i) => long.canary.t[i]! < look.seconds),
    }));
    const all = Array.from({ length: ROUNDS }, () =>
      milliseconds(() => {
        for (const { look, ...arms } of looks) {
          judge(arms.baseline, arms.canary, DEFAULT_POLICY, { look, clock: { start: 0, seconds: look.seconds } });
        }
      }),
    );
    report({ name: "all four looks at 9,000 requests an arm", value: round(median(all)), unit: "ms", n: ROUNDS });

    const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
    try {
      writeFileSync(join(folder, "baseline.ndjson"), lines(baseline));
      writeFileSync(join(folder, "canary.ndjson"), lines(canary));
      const [seconds, megabytes]: [number[], number[]] = [[], []];
      for (let i = 0; i < 5; i++) {
        // The child tells its own peak at its end.
        const tell = 'process.on("exit", () => process.stderr.write("peak " + process.resourceUsage().maxRSS))';
        const code = `${tell}; await import(${JSON.stringify(ENTRY)})`;
        const start = performance.now();
        const result = execFileSync(
          process.execPath,
          ["--input-type=module", "-e", `process.stderr.write = process.stdout.write.bind(process.stdout); ${code}`],
          {
            cwd: folder,
            env: { PATH: process.env.PATH, "INPUT_BASELINE-SAMPLES": "baseline.ndjson", "INPUT_CANARY-SAMPLES": "canary.ndjson" },
          },
        ).toString();
        seconds.push((performance.now() - start) / 1000);
        megabytes.push(Number(/peak (\d+)/.exec(result)![1]) / 1024);
      }
      report({
        name: "the action on 6,000 requests an arm, from start to report",
        value: round(median(seconds)),
        unit: "s",
        n: 5,
      });
      report({ name: "its peak memory", value: round(median(megabytes)), unit: "MB", n: 5 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
export default bench;

function round(value: number): number {
  return Number(value.toPrecision(3));
}
