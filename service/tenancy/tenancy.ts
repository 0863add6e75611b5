import { LRUCache } from "lru-cache";
import { z } from "zod";
import { invalid, type Problem } from "../http/problem.ts";
import type { Shared } from "../storage/shared.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { DEFAULT_TENANT, TENANT_COLUMNS, type Tenant, type TenantRow, tenantRowSchema } from "./tenant.ts";
import { type Changes, TenantMap } from "./tenant-map.ts";
import { canonicalUserId, MAXIMUM_USER_ID_LENGTH } from "./user-id.ts";

/** How a message found its tenant. */
export type Resolution = "explicit" | "number" | "address" | "pattern" | "default";

export interface ResolveInput {
  /** The guest, in any spelling. */
  userId: string;
  /** A tenant that the caller names, and whether the caller may. One that it may not is as if it weren't there. */
  explicit?: { tenantId: string; authorised: boolean } | undefined;
  /** The WhatsApp number that was written to. */
  phoneNumberId?: string | undefined;
  /** The e-mail addresses that were written to. */
  addresses?: readonly string[] | undefined;
}

export interface TenancyOptions {
  database: Database;
  shared: Shared;
  metrics: Metrics;
  logger: Logger;
  /** How long a change may go unseen when every notification of it is lost; also the life of the copy in Redis. */
  cacheTtlSeconds: number;
  /** Stands for a guest in the log. */
  guestHash: (userId: string) => string;
  /** The flag `tenancy.dynamic.enabled`: without it numbers and patterns aren't asked. */
  isDynamicEnabled?: () => boolean;
  now?: () => Date;
}

/** All tenants, and which one a message is for. */
export interface Tenancy {
  /**
   * The one answer to "which hotel": named and authorised → number or address written to → pattern → `default`.
   *
   * A number or an address decides even while its tenant isn't active: the agent keeps quiet then, and no other hotel answers.
   *
   * @throws Problem 400 when an authorised caller names a tenant that doesn't exist or isn't active
   */
  resolve(input: ResolveInput): Promise<{ tenant: Tenant; result: Resolution }>;
  /** @returns the tenant, active or not */
  get(id: string): Promise<Tenant | undefined>;
  /** What `resolve` would say of a guest, and every tenant whose pattern matches, the first one first. Counts nothing. */
  explain(input: Omit<ResolveInput, "explicit">): { tenant: Tenant; result: Resolution; candidates: Tenant[] };
  /** @returns whether a tenant, active or not, has this e-mail address */
  hasAddress(address: string): boolean;
  /** @returns every active tenant that has a pattern */
  patterns(): Tenant[];
  /** @returns what is wrong with a tenant's row; such a field has its default, such a pattern matches nobody */
  problemsOf(id: string): readonly string[];
  /** Call after a tenant was written: this process has it when it fulfils, the others are told. */
  changed(): Promise<void>;
  /** Loads the tenants and keeps them up. @throws when neither the database nor the copy in Redis can be read */
  start(): Promise<void>;
  close(): Promise<void>;
}

const CHANNEL = "tenants_events";
const SNAPSHOT = "tenants:snapshot";
const LONGEST_POLL_SECONDS = 10;
const KNOWN_GUESTS = 20_000;
/** Strangers have a cache of their own, so that a flood of them doesn't push out guests. */
const KNOWN_STRANGERS = 5_000;

const snapshotSchema = z.object({ identity: z.string(), change: z.number(), rows: z.array(tenantRowSchema) });

export function createTenancy(options: TenancyOptions): Tenancy {
  const { database, shared, metrics, logger, guestHash, cacheTtlSeconds } = options;
  const { isDynamicEnabled = () => true, now = () => new Date() } = options;

  const map = new TenantMap((count, found) => {
    metrics.tenantsQuarantined.set(count);
    if (found.problems.length > 0) {
      logger.error(
        { tenant_id: found.id, problems: found.problems },
        "a tenant's row has mistakes; mend it with PATCH /admin/tenants",
      );
    }
  });
  const guests = new LRUCache<string, Tenant>({ max: KNOWN_GUESTS });
  const strangers = new LRUCache<string, true>({ max: KNOWN_STRANGERS });
  const count = {
    memoryHit: metrics.tenantCache.labels({ layer: "memory", result: "hit" }),
    memoryMiss: metrics.tenantCache.labels({ layer: "memory", result: "miss" }),
    explicit: metrics.tenantResolutions.labels({ result: "explicit" }),
    number: metrics.tenantResolutions.labels({ result: "number" }),
    address: metrics.tenantResolutions.labels({ result: "address" }),
    pattern: metrics.tenantResolutions.labels({ result: "pattern" }),
    default: metrics.tenantResolutions.labels({ result: "default" }),
  };

  let staleSince: number | undefined;
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const stops: (() => Promise<void>)[] = [];

  const fallback = (): Tenant => {
    const tenant = map.get(DEFAULT_TENANT);
    if (tenant === undefined) throw new Error("tenancy: not started");
    return tenant;
  };

  /** The hotel that was written to, whoever the guest is. */
  const writtenTo = ({ phoneNumberId, addresses = [] }: ResolveInput): { tenant: Tenant; result: Resolution } | undefined => {
    const byNumber = phoneNumberId === undefined ? undefined : map.withNumber(phoneNumberId);
    if (byNumber !== undefined) return { tenant: byNumber, result: "number" };
    const byAddress = addresses.flatMap((address) => map.withEmail(address) ?? [])[0];
    return byAddress === undefined ? undefined : { tenant: byAddress, result: "address" };
  };

  const find = (input: Omit<ResolveInput, "explicit">): { tenant: Tenant; result: Resolution } => {
    const { userId } = input;
    const named = writtenTo(input);
    if (named !== undefined) return named;
    const known = guests.get(userId);
    if (known !== undefined) {
      count.memoryHit.inc();
      return { tenant: known, result: "pattern" };
    }
    if (strangers.has(userId)) {
      count.memoryHit.inc();
      strangers.get(userId); // it was used: keep it longer
      return { tenant: fallback(), result: "default" };
    }
    count.memoryMiss.inc();
    const tenant = map.withPattern(canonicalUserId(userId));
    // A long id isn't worth remembering.
    if (userId.length <= MAXIMUM_USER_ID_LENGTH) {
      if (tenant === undefined) strangers.set(userId, true);
      else guests.set(userId, tenant);
    }
    if (tenant !== undefined) return { tenant, result: "pattern" };
    logger.info(
      { guest: guestHash(canonicalUserId(userId)) },
      "no tenant's pattern matches this guest; the default tenant takes it",
    );
    return { tenant: fallback(), result: "default" };
  };

  const apply = (changes: Changes) => {
    if (changes.rows.length === 0 && changes.deleted.length === 0 && changes.change === map.change) return;
    map.apply(changes);
    guests.clear();
    strangers.clear();
  };

  const readDatabase = async (after: number): Promise<Changes> =>
    database.withoutTenant(async (sql) => {
      // The number comes first: all that it counts is committed, so the rows read next hold it.
      const [latest] = await sql<{ identity: string; change: number }>(
        "select identity, change::float8 as change from tenant_map",
      );
      const { identity, change } = latest!;
      const same = map.identity === undefined || map.identity === identity;
      if (same && change === after) return { identity, change, rows: [], deleted: [] };
      // Another database than the copy in Redis is of, or one that was restored from an older copy: everything is read.
      const full = !same || change < after;
      const from = full ? 0 : after;
      const rows = await sql<TenantRow>(`select ${TENANT_COLUMNS} from tenants where change > $1`, [from]);
      const deleted = await sql<{ id: string; change: number }>(
        "select id, change::float8 as change from tenant_deletions where change > $1",
        [from],
      );
      return { identity, change, rows, deleted, full };
    });

  /** The first load of a process: the copy in Redis spares Postgres when a hundred start at once. */
  const readSnapshot = async (): Promise<void> => {
    if (shared.kind === "memory") return;
    try {
      const text = await shared.get(SNAPSHOT);
      metrics.tenantCache.inc({ layer: "redis", result: text === undefined ? "miss" : "hit" });
      if (text === undefined) return;
      apply({ ...snapshotSchema.parse(JSON.parse(text)), deleted: [] });
    } catch (error) {
      metrics.tenantCache.inc({ layer: "redis", result: "error" });
      logger.warn({ err: error }, "the copy of the tenants in Redis can't be read");
    }
  };

  const writeSnapshot = async ({ identity, change, rows }: Changes): Promise<void> => {
    if (shared.kind === "memory") return;
    try {
      await shared.set(SNAPSHOT, JSON.stringify({ identity, change, rows }), cacheTtlSeconds);
    } catch (error) {
      metrics.tenantCache.inc({ layer: "redis", result: "error" });
      logger.warn({ err: error }, "the copy of the tenants in Redis can't be written");
    }
  };

  const readChanges = async (): Promise<void> => {
    try {
      const first = map.size === 0;
      const changes = await readDatabase(map.change);
      if (closed) return;
      metrics.tenantCache.inc({ layer: "database", result: changes.change === map.change ? "unchanged" : "changed" });
      apply(changes);
      if (first || changes.full === true) await writeSnapshot(changes);
      if (staleSince !== undefined) logger.info({ change: map.change }, "the tenants are fresh again");
      staleSince = undefined;
      metrics.tenantMapStale.set(0);
      if (changes.rows.length > 0) void checkPatterns();
    } catch (error) {
      if (closed) return;
      metrics.tenantCache.inc({ layer: "database", result: "error" });
      if (staleSince === undefined) {
        staleSince = now().getTime();
        logger.warn({ err: error }, "the tenants can't be read afresh; the last known ones hold");
      }
      // A clock that was set back doesn't make the map younger than now.
      metrics.tenantMapStale.set(Math.max(0.001, (now().getTime() - staleSince) / 1000));
      throw error;
    }
  };

  let checking = false;
  const checkPatterns = async (): Promise<void> => {
    if (checking) return;
    checking = true;
    try {
      await map.checkPatterns(() => new Promise((resolve) => setImmediate(resolve)));
    } finally {
      checking = false;
    }
  };

  /** Reads what changed. A read that is under way may have missed the newest change, so one more follows it at most. */
  const refresh = (): Promise<void> => {
    if (running === undefined) {
      running = readChanges().finally(() => {
        running = undefined;
      });
      return running;
    }
    queued ??= running
      .catch(() => undefined) // whoever asked for that one is told
      .then(() => {
        queued = undefined;
        return refresh();
      });
    return queued;
  };
  /** For refreshes that nobody awaits: `readChanges` has counted and logged what failed. */
  const refreshQuietly = () => {
    if (!closed) refresh().catch(() => undefined);
  };
  const onNotice = (change: string) => {
    if (!(Number(change) <= map.change)) refreshQuietly();
  };

  return {
    resolve: async (input) => {
      const { explicit } = input;
      if (explicit?.authorised === true) {
        const tenant = map.get(explicit.tenantId);
        if (tenant?.active !== true)
          throw unknownTenant(tenant === undefined ? "names no tenant" : "names a tenant that isn't active");
        count.explicit.inc();
        return { tenant, result: "explicit" };
      }
      if (!isDynamicEnabled()) {
        count.default.inc();
        return { tenant: fallback(), result: "default" };
      }
      const found = find(input);
      count[found.result].inc();
      return found;
    },
    get: async (id) => map.get(id),
    explain: (input) => {
      const candidates = map.allWithPattern(canonicalUserId(input.userId));
      const named = writtenTo(input);
      if (!isDynamicEnabled()) return { tenant: fallback(), result: "default", candidates };
      if (named !== undefined) return { ...named, candidates };
      if (candidates[0] !== undefined) return { tenant: candidates[0], result: "pattern", candidates };
      return { tenant: fallback(), result: "default", candidates };
    },
    hasAddress: (address) => map.withEmail(address) !== undefined,
    patterns: () => map.withAnyPattern(),
    problemsOf: (id) => map.problemsOf(id),
    changed: async () => {
      await refresh();
      try {
        await shared.publish(CHANNEL, String(map.change));
      } catch (error) {
        logger.warn({ err: error }, "other processes couldn't be told of a tenant's change by Redis; the database tells them");
      }
    },
    start: async () => {
      // Listening comes before reading, so that no change falls between the two.
      stops.push(await shared.subscribe(CHANNEL, onNotice));
      shared.onReconnect(refreshQuietly);
      database.onReconnect(refreshQuietly);
      await readSnapshot();
      try {
        stops.push(await database.listen("tenants", onNotice));
        await refresh();
      } catch (error) {
        if (map.size === 0)
          throw new Error("the tenants can't be read from the database, and Redis has no copy", { cause: error });
      }
      void checkPatterns();
      timer = setInterval(refreshQuietly, Math.min(cacheTtlSeconds, LONGEST_POLL_SECONDS) * 1000);
      timer.unref();
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      await Promise.allSettled([running, queued]);
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

function unknownTenant(message: string): Problem {
  return invalid([{ field: "tenant_id", message }]);
}
