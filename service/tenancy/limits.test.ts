import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startRedis } from "../../test/servers.ts";
import { type Shared, tenantKey } from "../storage/shared.ts";
import { openMemory } from "../storage/shared-memory.ts";
import { openRedis } from "../storage/shared-redis.ts";
import { bucketOf, createLimits } from "./limits.ts";

const hotel = (id: string, perMinute?: number, guestPerMinute?: number) => ({
  id: `${id}-${randomUUID().slice(0, 8)}`,
  limits: {
    ...(perMinute === undefined ? {} : { messages_per_minute: perMinute }),
    ...(guestPerMinute === undefined ? {} : { guest_messages_per_minute: guestPerMinute }),
  },
});
const guestHash = (userId: string) => `hash-${userId}`;

test.each([1, 2, 3, 7, 30, 59, 60, 61, 119, 600, 1_000_000])(
  "%i a minute is a bucket of about as much and never more",
  (perMinute) => {
    const { drip, burst } = bucketOf(perMinute);
    const most = (drip.points * 60) / drip.duration + burst;
    expect(drip.points).toBeGreaterThanOrEqual(1);
    expect(most).toBeLessThanOrEqual(perMinute);
    expect(most).toBeGreaterThanOrEqual(perMinute * 0.95);
  },
);

describe.each(["memory", "redis"])("in %s", (kind) => {
  let shared: Shared;
  beforeAll(async () => {
    shared = kind === "memory" ? openMemory() : await openRedis({ url: inject("redisUrl"), onError: () => undefined });
  });
  afterAll(() => shared.close());

  test("strangers are counted by address and by hotel; one hotel's crowd closes no other's door", async () => {
    const strangers = { client_messages: 4, client_new_guests: 2, new_guests: 6 };
    const limits = createLimits({ shared, guestHash, strangers });
    const [a, b] = [hotel("a").id, hotel("b").id];
    const passes = async (tenant: string, client: string, isNew: boolean, times: number) => {
      const results = [];
      for (let n = 0; n < times; n += 1) {
        results.push(
          await limits.enforceClient(tenant, client, isNew).then(
            () => 202,
            ({ status, headers }) => {
              expect(Number(headers["Retry-After"])).toBeGreaterThan(0);
              return status;
            },
          ),
        );
      }
      return results.filter((status) => status === 202).length;
    };
    expect(await passes(a, "203.0.113.1", true, 10)).toBe(2);
    // Guests who are there already still write: half of a minute's messages at once, and the first of the other half.
    expect(await passes(a, "203.0.113.1", false, 10)).toBe(3);
    for (const client of ["203.0.113.2", "203.0.113.3"]) await passes(a, client, true, 10);
    expect(await passes(a, "203.0.113.4", true, 10)).toBe(0); // all that the hotel takes at once
    expect(await passes(a, "203.0.113.4", false, 1)).toBe(1);
    expect(await passes(b, "203.0.113.4", true, 10)).toBe(2);
  });

  test("a guest has a burst and then waits; other guests don't", async () => {
    const limits = createLimits({ shared, guestHash });
    const tenant = hotel("a", undefined, 6);
    const verdicts = [];
    for (let time = 0; time < 8; time += 1) verdicts.push(await limits.take(tenant, "ana"));
    // 3 of the burst, and 1 of the drip of one in 20 s.
    expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(4);
    expect(verdicts.slice(0, 4).every(({ allowed }) => allowed)).toBe(true);
    const last = verdicts.at(-1)!;
    expect(last).toMatchObject({ allowed: false, scope: "guest" });
    if (!last.allowed) expect(last.retryAfterSeconds).toBeLessThanOrEqual(20);
    expect(await limits.take(tenant, "bea")).toEqual({ allowed: true });
  });

  test("a hotel over its limit doesn't touch its neighbour, and a guest over its own doesn't touch the hotel", async () => {
    const limits = createLimits({ shared, guestHash });
    const noisy = hotel("noisy", 4);
    const quiet = hotel("quiet", 4);
    const guests = Array.from({ length: 10 }, (_, number) => `guest-${number}`);
    const verdicts = [];
    for (const guest of guests) verdicts.push(await limits.take(noisy, guest));
    expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(3);
    expect(verdicts.at(-1)).toMatchObject({ allowed: false, scope: "tenant" });
    expect(await limits.take(quiet, "guest-0")).toEqual({ allowed: true });

    const pestered = hotel("pestered", 4, 1);
    for (let time = 0; time < 10; time += 1) await limits.take(pestered, "pest");
    expect(await limits.take(pestered, "somebody")).toEqual({ allowed: true });
  });

  test("a busy hotel's messages are taken in shares, by two processes, and never more than its limit", async () => {
    const processes = [createLimits({ shared, guestHash }), createLimits({ shared, guestHash })];
    const tenant = hotel("busy", 12_000);
    const started = performance.now();
    let allowed = 0;
    for (let round = 0; round < 62; round += 1) {
      const verdicts = await Promise.all(
        Array.from({ length: 100 }, (_, number) => processes[number % 2]!.take(tenant, `guest-${number}`)),
      );
      allowed += verdicts.filter((verdict) => verdict.allowed).length;
    }
    // 6,000 of the burst and 100 a second of the drip; each process may have a share of 100 in hand that it didn't need.
    const seconds = Math.ceil((performance.now() - started) / 1000) + 1;
    expect(allowed).toBeGreaterThanOrEqual(5_800);
    expect(allowed).toBeLessThanOrEqual(6_000 + 100 * seconds);
  });

  test("a refusal is a 429 that says when to come back", async () => {
    const limits = createLimits({ shared, guestHash });
    const tenant = hotel("a", undefined, 1);
    await limits.enforce(tenant, "ana");
    await expect(limits.enforce(tenant, "ana")).rejects.toMatchObject({
      status: 429,
      headers: { "Retry-After": expect.stringMatching(/^([1-9]|[1-5]\d|60)$/) },
      message: expect.stringContaining("This guest sends more messages"),
    });
  });

  test("without limits of its own a hotel has the defaults; a changed limit holds at once", async () => {
    const limits = createLimits({ shared, guestHash, defaults: { messages_per_minute: 1000, guest_messages_per_minute: 1 } });
    const tenant = hotel("a");
    expect((await limits.take(tenant, "ana")).allowed).toBe(true);
    expect((await limits.take(tenant, "ana")).allowed).toBe(false);
    expect((await limits.take({ ...tenant, limits: { guest_messages_per_minute: 100 } }, "ana")).allowed).toBe(true);
  });

  test("what a neighbour writes under its own keys isn't seen, even with an id that looks like a key", async () => {
    const limits = createLimits({ shared, guestHash });
    const victim = hotel("victim", 4, 4);
    for (const attacker of [`${victim.id}:limit`, `t:${victim.id}`, `${victim.id}%3Alimit`, "", ":", `../${victim.id}`]) {
      await limits.take({ id: attacker, limits: { messages_per_minute: 1, guest_messages_per_minute: 1 } }, "ana");
      await shared.set(tenantKey(attacker, "limit", "guest:drip", "hash-ana"), "999999");
    }
    expect(await limits.take(victim, "ana")).toEqual({ allowed: true });
  });
});

test("keys in Redis carry the tenant and don't show the guest", async () => {
  const redis = new Redis(inject("redisUrl"));
  const shared = await openRedis({ url: inject("redisUrl"), onError: () => undefined });
  try {
    const tenant = hotel("keys", 2, 2);
    await createLimits({ shared, guestHash: () => "0123456789abcdef" }).take(tenant, "+549110002222");
    const keys = await redis.keys(`*${tenant.id}*`);
    expect(keys.length).toBeGreaterThanOrEqual(2);
    for (const key of keys) expect(key.startsWith(`t:${tenant.id}:`), key).toBe(true);
    expect(keys.join()).not.toContain("549110002222");
  } finally {
    await shared.close();
    redis.disconnect();
  }
});

test("Redis gone in the middle: limits go on in each process", async () => {
  const server = await startRedis();
  const shared = await openRedis({ url: server.url, onError: () => undefined });
  try {
    const limits = createLimits({ shared, guestHash });
    const tenant = hotel("a", undefined, 4);
    expect((await limits.take(tenant, "ana")).allowed).toBe(true);
    await server.stop();
    const verdicts = [];
    for (let time = 0; time < 6; time += 1) verdicts.push((await limits.take(tenant, "ana")).allowed);
    expect(verdicts).toEqual([true, true, true, false, false, false]);
  } finally {
    await shared.close();
    await server.stop();
  }
});
