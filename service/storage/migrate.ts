import { ConfigError, loadConfig } from "../config.ts";
import { connect } from "./database.ts";
import { MigrationError, migrate, readMigrations } from "./migrations.ts";

/** `npm run migrate`: brings the database of DATABASE_URL (its owner's) or DATA_DIR to the newest version. */
try {
  const { DATABASE_URL, DATABASE_DIRECT_URL, DATA_DIR } = process.env;
  const config = loadConfig({ DATABASE_URL, DATABASE_DIRECT_URL, DATA_DIR });
  const connections = await connect({
    url: config.DATABASE_URL,
    directUrl: config.DATABASE_DIRECT_URL,
    dataDir: config.DATA_DIR,
    onError: (error) => console.error(error.message),
  });
  try {
    const applied = await migrate(connections.direct, await readMigrations());
    console.log(applied.length === 0 ? "The database is up to date." : `Applied: ${applied.join(", ")}.`);
  } finally {
    await connections.listener.close();
    await connections.pool.end();
    await connections.release();
  }
} catch (error) {
  console.error(
    error instanceof ConfigError || error instanceof MigrationError
      ? error.message
      : `Could not migrate: ${(error as Error).message}`,
  );
  process.exitCode = 1;
}
