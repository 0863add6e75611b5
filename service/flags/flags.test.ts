import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { makeFlags, toggle } from "../../test/flags.ts";
import { type Server, startRedis, until } from "../../test/servers.ts";
import type { Shared } from "../storage/shared.ts";
import { openRedis } from "../storage/shared-redis.ts";
import type { FlagsEvent } from "./flags.ts";
import { CHANNEL, HASH, VERSION_KEY } from "./store.ts";

const registry = {
  a: toggle(true),
  b: toggle(false),
  top: toggle(true, { prerequisites: [{ flag: "a", value: true }] }),
};

/** Waits until the check gives this; for what happens in another process or on another connection. */
async function eventually<Value>(check: () => Value | Promise<Value>, value: Value): Promise<void> {
  await until(async () => expect(await check()).toEqual(value), 15_000);
}

async function wipe(data: TestDatabase): Promise<void> {
  await data.pool.query("truncate flag_overrides; truncate flag_changes; update flag_version set version = 0");
}

describe("with a real Redis", () => {
  let redis: Server;
  let data: TestDatabase;
  let byHand: Redis;
  const open: { close(): Promise<void> }[] = [];

  /** Flags as one process has them, with connections of its own. */
  async function join(options: Parameters<typeof makeFlags>[0] extends infer Options ? Partial<Options> : never = {}) {
    const shared = await openRedis({ url: redis.url, onError: () => undefined });
    const made = makeFlags({ database: data.database, shared, registry, ...options });
    await made.flags.start();
    open.push({
      close: async () => {
        await made.flags.close();
        await shared.close();
      },
    });
    return { ...made, shared: shared as Shared };
  }
  const value = (made: Awaited<ReturnType<typeof join>>, flag = "a") => made.flags.evaluateAny(flag).value;
  const change = (made: Awaited<ReturnType<typeof join>>, flag: string, text: string | undefined) =>
    made.flags.change({ flag, text, by: "ana" });

  beforeAll(async () => {
    [redis, data] = await Promise.all([startRedis(), makeDatabase("postgres", 10)]);
    byHand = new Redis(redis.url, { retryStrategy: () => 50 });
    byHand.on("error", () => undefined);
  });
  beforeEach(async () => {
    await byHand.flushall();
    await wipe(data);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  afterAll(async () => {
    byHand.disconnect();
    await data.close();
    await redis.stop();
  });

  test("a kill reaches every process at once, and its history is kept", async () => {
    const [here, there] = [await join(), await join()];
    expect(value(there)).toBe(true);
    expect(await change(here, "a", "off")).toEqual({ version: 1 + 1, before: undefined, pending: false });
    expect(value(here)).toBe(false);
    await eventually(() => value(there), false);
    expect(there.flags.evaluateAny("top")).toMatchObject({ value: false, reason: "PREREQUISITE_FAILED" });
    await change(there, "a", undefined);
    await eventually(() => value(here), true);
    expect(await here.flags.history("a", 10)).toMatchObject([
      { flag: "a", changed_by: "ana", origin: "admin", before: "off", after: null },
      { flag: "a", changed_by: "ana", origin: "admin", before: null, after: "off" },
    ]);
    expect(await byHand.hgetall(HASH)).toEqual({});
  });

  test("the gauge says what holds without anyone asking", async () => {
    const { flags, metrics } = await join();
    const gauge = async () =>
      Object.fromEntries((await metrics.flagEnabled.get()).values.map(({ labels, value: one }) => [labels.flag, one]));
    expect(await gauge()).toEqual({ a: 1, b: 0, top: 1 });
    await flags.change({ flag: "a", text: "off", by: "ana" });
    expect(await gauge()).toEqual({ a: 0, b: 0, top: 0 });
  });

  test("what is set by hand with HSET is honoured at the next poll, and recorded", async () => {
    const [here, there] = [await join(), await join()];
    await byHand.hset(HASH, "a", "no");
    await eventually(() => value(here), false);
    await eventually(() => value(there), false);
    await eventually(
      async () => (await here.flags.history("a", 10)).map(({ origin, before, after }) => [origin, before, after]),
      [["redis", null, "no"]],
    );
    await byHand.hdel(HASH, "a");
    await eventually(() => value(there), true);
    await eventually(async () => (await here.flags.history("a", 10)).length, 2);
  });

  test("HSET and any PUBLISH by hand are honoured without waiting for a poll", async () => {
    const { flags } = await join({ every: () => () => undefined });
    await byHand.hset(HASH, "a", "0");
    await byHand.publish(CHANNEL, "reload please");
    await eventually(() => flags.isEnabled("a"), false);
    await byHand.hset(HASH, "a", "1");
    await byHand.publish(CHANNEL, JSON.stringify({ flag: "a", version: 1 }));
    await eventually(() => flags.isEnabled("a"), true);
  });

  test("a wiped Redis doesn't switch a killed feature on again, and is filled from Postgres", async () => {
    const { flags } = await join();
    await flags.change({ flag: "a", text: "off", by: "ana" });
    await byHand.flushall();
    const late = await join();
    expect(value(late)).toBe(false);
    expect(await byHand.hgetall(HASH)).toEqual({ a: "off" });
    await flags.poll();
    expect(flags.isEnabled("a")).toBe(false);
    expect(await flags.history("a", 10)).toHaveLength(1);
  });

  test("what is set by hand between a wipe and the refill is kept", async () => {
    const here = await join({ every: () => () => undefined });
    await change(here, "a", "on");
    await change(here, "b", "on");
    await byHand.flushall();
    await byHand.hset(HASH, "a", "off");
    await here.flags.poll();
    expect([value(here, "a"), value(here, "b")]).toEqual([false, true]);
    expect(await byHand.hgetall(HASH)).toEqual({ a: "off", b: "on" });
  });

  test("a wiped Redis is believed by nobody while Postgres can't be read to fill it", async () => {
    const here = await join({ every: () => () => undefined });
    await change(here, "a", "off");
    await byHand.flushall();
    await data.pool.query("revoke select on flag_overrides from gatehouse_app");
    try {
      await here.flags.poll();
      expect(here.flags.evaluateAny("a")).toMatchObject({ value: false, reason: "STALE" });
    } finally {
      await data.pool.query("grant select on flag_overrides to gatehouse_app");
    }
    await here.flags.poll();
    expect(here.flags.evaluateAny("a")).toMatchObject({ value: false, reason: "DISABLED" });
  });

  test("an older Redis than Postgres gets what it missed, clearings too", async () => {
    const here = await join({ every: () => () => undefined });
    await change(here, "a", "off");
    const old = { hash: await byHand.hgetall(HASH), version: await byHand.get(VERSION_KEY) };
    await change(here, "a", undefined);
    await change(here, "b", "on");
    await byHand.flushall();
    await byHand.hset(HASH, old.hash);
    await byHand.set(VERSION_KEY, old.version!);
    await here.flags.poll();
    expect([value(here, "a"), value(here, "b")]).toEqual([true, true]);
    expect(await byHand.hgetall(HASH)).toEqual({ b: "on" });
  });

  test("a malformed override is ignored, counted once and logged; the default holds", async () => {
    const { flags, metrics, log } = await join();
    await byHand.hset(HASH, { a: "perhaps", b: "x".repeat(1_000_000), "not.declared": "on", "": "off" });
    await eventually(
      () =>
        log
          .filter(({ msg }) => msg.includes("can't be used"))
          .map(({ flag }) => flag)
          .sort(),
      ["a", "b"],
    );
    expect([flags.isEnabled("a"), flags.isEnabled("b")]).toEqual([true, false]);
    await flags.poll();
    const counted = (await metrics.flagMalformed.get()).values;
    expect(Object.fromEntries(counted.map(({ labels, value: count }) => [labels.flag, count]))).toEqual({ a: 1, b: 1 });
    expect(flags.override("a").mistakes).toHaveLength(1);
  });

  test("a ring set by hand is off for all on it", async () => {
    const { flags } = await join();
    const needing = (flag: string) => JSON.stringify({ defaultVariant: "on", prerequisites: [{ flag, value: true }] });
    await byHand.hset(HASH, { a: needing("b"), b: needing("a") });
    await eventually(() => flags.evaluateAny("a").reason, "PREREQUISITE_FAILED");
    expect(["a", "b", "top"].map((flag) => flags.evaluateAny(flag).value)).toEqual([false, false, false]);
  });

  test("a ring can't be written, not even by two administrators at once", async () => {
    const [here, there] = [await join(), await join()];
    const needing = (flag: string) => JSON.stringify({ prerequisites: [{ flag, value: true }] });
    for (let round = 0; round < 10; round += 1) {
      const both = await Promise.allSettled([change(here, "a", needing("b")), change(there, "b", needing("a"))]);
      const refused = both.filter((one): one is PromiseRejectedResult => one.status === "rejected");
      expect(refused.map(({ reason }) => reason.kind)).toEqual(["cycle"]);
      expect(refused[0]!.reason.message).toMatch(/a → b → a|b → a → b/);
      await Promise.all([change(here, "a", undefined), change(there, "b", undefined)]);
    }
    await expect(change(here, "a", JSON.stringify({ prerequisites: [{ flag: "top", value: true }] }))).rejects.toMatchObject({
      kind: "cycle",
    });
  });

  test("a connection that is lost and comes back brings what was missed", async () => {
    const here = await join({ every: () => () => undefined });
    await here.shared.redis!.call("CLIENT", "KILL", "TYPE", "pubsub");
    await byHand.multi().hset(HASH, "a", "off").set(VERSION_KEY, "77").publish(CHANNEL, '{"flag":"a","version":77}').exec();
    await eventually(() => value(here), false);
    await eventually(() => here.flags.isStale, false);
    const counted = (await here.metrics.flagInvalidations.get()).values.find(({ labels }) => labels.source === "reconnect");
    expect(counted!.value).toBeGreaterThan(0);
  });

  test("an event that is lost without a trace is found by the version at the next poll", async () => {
    const here = await join({ every: () => () => undefined });
    await byHand.multi().hset(HASH, "b", "on").incr(VERSION_KEY).exec();
    await here.flags.poll();
    expect(value(here, "b")).toBe(true);
    const counted = (await here.metrics.flagInvalidations.get()).values.find(({ labels }) => labels.source === "version");
    expect(counted!.value).toBe(2); // the first reading, and this one
  });

  test("after its time to live everything is read again", async () => {
    const here = await join({ every: () => () => undefined });
    const counted = async () =>
      (await here.metrics.flagInvalidations.get()).values.find(({ labels }) => labels.source === "ttl")!.value;
    here.clock.at += 29_000;
    await here.flags.poll();
    expect(await counted()).toBe(0);
    here.clock.at += 2_000;
    await here.flags.poll();
    expect(await counted()).toBe(1);
  });

  test("a storm of 20,000 events costs few readings, and ends at the right value", async () => {
    const here = await join({ every: () => () => undefined });
    let reads = 0;
    const hashGet = here.shared.hashGet;
    here.shared.hashGet = (key, field) => {
      reads += 1;
      return hashGet(key, field);
    };
    const pipeline = byHand.pipeline();
    for (let index = 0; index < 20_000; index += 1) {
      pipeline.publish(CHANNEL, index % 2 === 0 ? '{"flag":"a","version":1}' : "noise");
    }
    pipeline.hset(HASH, "a", "off").publish(CHANNEL, '{"flag":"a","version":2}');
    const started = performance.now();
    await pipeline.exec();
    await eventually(() => value(here), false);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(reads).toBeLessThan(4_000);
  });

  test("a full Redis: the change holds everywhere all the same, and Redis gets it when there is room", async () => {
    const [here, there] = [await join(), await join()];
    await byHand.config("SET", "maxmemory", "1mb");
    try {
      expect(await change(here, "a", "off")).toMatchObject({ pending: true });
      expect(value(here)).toBe(false);
      await eventually(() => value(there), false);
      expect(await byHand.hget(HASH, "a")).toBeNull();
    } finally {
      await byHand.config("SET", "maxmemory", "0");
    }
    await eventually(() => byHand.hget(HASH, "a"), "off");
    expect(value(there)).toBe(false);
  });

  test("Redis restarted ten times, empty each time, while flags change: nothing is missed", async () => {
    const own = await startRedis();
    let server = own;
    const database = (await makeDatabase("postgres", 10)) as TestDatabase;
    const shared = await Promise.all([0, 1].map(() => openRedis({ url: own.url, onError: () => undefined })));
    const [here, there] = shared.map((one) => makeFlags({ database: database.database, shared: one, registry }).flags);
    try {
      await Promise.all([here!.start(), there!.start()]);
      for (let round = 0; round < 10; round += 1) {
        await server.stop();
        await here!.change({ flag: "a", text: round % 2 === 0 ? "off" : "on", by: "ana" });
        expect(here!.evaluateAny("a")).toMatchObject({ value: round % 2 !== 0, reason: "STALE" });
        await eventually(() => there!.evaluateAny("a").value, round % 2 !== 0); // told by Postgres
        server = await startRedis(own.port);
        await here!.change({ flag: "b", text: round % 2 === 0 ? "on" : "off", by: "ana" });
        await eventually(() => there!.evaluateAny("b").value, round % 2 === 0);
        await eventually(() => there!.isStale || here!.isStale, false);
        expect(there!.evaluateAny("a").value).toBe(round % 2 !== 0);
      }
      expect(await here!.history("a", 100)).toHaveLength(10);
    } finally {
      await Promise.all([here!.close(), there!.close()]);
      await Promise.all(shared.map((one) => one.close()));
      await database.close();
      await server.stop();
    }
  }, 60_000);

  test("a start without Redis uses what Postgres holds, as stale, and says for how long", async () => {
    const here = await join();
    await change(here, "a", "off");
    const nowhere = await openRedis({ url: "redis://127.0.0.1:1", onError: () => undefined });
    const { flags, metrics, clock } = makeFlags({ database: data.database, shared: nowhere, registry });
    const events: FlagsEvent[] = [];
    flags.watch((event) => events.push(event));
    await flags.start();
    expect(flags.evaluateAny("a")).toMatchObject({ value: false, variant: "off", reason: "STALE" });
    clock.at += 5_000;
    flags.refreshGauges();
    expect((await metrics.flagsStale.get()).values[0]!.value).toBe(5);
    expect(events.map(({ kind }) => kind).sort()).toEqual(["changed", "stale"]);
    await flags.close();
    await nowhere.close();
  });

  test("watchers are told the flags that changed, and those that need them", async () => {
    const here = await join();
    const events: FlagsEvent[] = [];
    here.flags.watch((event) => events.push(event));
    await change(here, "a", "off");
    expect(events).toEqual([{ kind: "changed", flags: ["a", "top"] }]);
  });
});

describe.each(KINDS)("without Redis, on %s", (kind) => {
  let data: TestDatabase;
  beforeAll(async () => {
    data = await makeDatabase(kind);
  });
  afterAll(() => data.close());

  test("changes hold, are remembered over a restart, and are counted", async () => {
    const first = makeFlags({ database: data.database, registry });
    await first.flags.start();
    await first.flags.change({ flag: "b", text: '{"rules":[{"tenants":["sol"]}]}', by: "ana", note: "pilot" });
    expect(first.flags.isEnabled("b", { tenant: "sol" })).toBe(true);
    expect(first.flags.isEnabled("b", { tenant: "luna" })).toBe(false);
    first.flags.refreshGauges();
    expect((await first.metrics.flagEvaluations.get()).values).toMatchObject([
      { labels: { flag: "b", variant: "on", reason: "TARGETING_MATCH" }, value: 1 },
      { labels: { flag: "b", variant: "off", reason: "DEFAULT" }, value: 1 },
    ]);
    await first.flags.close();

    const second = makeFlags({ database: data.database, registry });
    await second.flags.start();
    expect(second.flags.isEnabled("b", { tenant: "sol" })).toBe(true);
    expect(await second.flags.history("b", 10)).toMatchObject([{ note: "pilot", changed_by: "ana" }]);
    await second.flags.close();
  });

  test("history can't be rewritten by the service", async () => {
    await expect(data.database.withoutTenant((sql) => sql("delete from flag_changes"))).rejects.toThrow(/permission denied/);
    await expect(data.database.withoutTenant((sql) => sql("update flag_changes set changed_by = 'x'"))).rejects.toThrow(
      /permission denied/,
    );
  });

  test("what can't be is refused and changes nothing", async () => {
    const { flags } = makeFlags({ database: data.database, registry });
    await flags.start();
    await expect(flags.change({ flag: "nobody", text: "on", by: "ana" })).rejects.toMatchObject({ kind: "unknown" });
    await expect(flags.change({ flag: "a", text: "maybe", by: "ana" })).rejects.toMatchObject({ kind: "invalid" });
    const needsNobody = JSON.stringify({
      prerequisites: [
        { flag: "nobody", value: true },
        { flag: "b", value: "on" },
      ],
    });
    await expect(flags.change({ flag: "a", text: needsNobody, by: "ana" })).rejects.toMatchObject({
      kind: "invalid",
      mistakes: [{ field: "prerequisites[0]" }, { field: "prerequisites[1]" }],
    });
    expect(await flags.history("a", 10)).toEqual([]);
    await flags.close();
  });
});
