import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Overrides, type Store, UnreadableError } from "./store.ts";

/** Why flags were read again. */
export type Cause = "pubsub" | "ttl" | "reconnect" | "version";

/** Repeats `work` until it is stopped. */
export type Every = (milliseconds: number, work: () => void) => () => void;

export interface FollowerOptions {
  store: Store;
  metrics: Metrics;
  logger: Logger;
  /** After this long everything is read again, whatever the version says. */
  ttlSeconds: number;
  now: () => Date;
  every: Every;
  wait: (milliseconds: number) => Promise<void>;
  /** Given all overrides after each reading that could bring a change. */
  apply: (texts: ReadonlyMap<string, string>) => void;
  onStale: () => void;
  onFresh: () => void;
}

const POLL_MS = 1_000;
/** Up to this many overrides are read at each poll, so that a change by hand shows within a second. */
const SMALL = 500;
/** Between readings of everything while events go on asking for it. */
const STORM_PAUSE_MS = 20;
/** From so many changed flags on, reading all is quicker than each. */
const FEW = 20;

/**
 * Keeps a process' overrides as the store has them: by events, and where events can be lost by reading everything after
 * a lost connection, by a version that is polled, and by a time to live. One reading runs at a time; what happens
 * meanwhile is one more reading, however much it was, so a storm of events costs no more than that.
 */
export function createFollower({
  store,
  metrics,
  logger,
  ttlSeconds,
  now,
  every,
  wait,
  apply,
  onStale,
  onFresh,
}: FollowerOptions) {
  let texts: ReadonlyMap<string, string> = new Map();
  let version = -1;
  let readAt = Number.NEGATIVE_INFINITY;
  let staleSince: number | undefined;
  let behind = false;
  let everything: Cause | undefined;
  const changed = new Map<string, number>();
  let running: Promise<void> | undefined;
  let closed = false;

  const markStale = (why: unknown) => {
    if (staleSince !== undefined || closed) return;
    staleSince = now().getTime();
    logger.warn({ err: why }, "flags: Redis can't be read; the last known values hold");
    onStale();
  };
  const markFresh = () => {
    if (staleSince === undefined) return;
    staleSince = undefined;
    logger.info("flags: Redis is read again");
    onFresh();
  };
  const take = (next: ReadonlyMap<string, string>) => {
    texts = next;
    apply(texts);
  };

  const readAll = async (cause: Cause) => {
    metrics.flagInvalidations.inc({ source: cause });
    let read: Overrides;
    try {
      read = await store.load();
      version = read.version;
      readAt = now().getTime();
      take(read.texts);
    } catch (error) {
      if (!(error instanceof UnreadableError)) logger.error({ err: error }, "flags: could not be brought up to date");
      markStale(error);
      return;
    }
    if (read.behind !== undefined && !behind)
      logger.error({ err: read.behind }, "flags: Redis refuses writes; Postgres' overrides hold");
    behind = read.behind !== undefined;
    if (read.fresh) markFresh();
    else markStale(new Error("Redis doesn't answer"));
  };

  const readSome = async (flags: Map<string, number>) => {
    const read = await Promise.all([...flags.keys()].map(async (flag) => [flag, await store.one(flag)] as const));
    const next = new Map(texts);
    for (const [flag, text] of read) {
      if (text === texts.get(flag)) continue;
      if (text === undefined) next.delete(flag);
      else next.set(flag, text);
    }
    const newest = Math.max(...flags.values());
    // A step of more than one: an event was lost.
    if (newest > version + flags.size) everything ??= "version";
    version = Math.max(version, newest);
    if (!isSame(next, texts)) take(next);
  };

  const isBusy = () => (everything !== undefined || changed.size > 0) && !closed;
  const run = async () => {
    while (isBusy()) {
      const cause = everything ?? (changed.size > FEW || staleSince !== undefined || behind ? "pubsub" : undefined);
      const flags = new Map(changed);
      changed.clear();
      everything = undefined;
      if (cause !== undefined) {
        await readAll(cause);
        if (cause === "pubsub" && isBusy()) await wait(STORM_PAUSE_MS);
      } else {
        try {
          await readSome(flags);
        } catch {
          await readAll("pubsub"); // says what is wrong, and falls back to Postgres
        }
      }
    }
    running = undefined;
  };
  /** Starts a reading unless one runs; then that one goes on to what is new. */
  const wake = async (): Promise<void> => {
    if (running === undefined && isBusy()) running = run();
    await running;
  };
  const refresh = (cause: Cause): Promise<void> => {
    everything ??= cause;
    return wake();
  };

  const poll = async (): Promise<void> => {
    if (running !== undefined) return running;
    try {
      if (staleSince !== undefined) return await refresh("reconnect");
      if ((await store.version()) !== version) return await refresh("version");
      if (now().getTime() - readAt >= ttlSeconds * 1000) return await refresh("ttl");
      if (texts.size <= SMALL && !isSame(await store.hash(), texts)) return await refresh("ttl");
    } catch (error) {
      markStale(error);
      return refresh("reconnect");
    }
  };

  let stopPolling: (() => void) | undefined;
  let unsubscribe: (() => Promise<void>) | undefined;
  return {
    /** Subscribes, reads once, and goes on. Fulfils also when nothing could be read: then defaults hold, as stale. */
    async start(): Promise<void> {
      unsubscribe = await store.subscribe((event, bus) => {
        if (closed) return;
        if (event === undefined || bus === "postgres") {
          // Redis' own event was there before Postgres', unless Redis refused the write.
          if (event === undefined || event.version > version) void refresh("pubsub");
          return;
        }
        metrics.flagInvalidations.inc({ source: "pubsub" });
        changed.set(event.flag, Math.max(event.version, changed.get(event.flag) ?? 0));
        void wake();
      });
      await refresh("version");
      stopPolling = every(POLL_MS, () => void poll());
    },
    poll,
    refresh,
    lost: () => markStale(new Error("the connection to Redis was lost")),
    get version() {
      return version;
    },
    get texts() {
      return texts;
    },
    get behind() {
      return behind;
    },
    get isStale() {
      return staleSince !== undefined;
    },
    /** For how long Redis could not be read, in seconds; 0 when it can. */
    get staleSeconds() {
      return staleSince === undefined ? 0 : Math.max(0, (now().getTime() - staleSince) / 1000);
    },
    async close(): Promise<void> {
      closed = true;
      stopPolling?.();
      await unsubscribe?.();
      await running;
    },
  };
}

function isSame(left: ReadonlyMap<string, string>, right: ReadonlyMap<string, string>): boolean {
  if (left.size !== right.size) return false;
  for (const [flag, text] of left) {
    if (right.get(flag) !== text) return false;
  }
  return true;
}
