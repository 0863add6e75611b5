import type { Shared, Write } from "../storage/shared.ts";
import type { Database, Sql } from "../storage/sql.ts";
import { MAXIMUM_BYTES } from "./definition.ts";

/** Redis hash of overrides: field = flag, value = switch or definition. */
export const HASH = "feature_flags";
/** Redis key of the version that the hash has reached. */
export const VERSION_KEY = "feature_flags_version";
/** Redis channel, and `NOTIFY` channel of Postgres: `{"flag": name, "version": n}`; flag `*` means all. */
export const CHANNEL = "feature_flags_events";
const NOTIFY_CHANNEL = "feature_flags_events";

/** All overrides as one reading found them. */
export interface Overrides {
  texts: Map<string, string>;
  version: number;
  /** Redis answered. Otherwise these are the rows of Postgres, which miss what was changed by hand since. */
  fresh: boolean;
  /** Redis answers but lacks what Postgres holds, and could not be given it (it is full, or read-only). */
  behind: Error | undefined;
}

/** One line of a flag's history. `null`: no override. */
export interface Change {
  id: number;
  flag: string;
  at: string;
  changed_by: string;
  /** `redis`: found in Redis, set by hand. */
  origin: "admin" | "redis";
  before: string | null;
  after: string | null;
  note: string | null;
  version: number;
}

/** A change that an administrator asks for. */
export interface Wish {
  flag: string;
  /** Absent: clear the override. */
  text: string | undefined;
  by: string;
  note: string | undefined;
  /** Called under the lock with all overrides as they would be; throws to refuse. */
  check: (texts: ReadonlyMap<string, string>) => void;
}

interface Stored {
  version: number;
  rows: Map<string, { value: string | undefined; version: number }>;
}

interface Hash {
  /** Absent: the key isn't there, as after a wipe. */
  version: number | undefined;
  texts: Map<string, string>;
}

export type Store = ReturnType<typeof createStore>;

/** Neither Redis nor Postgres could be read, or Redis was wiped and Postgres can't be read to fill it. */
export class UnreadableError extends Error {}

/**
 * Overrides in Redis, where every process looks, and in Postgres, which remembers.
 *
 * Versions order them: a row of a higher version than Redis' own is what Redis missed, and is brought there; every
 * other difference was made by hand in Redis, is honoured, and is recorded.
 */
export function createStore({ database, shared }: { database: Database; shared: Shared }) {
  const readVersion = async (): Promise<number | undefined> => {
    const version = await shared.get(VERSION_KEY);
    return version !== undefined && /^\d{1,15}$/.test(version) ? Number(version) : undefined;
  };

  const readHash = async (): Promise<Hash> => {
    // The version first: then the hash is at least as new as it says.
    const version = await readVersion();
    return { version, texts: await shared.hashAll(HASH) };
  };

  const readRows = async (sql: Sql, lock: boolean): Promise<Stored> => {
    const [row] = await sql<{ version: string }>(`select version from flag_version${lock ? " for update" : ""}`);
    const rows = await sql<{ flag: string; value: string | null; version: string }>(
      "select flag, value, version from flag_overrides",
    );
    return {
      version: Number(row!.version),
      rows: new Map(rows.map(({ flag, value, version }) => [flag, { value: value ?? undefined, version: Number(version) }])),
    };
  };

  const record = async (
    sql: Sql,
    version: number,
    origin: Change["origin"],
    by: string,
    changes: Pick<Change, "flag" | "before" | "after">[],
    note?: string,
  ) => {
    const columns = [changes.map(({ flag }) => flag), changes.map(({ before }) => before), changes.map(({ after }) => after)];
    await sql(
      `insert into flag_overrides (flag, value, version, changed_by)
       select flag, after, $4::bigint, $5::text from unnest($1::text[], $2::text[], $3::text[]) as change (flag, before, after)
       on conflict (flag) do update set value = excluded.value, version = excluded.version, changed_by = excluded.changed_by, changed_at = now()`,
      [...columns, version, by],
    );
    await sql(
      `insert into flag_changes (flag, before, after, version, changed_by, origin, note)
       select flag, before, after, $4::bigint, $5::text, $6::text, $7::text from unnest($1::text[], $2::text[], $3::text[]) as change (flag, before, after)`,
      [...columns, version, by, origin, note ?? null],
    );
    await sql("update flag_version set version = $1", [version]);
  };

  /** Brings Redis and Postgres together, one process at a time. */
  const repair = (): Promise<Overrides> =>
    database.withoutTenant(async (sql) => {
      const stored = await readRows(sql, true);
      const hash = await readHash();
      const { missed, byHand } = compare(stored, hash);
      let version = Math.max(stored.version, hash.version ?? 0, 1);
      if (byHand.length > 0) {
        version += 1;
        await record(sql, version, "redis", "someone with access to Redis", byHand);
      } else if (version !== stored.version) await sql("update flag_version set version = $1", [version]);

      const texts = new Map(hash.texts);
      const writes: Write[] = [];
      for (const { flag, value } of missed) {
        if (value === undefined) {
          texts.delete(flag);
          writes.push({ op: "hashDelete", key: HASH, field: flag });
        } else {
          texts.set(flag, value);
          writes.push({ op: "hashSet", key: HASH, field: flag, value });
        }
      }
      let behind: Error | undefined;
      if (writes.length > 0 || version !== hash.version) {
        try {
          await shared.atomically([
            ...writes,
            { op: "set", key: VERSION_KEY, value: String(version) },
            { op: "publish", channel: CHANNEL, message: JSON.stringify({ flag: "*", version }) },
          ]);
        } catch (error) {
          behind = error as Error;
        }
      }
      return { texts, version, fresh: true, behind };
    });

  return {
    /**
     * Reads everything, and repairs where Redis and Postgres differ.
     *
     * @throws UnreadableError when there is nothing that can be believed
     */
    async load(): Promise<Overrides> {
      // Postgres first: a write reaches Redis before it is committed, so what is behind now was really missed.
      const [rows] = await Promise.allSettled([database.withoutTenant((sql) => readRows(sql, false))]);
      const [hash] = await Promise.allSettled([readHash()]);
      if (hash.status === "rejected") {
        if (rows.status === "rejected") {
          throw new UnreadableError(`neither Redis nor Postgres could be read: ${hash.reason}; ${rows.reason}`);
        }
        return { texts: textsOf(rows.value), version: rows.value.version, fresh: false, behind: undefined };
      }
      const { version, texts } = hash.value;
      if (rows.status === "rejected") {
        if (version === undefined) {
          throw new UnreadableError(`Redis has no ${VERSION_KEY}, and Postgres could not be read to fill it: ${rows.reason}`);
        }
        return { texts, version, fresh: true, behind: undefined };
      }
      const { missed, byHand } = compare(rows.value, hash.value);
      if (version !== undefined && version >= rows.value.version && missed.length === 0 && byHand.length === 0) {
        return { texts, version, fresh: true, behind: undefined };
      }
      try {
        return await repair();
      } catch (error) {
        // What was read still holds; the next reading tries again.
        const merged = new Map(texts);
        for (const { flag, value } of missed) value === undefined ? merged.delete(flag) : merged.set(flag, value);
        return { texts: merged, version: rows.value.version, fresh: true, behind: error as Error };
      }
    },

    /** Reads the version alone; absent after a wipe. Rejects while Redis is down. */
    version: readVersion,

    /** Reads the hash as it stands, without repair. Rejects while Redis is down. */
    hash: (): Promise<Map<string, string>> => shared.hashAll(HASH),

    /** Reads one flag. Rejects while Redis is down. */
    one: (flag: string): Promise<string | undefined> => shared.hashGet(HASH, flag),

    /**
     * Sets or clears an override: Postgres under the lock, Redis value, version and event in one MULTI, then commit. When
     * Redis refuses, Postgres' NOTIFY tells every process, and Redis gets it later.
     *
     * @returns `redis`: why Redis doesn't have it yet, if so
     * @throws what `check` throws, or the database's error; then nothing was changed
     */
    write({
      flag,
      text,
      by,
      note,
      check,
    }: Wish): Promise<{ version: number; before: string | undefined; redis: Error | undefined }> {
      return database.withoutTenant(async (sql) => {
        const stored = await readRows(sql, true);
        const [hash] = await Promise.allSettled([readHash()]);
        const texts = textsOf(stored);
        let before = texts.get(flag);
        let version = Math.max(stored.version, hash.status === "fulfilled" ? (hash.value.version ?? 0) : 0) + 1;
        if (hash.status === "fulfilled") {
          const made = compare(stored, hash.value).byHand.filter((change) => change.flag === flag);
          for (const { after } of made) before = after ?? undefined;
          if (made.length > 0) {
            await record(sql, version, "redis", "someone with access to Redis", made);
            version += 1;
          }
        }
        if (text === undefined) texts.delete(flag);
        else texts.set(flag, text);
        check(texts);
        await record(sql, version, "admin", by, [{ flag, before: before ?? null, after: text ?? null }], note);
        const message = JSON.stringify({ flag, version });
        await sql("select pg_notify($1, $2)", [NOTIFY_CHANNEL, message]);
        let redis: Error | undefined;
        // A Redis that missed earlier versions is repaired as a whole by the next reading; its version must not run ahead.
        if (hash.status === "fulfilled" && (hash.value.version ?? 0) >= stored.version) {
          try {
            await shared.atomically([
              text === undefined
                ? { op: "hashDelete", key: HASH, field: flag }
                : { op: "hashSet", key: HASH, field: flag, value: text },
              { op: "set", key: VERSION_KEY, value: String(version) },
              { op: "publish", channel: CHANNEL, message },
            ]);
          } catch (error) {
            redis = error as Error;
          }
        } else
          redis =
            hash.status === "rejected" ? (hash.reason as Error) : new Error(`Redis lacks earlier changes; it is repaired first`);
        return { version, before, redis };
      });
    },

    /** A flag's changes, the newest first. */
    async history(flag: string, limit: number, beforeId: number | undefined): Promise<Change[]> {
      const rows = await database.withoutTenant((sql) =>
        sql<Omit<Change, "id" | "at" | "version"> & { id: string; at: Date; version: string }>(
          `select id, flag, at, changed_by, origin, before, after, note, version from flag_changes
            where flag = $1 and ($2::bigint is null or id < $2) order by id desc limit $3`,
          [flag, beforeId ?? null, limit],
        ),
      );
      return rows.map((row) => ({
        ...row,
        id: Number(row.id),
        version: Number(row.version),
        at: new Date(row.at).toISOString(),
      }));
    },

    /** Calls the handler with each event of both buses; `undefined` for one that can't be read: anything may have changed. */
    async subscribe(handler: (event: { flag: string; version: number } | undefined, bus: "redis" | "postgres") => void) {
      const stops = await Promise.all([
        shared.subscribe(CHANNEL, (message) => handler(parseEvent(message), "redis")),
        database.listen(NOTIFY_CHANNEL, (payload) => handler(parseEvent(payload), "postgres")),
      ]);
      return async () => {
        await Promise.all(stops.map((stop) => stop()));
      };
    },
  };
}

/** What Redis missed, and what was done there by hand. */
function compare(
  stored: Stored,
  hash: Hash,
): { missed: { flag: string; value: string | undefined }[]; byHand: Pick<Change, "flag" | "before" | "after">[] } {
  const missed: { flag: string; value: string | undefined }[] = [];
  const byHand: Pick<Change, "flag" | "before" | "after">[] = [];
  for (const [flag, row] of stored.rows) {
    const there = hash.texts.get(flag);
    if (there === row.value) continue;
    // After a wipe, what stands in the hash was put there since.
    const wasMissed = hash.version === undefined ? there === undefined : row.version > hash.version;
    if (wasMissed) missed.push({ flag, value: row.value });
    else if (isStorable(flag, there)) byHand.push({ flag, before: row.value ?? null, after: there ?? null });
  }
  for (const [flag, after] of hash.texts) {
    if (!stored.rows.has(flag) && isStorable(flag, after)) byHand.push({ flag, before: null, after });
  }
  return { missed, byHand };
}

/** What nobody can use isn't worth a record: names and values that are too long, and bytes that Postgres refuses. */
function isStorable(flag: string, text: string | undefined): boolean {
  if (flag.length === 0 || flag.length > 256 || flag.includes("\0")) return false;
  return text === undefined || (text.length <= MAXIMUM_BYTES && !text.includes("\0"));
}

function textsOf({ rows }: Stored): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [flag, { value }] of rows) {
    if (value !== undefined) texts.set(flag, value);
  }
  return texts;
}

function parseEvent(message: string): { flag: string; version: number } | undefined {
  if (message.length > 1_000) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(message);
  } catch {
    return undefined; // by hand; the caller then reads everything
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { flag, version } = json as Record<string, unknown>;
  if (typeof flag !== "string" || flag === "*" || typeof version !== "number") return undefined;
  return { flag, version };
}
