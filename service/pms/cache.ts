import { type Shared, tenantKey } from "../storage/shared.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { PmsUnavailable, type Read } from "./port.ts";

/** How long an answer of the PMS is believed. docs/cache-strategy.md is this table with its reasons. */
export interface Freshness {
  /** Seconds for which an answer is given again without asking. */
  freshSeconds: number;
  /** Seconds for which it may stand in, said to be old, while the PMS doesn't answer. */
  staleSeconds: number;
}

export const FRESHNESS = {
  roomTypes: { freshSeconds: 600, staleSeconds: 86_400 },
  availability: { freshSeconds: 30, staleSeconds: 900 },
} as const satisfies Record<string, Freshness>;

/** Operations that are never cached: a guest who has just booked must see it, and a write must be a write. */
export const UNCACHED = ["reservation", "reservationsOf", "hold", "confirm", "modify", "cancel", "ping"] as const;

export type CachedOperation = keyof typeof FRESHNESS;

export interface PmsCacheOptions {
  shared: Shared;
  tenantId: string;
  metrics: Metrics;
  logger: Logger;
  now: () => Date;
}

export interface PmsCache {
  /**
   * @param argument what the answer depends on, in one fixed order
   * @throws PmsUnavailable when `load` does and no old answer is kept
   */
  read<Value>(operation: CachedOperation, argument: readonly unknown[], load: () => Promise<Value>): Promise<Read<Value>>;
  /** From now on nothing that was read before is given as fresh, in any process. */
  invalidate(): Promise<void>;
}

interface Stored<Value> {
  value: Value;
  asOf: string;
}

/**
 * Answers of one hotel's PMS, shared by all processes. Fresh answers stand under a generation that every write raises, so
 * one increment makes them all old; an answer that was on its way meanwhile is filed under the generation it was asked in.
 */
export function createPmsCache({ shared, tenantId, metrics, logger, now }: PmsCacheOptions): PmsCache {
  const flights = new Map<string, Promise<Read<unknown>>>();
  const generationKey = tenantKey(tenantId, "pms", "generation");
  const count = (operation: string, result: "hit" | "miss" | "stale" | "error") => metrics.pmsCache.inc({ operation, result });

  /** Without the cache the PMS is asked every time. */
  const orElse = async <Value>(what: string, work: () => Promise<Value>): Promise<Value | undefined> => {
    try {
      return await work();
    } catch (error) {
      logger.warn({ err: error, tenant_id: tenantId }, `PMS cache: could not ${what}; going on without it`);
      return undefined;
    }
  };

  const fetchAndStore = async <Value>(
    operation: CachedOperation,
    keys: { fresh: string; last: string },
    load: () => Promise<Value>,
  ): Promise<Read<Value>> => {
    try {
      const value = await load();
      const asOf = now();
      const text = JSON.stringify({ value, asOf: asOf.toISOString() } satisfies Stored<Value>);
      const { freshSeconds, staleSeconds } = FRESHNESS[operation];
      await orElse("store an answer", () =>
        shared.atomically([
          { op: "set", key: keys.fresh, value: text, ttlSeconds: freshSeconds },
          { op: "set", key: keys.last, value: text, ttlSeconds: staleSeconds },
        ]),
      );
      count(operation, "miss");
      return { value, asOf, stale: false };
    } catch (error) {
      if (!(error instanceof PmsUnavailable)) throw error;
      const last = await orElse("look for an old answer", () => shared.get(keys.last));
      if (last === undefined) {
        count(operation, "error");
        throw error;
      }
      count(operation, "stale");
      const stored = JSON.parse(last) as Stored<Value>;
      return { value: stored.value, asOf: new Date(stored.asOf), stale: true };
    }
  };

  return {
    read: async <Value>(operation: CachedOperation, argument: readonly unknown[], load: () => Promise<Value>) => {
      const subject = [operation, JSON.stringify(argument)];
      const generation = (await orElse("read the generation", () => shared.get(generationKey))) ?? "0";
      const keys = {
        fresh: tenantKey(tenantId, "pms", generation, ...subject),
        last: tenantKey(tenantId, "pms", "last", ...subject),
      };
      const kept = await orElse("read an answer", () => shared.get(keys.fresh));
      if (kept !== undefined) {
        count(operation, "hit");
        const stored = JSON.parse(kept) as Stored<Value>;
        return { value: stored.value, asOf: new Date(stored.asOf), stale: false };
      }
      const flight = flights.get(keys.fresh);
      if (flight !== undefined) {
        const read = (await flight) as Read<Value>;
        count(operation, read.stale ? "stale" : "hit");
        return read;
      }
      const started = fetchAndStore(operation, keys, load).finally(() => flights.delete(keys.fresh));
      flights.set(keys.fresh, started);
      return started;
    },
    invalidate: async () => {
      await orElse("make old answers old", () => shared.increment(generationKey));
    },
  };
}
