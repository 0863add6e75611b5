import { Redis } from "ioredis";
import type { Shared, Write } from "./shared.ts";

const DELETE_IF_EQUALS = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

export interface RedisOptions {
  url: string;
  /** Told about connection errors, which nobody awaits. */
  onError: (error: Error) => void;
  /** A command that isn't answered in this time rejects. */
  commandTimeoutMs?: number;
}

/**
 * The cache and bus on Redis: one connection for commands, one for subscriptions.
 * While the server is away commands reject at once, rather than queue; both connections come back by themselves.
 */
export async function openRedis({ url, onError, commandTimeoutMs = 2_000 }: RedisOptions): Promise<Shared> {
  const retryStrategy = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000);
  const commands = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    // A server that accepts and is silent costs that time once, not at each command: the connection is given up for it.
    socketTimeout: commandTimeoutMs,
    retryStrategy,
    // Commands of one turn of the event loop leave in one packet.
    enableAutoPipelining: true,
  });
  const subscriber = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null, autoResubscribe: true, retryStrategy });
  commands.on("error", onError);
  subscriber.on("error", onError);

  const handlers = new Map<string, Set<(message: string) => void>>();
  const reconnected = new Set<() => void>();
  const lost = new Set<() => void>();
  let wasLost = false;
  let closing = false;
  subscriber.on("message", (channel: string, message: string) => {
    for (const handler of handlers.get(channel) ?? []) handler(message);
  });
  subscriber.on("close", () => {
    if (closing || wasLost) return;
    wasLost = true;
    for (const handler of lost) handler();
  });
  subscriber.on("ready", async () => {
    if (!wasLost) return;
    wasLost = false;
    // ioredis subscribes again by itself, but says "ready" before; after a reload nothing may be missed, so make sure first.
    try {
      if (handlers.size > 0) await subscriber.subscribe(...handlers.keys());
      if (commands.status !== "ready") {
        await new Promise<void>((resolve) => commands.once("ready", () => resolve()));
      }
    } catch (error) {
      onError(error as Error);
      return;
    }
    for (const handler of reconnected) handler();
  });
  // A server that isn't there yet is no reason not to start: both go on trying.
  await Promise.all([commands.connect(), subscriber.connect()].map((connecting) => connecting.catch(onError)));

  const apply = (multi: ReturnType<Redis["multi"]>, one: Write) => {
    if (one.op === "set")
      one.ttlSeconds === undefined
        ? multi.set(one.key, one.value)
        : multi.set(one.key, one.value, "PX", Math.round(one.ttlSeconds * 1000));
    else if (one.op === "delete") multi.del(one.key);
    else if (one.op === "increment") multi.incr(one.key);
    else if (one.op === "publish") multi.publish(one.channel, one.message);
    else if (one.op === "hashDelete") multi.hdel(one.key, one.field);
    else multi.hset(one.key, one.field, one.value);
  };

  return {
    kind: "redis",
    redis: commands,
    get: async (key) => (await commands.get(key)) ?? undefined,
    set: async (key, value, ttlSeconds) => {
      if (ttlSeconds === undefined) await commands.set(key, value);
      else await commands.set(key, value, "PX", Math.round(ttlSeconds * 1000));
    },
    setIfAbsent: async (key, value, ttlSeconds) =>
      (await commands.set(key, value, "PX", Math.round(ttlSeconds * 1000), "NX")) === "OK",
    deleteIfEquals: async (key, value) => (await commands.eval(DELETE_IF_EQUALS, 1, key, value)) === 1,
    delete: async (...keys) => {
      if (keys.length > 0) await commands.del(...keys);
    },
    increment: (key) => commands.incr(key),
    hashAll: async (key) => new Map(Object.entries(await commands.hgetall(key))),
    hashGet: async (key, field) => (await commands.hget(key, field)) ?? undefined,
    atomically: async (writes) => {
      const multi = commands.multi();
      for (const one of writes) apply(multi, one);
      for (const [error] of (await multi.exec()) ?? []) {
        if (error !== null) throw error;
      }
    },
    publish: async (channel, message) => {
      await commands.publish(channel, message);
    },
    subscribe: async (channel, handler) => {
      const set = handlers.get(channel) ?? new Set();
      const first = !handlers.has(channel);
      handlers.set(channel, set.add(handler));
      // Without a connection it is subscribed when that is there: a start must not hang on a Redis that is down.
      if (first && subscriber.status === "ready") await subscriber.subscribe(channel);
      else if (first) wasLost = true;
      return async () => {
        set.delete(handler);
      };
    },
    onReconnect: (handler) => {
      reconnected.add(handler);
    },
    onLost: (handler) => {
      lost.add(handler);
    },
    ping: async () => {
      await commands.ping();
    },
    close: async () => {
      closing = true;
      commands.disconnect();
      subscriber.disconnect();
    },
  };
}
