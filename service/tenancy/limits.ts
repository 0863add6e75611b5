import { LRUCache } from "lru-cache";
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { Problem } from "../http/problem.ts";
import { type Shared, tenantKey } from "../storage/shared.ts";
import type { Tenant } from "./tenant.ts";

/** Messages a minute where a tenant has no limit of its own. */
export const DEFAULT_LIMITS = { messages_per_minute: 60_000, guest_messages_per_minute: 600 };

/**
 * What strangers may do at one hotel in a minute, where anybody can write without an account. One address may be a whole hotel's
 * Wi-Fi, so its limits leave room for its guests; those of one guest are above.
 */
export const STRANGER_LIMITS = {
  /** Requests that one client address writes. */
  client_messages: 120,
  /** Guests that one client address makes. */
  client_new_guests: 20,
  /** Guests that are made by all. */
  new_guests: 300,
};

export type Verdict = { allowed: true } | { allowed: false; scope: "tenant" | "guest"; retryAfterSeconds: number };

export interface Limits {
  /**
   * Takes one message out of the guest's bucket, then one out of the tenant's: a guest who sends too much costs the hotel
   * nothing.
   */
  take(tenant: Pick<Tenant, "id" | "limits">, userId: string): Promise<Verdict>;
  /** The same. @throws Problem 429 with `Retry-After` */
  enforce(tenant: Pick<Tenant, "id" | "limits">, userId: string): Promise<void>;
  /**
   * Takes a message of a client's address out of its bucket at this hotel. Each hotel has buckets of its own, so what happens at
   * one closes no other's door.
   *
   * @param client what stands for the address, such as `clientKey` makes of it
   * @throws Problem 429 with `Retry-After`
   */
  enforceClient(tenantId: string, client: string, isNewGuest: boolean): Promise<void>;
}

export interface LimitsOptions {
  shared: Shared;
  /** Stands for a guest in Redis. */
  guestHash: (userId: string) => string;
  defaults?: typeof DEFAULT_LIMITS;
  strangers?: typeof STRANGER_LIMITS;
}

const TENANTS_AT_WORK = 10_000;
const GUESTS_AT_WORK = 20_000;
/**
 * Of a minute's messages a process takes this share out of a bucket at once, so that much traffic doesn't cost a question to Redis
 * at each message. What a process has left over is all that a limit can be off by.
 */
const SHARE = 0.01;
const PERIODS = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60];

/**
 * How a limit becomes a bucket: half of a minute's messages may come at once, the other half drips in. So never more than
 * `perMinute` go through in a minute, and a short burst is no reason to refuse.
 *
 * @param perMinute at least 1
 * @returns points a period in seconds; `burst` is absent when there is nothing to halve
 */
export function bucketOf(perMinute: number): { drip: { points: number; duration: number }; burst: number } {
  const burst = Math.floor(perMinute / 2);
  const rest = perMinute - burst;
  // The shortest period whose whole number of messages comes close: 7 a minute are 1 in 10 s, not 0 a second.
  const duration =
    PERIODS.find((seconds) => Math.floor((rest * seconds) / 60) >= 0.95 * ((rest * seconds) / 60) && rest * seconds >= 60) ?? 60;
  return { drip: { points: Math.floor((rest * duration) / 60), duration }, burst };
}

export function createLimits(options: LimitsOptions): Limits {
  const { shared, guestHash, defaults = DEFAULT_LIMITS, strangers = STRANGER_LIMITS } = options;
  const limiter = (points: number, duration: number, keyPrefix: string) => {
    const memory = new RateLimiterMemory({ points, duration, keyPrefix });
    if (shared.redis === undefined) return memory;
    // While Redis is away each process counts by itself: limits get looser, guests are still served.
    return new RateLimiterRedis({
      storeClient: shared.redis,
      rejectIfRedisNotReady: true,
      insuranceLimiter: memory,
      points,
      duration,
      keyPrefix: shared.nameOf(keyPrefix),
    });
  };
  const bucket = (perMinute: number, keyPrefix: string) => {
    const { drip, burst } = bucketOf(perMinute);
    const dripping = limiter(drip.points, drip.duration, `${keyPrefix}:drip`);
    return burst === 0 ? dripping : new BurstyRateLimiter(dripping, limiter(burst, 60, `${keyPrefix}:burst`));
  };
  interface Bucket {
    limiter: ReturnType<typeof bucket>;
    /** Messages that this process takes at once. */
    share: number;
  }
  const bucketFor = (perMinute: number, keyPrefix: string): Bucket => ({
    limiter: bucket(perMinute, keyPrefix),
    // More than drips in at once would never come out of the drip.
    share: Math.max(1, Math.floor(Math.min(perMinute * SHARE, bucketOf(perMinute).drip.points))),
  });
  // By tenant and its limits: a limit that changed has a new bucket, whose counts in Redis are the old ones.
  const buckets = new LRUCache<string, Record<"tenant" | "guest", Bucket>>({ max: TENANTS_AT_WORK });
  /** What is left of the shares that this process took. */
  const left = new LRUCache<string, number>({ max: GUESTS_AT_WORK });

  /** Shares that are being taken. */
  const underWay = new Map<string, Promise<unknown>>();

  /** @param key of what this process has left, unlike any other bucket's */
  const consume = async ({ limiter, share }: Bucket, key: string, id: () => string): Promise<void> => {
    for (;;) {
      const own = left.get(key) ?? 0;
      if (own > 0) {
        left.set(key, own - 1);
        return;
      }
      const others = share > 1 ? underWay.get(key) : undefined;
      if (others === undefined) break;
      await others;
    }
    const taking = limiter.consume(id(), share);
    if (share === 1) {
      await taking;
      return;
    }
    underWay.set(key, taking);
    try {
      await taking;
      left.set(key, share - 1);
    } finally {
      underWay.delete(key);
    }
  };

  const take: Limits["take"] = async (tenant, userId) => {
    const perMinute = tenant.limits.messages_per_minute ?? defaults.messages_per_minute;
    const guestPerMinute = tenant.limits.guest_messages_per_minute ?? defaults.guest_messages_per_minute;
    const name = `${tenant.id} ${perMinute} ${guestPerMinute}`;
    let pair = buckets.get(name);
    if (pair === undefined) {
      pair = {
        tenant: bucketFor(perMinute, tenantKey(tenant.id, "limit", "tenant")),
        guest: bucketFor(guestPerMinute, tenantKey(tenant.id, "limit", "guest")),
      };
      buckets.set(name, pair);
    }
    for (const scope of ["guest", "tenant"] as const) {
      try {
        if (scope === "guest") await consume(pair.guest, `${name} ${userId}`, () => guestHash(userId));
        else await consume(pair.tenant, name, () => "all");
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        return { allowed: false, scope, retryAfterSeconds: Math.max(1, Math.ceil(refusal.msBeforeNext / 1000)) };
      }
    }
    return { allowed: true };
  };

  const strangerBuckets = new LRUCache<string, ReturnType<typeof bucket>>({ max: TENANTS_AT_WORK });
  const takeOfStrangers = async (tenantId: string, name: keyof typeof STRANGER_LIMITS, id: string): Promise<number> => {
    const key = tenantKey(tenantId, "limit", name);
    const found = strangerBuckets.get(key) ?? bucket(strangers[name], key);
    strangerBuckets.set(key, found);
    try {
      await found.consume(id);
      return 0;
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
    }
  };

  return {
    take,
    enforceClient: async (tenantId, client, isNewGuest) => {
      const id = guestHash(client);
      // The address first: who makes too many guests costs the others of the hotel nothing.
      const wait =
        (await takeOfStrangers(tenantId, isNewGuest ? "client_new_guests" : "client_messages", id)) ||
        (isNewGuest ? await takeOfStrangers(tenantId, "new_guests", "all") : 0);
      if (wait === 0) return;
      throw new Problem(429, "Too Many Requests", `Too many messages from here. Send this one again in ${wait} s.`, [], {
        "Retry-After": String(wait),
      });
    },
    enforce: async (tenant, userId) => {
      const verdict = await take(tenant, userId);
      if (verdict.allowed) return;
      const { scope, retryAfterSeconds } = verdict;
      throw new Problem(
        429,
        "Too Many Requests",
        `${scope === "guest" ? "This guest" : "This tenant"} sends more messages than its limit allows. Send this one again in ${retryAfterSeconds} s.`,
        [],
        { "Retry-After": String(retryAfterSeconds) },
      );
    },
  };
}
