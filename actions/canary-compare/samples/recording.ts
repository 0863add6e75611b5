import { NO_ROUTE, type Routes, type Samples } from "../../lib/judge/samples.ts";

export type ArmName = "baseline" | "canary";
export const ARMS: readonly ArmName[] = ["baseline", "canary"];

/** One request of an arm. */
export interface ArmRequest {
  /** Seconds; on one clock for both arms. */
  t: number;
  /** Milliseconds; NaN for a failure that has none. */
  latencyMs: number;
  ok: boolean;
  /** Undefined when the source doesn't know routes. */
  route: string | undefined;
}

/** The requests of one arm, as they come in. */
export class Recording {
  t: number[] = [];
  latencyMs: number[] = [];
  ok: boolean[] = [];
  route: (string | undefined)[] = [];
  /** What the arm's responses said of their version, and how often. */
  versions = new Map<string, number>();
  /** k6's phases of the successes, in milliseconds, by name. */
  phases = new Map<string, number[]>();

  get length(): number {
    return this.t.length;
  }

  add(request: ArmRequest): void {
    this.t.push(request.t);
    this.latencyMs.push(request.latencyMs);
    this.ok.push(request.ok);
    this.route.push(request.route);
  }

  /** Adds what a request waited for its connection, in milliseconds: k6's duration begins when the request is written. */
  addWait(index: number, ms: number): void {
    if (ms <= 0) return;
    this.latencyMs[index] = Math.round((this.latencyMs[index]! + ms) * 1e6) / 1e6;
    this.t[index] = Math.round((this.t[index]! - ms / 1000) * 1e6) / 1e6;
  }

  addPhase(name: string, ms: number): void {
    const list = this.phases.get(name);
    if (list) list.push(ms);
    else this.phases.set(name, [ms]);
  }

  addVersion(version: string): void {
    this.versions.set(version, (this.versions.get(version) ?? 0) + 1);
  }

  /** What happened from `from` (inclusive) to `until` (exclusive), seconds; versions and phases are kept as they are. */
  between(from: number, until: number): Recording {
    const part = new Recording();
    part.versions = this.versions;
    part.phases = this.phases;
    for (let i = 0; i < this.length; i++) {
      const t = this.t[i]!;
      if (t >= from && t < until) part.add({ t, latencyMs: this.latencyMs[i]!, ok: this.ok[i]!, route: this.route[i] });
    }
    return part;
  }

  samples(): Samples {
    return {
      t: Float64Array.from(this.t),
      latencyMs: Float64Array.from(this.latencyMs),
      ok: Uint8Array.from(this.ok, (ok) => (ok ? 1 : 0)),
      ...this.#routes(),
    };
  }

  /** Routes by number; nothing where the source knows none. Beyond 65,534 names a request counts as one without a route. */
  #routes(): { routes?: Routes } {
    const numbers = new Map<string, number>();
    const of = new Uint16Array(this.length);
    for (let i = 0; i < of.length; i += 1) {
      const name = this.route[i];
      let number = name === undefined ? NO_ROUTE : numbers.get(name);
      if (number === undefined) {
        number = Math.min(numbers.size, NO_ROUTE);
        if (number < NO_ROUTE) numbers.set(name!, number);
      }
      of[i] = number;
    }
    return numbers.size === 0 ? {} : { routes: { names: [...numbers.keys()], of } };
  }
}

/** What is wrong with the times of an arm, in the order in which they were written; undefined when nothing is. */
export function findClockFault(recording: Recording): string | undefined {
  const { t, latencyMs, length } = recording;
  let back = 0;
  let backAtAll = 0;
  let example: string | undefined;
  for (let i = 1; i < length; i++) {
    const step = t[i]! - t[i - 1]!;
    if (step < 0) backAtAll++;
    // Who writes a line when a request ends but stamps its start, or the other way round, is out of order by a latency.
    const allowed = 1 + Math.max(latencyMs[i]! || 0, latencyMs[i - 1]! || 0) / 1000;
    if (step < -allowed) {
      back++;
      example ??= `by ${(-step).toFixed(1)} s after ${i} of ${length} requests`;
    }
  }
  // A quarter or more: the lines were shuffled, which harms nobody.
  if (back > 0 && back < length / 4)
    return `the clock goes back ${example}: it was set, or parts of the file are out of order. Sort by time if so`;
  if (length >= 50 && backAtAll > 0.9 * length) return "the clock runs backwards from the first request to the last";
  return undefined;
}

/** Spreads requests that were stamped with whole seconds evenly over their second, in their order; others are left alone. */
export function spreadWholeSeconds(recording: Recording): boolean {
  const { t } = recording;
  const counts = new Map<number, number>();
  for (const value of t) {
    if (!Number.isInteger(value)) return false;
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  if (t.length < 2 * counts.size) return false;
  const used = new Map<number, number>();
  recording.t = t.map((value) => {
    const rank = used.get(value) ?? 0;
    used.set(value, rank + 1);
    return value + (rank + 0.5) / counts.get(value)!;
  });
  return true;
}
