/** One measured figure, printed as one JSON line by `npm run bench`. */
export interface Figure {
  bench: string;
  name: string;
  value: number;
  unit: string;
  /** What ours was compared with, measured interleaved in the same run. */
  peer?: string;
  /** Ours ÷ peer. */
  ratio?: number;
  /** How many measurements stand behind the value. */
  n: number;
}

/** A file `bench/<name>.bench.ts` exports one of these as its default. */
export interface Bench {
  name: string;
  /** One line: what is compared with what. Shown by `npm run bench -- --list`. */
  compares: string;
  /** Measures and reports each figure as it is ready. */
  run(report: (figure: Omit<Figure, "bench">) => void): Promise<void>;
}

/** Median of a non-empty list (mean of the middle two when even). */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
