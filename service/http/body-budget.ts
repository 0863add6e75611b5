import { Problem } from "./problem.ts";

/** Bytes of bodies that one process holds before it knows who sent them. */
const BYTES = 64 * 1024 * 1024;

/** A body that is being read. */
export interface Reading {
  /** Counts bytes that are held from now on. */
  hold(bytes: number): void;
  /** Nothing is held any more. */
  end(): void;
}

/**
 * Bounds what strangers can make this process hold. A body is held until its signature can be checked, which is at its end; so
 * whoever opens many and never ends them would fill the memory.
 *
 * A body of a real sender is there within milliseconds. When all is used up, the body that has been coming for the longest time is
 * given up, so slow bodies make room and quick ones pass.
 */
export interface BodyBudget {
  /** @param giveUp ends the reading with this answer; nothing of it is held afterwards */
  begin(giveUp: (problem: Problem) => void): Reading;
}

export function createBodyBudget(most = BYTES): BodyBudget {
  /** In the order in which they began. */
  const readings = new Map<Reading, { held: number; giveUp: (problem: Problem) => void }>();
  let total = 0;
  return {
    begin: (giveUp) => {
      const reading: Reading = {
        hold: (bytes) => {
          const own = readings.get(reading);
          if (own === undefined) return;
          own.held += bytes;
          total += bytes;
          while (total > most) {
            const [oldest, { giveUp: end }] = readings.entries().next().value!;
            oldest.end();
            end(busy());
          }
        },
        end: () => {
          total -= readings.get(reading)?.held ?? 0;
          readings.delete(reading);
        },
      };
      readings.set(reading, { held: 0, giveUp });
      return reading;
    },
  };
}

const busy = () =>
  new Problem(503, "Service Unavailable", "Too many bodies are under way, and this one is the slowest. Send it again.", [], {
    "Retry-After": "5",
  });
