import fc from "fast-check";
import { expect, test } from "vitest";
import { withoutWeather } from "./weather.ts";
import type { Successes } from "./windows.ts";

/** A request every 20 ms, as slow as `latency` says of its time. */
function arm(latency: (t: number) => number, seconds = 20): Successes {
  const t = Float64Array.from({ length: seconds * 50 }, (_, i) => (i + 0.5) / 50);
  return { t, latencyMs: t.map(latency) };
}

const near = (values: ArrayLike<number>, expected: number) => {
  for (const value of Array.from(values)) expect(value).toBeCloseTo(expected, 9);
};

test("what slows both arms at once is taken out", () => {
  const weather = (t: number) => (t >= 4 && t < 7 ? 250 : 100);
  const { baseline, canary } = withoutWeather(
    arm((t) => weather(t)),
    arm((t) => 1.3 * weather(t)),
    20,
    0.5,
  );
  near(baseline.latencyMs, 1);
  near(canary.latencyMs, 1.3);
});

test("what slows one arm alone stays in it, and the other arm isn't made faster", () => {
  const stalling = arm((t) => (t % 8 < 0.6 ? 400 : 100));
  const { baseline, canary } = withoutWeather(
    arm(() => 100),
    stalling,
    20,
    0.5,
  );
  near(baseline.latencyMs, 1);
  expect(canary.latencyMs).toEqual(stalling.latencyMs.map((ms) => ms / 100));
});

test("a moment in which one arm has no success is measured by the other", () => {
  const steady = arm(() => 100);
  const keep = (_: number, i: number) => steady.t[i]! < 5 || steady.t[i]! >= 8;
  const gap = { t: steady.t.filter(keep), latencyMs: steady.latencyMs.filter(keep) };
  const { baseline, canary } = withoutWeather(steady, gap, 20, 1);
  near(baseline.latencyMs, 1);
  near(canary.latencyMs, 1);
});

test("a clock so coarse that a level is 0 leaves the arms as they are", () => {
  const [coarse, steady] = [arm((t) => (t < 2 ? 0 : 1)), arm(() => 1)];
  expect(withoutWeather(coarse, steady, 20, 0.5)).toEqual({ baseline: coarse, canary: steady });
});

test("neither the unit nor which arm is called the canary matters, and every request keeps a finite value", () => {
  const latencies = fc.array(fc.double({ min: 0.5, max: 5000, noNaN: true }), { minLength: 1, maxLength: 80 });
  const toArm = (values: number[]): Successes => ({
    t: Float64Array.from(values, (_, i) => i / 8),
    latencyMs: Float64Array.from(values),
  });
  fc.assert(
    fc.property(latencies, latencies, (b, c) => {
      const seconds = Math.max(b.length, c.length) / 8;
      const plain = withoutWeather(toArm(b), toArm(c), seconds, 0.5);
      const swapped = withoutWeather(toArm(c), toArm(b), seconds, 0.5);
      expect(swapped).toEqual({ baseline: plain.canary, canary: plain.baseline });
      const doubled = withoutWeather(toArm(b.map((ms) => 2 * ms)), toArm(c.map((ms) => 2 * ms)), seconds, 0.5);
      expect(doubled).toEqual(plain);
      for (const { latencyMs } of [plain.baseline, plain.canary]) {
        expect(latencyMs.every((value) => value > 0 && Number.isFinite(value))).toBe(true);
      }
    }),
  );
});
