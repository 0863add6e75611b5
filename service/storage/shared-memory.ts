import type { Shared, Write } from "./shared.ts";

interface Entry {
  value: string | Map<string, string>;
  expiresAt: number;
}

/**
 * The in-process cache and bus, for a single process without Redis.
 *
 * @param clock milliseconds, monotone
 */
export function openMemory(clock: () => number = () => performance.now(), maximumEntries = 100_000): Shared {
  const entries = new Map<string, Entry>();
  const handlers = new Map<string, Set<(message: string) => void>>();

  const find = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry !== undefined && entry.expiresAt <= clock()) {
      entries.delete(key);
      return undefined;
    }
    return entry;
  };
  const text = (key: string): string | undefined => {
    const value = find(key)?.value;
    if (value instanceof Map) throw new Error(`${key} holds a hash, not a text`);
    return value;
  };
  const hash = (key: string): Map<string, string> | undefined => {
    const value = find(key)?.value;
    if (typeof value === "string") throw new Error(`${key} holds a text, not a hash`);
    return value;
  };
  const put = (key: string, value: Entry["value"], ttlSeconds?: number) => {
    entries.delete(key);
    entries.set(key, { value, expiresAt: ttlSeconds === undefined ? Number.POSITIVE_INFINITY : clock() + ttlSeconds * 1000 });
    if (entries.size > maximumEntries) evict();
  };
  const evict = () => {
    const now = clock();
    for (const [key, entry] of entries) {
      if (entry.expiresAt <= now) entries.delete(key);
    }
    for (const [key, entry] of entries) {
      if (entries.size <= maximumEntries) break;
      if (entry.expiresAt !== Number.POSITIVE_INFINITY) entries.delete(key);
    }
  };
  const increment = (key: string): number => {
    const old = text(key) ?? "0";
    if (!/^-?\d+$/.test(old)) throw new Error(`${key} doesn't hold a whole number`);
    const entry = find(key);
    const value = Number(old) + 1;
    if (entry === undefined) put(key, String(value));
    else entry.value = String(value);
    return value;
  };
  const publish = (channel: string, message: string) => {
    // Not at once: a publisher never runs its subscribers' code, as with Redis.
    for (const handler of handlers.get(channel) ?? []) queueMicrotask(() => handler(message));
  };
  const write = (one: Write) => {
    if (one.op === "set") put(one.key, one.value, one.ttlSeconds);
    else if (one.op === "delete") entries.delete(one.key);
    else if (one.op === "increment") increment(one.key);
    else if (one.op === "publish") publish(one.channel, one.message);
    else if (one.op === "hashDelete") {
      const fields = hash(one.key);
      fields?.delete(one.field);
      if (fields?.size === 0) entries.delete(one.key);
    } else {
      const fields = hash(one.key);
      if (fields === undefined) put(one.key, new Map([[one.field, one.value]]));
      else fields.set(one.field, one.value);
    }
  };

  return {
    kind: "memory",
    redis: undefined,
    nameOf: (key) => key,
    get: async (key) => text(key),
    set: async (key, value, ttlSeconds) => put(key, value, ttlSeconds),
    setIfAbsent: async (key, value, ttlSeconds) => {
      if (find(key) !== undefined) return false;
      put(key, value, ttlSeconds);
      return true;
    },
    deleteIfEquals: async (key, value) => text(key) === value && entries.delete(key),
    delete: async (...keys) => {
      for (const key of keys) entries.delete(key);
    },
    increment: async (key) => increment(key),
    hashAll: async (key) => new Map(hash(key)),
    hashGet: async (key, field) => hash(key)?.get(field),
    atomically: async (writes) => {
      for (const one of writes) write(one);
    },
    publish: async (channel, message) => publish(channel, message),
    subscribe: async (channel, handler) => {
      const set = handlers.get(channel) ?? new Set();
      handlers.set(channel, set.add(handler));
      return async () => {
        set.delete(handler);
      };
    },
    onReconnect: () => undefined,
    onLost: () => undefined,
    ping: async () => undefined,
    close: async () => {
      entries.clear();
      handlers.clear();
    },
  };
}
