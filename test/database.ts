import { inject } from "vitest";
import { connect, openDatabase } from "../service/storage/database.ts";
import { migrate, readMigrations } from "../service/storage/migrations.ts";
import type { Database } from "../service/storage/sql.ts";
import { createDatabase } from "./servers.ts";

/** A migrated database of a test's own, with the owner's pool beside it. */
export interface TestDatabase {
  database: Database;
  /** The owner's rights, for set-up and checks only. */
  pool: Awaited<ReturnType<typeof connect>>["pool"];
  /** Absent when embedded. */
  url: string | undefined;
  close(): Promise<void>;
}

/** Both kinds, for `describe.each(KINDS)`. */
export const KINDS = ["postgres", "embedded"] as const;

/** Makes a fresh migrated database: on the run's Postgres server, or embedded in memory. */
export async function makeDatabase(kind: Database["kind"], poolSize = 5): Promise<TestDatabase> {
  const made = kind === "postgres" ? await createDatabase(inject("postgresUrl")) : undefined;
  const owner = await connect({ url: made?.url, poolSize: 2, onError: () => undefined });
  await migrate(owner.pool, await readMigrations());
  // Patient, since tests run on machines that are busy with others.
  const options = { poolSize, timeoutMs: 60_000, onError: () => undefined };
  const connections = kind === "postgres" ? await connect({ url: made!.url, ...options }) : owner;
  const database = openDatabase(connections);
  return {
    database,
    pool: owner.pool,
    url: made?.url,
    close: async () => {
      await database.close();
      if (kind === "postgres") {
        await owner.pool.end();
        await made!.drop();
      }
    },
  };
}
