import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { quantile } from "../../actions/lib/judge/quantiles.ts";
import type { Samples } from "../../actions/lib/judge/samples.ts";
import { throwAwayFolder } from "../../test/canary-action.ts";
import { EFFECTS } from "./effects.ts";
import { makeRecordedTrial, packArm, RECORDED_PLACES, type Recorded, readTrace, recordedFile } from "./recorded.ts";

const trace = readTrace(recordedFile("crowded"));
const p95 = ({ latencyMs, ok }: Samples) =>
  quantile(
    latencyMs.filter((_, i) => ok[i] === 1),
    0.95,
  );

test.each(RECORDED_PLACES)(
  "the run of the %s place holds five minutes of both instances at the rate it tells, and stays small",
  (place) => {
    const trace = readTrace(recordedFile(place));
    expect(trace).toMatchObject({ rps: 50, seconds: 300 });
    for (const { t, latencyMs } of trace.arms) {
      expect(t.length).toBeGreaterThan(0.97 * 50 * 300);
      expect([...t]).toEqual([...t].sort((a, b) => a - b));
      expect(t.at(-1)!).toBeLessThanOrEqual(300);
      expect(quantile(latencyMs, 0.05)).toBeGreaterThan(1);
    }
    expect(statSync(recordedFile(place)).size).toBeLessThan(400 * 1024);
  },
);

test("what is packed comes back, to the tenth of a millisecond", () => {
  using place = throwAwayFolder();
  const arm: Samples = {
    t: Float64Array.of(0.0001, 0.02, 0.02, 7.5),
    latencyMs: Float64Array.of(12.34, 0.01, 5000, Number.NaN),
    ok: Uint8Array.of(1, 1, 1, 0),
  };
  const recorded: Recorded = {
    recorded_at: "2026-01-01T00:00:00.000Z",
    source: "a test",
    rps: 1,
    seconds: 30,
    arms: { baseline: packArm(arm), canary: packArm(arm) },
  };
  const file = join(place.folder, "recorded.json.gz");
  writeFileSync(file, gzipSync(JSON.stringify(recorded)));
  const [back] = readTrace(file).arms;
  expect([...back.t]).toEqual([...arm.t]);
  expect([...back.latencyMs]).toEqual([12.34, 0.01, 5000, 0]);
  expect([...back.ok]).toEqual([1, 1, 1, 0]);
  writeFileSync(file, gzipSync('{"rps": 50}'));
  expect(() => readTrace(file)).toThrow(/seconds/);
});

describe("a trial made of it", () => {
  const make = (seed: number, effect = EFFECTS[0]!) => makeRecordedTrial(trace, { seed, effect, seconds: 180 });

  test("is the same for the same seed and another for the next", () => {
    expect(make(1)).toEqual(make(1));
    expect(make(2)).not.toEqual(make(1));
  });

  test("has requests of all its time, in order, at the recorded rate", () => {
    const { baseline, canary } = make(3);
    for (const { t } of [baseline, canary]) {
      expect(t.length / 180).toBeGreaterThan(46);
      expect(t.length / 180).toBeLessThan(54);
      expect(t.at(-1)!).toBeGreaterThan(178);
      expect(t.at(-1)!).toBeLessThan(180);
      expect([...t]).toEqual([...t].sort((a, b) => a - b));
    }
  });

  test("has the effect that its label tells on the canary, and only there", () => {
    for (const seed of [11, 12, 13]) {
      const plain = make(seed);
      const slower = make(seed, EFFECTS[4]!);
      expect(slower.baseline).toEqual(plain.baseline);
      expect(p95(slower.canary) / p95(plain.canary)).toBeCloseTo(1.2, 9);
      const failing = make(seed, EFFECTS[7]!);
      const share = failing.canary.ok.filter((ok) => ok === 0).length / failing.canary.ok.length;
      expect(share).toBeGreaterThan(0.005);
      expect(share).toBeLessThan(0.016);
    }
  });

  test("lets either instance play the canary", () => {
    const text = ({ latencyMs }: Samples) => [...latencyMs].join(" ");
    const first = text(trace.arms[0]);
    const plays = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) =>
      first.includes([...make(seed).baseline.latencyMs.slice(0, 20)].join(" ")),
    );
    expect(new Set(plays).size).toBe(2);
  });
});
