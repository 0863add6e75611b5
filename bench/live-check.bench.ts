import { runCanary, throwAwayFolder } from "../test/canary-action.ts";
import { realK6 } from "../test/k6.ts";
import { startTarget } from "../test/target.ts";
import type { Bench } from "./figure.ts";

const TRAFFIC_SECONDS = 60;
const WARM_UP_SECONDS = 5;

const bench: Bench = {
  name: "live-check",
  compares:
    "wall time of a live check of 60 s of traffic at 50 requests/s an arm, from start to report, with the time of its traffic",
  async run(report) {
    const k6 = await realK6();
    using place = throwAwayFolder();
    const arm = (version: string) =>
      startTarget((_, number) => ({
        delayMs: 30 + 20 * ((number * 0.618) % 1),
        headers: { "X-Release-Version": version },
      }));
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0");
    const check = async (inputs: Record<string, string>) => {
      const start = performance.now();
      const run = await runCanary(place.folder, {
        "baseline-url": baseline.url,
        "canary-url": canary.url,
        "k6-path": k6.path,
        duration: `${TRAFFIC_SECONDS}s`,
        "warm-up": `${WARM_UP_SECONDS}s`,
        "max-extension": "0s",
        "fail-on": "never",
        ...inputs,
      });
      const seconds = (performance.now() - start) / 1000;
      if (run.report === undefined) throw new Error(`live-check: no report was written:\n${run.log}`);
      return { seconds, judged: run.report.traffic.duration_s, requests: run.report.metrics[1]!.canary.n };
    };
    // The bare rule has one look, at the end: the traffic isn't cut short by a verdict.
    const whole = await check({ mode: "strict" });
    if (whole.judged !== TRAFFIC_SECONDS || whole.requests < 0.9 * 50 * TRAFFIC_SECONDS) {
      throw new Error(
        `live-check: ${whole.requests} requests of ${whole.judged} s were judged: the machine is too busy to measure.`,
      );
    }
    const traffic = WARM_UP_SECONDS + TRAFFIC_SECONDS;
    report({
      name: "a live check of 60 s of traffic, from start to report",
      value: round(whole.seconds),
      unit: "s",
      peer: "its warm-up and traffic alone",
      ratio: round(whole.seconds / traffic),
      n: 1,
    });
    const guarded = await check({});
    report({ name: "the same, ended by its verdict", value: round(guarded.seconds), unit: "s", n: 1 });
  },
};
export default bench;

function round(value: number): number {
  return Number(value.toPrecision(3));
}
