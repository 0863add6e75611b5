import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { createDatabase, type Server, startPgBouncer, until } from "../../test/servers.ts";
import { readMetric, sendMessage, spawnService } from "../../test/service.ts";
import { connect, openDatabase } from "./database.ts";
import type { Database } from "./sql.ts";

const STATE = `select current_user as role, current_tenant() as tenant, current_setting('statement_timeout') as timeout`;
const onError = () => undefined;
const PRODUCTION = {
  NODE_ENV: "production",
  MESSAGES_SECRET: "0123456789abcdef-messages",
  WHATSAPP_APP_SECRET: "0123456789abcdef-app",
  WHATSAPP_VERIFY_TOKEN: "0123456789abcdef-verify",
  WHATSAPP_ACCESS_TOKEN: "0123456789abcdef-access",
  METRICS_TOKEN: "0123456789abcdef-metrics",
  LOG_HASH_KEY: "0123456789abcdef-hash",
  ADMIN_JWT_SECRET: "0123456789abcdef0123456789abcdef",
};

let made: TestDatabase;
let pooler: Server;
beforeAll(async () => {
  made = await makeDatabase("postgres", 1);
  pooler = await startPgBouncer(made.url!, "transaction");
});
afterAll(async () => {
  await pooler.stop();
  await made.close();
});

describe("behind a pooler of transactions", () => {
  let database: Database;
  beforeAll(async () => {
    const options = { url: pooler.url, directUrl: made.url!, pooling: "transaction", onError } as const;
    database = openDatabase(await connect({ ...options, poolSize: 20 }));
  });
  afterAll(() => database.close());

  test("every transaction has its role, its tenant and its limits, and leaves nothing behind", async () => {
    const states = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const tenant = index % 5 === 0 ? undefined : `tenant-${index % 7}`;
        const expected = { role: "gatehouse_app", tenant: tenant ?? null, timeout: "8s" };
        const read = (sql: (text: string) => Promise<unknown[]>) => Promise.all([sql(STATE), sql(STATE)]);
        const seen =
          tenant === undefined
            ? await database.withoutTenant(read)
            : index % 2 === 0
              ? await database.forTenant(tenant, read)
              : await database.batchForTenant(tenant, [
                  { name: "state", text: STATE },
                  { name: "state", text: STATE },
                ]);
        return seen.flat().every((row) => JSON.stringify(row) === JSON.stringify(expected));
      }),
    );
    expect(states.filter((right) => !right)).toEqual([]);
    // Three at once, so that each of the three connections to the server is asked.
    const others = [1, 2, 3].map(() => new pg.Client({ connectionString: pooler.url }));
    for (const other of others) {
      await other.connect();
      await other.query("begin");
    }
    for (const other of others) {
      const { rows } = await other.query(`${STATE}, (select count(*)::int from pg_prepared_statements) as statements`);
      expect(rows).toEqual([{ role: "postgres", tenant: null, timeout: "0", statements: 0 }]);
    }
    for (const other of others) await other.end();
  });

  test("notifications come by the connection of their own", async () => {
    const seen: string[] = [];
    await database.listen("test", (payload) => seen.push(payload));
    await database.withoutTenant((sql) => sql("select pg_notify('test', 'hello')"));
    await until(async () => expect([seen, database.isListening()]).toEqual([["hello"], true]));
  });

  test("a service takes and answers every message, and stores it as the role that row-level security holds", async () => {
    await made.pool.query(`create table roles (name name); grant insert on roles to public;
      create function note_role() returns trigger language plpgsql as $f$ begin insert into public.roles values (current_user); return new; end $f$;
      create trigger note_role before insert or update on conversations for each row execute function note_role();
      create trigger note_role before insert on messages for each row execute function note_role()`);
    const env = { DATABASE_URL: pooler.url, DATABASE_POOLER: "transaction", DATABASE_DIRECT_URL: made.url! };
    const service = await spawnService(env);
    try {
      const messages = Array.from({ length: 60 }, (_, index) => ({
        message_id: `m${index}`,
        user_id: `guest-${index}`,
        text: "hola",
      }));
      const answers = await Promise.all(messages.map((message) => sendMessage(service.url, message)));
      expect(answers.filter(({ ok }) => !ok)).toEqual([]);
      await until(async () => {
        const { rows } = await made.pool.query("select state, count(*)::int from inbox group by 1");
        expect(rows).toEqual([{ state: "done", count: 60 }]);
      });
      const { rows } = await made.pool.query("select distinct name from roles");
      expect(rows).toEqual([{ name: "gatehouse_app" }]);
      expect(service.log()).not.toContain('"level":50');
    } finally {
      await service.stop();
    }
  });
});

describe("a pooler that nobody told of", () => {
  test("is refused by the queries, the migrations and the listener, with the settings that mend it", async () => {
    const connections = await connect({ url: pooler.url, onError });
    const database = openDatabase(connections);
    const refusal = /DATABASE_POOLER=transaction and DATABASE_DIRECT_URL/;
    await expect(database.withoutTenant((sql) => sql("select 1"))).rejects.toThrow(refusal);
    await expect(connections.direct.query("select 1")).rejects.toThrow(refusal);
    await expect(database.listen("test", () => undefined)).rejects.toThrow(refusal);
    await database.close();
  });

  test("ends a start in production, and so does one that DATABASE_DIRECT_URL leads to", async () => {
    const env = { ...PRODUCTION, REDIS_URL: inject("redisUrl"), DATABASE_URL: pooler.url };
    await expect(spawnService(env)).rejects.toThrow(/DATABASE_URL leads to a connection pooler/);
    const direct = { DATABASE_POOLER: "transaction", DATABASE_DIRECT_URL: pooler.url.replace("postgres@", "postgres:x@") };
    await expect(spawnService({ ...env, ...direct })).rejects.toThrow(/DATABASE_DIRECT_URL leads to a connection pooler/);
    await expect(spawnService({ ...env, DATABASE_POOLER: "transaction" })).rejects.toThrow(/DATABASE_DIRECT_URL: missing/);
  });

  test("is found out elsewhere: the service works without LISTEN, and says so", async () => {
    const empty = await createDatabase(made.url!);
    const url = new URL(pooler.url);
    url.pathname = new URL(empty.url).pathname;
    const service = await spawnService({ DATABASE_URL: url.href });
    try {
      expect(service.log()).toContain("LISTEN is off");
      expect(await readMetric(service.url, "listen_alive")).toBe(0);
      const message = { message_id: "m1", user_id: "guest", text: "hola" };
      const response = await sendMessage(service.url, message, { prefer: "wait=15" });
      expect(response.status, await response.text()).toBe(200);
    } finally {
      await service.stop();
      await empty.drop();
    }
  });
});

test("a pooler of sessions serves as the server itself does", async () => {
  const sessions = await startPgBouncer(made.url!, "session");
  const database = openDatabase(await connect({ url: sessions.url, pooling: "session", poolSize: 2, onError }));
  try {
    const seen: string[] = [];
    await database.listen("test", (payload) => seen.push(payload));
    const state = { name: "state", text: STATE };
    const expected = [{ role: "gatehouse_app", tenant: "a", timeout: "8s" }];
    expect(await database.batchForTenant("a", [state, state])).toEqual([expected, expected]);
    await database.withoutTenant((sql) => sql("select pg_notify('test', 'hello')"));
    await until(async () => expect(seen).toEqual(["hello"]));
  } finally {
    await database.close();
    await sessions.stop();
  }
});
