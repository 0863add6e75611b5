import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { isPooled } from "./pooler.ts";

/**
 * What a migration does to releases that don't know it: `expand` adds, `migrate` fills, and both leave an older release working;
 * `contract` takes away what an older release needs.
 */
export type Phase = "expand" | "migrate" | "contract";

export interface Migration {
  /** `010` of `010-tenants.sql`: its place in the order. */
  version: string;
  name: string;
  sql: string;
  /** sha256 of the text: an applied migration must not change. */
  checksum: string;
  /** Absent: `expand`. */
  phase?: Phase;
  /** False: one statement that can't run in a transaction, such as `CREATE INDEX CONCURRENTLY`. Absent: true. */
  inTransaction?: boolean;
}

/** The database and the code don't fit together; the message says what to do. */
export class MigrationError extends Error {}

const FOLDER = new URL("./migrations/", import.meta.url);
const LOCK = 7_263_118;
const EXPAND: Phase = "expand";

/** How often a process asks whether another one has ended its migrations. */
const TURN_MS = 100;

/**
 * @returns the migrations of the folder, in order. A file's first lines may say `-- phase: expand` (or `migrate`, `contract`) and
 *   `-- transaction: none`
 */
export async function readMigrations(folder: URL = FOLDER): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  const versions = files.map((file) => file.split("-", 1)[0]!);
  const twice = files.filter((_, index) => versions.indexOf(versions[index]!) !== index);
  if (twice.length > 0)
    throw new MigrationError(`${twice.join(", ")}: another migration has this number. Take one that is free.`);
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(new URL(file, folder), "utf8");
      const version = file.split("-", 1)[0]!;
      const checksum = createHash("sha256").update(sql).digest("hex");
      return { version, name: file.slice(0, -".sql".length), sql, checksum, ...headerOf(sql) };
    }),
  );
}

/** Reads the header of a migration. A file without a phase only adds: those of before phases were written down did. */
function headerOf(sql: string): Required<Pick<Migration, "phase" | "inTransaction">> {
  const header = /^(?:--.*\n|\s*\n)*/.exec(sql)![0];
  const phase = /^-- phase: *(\S+) *$/m.exec(header)?.[1] ?? "expand";
  if (phase !== "expand" && phase !== "migrate" && phase !== "contract") {
    throw new MigrationError(`a migration's phase is "${phase}". Write expand, migrate or contract.`);
  }
  return { phase, inTransaction: !/^-- transaction: *none *$/m.test(header) };
}

/** A migration as the database remembers it. Null: of before phases were written down. */
export interface Applied {
  version: string;
  name: string;
  checksum: string;
  phase: Phase | null;
}

/**
 * The rule by which a release and a database fit together: the release starts when everything that it doesn't know has only added
 * to the schema, so a release can be rolled back, or a process of it started, after the next one's migrations.
 *
 * @returns `pending`: what the database lacks; `ahead`: what this release doesn't know
 * @throws MigrationError when an applied migration was changed, or the database is past a `contract` that this release doesn't know
 */
export function compareSchema(
  applied: readonly Applied[],
  migrations: readonly Migration[],
): { pending: Migration[]; ahead: Applied[] } {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  const ahead = applied.filter(({ version }) => !known.has(version));
  for (const { name, phase } of ahead) {
    if (phase === "expand" || phase === "migrate") continue;
    const why = phase === null ? "whose phase isn't recorded" : "which took away what this release may need";
    throw new MigrationError(
      `the database holds migration ${name}, ${why}, and this release doesn't know it. Start a release that has it.`,
    );
  }
  for (const { version, name, checksum } of applied) {
    const migration = known.get(version);
    if (migration !== undefined && migration.checksum !== checksum) {
      throw new MigrationError(`migration ${name} was changed after it was applied. Restore the file and write a new migration.`);
    }
  }
  const done = new Set(applied.map(({ version }) => version));
  return { pending: migrations.filter(({ version }) => !done.has(version)), ahead };
}

/** @returns what the database remembers, the oldest first; nothing before the first migration */
export async function readApplied(client: Pick<pg.ClientBase, "query">): Promise<Applied[]> {
  const { rows: found } = await client.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS there");
  if (!found[0].there) return [];
  // The column is younger than the table.
  const { rows } = await client.query<Applied>(
    "SELECT version, name, checksum, to_jsonb(m) ->> 'phase' AS phase FROM schema_migrations m ORDER BY version",
  );
  return rows;
}

/**
 * Brings the database to the newest version: each migration in a transaction of its own, one process at a time.
 *
 * @returns names of the migrations that were applied now
 * @throws MigrationError when one fails, or database and code don't fit together
 */
export async function migrate(pool: pg.Pool, migrations: readonly Migration[]): Promise<string[]> {
  const client = await pool.connect();
  try {
    if (await isPooled(client)) return await migrateTogether(client, migrations);
    // Asked again and again: a statement that waits holds a snapshot, for which `CREATE INDEX CONCURRENTLY` elsewhere would wait.
    while (!(await tryLock(client))) await delay(TURN_MS);
    try {
      return await applyPending(client, migrations, (migration) => applyOne(client, migration));
    } finally {
      // Ending the session would free the lock too, but the pool keeps the connection.
      await client.query("SELECT pg_advisory_unlock($1)", [LOCK]);
    }
  } finally {
    client.release();
  }
}

async function tryLock(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>("SELECT pg_try_advisory_lock($1) AS taken", [LOCK]);
  return rows[0]!.taken;
}

/** Behind a pooler a lock lasts no longer than a transaction, so there is one for all. */
async function migrateTogether(client: pg.ClientBase, migrations: readonly Migration[]): Promise<string[]> {
  await client.query("BEGIN");
  try {
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    const names = await applyPending(client, migrations, async (migration) => {
      if (migration.inTransaction === false) {
        throw new MigrationError(
          `migration ${migration.name} needs a session of its own. Set DATABASE_DIRECT_URL to the server's own address.`,
        );
      }
      await client.query(migration.sql);
      await remember(client, migration);
    });
    await client.query("COMMIT");
    return names;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

async function applyPending(
  client: pg.ClientBase,
  migrations: readonly Migration[],
  apply: (migration: Migration) => Promise<void>,
): Promise<string[]> {
  await client.query(
    "CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), phase text)",
  );
  await client.query("ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS phase text");
  const { pending } = compareSchema(await readApplied(client), migrations);
  for (const migration of pending) {
    try {
      await apply(migration);
    } catch (error) {
      if (error instanceof MigrationError) throw error;
      throw new MigrationError(`migration ${migration.name} failed, and nothing of it was kept: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  for (const { version, phase = EXPAND } of migrations) {
    await client.query("UPDATE schema_migrations SET phase = $2 WHERE version = $1 AND phase IS NULL", [version, phase]);
  }
  // The service's login owns nothing, and has to see whether its database is ready.
  const { rowCount } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = 'gatehouse_app'");
  if (rowCount === 1) await client.query("GRANT SELECT ON schema_migrations TO gatehouse_app");
  return pending.map(({ name }) => name);
}

async function applyOne(client: pg.ClientBase, migration: Migration): Promise<void> {
  if (migration.inTransaction === false) {
    await buildIndex(client, migration);
    await remember(client, migration);
    return;
  }
  try {
    await client.query("BEGIN");
    await client.query("SET LOCAL lock_timeout = '10s'");
    await client.query(migration.sql);
    await remember(client, migration);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

/**
 * `CREATE INDEX CONCURRENTLY` locks nobody out. When it fails or its process is killed, it leaves an index that isn't valid, which
 * `IF NOT EXISTS` would take for the index: that one goes first. One that is valid was built by a process that was killed before it
 * could note so.
 */
async function buildIndex(client: pg.ClientBase, { name, sql }: Migration): Promise<void> {
  const index = /^\s*create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?"?(\w+)"?/im.exec(sql)?.[1];
  if (index === undefined) {
    throw new MigrationError(
      `migration ${name} says "transaction: none", which is for one CREATE INDEX CONCURRENTLY with a name. Leave that line out, or split the file.`,
    );
  }
  const { rows } = await client.query<{ valid: boolean }>(
    "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass(quote_ident($1))",
    [index],
  );
  if (rows[0]?.valid === true) return;
  if (rows[0]?.valid === false) await client.query(`DROP INDEX CONCURRENTLY ${pg.escapeIdentifier(index)}`);
  await client.query(sql);
}

async function remember(client: pg.ClientBase, { version, name, checksum, phase = EXPAND }: Migration): Promise<void> {
  const values = [version, name, checksum, phase];
  await client.query("INSERT INTO schema_migrations (version, name, checksum, phase) VALUES ($1, $2, $3, $4)", values);
}

/**
 * For production, where starting a process must not change the schema.
 *
 * @returns names of the migrations that the database has and this release doesn't know
 * @throws MigrationError when a migration is missing in the database, or database and code don't fit together
 */
export async function checkMigrated(pool: pg.Pool, migrations: readonly Migration[]): Promise<string[]> {
  const client = await pool.connect();
  try {
    const { pending, ahead } = compareSchema(await readApplied(client), migrations);
    if (pending.length > 0) {
      throw new MigrationError(
        `the database lacks ${pending.map(({ name }) => name).join(", ")}. Run "npm run migrate" with the owner's DATABASE_URL, then start again.`,
      );
    }
    return ahead.map(({ name }) => name);
  } finally {
    client.release();
  }
}
