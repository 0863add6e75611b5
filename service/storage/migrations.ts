import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type pg from "pg";

export interface Migration {
  /** `010` of `010-tenants.sql`: its place in the order. */
  version: string;
  name: string;
  sql: string;
  /** sha256 of the text: an applied migration must not change. */
  checksum: string;
}

/** The database and the code don't fit together; the message says what to do. */
export class MigrationError extends Error {}

const FOLDER = new URL("./migrations/", import.meta.url);
const LOCK = 7_263_118;

/** @returns the migrations of the folder, in order. */
export async function readMigrations(folder: URL = FOLDER): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(new URL(file, folder), "utf8");
      const version = file.split("-", 1)[0]!;
      return { version, name: file.slice(0, -".sql".length), sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

/**
 * Brings the database to the newest version: each migration in a transaction of its own, one process at a time.
 *
 * @returns names of the migrations that were applied now
 * @throws MigrationError when an applied one was changed, or the database is newer than the code
 */
export async function migrate(pool: pg.Pool, migrations: readonly Migration[]): Promise<string[]> {
  const client = await pool.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
    await client.query(
      "CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
    );
    const pending = await findPending(client, migrations);
    for (const migration of pending) {
      try {
        await client.query("BEGIN");
        await client.query("SET LOCAL lock_timeout = '10s'");
        await client.query(migration.sql);
        await client.query("INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)", [
          migration.version,
          migration.name,
          migration.checksum,
        ]);
        await client.query("COMMIT");
      } catch (error) {
        await client.query("ROLLBACK");
        throw new MigrationError(`migration ${migration.name} failed, and nothing of it was kept: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
    // The service's login owns nothing, and has to see whether its database is ready.
    const { rowCount } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = 'gatehouse_app'");
    if (rowCount === 1) await client.query("GRANT SELECT ON schema_migrations TO gatehouse_app");
    return pending.map(({ name }) => name);
  } finally {
    // Ending the session would free the lock too, but the pool keeps the connection.
    await client.query("SELECT pg_advisory_unlock($1)", [LOCK]).catch(() => undefined);
    client.release();
  }
}

/**
 * For production, where starting a process must not change the schema.
 *
 * @throws MigrationError when a migration is missing in the database, was changed, or is unknown to this code
 */
export async function checkMigrated(pool: pg.Pool, migrations: readonly Migration[]): Promise<void> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS there");
    const pending = rows[0].there ? await findPending(client, migrations) : migrations;
    if (pending.length > 0) {
      throw new MigrationError(
        `the database lacks ${pending.map(({ name }) => name).join(", ")}. Run "npm run migrate" with the owner's DATABASE_URL, then start again.`,
      );
    }
  } finally {
    client.release();
  }
}

async function findPending(client: pg.PoolClient, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ version: string; name: string; checksum: string }>(
    "SELECT version, name, checksum FROM schema_migrations ORDER BY version",
  );
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const row of rows) {
    const migration = known.get(row.version);
    if (migration === undefined) {
      throw new MigrationError(
        `the database holds migration ${row.name}, which this release doesn't know. Start a release that has it.`,
      );
    }
    if (migration.checksum !== row.checksum) {
      throw new MigrationError(
        `migration ${row.name} was changed after it was applied. Restore the file and write a new migration.`,
      );
    }
  }
  const applied = new Set(rows.map(({ version }) => version));
  return migrations.filter(({ version }) => !applied.has(version));
}
