import { randomUUID } from "node:crypto";
import { type Shared, tenantKey } from "../storage/shared.ts";

/** A lock that is held until it is released or runs out. */
export interface Held {
  status: "held";
  /**
   * Grows with every lock of this name. Whoever writes under the lock refuses a token that is lower than one it has seen:
   * a holder that was asleep while its lock ran out can't undo the work of the next.
   */
  token: number;
  release(): Promise<void>;
}

/**
 * `taken`: another holds it. `unavailable`: nobody can say, since Redis is away; go on without, the database's constraint is
 * what forbids a double booking.
 */
export type LockResult = Held | { status: "taken" } | { status: "unavailable"; error: Error };

export interface Lock {
  /** @param ttlSeconds after which the lock is free again, whatever became of its holder */
  acquire(tenantId: string, name: string, ttlSeconds: number): Promise<LockResult>;
}

const DAY_SECONDS = 86_400;

/**
 * Locks by name and tenant, which spare work that would end in a refusal of the database.
 *
 * @param now milliseconds since 1970, for tokens after Redis was wiped
 * @param monotone milliseconds from any origin, that only grow
 */
export function createLock({
  shared,
  now = () => Date.now(),
  monotone = () => performance.now(),
}: {
  shared: Shared;
  now?: () => number;
  monotone?: () => number;
}): Lock {
  return {
    acquire: async (tenantId, name, ttlSeconds) => {
      const key = tenantKey(tenantId, "lock", name);
      const fence = tenantKey(tenantId, "fence", name);
      const owner = randomUUID();
      const begun = monotone();
      try {
        if (!(await shared.setIfAbsent(key, owner, ttlSeconds))) return { status: "taken" };
        // A counter that is lost begins at the time, which is beyond every token of before: a thousand a millisecond.
        await shared.setIfAbsent(fence, String(now() * 1000), DAY_SECONDS);
        const token = await shared.increment(fence);
        // It took so long that the lock may be another's by now, whose token may be lower than this one.
        if (monotone() - begun >= ttlSeconds * 1000) return { status: "taken" };
        return {
          status: "held",
          token,
          release: async () => {
            // A lock that can't be given back runs out.
            await shared.deleteIfEquals(key, owner).catch(() => false);
          },
        };
      } catch (error) {
        return { status: "unavailable", error: error as Error };
      }
    },
  };
}
