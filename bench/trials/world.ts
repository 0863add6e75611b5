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
  /** Requests per second and arm; with `canaryShare` half of both arms' together. */
  rps: number;
  oddity?: Oddity;
  /** The canary's share of all requests, 0–1; both arms alike when absent. */
  canaryShare?: number;
  /** The canary alone is slower by a factor for a stretch, at a time that the seed tells. */
  slowStretch?: { seconds: number; factor: number };
  /** Failures of the baseline within one second. */
  errorBurst?: number;
  /** Requests go to routes that differ in latency, the first of which takes a share of them and may be the canary's weak spot. */
  routes?: { count: number; share: number; canaryErrors: number; canaryFactor: number };
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
  const share = plan.canaryShare ?? 0.5;
  const rps = 2 * plan.rps * (arm === "canary" ? share : 1 - share);
  const n = Math.floor(plan.seconds * rps);
  const samples = { t: new Float64Array(n), latencyMs: new Float64Array(n), ok: new Uint8Array(n) };
  const routes = plan.routes && { names: routeNames(plan.routes.count), of: new Uint16Array(n) };
  const stretch = plan.slowStretch && { from: source.uniform(0, plan.seconds - plan.slowStretch.seconds), ...plan.slowStretch };
  const burstAt = plan.errorBurst === undefined ? undefined : Math.floor(source.uniform(0.2, 0.8) * n);
  const pausePhase = source.uniform(0, service.pauseEvery);
  const jobPhase = plan.seed % 20;
  const errorRate = plan.effect.errors[arm === "baseline" ? 0 : 1];
  const stepAt = plan.seconds * 0.4;
  for (let i = 0; i < n; i++) {
    const t = (i + (arm === "canary" ? 0.5 : 0) + source.uniform(0, 0.3)) / rps;
    let ms = apply(drawLatency(source, service, plan.oddity), t) * weather.factor(t);
    const sincePause = (t + pausePhase) % service.pauseEvery;
    if (sincePause * 1000 < service.pauseMs) ms += service.pauseMs - sincePause * 1000;
    if (plan.oddity === "step" && t > stepAt) ms *= 1.4;
    if (plan.oddity === "periodic-jobs" && (t + jobPhase) % 20 < 3) ms *= 1.8;
    if (plan.oddity === "stolen-cpu") ms *= 1 + 0.5 * Math.max(0, plan.effect.p95Factor - 1) * (arm === "baseline" ? 1 : 0);
    if (stretch && arm === "canary" && t >= stretch.from && t < stretch.from + stretch.seconds) ms *= stretch.factor;
    let failing = errorRate + weather.errorRate(t);
    if (plan.routes && routes) {
      const route = drawRoute(source, plan.routes);
      routes.of[i] = route;
      ms *= ROUTE_LEVELS[route % ROUTE_LEVELS.length]!;
      if (route === 0 && arm === "canary") {
        ms *= plan.routes.canaryFactor;
        failing += plan.routes.canaryErrors;
      }
    }
    if (plan.oddity === "millisecond-clock") ms = Math.round(ms);
    samples.t[i] = t;
    samples.latencyMs[i] = ms;
    samples.ok[i] = source.chance(Math.min(1, failing)) ? 0 : 1;
    if (arm === "baseline" && burstAt !== undefined && i >= burstAt && i < burstAt + plan.errorBurst!) samples.ok[i] = 0;
  }
  return routes ? { ...samples, routes } : samples;
}

/** How much slower some routes are than others. */
const ROUTE_LEVELS = [1, 0.4, 2, 0.7, 1.3, 3];

const routeNames = (count: number) => Array.from({ length: count }, (_, i) => `GET /route-${i}`);

/** The first route takes its share, the others take less and less of the rest. */
function drawRoute(source: Random, { count, share }: NonNullable<TrialPlan["routes"]>): number {
  if (source.chance(share)) return 0;
  return 1 + Math.min(count - 2, Math.floor(source.exponential(count / 3)) % (count - 1));
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
