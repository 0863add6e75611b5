import { afterEach, describe, expect, test } from "vitest";
import { startProxy } from "../../test/proxy.ts";
import {
  clusterNode,
  redisCommand,
  type Server,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  until,
} from "../../test/servers.ts";
import { RedisModeError } from "./redis-clients.ts";
import { type Shared, tenantKey } from "./shared.ts";
import { openRedis } from "./shared-redis.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const started = async <Opened extends Pick<Server, "stop">>(server: Promise<Opened>): Promise<Opened> => {
  const opened = await server;
  closers.push(() => opened.stop());
  return opened;
};
const open = async (options: Omit<Parameters<typeof openRedis>[0], "onError">, told: string[] = []): Promise<Shared> => {
  const shared = await openRedis({ ...options, onError: ({ message }) => told.push(message) });
  closers.push(() => shared.close());
  return shared;
};

test("a primary that has become a replica is left, with all connections and a word in the log", async () => {
  const [old, next] = [await started(startRedis()), await started(startRedis())];
  const told: string[] = [];
  // The endpoint of a managed Redis: what connects comes to the primary of the moment, what is connected stays.
  const endpoint = await started(startProxy(old.port));
  const shared = await open({ url: `redis://127.0.0.1:${endpoint.port}` }, told);
  const seen: string[] = [];
  await shared.subscribe("news", (message) => seen.push(message));
  await redisCommand(old.port, "replicaof", "127.0.0.1", String(next.port));
  endpoint.lead(next.port);
  await until(() => shared.ping());
  await shared.set("written", "here");
  expect(await redisCommand(next.port, "get", "written")).toBe("here");
  expect(told.join("\n")).toMatch(/READONLY.*connecting again/);
  // Nothing that is published at the new one comes to the old one, which replicates nobody here.
  await redisCommand(old.port, "replicaof", "no", "one");
  await until(async () => {
    await shared.publish("news", "after");
    expect(seen).toContain("after");
  });
});

test("behind sentinels the primary is found, and followed when another one takes over", { timeout: 120_000 }, async () => {
  const group = await started(startRedisSentinel());
  const shared = await open({ url: "redis://primary", mode: "sentinel", sentinels: group.sentinels });
  const seen: string[] = [];
  await shared.subscribe("news", (message) => seen.push(message));
  await shared.set("written", "before");
  await group.failOver();
  await until(() => shared.set("written", "after"), 40_000);
  expect(await redisCommand(await group.primaryPort(), "get", "written")).toBe("after");
  await until(async () => {
    await shared.publish("news", "hello");
    expect(seen).toContain("hello");
  }, 40_000);
});

describe("in a cluster of three", () => {
  test("what is written together stands together, whatever the hotel, and everything else works as on one server", async () => {
    const cluster = await started(startRedisCluster());
    const shared = await open({ url: cluster.url, mode: "cluster", prefix: "p:" });
    const seen: string[] = [];
    await shared.subscribe("news", (message) => seen.push(message));
    for (const tenant of ["a", "b", "c", "hotel-17", "ñ {x}"]) {
      const [fresh, last] = [tenantKey(tenant, "pms", "1", "rooms"), tenantKey(tenant, "pms", "last", "rooms")];
      await shared.atomically([
        { op: "set", key: fresh, value: tenant, ttlSeconds: 60 },
        { op: "set", key: last, value: tenant },
        { op: "publish", channel: "news", message: tenant },
      ]);
      expect([await shared.get(fresh), await shared.get(last)]).toEqual([tenant, tenant]);
      await until(async () => expect(seen).toContain(tenant));
    }
    await shared.atomically([
      { op: "hashSet", key: "feature_flags", field: "f", value: "on" },
      { op: "set", key: "feature_flags_version", value: "7" },
    ]);
    expect(await shared.hashAll("feature_flags")).toEqual(new Map([["f", "on"]]));
    const keys = Array.from({ length: 20 }, (_, index) => tenantKey(`t${index}`, "k"));
    for (const key of keys) expect(await shared.setIfAbsent(key, "x", 60)).toBe(true);
    expect(await shared.deleteIfEquals(keys[0]!, "x")).toBe(true);
    await shared.delete(...keys);
    for (const key of keys) expect(await shared.get(key)).toBeUndefined();
    await shared.ping();
  });
});

test("deployments with prefixes of their own share a server and see nothing of each other", async () => {
  const { url } = await started(startRedis());
  const [one, two] = [await open({ url, prefix: "one:" }), await open({ url, prefix: "two:" })];
  const seen: string[] = [];
  await two.subscribe("news", (message) => seen.push(message));
  await one.atomically([
    { op: "hashSet", key: "feature_flags", field: "f", value: "on" },
    { op: "increment", key: "feature_flags_version" },
    { op: "publish", channel: "news", message: "of one" },
  ]);
  expect(await two.hashAll("feature_flags")).toEqual(new Map());
  expect(await two.get("feature_flags_version")).toBeUndefined();
  await two.publish("news", "of two");
  await until(async () => expect(seen).toEqual(["of two"]));
});

test("what a subscriber throws at somebody's message ends nothing", async () => {
  const told: string[] = [];
  const shared = await open({ url: (await started(startRedis())).url }, told);
  const seen: unknown[] = [];
  await shared.subscribe("json", (message) => seen.push(JSON.parse(message)));
  await shared.publish("json", "not json");
  await shared.publish("json", "{}");
  await until(async () => expect(seen).toEqual([{}]));
  expect(told.join()).toContain("JSON");
});

test("a server that says it is of another kind is refused, with the setting that mends it", { timeout: 60_000 }, async () => {
  const single = await started(startRedis());
  const clustered = await started(startRedis(undefined, await clusterNode()));
  const group = await started(startRedisSentinel());
  const refused = (options: Parameters<typeof open>[0]) =>
    open(options).then(
      () => "opened",
      (error) => (error instanceof RedisModeError ? error.message : `another error: ${error}`),
    );
  expect(await refused({ url: clustered.url })).toMatch(/says it is a cluster, but REDIS_MODE is single: set REDIS_MODE=cluster/);
  expect(await refused({ url: `redis://${group.sentinels[0]}` })).toMatch(/says it is a sentinel.*REDIS_SENTINELS/);
  expect(await refused({ url: single.url, mode: "cluster" })).toMatch(/says it is a single server.*set REDIS_MODE=single/);
});
