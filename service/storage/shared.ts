import type { Cluster, Redis } from "ioredis";

/** One write of `atomically`. */
export type Write =
  | { op: "set"; key: string; value: string; ttlSeconds?: number }
  | { op: "delete"; key: string }
  | { op: "increment"; key: string }
  | { op: "hashSet"; key: string; field: string; value: string }
  | { op: "hashDelete"; key: string; field: string }
  | { op: "publish"; channel: string; message: string };

/**
 * What processes share beside the database: a cache and a bus. It holds nothing that can't be lost.
 * Keys that hold a tenant's data begin with `tenantKey(tenant, …)`.
 *
 * Every method that returns a promise rejects when the server can't answer; callers decide what to do without it.
 */
export interface Shared {
  readonly kind: "redis" | "memory";
  /** The client itself, for libraries that want one (rate limits); absent in memory. */
  readonly redis: Redis | Cluster | undefined;
  /** @returns how a key is named on the server: for what uses the client itself */
  nameOf(key: string): string;

  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlSeconds?: number): Promise<void>;
  /** @returns whether it was set; false when the key was there */
  setIfAbsent(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  /** Deletes the key only while it holds this value. @returns whether it did */
  deleteIfEquals(key: string, value: string): Promise<boolean>;
  delete(...keys: string[]): Promise<void>;
  /** @returns the new value; a missing key counts as 0 */
  increment(key: string): Promise<number>;
  hashAll(key: string): Promise<Map<string, string>>;
  hashGet(key: string, field: string): Promise<string | undefined>;
  /** All or none, in order, seen by others at once (MULTI). */
  atomically(writes: readonly Write[]): Promise<void>;

  publish(channel: string, message: string): Promise<void>;
  /** At most once: what is published while the connection is down is never seen. Reload in `onReconnect`. */
  subscribe(channel: string, handler: (message: string) => void): Promise<() => Promise<void>>;
  /** Called when the subscriber's connection was lost and is back. */
  onReconnect(handler: () => void): void;
  /** Called when a connection is lost. */
  onLost(handler: () => void): void;

  /** Writes; rejects when the server can't take that. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A key of one tenant. The tenant's id is encoded, so no id can reach into another's keys. */
export function tenantKey(tenantId: string, ...parts: string[]): string {
  return ["t", tenantId, ...parts].map((part) => encodeURIComponent(part)).join(":");
}
