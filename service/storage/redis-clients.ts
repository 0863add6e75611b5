import { type RedisOptions as ClientOptions, Cluster, Redis } from "ioredis";

/** One server behind REDIS_URL, a primary that sentinels name, or a cluster. */
export type RedisMode = "single" | "sentinel" | "cluster";

/** Either kind of client; both take the same commands. */
export type RedisClient = Redis | Cluster;

export interface RedisOptions {
  /** In sentinel mode its host is the name of the primary, in cluster mode a node of the cluster. */
  url: string;
  mode?: RedisMode | undefined;
  /** `host:port` of each sentinel. */
  sentinels?: readonly string[] | undefined;
  /** Begins every key and channel, so that several deployments can share a server. */
  prefix?: string | undefined;
  /** Told about connection errors, which nobody awaits. */
  onError: (error: Error) => void;
  /** A command that isn't answered in this time rejects. */
  commandTimeoutMs?: number | undefined;
}

/** REDIS_URL leads to another kind of server than REDIS_MODE says; the message names the setting. */
export class RedisModeError extends Error {}

const COMMAND_TIMEOUT_MS = 2_000;
/** A server that answers so isn't the primary any more, or not yet: another connection may lead to one that is. */
const WRONG_SERVER = /^(READONLY|LOADING|MASTERDOWN|UNBLOCKED)\b/;
/** While the endpoint still leads to the same server, every command would reconnect. */
const RECONNECT_PAUSE_MS = 1_000;

const retryStrategy = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000);

/**
 * Makes two clients: one for commands, one for subscriptions. Neither is connected yet.
 *
 * In a fail-over the old primary becomes a read-only replica and keeps its connections: then all of them are made anew.
 */
export function makeRedisClients(options: RedisOptions): { commands: RedisClient; subscriber: RedisClient } {
  const { mode = "single", onError, commandTimeoutMs = COMMAND_TIMEOUT_MS } = options;
  let reconnectedAt = Number.NEGATIVE_INFINITY;
  const reconnectOnError = (error: Error): boolean => {
    if (!WRONG_SERVER.test(error.message) || performance.now() - reconnectedAt < RECONNECT_PAUSE_MS) return false;
    reconnectedAt = performance.now();
    onError(new Error(`Redis answers "${error.message}", so it isn't the primary now; connecting again`, { cause: error }));
    // It has no command that could fail, and hears nothing of what is published elsewhere.
    if (mode !== "cluster") (subscriber as Redis).disconnect(true);
    return true;
  };
  const commands = makeClient(options, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    // A server that accepts and is silent costs that time once, not at each command: the connection is given up for it.
    socketTimeout: commandTimeoutMs,
    // Commands of one turn of the event loop leave in one packet.
    enableAutoPipelining: true,
    reconnectOnError,
  });
  const subscriber = makeClient(options, { maxRetriesPerRequest: null, autoResubscribe: true });
  return { commands, subscriber };
}

type OwnOptions = Pick<
  ClientOptions,
  | "enableOfflineQueue"
  | "maxRetriesPerRequest"
  | "commandTimeout"
  | "socketTimeout"
  | "enableAutoPipelining"
  | "reconnectOnError"
  | "autoResubscribe"
>;

function makeClient({ url, mode = "single", sentinels = [] }: RedisOptions, own: OwnOptions): RedisClient {
  const { hostname, port, username, password, pathname, protocol } = new URL(url);
  const login = {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" ? { tls: {} } : {}),
  };
  const common = { ...own, lazyConnect: true, retryStrategy };
  if (mode === "single") return new Redis(url, common);
  if (mode === "sentinel") {
    const addresses = sentinels.map((address) => {
      const [host, at = "26379"] = address.split(":");
      return { host: host!, port: Number(at) };
    });
    const db = Number(pathname.slice(1) || "0");
    return new Redis({
      ...common,
      ...login,
      db,
      name: hostname,
      sentinels: addresses,
      sentinelRetryStrategy: retryStrategy,
    });
  }
  const {
    enableOfflineQueue = true,
    enableAutoPipelining = false,
    retryStrategy: clusterRetryStrategy,
    ...redisOptions
  } = common;
  const cluster = {
    lazyConnect: true,
    enableOfflineQueue,
    enableAutoPipelining,
    clusterRetryStrategy,
    slotsRefreshInterval: 5_000,
    redisOptions: { ...redisOptions, ...login },
  };
  return new Cluster([{ host: hostname, port: Number(port || "6379") }], cluster);
}

/**
 * Asks a server for its kind.
 *
 * @throws RedisModeError when it isn't the one that REDIS_MODE says
 */
export async function checkRedisMode(client: RedisClient, mode: RedisMode): Promise<void> {
  const found = /^redis_mode:(\w+)/m.exec(await client.info("server"))?.[1] ?? "standalone";
  const fits = found === (mode === "cluster" ? "cluster" : "standalone");
  if (!fits) throw new RedisModeError(refusalOf(found, mode));
}

/** @returns the refusal that an error of a cluster's client means; undefined: another error */
export function refusalOfCluster(error: Error): RedisModeError | undefined {
  const texts = [error, (error as { lastNodeError?: Error }).lastNodeError].map((one) => one?.message ?? "");
  return texts.some((text) => text.includes("cluster support disabled"))
    ? new RedisModeError(refusalOf("standalone", "cluster"))
    : undefined;
}

function refusalOf(found: string, mode: RedisMode): string {
  const remedy: Record<string, string> = {
    sentinel: "set REDIS_MODE=sentinel, REDIS_SENTINELS to the sentinels, and the primary's name as the host of REDIS_URL",
    cluster: "set REDIS_MODE=cluster",
    standalone: "set REDIS_MODE=single",
  };
  return `REDIS_URL leads to a Redis that says it is a ${found === "standalone" ? "single server" : found}, but REDIS_MODE is ${mode}: ${remedy[found] ?? "give the address of a Redis that fits"}.`;
}
