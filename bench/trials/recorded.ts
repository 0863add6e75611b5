import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import type { Samples } from "../../actions/lib/judge/samples.ts";
import { random } from "./random.ts";
import { type Effect, shapeEffect } from "./world.ts";

/** Places in which two identical instances of the real service under load were recorded by record.ts. */
export const RECORDED_PLACES = ["crowded", "overloaded"] as const;
export type RecordedPlace = (typeof RECORDED_PLACES)[number];

/** Where the recording of a place is. */
export function recordedFile(place: RecordedPlace): URL {
  return new URL(`fixtures/${place}.json.gz`, import.meta.url);
}
/** Length of the pieces that a trial is put together from, in seconds: long enough to keep what neighbours in time have in common. */
const BLOCK_SECONDS = 10;

const arm = z.object({
  /** Time since the request before, in tenths of a millisecond. */
  steps_100us: z.array(z.number().int()),
  latency_10us: z.array(z.number().int().nonnegative()),
  /** Numbers of the requests that failed. */
  failed: z.array(z.number().int().nonnegative()),
});
/** What the fixture holds. */
export const recordedSchema = z.object({
  recorded_at: z.iso.datetime(),
  source: z.string(),
  rps: z.number().positive(),
  seconds: z.number().positive(),
  arms: z.object({ baseline: arm, canary: arm }),
});
export type Recorded = z.infer<typeof recordedSchema>;

/** A recorded run: both instances on one clock that starts at 0. */
export interface Trace {
  rps: number;
  seconds: number;
  arms: [Samples, Samples];
}

/** Packs the samples of an arm, sorted by time, as the fixture holds them. */
export function packArm({ t, latencyMs, ok }: Samples): Recorded["arms"]["baseline"] {
  const at = Array.from(t, (seconds) => Math.round(seconds * 10_000));
  return {
    steps_100us: at.map((time, i) => time - (at[i - 1] ?? 0)),
    latency_10us: Array.from(latencyMs, (ms) => (Number.isFinite(ms) ? Math.round(ms * 100) : 0)),
    failed: Array.from(ok.keys()).filter((i) => ok[i] === 0),
  };
}

function unpackArm({ steps_100us: steps, latency_10us: latency, failed }: Recorded["arms"]["baseline"]): Samples {
  const t = new Float64Array(steps.length);
  steps.forEach((step, i) => {
    t[i] = (i === 0 ? 0 : t[i - 1]!) + step / 10_000;
  });
  const ok = new Uint8Array(steps.length).fill(1);
  for (const i of failed) ok[i] = 0;
  return {
    t,
    latencyMs: Float64Array.from(latency, (value) => value / 100),
    ok,
  };
}

/** Reads a recorded run. */
export function readTrace(file: URL | string): Trace {
  const { rps, seconds, arms } = recordedSchema.parse(JSON.parse(gunzipSync(readFileSync(file)).toString()));
  return { rps, seconds, arms: [unpackArm(arms.baseline), unpackArm(arms.canary)] };
}

/**
 * A trial made of a recorded run: pieces of 10 s of both instances together, drawn at random and put one after the other, so that what
 * both saw stays shared. Which instance plays the canary is drawn too; the effect is then added to it.
 */
export function makeRecordedTrial(
  trace: Trace,
  plan: { seed: number; effect: Effect; seconds: number },
): { baseline: Samples; canary: Samples } {
  const source = random(plan.seed);
  const [first, second] = trace.arms;
  const [baseline, canary] = source.chance(0.5) ? [first, second] : [second, first];
  const successes = baseline.latencyMs.filter((_, i) => baseline.ok[i] === 1);
  const draw = () => successes[Math.floor(source.uniform(0, successes.length))]!;
  const apply = shapeEffect(source, draw, plan.effect);
  const starts = Array.from({ length: Math.ceil(plan.seconds / BLOCK_SECONDS) }, () =>
    source.uniform(0, trace.seconds - BLOCK_SECONDS),
  );
  const play = (from: Samples, errorRate: number, change: (ms: number, t: number) => number): Samples => {
    const [t, latencyMs, ok]: [number[], number[], number[]] = [[], [], []];
    starts.forEach((start, block) => {
      for (let i = 0; i < from.t.length; i++) {
        const into = from.t[i]! - start;
        const at = into + block * BLOCK_SECONDS;
        if (into < 0 || into >= BLOCK_SECONDS || at >= plan.seconds) continue;
        t.push(at);
        latencyMs.push(change(from.latencyMs[i]!, at));
        ok.push(from.ok[i] === 1 && !source.chance(errorRate) ? 1 : 0);
      }
    });
    return { t: Float64Array.from(t), latencyMs: Float64Array.from(latencyMs), ok: Uint8Array.from(ok) };
  };
  const [baselineErrors, canaryErrors] = plan.effect.errors;
  return { baseline: play(baseline, baselineErrors, (ms) => ms), canary: play(canary, canaryErrors, apply) };
}
