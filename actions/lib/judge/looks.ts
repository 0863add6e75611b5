/** One look at the data, with its share of the risk. */
export interface Look {
  /** Seconds of data per arm. */
  seconds: number;
  /** One-sided error probability of FAIL. */
  alphaFail: number;
  /** One-sided error probability of PASS. */
  alphaPass: number;
  /** How many standard errors the estimate must be off the limit. */
  c: number;
}

const EXTENDED = [
  { alphaFail: 0.0005, alphaPass: 0.005, c: 2 },
  { alphaFail: 0.001, alphaPass: 0.01, c: 1.5 },
  { alphaFail: 0.002, alphaPass: 0.02, c: 1 },
  { alphaFail: 0.003, alphaPass: 0.03, c: 0.25 },
] as const;

const HARD_END = [
  { alphaFail: 0.001, alphaPass: 0.005, c: 2 },
  { alphaFail: 0.006, alphaPass: 0.03, c: 0.25 },
] as const;

/**
 * The looks of a run: with an extension at duration/2, duration, half and all of the extension; with none at duration/2 and duration.
 * Together they share one risk.
 */
export function planLooks(durationSeconds: number, extensionSeconds: number): Look[] {
  if (extensionSeconds <= 0) {
    return HARD_END.map((column, i) => ({ ...column, seconds: i === 0 ? durationSeconds / 2 : durationSeconds }));
  }
  const times = [
    durationSeconds / 2,
    durationSeconds,
    durationSeconds + extensionSeconds / 2,
    durationSeconds + extensionSeconds,
  ];
  return EXTENDED.map((column, i) => ({ ...column, seconds: times[i]! }));
}

/** The column of a run with an extension that ended early, at `seconds`. */
export function lastLook(seconds: number): Look {
  return { ...EXTENDED[3], seconds };
}

/** The only look at data that were complete before anyone looked, such as a file: the last column of a run with a hard end. */
export function onlyLook(seconds: number): Look {
  return { ...HARD_END[1], seconds };
}
