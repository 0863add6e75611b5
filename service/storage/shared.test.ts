import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startRedis, until } from "../../test/servers.ts";
import { type Shared, tenantKey } from "./shared.ts";
import { openMemory } from "./shared-memory.ts";
import { openRedis } from "./shared-redis.ts";

describe.each(["redis", "memory"] as const)("cache and bus on %s", (kind) => {
  let shared: Shared;
  const key = (name: string) => tenantKey(`contract-${kind}`, name, randomUUID());

  beforeAll(async () => {
    shared = kind === "memory" ? openMemory() : await openRedis({ url: inject("redisUrl"), onError: () => undefined });
  });
  afterAll(() => shared.close());

  test("gives back what was set, and nothing for what was not", async () => {
    const one = key("text");
    expect(await shared.get(one)).toBeUndefined();
    await shared.set(one, "värde");
    expect(await shared.get(one)).toBe("värde");
    await shared.delete(one);
    expect(await shared.get(one)).toBeUndefined();
  });

  test("forgets a value when its time is over", async () => {
    const one = key("ttl");
    await shared.set(one, "x", 0.05);
    expect(await shared.get(one)).toBe("x");
    await until(async () => expect(await shared.get(one)).toBeUndefined(), 2_000);
  });

  test("sets an absent key once, and only its holder deletes it", async () => {
    const one = key("lock");
    expect(await shared.setIfAbsent(one, "a", 10)).toBe(true);
    expect(await shared.setIfAbsent(one, "b", 10)).toBe(false);
    expect(await shared.deleteIfEquals(one, "b")).toBe(false);
    expect(await shared.deleteIfEquals(one, "a")).toBe(true);
    expect(await shared.setIfAbsent(one, "b", 10)).toBe(true);
  });

  test("increments from nothing and keeps counting under concurrency", async () => {
    const one = key("count");
    const values = await Promise.all(Array.from({ length: 50 }, () => shared.increment(one)));
    expect(new Set(values).size).toBe(50);
    expect(Math.max(...values)).toBe(50);
  });

  test("refuses to increment what is no number", async () => {
    const one = key("text");
    await shared.set(one, "many");
    await expect(shared.increment(one)).rejects.toThrow();
  });

  test("writes several things at once, in order, and tells subscribers", async () => {
    const hash = key("hash");
    const version = key("version");
    const channel = key("channel");
    const seen: string[] = [];
    const stop = await shared.subscribe(channel, (message) => seen.push(message));
    await shared.atomically([
      { op: "hashSet", key: hash, field: "a", value: "1" },
      { op: "hashSet", key: hash, field: "b", value: "2" },
      { op: "hashDelete", key: hash, field: "a" },
      { op: "increment", key: version },
      { op: "publish", channel, message: "changed" },
    ]);
    expect(await shared.hashAll(hash)).toEqual(new Map([["b", "2"]]));
    expect(await shared.hashGet(hash, "a")).toBeUndefined();
    expect(await shared.hashGet(hash, "b")).toBe("2");
    expect(await shared.get(version)).toBe("1");
    await until(async () => expect(seen).toEqual(["changed"]));
    await stop();
    await shared.publish(channel, "again");
    await shared.ping();
    expect(seen).toEqual(["changed"]);
  });

  test("a subscriber never runs inside its publisher", async () => {
    const channel = key("channel");
    const order: string[] = [];
    await shared.subscribe(channel, () => order.push("handled"));
    const published = shared.publish(channel, "x");
    order.push("returned");
    await published;
    await until(async () => expect(order).toEqual(["returned", "handled"]));
  });
});

describe("in memory", () => {
  test("time is the injected clock's", async () => {
    let now = 0;
    const shared = openMemory(() => now);
    await shared.set("a", "x", 60);
    now = 59_999;
    expect(await shared.get("a")).toBe("x");
    now = 60_000;
    expect(await shared.get("a")).toBeUndefined();
  });

  test("holds no more than its bound; what has no expiry stays", async () => {
    const shared = openMemory(() => 0, 3);
    await shared.set("keep", "x");
    for (let index = 0; index < 10; index += 1) await shared.set(`k${index}`, "x", 60);
    expect(await shared.get("keep")).toBe("x");
    expect(await shared.get("k0")).toBeUndefined();
    expect(await shared.get("k9")).toBe("x");
  });
});

test("a tenant's id can't reach into another tenant's keys", () => {
  expect(tenantKey("a:b", "c")).not.toBe(tenantKey("a", "b", "c"));
  expect(tenantKey("a", "b:c")).not.toBe(tenantKey("a", "b", "c"));
});

describe("Redis goes away and comes back", () => {
  test("commands reject at once, then work again, and subscribers are told to reload before they miss anything", async () => {
    let server = await startRedis();
    const shared = await openRedis({ url: server.url, onError: () => undefined });
    try {
      const seen: string[] = [];
      const events: string[] = [];
      shared.onLost(() => events.push("lost"));
      shared.onReconnect(() => events.push("back"));
      await shared.subscribe("channel", (message) => seen.push(message));
      await server.stop();
      await until(async () => expect(events).toEqual(["lost"]));
      const started = performance.now();
      await expect(shared.get("a")).rejects.toThrow();
      expect(performance.now() - started).toBeLessThan(1_500);
      server = await startRedis(server.port);
      await until(async () => expect(events).toEqual(["lost", "back"]));
      await shared.publish("channel", "after");
      await until(async () => expect(seen).toEqual(["after"]));
    } finally {
      await shared.close();
      await server.stop();
    }
  });

  test("one that is silent costs its time-out once, then commands reject at once; it is used again when it answers", async () => {
    const server = await startRedis();
    const commandTimeoutMs = 300;
    const shared = await openRedis({ url: server.url, onError: () => undefined, commandTimeoutMs });
    try {
      await shared.set("kept", "x");
      server.process!.kill("SIGSTOP");
      const started = performance.now();
      for (let command = 0; command < 20; command += 1) await expect(shared.get("kept")).rejects.toThrow();
      expect(performance.now() - started).toBeLessThan(20 * commandTimeoutMs * 0.5);
      server.process!.kill("SIGCONT");
      await until(async () => expect(await shared.get("kept")).toBe("x"));
    } finally {
      server.process!.kill("SIGCONT");
      await shared.close();
      await server.stop();
    }
  });

  test("a process starts while Redis is down, and uses it when it is up", async () => {
    let server = await startRedis();
    const { port, url } = server;
    await server.stop();
    const shared = await openRedis({ url, onError: () => undefined });
    const seen: string[] = [];
    await shared.subscribe("channel", (message) => seen.push(message));
    await expect(shared.ping()).rejects.toThrow();
    server = await startRedis(port);
    try {
      await until(() => shared.ping());
      await until(async () => {
        await shared.publish("channel", "hello");
        expect(seen).toContain("hello");
      });
    } finally {
      await shared.close();
      await server.stop();
    }
  });
});
