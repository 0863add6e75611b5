import type { ChainableCommander } from "ioredis";
import {
  checkRedisMode,
  makeRedisClients,
  type RedisClient,
  RedisModeError,
  type RedisOptions,
  refusalOfCluster,
} from "./redis-clients.ts";
import type { Shared, Write } from "./shared.ts";

const DELETE_IF_EQUALS = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
/** What a ping writes, and for how long it stays. */
const PING_KEY = "ping";
const PING_TTL_MS = 60_000;
/** Until a client that gave up is made to try again. */
const RETRY_MS = 500;

interface Names {
  key(name: string): string;
  channel(name: string): string;
}

/**
 * The cache and bus on Redis: one client for commands, one for subscriptions.
 * While the server is away commands reject at once, rather than queue; both come back by themselves.
 *
 * @throws RedisModeError when the server answers and is of another kind than `mode`
 */
export async function openRedis(options: RedisOptions): Promise<Shared> {
  const { mode = "single", prefix = "", onError } = options;
  const { commands, subscriber } = makeRedisClients(options);
  const names = namesOf(prefix, mode === "cluster");
  const nameOf = names.key;
  commands.on("error", onError);
  subscriber.on("error", onError);

  const handlers = new Map<string, Set<(message: string) => void>>();
  const reconnected = new Set<() => void>();
  const lost = new Set<() => void>();
  let wasLost = false;
  let closing = false;
  subscriber.on("message", (channel: string, message: string) => {
    for (const handler of handlers.get(channel) ?? []) {
      try {
        handler(message);
      } catch (error) {
        onError(error as Error); // anyone who can log in there can publish, with any message
      }
    }
  });
  // ioredis gives up for ever when a fail-over falls into its looking for the primary.
  for (const client of [commands, subscriber]) {
    client.on("end", () => {
      if (!closing) setTimeout(() => client.connect().catch(onError), RETRY_MS).unref();
    });
  }
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
  await connectBoth(commands, subscriber, options, () => {
    closing = true;
  });

  return {
    kind: "redis",
    redis: commands,
    nameOf,
    get: async (key) => (await commands.get(nameOf(key))) ?? undefined,
    set: async (key, value, ttlSeconds) => {
      if (ttlSeconds === undefined) await commands.set(nameOf(key), value);
      else await commands.set(nameOf(key), value, "PX", Math.round(ttlSeconds * 1000));
    },
    setIfAbsent: async (key, value, ttlSeconds) =>
      (await commands.set(nameOf(key), value, "PX", Math.round(ttlSeconds * 1000), "NX")) === "OK",
    deleteIfEquals: async (key, value) => (await commands.eval(DELETE_IF_EQUALS, 1, nameOf(key), value)) === 1,
    delete: async (...keys) => {
      // One by one: in a cluster they may be on several servers. They leave in one packet all the same.
      await Promise.all(keys.map((key) => commands.del(nameOf(key))));
    },
    increment: (key) => commands.incr(nameOf(key)),
    hashAll: async (key) => new Map(Object.entries(await commands.hgetall(nameOf(key)))),
    hashGet: async (key, field) => (await commands.hget(nameOf(key), field)) ?? undefined,
    atomically: async (writes) => {
      const multi = commands.multi();
      for (const one of writes) apply(multi, one, names);
      for (const [error] of (await multi.exec()) ?? []) {
        if (error !== null) throw error;
      }
    },
    publish: async (channel, message) => {
      await commands.publish(names.channel(channel), message);
    },
    subscribe: async (name, handler) => {
      const channel = names.channel(name);
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
    // A primary that became a replica answers PING as ever; only a write tells.
    ping: async () => {
      await commands.set(nameOf(PING_KEY), "1", "PX", PING_TTL_MS);
    },
    close: async () => {
      closing = true;
      commands.disconnect();
      subscriber.disconnect();
    },
  };
}

/**
 * @returns how keys and channels are named on the server. In a cluster what belongs together stands on one server, since a MULTI can't span two:
 *   all keys of a tenant, and all keys of none. A hash tag says so.
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
function namesOf(prefix: string, isCluster: boolean): Names {
  const channel = (name: string) => prefix + name;
  if (!isCluster) return { key: channel, channel };
  const key = (name: string) => {
    const tenant = /^t:[^:]+/.exec(name)?.[0];
    return tenant === undefined ? `{${prefix}gatehouse}:${name}` : `{${prefix}${tenant}}${name.slice(tenant.length)}`;
  };
  return { key, channel };
}

/** A server that isn't there yet is no reason not to start: both clients go on trying. One of the wrong kind is. */
async function connectBoth(
  commands: RedisClient,
  subscriber: RedisClient,
  options: RedisOptions,
  onRefused: () => void,
): Promise<void> {
  const { mode = "single", onError } = options;
  const refuse = (error: Error): never => {
    onRefused();
    commands.disconnect();
    subscriber.disconnect();
    throw error;
  };
  let refusal: RedisModeError | undefined;
  const onNodeError = (error: Error) => {
    refusal ??= refusalOfCluster(error);
  };
  commands.on("error", onNodeError);
  const results = await Promise.allSettled([commands.connect(), subscriber.connect()]);
  commands.off("error", onNodeError);
  if (mode === "cluster" && refusal !== undefined) refuse(refusal);
  for (const result of results) if (result.status === "rejected") onError(result.reason as Error);
  if (commands.status !== "ready") return;
  try {
    await checkRedisMode(commands, mode);
  } catch (error) {
    if (error instanceof RedisModeError) refuse(error);
    onError(error as Error); // it may not be asked, or has just gone
  }
}

function apply(multi: ChainableCommander, one: Write, { key, channel }: Names): void {
  if (one.op === "set") {
    if (one.ttlSeconds === undefined) multi.set(key(one.key), one.value);
    else multi.set(key(one.key), one.value, "PX", Math.round(one.ttlSeconds * 1000));
  } else if (one.op === "delete") multi.del(key(one.key));
  else if (one.op === "increment") multi.incr(key(one.key));
  else if (one.op === "publish") multi.publish(channel(one.channel), one.message);
  else if (one.op === "hashDelete") multi.hdel(key(one.key), one.field);
  else multi.hset(key(one.key), one.field, one.value);
}
