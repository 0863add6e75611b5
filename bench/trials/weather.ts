import type { Random } from "./random.ts";

/** How noisy a place is. */
export interface Noise {
  name: string;
  /** Bursts a minute that slow both arms, and by how much. */
  sharedBursts: number;
  sharedFactor: [number, number];
  /** Bursts a minute that slow one arm only. */
  armBursts: number;
  /** Relative size of the slow drift that both arms see. */
  drift: number;
  /** Standard deviation of the log ratio between two instances of one build. */
  instance: number;
  /** Bursts a minute in which requests of both arms fail. */
  errorBursts: number;
}

/** The three places of the table in docs/judge.md. */
export const NOISES: readonly Noise[] = [
  { name: "quiet", sharedBursts: 0.5, sharedFactor: [1.1, 1.5], armBursts: 0, drift: 0.015, instance: 0.003, errorBursts: 0 },
  { name: "typical", sharedBursts: 2, sharedFactor: [1.2, 2], armBursts: 0.3, drift: 0.05, instance: 0.008, errorBursts: 0.1 },
  { name: "noisy", sharedBursts: 6, sharedFactor: [1.2, 3], armBursts: 1.5, drift: 0.12, instance: 0.015, errorBursts: 0.3 },
];

const STEP_SECONDS = 0.1;

/** Factors on latency on a grid of 0.1 s, and extra error probability. */
export interface Weather {
  factor(t: number): number;
  errorRate(t: number): number;
}

function addBursts(grid: Float64Array, source: Random, perMinute: number, factor: [number, number], seconds: number): void {
  for (const start of source.poissonTimes(perMinute / 60, seconds)) {
    const end = start + source.uniform(1, 5);
    const by = source.uniform(...factor);
    for (let i = Math.floor(start / STEP_SECONDS); i < Math.min(grid.length, end / STEP_SECONDS); i++) grid[i]! *= by;
  }
}

/** The weather that both arms share, and what each arm has for itself on top. */
export function makeWeather(source: Random, noise: Noise, seconds: number): { baseline: Weather; canary: Weather } {
  const length = Math.ceil(seconds / STEP_SECONDS) + 1;
  const shared = new Float64Array(length);
  const trend = source.uniform(-noise.drift, noise.drift);
  const waves = [0, 1, 2].map(() => ({
    period: source.logUniform(15, 150),
    phase: source.uniform(0, 2 * Math.PI),
    size: source.normal() * noise.drift * 0.6,
  }));
  for (let i = 0; i < length; i++) {
    const t = i * STEP_SECONDS;
    const wave = waves.reduce((sum, { period, phase, size }) => sum + size * Math.sin((2 * Math.PI * t) / period + phase), 0);
    shared[i] = Math.exp(wave + (trend * t) / seconds);
  }
  addBursts(shared, source, noise.sharedBursts, noise.sharedFactor, seconds);
  const errors = new Float64Array(length);
  for (const start of source.poissonTimes(noise.errorBursts / 60, seconds)) {
    const end = start + source.uniform(0.2, 1);
    const share = source.uniform(0.05, 0.3);
    for (let i = Math.floor(start / STEP_SECONDS); i < Math.min(length, end / STEP_SECONDS); i++) errors[i] = share;
  }
  const arm = (): Weather => {
    const own = shared.slice();
    addBursts(own, source, noise.armBursts, noise.sharedFactor, seconds);
    const instance = Math.exp(source.normal() * noise.instance);
    const at = (t: number) => Math.min(length - 1, Math.max(0, Math.floor(t / STEP_SECONDS)));
    return { factor: (t) => own[at(t)]! * instance, errorRate: (t) => errors[at(t)]! };
  };
  return { baseline: arm(), canary: arm() };
}
