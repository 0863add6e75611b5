/** A source of random numbers that a seed determines. */
export interface Random {
  /** Uniform, from low (inclusive) to high. */
  uniform(low: number, high: number): number;
  /** Uniform on a logarithmic scale. */
  logUniform(low: number, high: number): number;
  /** Standard normal. */
  normal(): number;
  /** Exponential with this mean. */
  exponential(mean: number): number;
  chance(probability: number): boolean;
  /** Times of a Poisson process of `rate` events a second, ascending, up to `end` seconds. */
  poissonTimes(rate: number, end: number): number[];
}

/**
 * Seeded generator.
 *
 * @see sfc32 by Chris Doty-Humphrey, PractRand
 */
export function random(seed: number): Random {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x243f6a88 ^ Math.imul(seed, 0x85ebca6b);
  let c = 0xb7e15162 ^ Math.imul(seed, 0xc2b2ae35);
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) next();
  const uniform = (low: number, high: number) => low + (high - low) * next();
  const exponential = (mean: number) => -mean * Math.log(1 - next());
  return {
    uniform,
    exponential,
    logUniform: (low, high) => Math.exp(uniform(Math.log(low), Math.log(high))),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    chance: (probability) => next() < probability,
    poissonTimes(rate, end) {
      const times: number[] = [];
      if (rate > 0) for (let t = exponential(1 / rate); t < end; t += exponential(1 / rate)) times.push(t);
      return times;
    },
  };
}
