import type pg from "pg";
import { Batch } from "../service/storage/batch.ts";
import type { Connections } from "../service/storage/connections.ts";
import { connect, openDatabase } from "../service/storage/database.ts";
import { migrate, readMigrations } from "../service/storage/migrations.ts";
import type { Database, Statement } from "../service/storage/sql.ts";
import { createDatabase, startPostgres } from "../test/servers.ts";
import { type Bench, median } from "./figure.ts";

const ROUNDS = 5;
const CALLS = 2_000;
const LANES = 16;
let guests = 0;

const addGuest = (): Statement => {
  guests += 1;
  const text = "insert into conversations (tenant_id, channel, user_id) values (current_tenant(), 'messages', $1) returning id";
  return { name: "add-guest", text, values: [String(guests)] };
};

/** One insert of one tenant in a transaction, by each way there is. */
function waysOf(connections: Connections, database: Database): Record<string, () => Promise<unknown>> {
  const { pool, opening } = connections;
  const withClient = async (work: (client: pg.PoolClient) => Promise<unknown>) => {
    const client = await pool.connect();
    try {
      await work(client);
    } finally {
      client.release();
    }
  };
  return {
    "batches that join": () => database.batchForTenant("a", [addGuest()]),
    "a batch alone": () =>
      withClient(async (client) => {
        const batch = new Batch([opening("a"), addGuest()]);
        client.query(batch);
        await batch.results;
      }),
    "a transaction in packets": () =>
      database.forTenant("a", (sql) => {
        const { text, values, name } = addGuest();
        return sql(text, values, name);
      }),
    "a transaction, statement by statement": () =>
      withClient(async (client) => {
        await client.query("begin");
        for (const { text, values = [], name } of [opening("a"), addGuest()]) {
          await client.query({ text, values: [...values], name: `single-${name}` });
        }
        await client.query("commit");
      }),
  };
}

const bench: Bench = {
  name: "statements",
  compares: "the ways to send one insert in a transaction to Postgres: CPU time of this process per transaction, 16 at once",
  run: async (report) => {
    const server = await startPostgres();
    const { url } = await createDatabase(server.url);
    const connections = await connect({ url, poolSize: 10, onError: () => undefined });
    await migrate(connections.direct, await readMigrations());
    await connections.pool.query("insert into tenants (id, name) values ('a', 'A')");
    const database = openDatabase(connections);
    try {
      const ways = Object.entries(waysOf(connections, database));
      const seen = new Map<string, number[]>(ways.map(([name]) => [name, []]));
      // Round by round, so that what else the machine does hits each way alike; the first round warms up.
      for (let round = 0; round <= ROUNDS; round += 1) {
        for (const [name, way] of ways) {
          const before = process.cpuUsage();
          let left = CALLS;
          const lane = async () => {
            for (; left > 0; left -= 1) await way();
          };
          await Promise.all(Array.from({ length: LANES }, lane));
          const { user, system } = process.cpuUsage(before);
          if (round > 0) seen.get(name)!.push((user + system) / CALLS);
        }
      }
      for (const [name, figures] of seen) report({ name, value: Math.round(median(figures)), unit: "us", n: ROUNDS });
    } finally {
      await database.close();
      await server.stop();
    }
  },
};
export default bench;
