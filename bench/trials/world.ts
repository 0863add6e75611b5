import type { Samples } from "../../actions/lib/judge/samples.ts";
import { type Random, random } from "./random.ts";
import { makeWeather, type Noise, type Weather } from "./weather.ts";

/** What the canary does to its own latency and errors. */
export interface Effect {
  name: string;
  /** What p95 is multiplied by: the truth that a verdict is held against. */
  p95Factor: number;
  shape: "scale" | "tail" | "stall" | "share" | "constant";
  /** Error rates of the arms, 0–1. */
  errors: [number, number];
}

/** Anything odd about a world that the judge wasn't tuned on. */
export type Oddity = "pareto" | "two-endpoints" | "millisecond-clock" | "step" | "periodic-jobs" | "stolen-cpu";

/** One labelled trial, before it is made. */
export interface TrialPlan {
  seed: number;
  noise: Noise;
  effect: Effect;
  seconds: number;
  /** Requests a second and arm. */
  rps: number;
  oddity?: Oddity;
}

/** Requests of both arms on one clock, and what is true about them. */
export interface Trial {
  plan: TrialPlan;
  baseline: Samples;
  canary: Samples;
}

interface Service {
  medianMs: number;
  sigma: number;
  slowShare: number;
  slowFactor: [number, number];
  use: number;
  pauseEvery: number;
  pauseMs: number;
}

function makeService(source: Random): Service {
  const slow = source.uniform(2, 4);
  return {
    medianMs: source.logUniform(15, 300),
    sigma: source.uniform(0.2, 0.5),
    slowShare: source.uniform(0.02, 0.08),
    slowFactor: [slow, slow + 1],
    use: source.uniform(0.15, 0.5),
    pauseEvery: source.uniform(2, 10),
    pauseMs: source.uniform(3, 40),
  };
}

/** Latency in milliseconds in calm weather. */
function drawLatency(source: Random, service: Service, oddity: Oddity | undefined): number {
  let ms = service.medianMs * Math.exp(service.sigma * source.normal());
  if (source.chance(service.slowShare)) ms *= source.uniform(...service.slowFactor);
  if (oddity === "pareto" && source.chance(0.1)) ms *= (1 - source.uniform(0, 1)) ** (-1 / 2.2);
  if (oddity === "two-endpoints" && source.chance(0.12)) ms *= 5;
  if (source.chance(service.use)) ms += source.exponential((service.medianMs * service.use * 0.5) / (1 - service.use));
  return ms;
}

/**
 * What an effect makes of a latency in milliseconds at a time in seconds. An effect that isn't one factor for all is calibrated on draws,
 * so that p95 rises as the label says.
 *
 * @param draw gives a latency without the effect
 */
export function shapeEffect(source: Random, draw: () => number, { p95Factor, shape }: Effect): (ms: number, t: number) => number {
  if (shape === "scale" || p95Factor === 1) return (ms) => ms * p95Factor;
  const calm = Float64Array.from({ length: 8000 }, draw).sort();
  const at = (q: number) => calm[Math.floor(q * (calm.length - 1))]!;
  const target = at(0.95) * p95Factor;
  if (shape === "constant") return (ms: number) => ms + target - at(0.95);
  if (shape === "tail") return (ms: number) => (ms > at(0.8) ? ms * p95Factor : ms);
  const shareAbove = (limit: number) => 1 - (calm.findLastIndex((ms) => ms <= limit) + 1) / calm.length;
  if (shape === "share") {
    const share = (0.05 - shareAbove(target)) / (shareAbove(target / 3) - shareAbove(target));
    return (ms: number) => (source.chance(share) ? ms * 3 : ms);
  }
  const stalled = STALL.seconds / STALL.every;
  const steps = Array.from({ length: 50 }, (_, i) => (i + 0.5) / 50);
  const aboveWith = (waitMs: number) => {
    const inStall = steps.reduce((sum, part) => sum + shareAbove(target - waitMs * part), 0) / steps.length;
    return stalled * inStall + (1 - stalled) * shareAbove(target);
  };
  let [low, high] = [0, 100 * target];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (aboveWith(middle) >= 0.05) high = middle;
    else low = middle;
  }
  const phase = source.uniform(0, STALL.every);
  return (ms: number, t: number) => ms + high * Math.max(0, 1 - ((t + phase) % STALL.every) / STALL.seconds);
}

/** A canary that stands still: this long, this often. Who comes meanwhile waits for the rest of it. */
export const STALL = { seconds: 0.6, every: 8 };

function makeArm(
  source: Random,
  plan: TrialPlan,
  service: Service,
  weather: Weather,
  arm: "baseline" | "canary",
  apply: (ms: number, t: number) => number,
): Samples {
  const n = Math.floor(plan.seconds * plan.rps);
  const samples = { t: new Float64Array(n), latencyMs: new Float64Array(n), ok: new Uint8Array(n) };
  const pausePhase = source.uniform(0, service.pauseEvery);
  const jobPhase = plan.seed % 20;
  const errorRate = plan.effect.errors[arm === "baseline" ? 0 : 1];
  const stepAt = plan.seconds * 0.4;
  for (let i = 0; i < n; i++) {
    const t = (i + (arm === "canary" ? 0.5 : 0) + source.uniform(0, 0.3)) / plan.rps;
    let ms = apply(drawLatency(source, service, plan.oddity), t) * weather.factor(t);
    const sincePause = (t + pausePhase) % service.pauseEvery;
    if (sincePause * 1000 < service.pauseMs) ms += service.pauseMs - sincePause * 1000;
    if (plan.oddity === "step" && t > stepAt) ms *= 1.4;
    if (plan.oddity === "periodic-jobs" && (t + jobPhase) % 20 < 3) ms *= 1.8;
    if (plan.oddity === "stolen-cpu") ms *= 1 + 0.5 * Math.max(0, plan.effect.p95Factor - 1) * (arm === "baseline" ? 1 : 0);
    if (plan.oddity === "millisecond-clock") ms = Math.round(ms);
    samples.t[i] = t;
    samples.latencyMs[i] = ms;
    samples.ok[i] = source.chance(Math.min(1, errorRate + weather.errorRate(t))) ? 0 : 1;
  }
  return samples;
}

/** Makes a trial: the same plan gives the same requests, to the last bit. */
export function makeTrial(plan: TrialPlan): Trial {
  const source = random(plan.seed);
  const service = makeService(source);
  const weather = makeWeather(source, plan.noise, plan.seconds);
  const apply = shapeEffect(source, () => drawLatency(source, service, plan.oddity), plan.effect);
  return {
    plan,
    baseline: makeArm(source, plan, service, weather.baseline, "baseline", (ms) => ms),
    canary: makeArm(source, plan, service, weather.canary, "canary", apply),
  };
}
