import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { startProxy, type TcpProxy } from "../../test/proxy.ts";
import { until } from "../../test/servers.ts";
import { connect, openDatabase } from "./database.ts";
import type { Database, Sql } from "./sql.ts";

const TIMEOUT_MS = 1_000;
const one = { text: "select 1 as one" };
const PLACES = 4;

describe("a database that is silent", () => {
  let made: TestDatabase;
  let proxy: TcpProxy;
  let database: Database;
  const told: string[] = [];
  beforeAll(async () => {
    made = await makeDatabase("postgres", 1);
    const url = new URL(made.url!);
    proxy = await startProxy(Number(url.port));
    url.port = String(proxy.port);
    const options = { url: url.href, poolSize: PLACES, timeoutMs: TIMEOUT_MS, heartbeatMs: 200 };
    database = openDatabase(await connect({ ...options, onError: ({ message }) => told.push(message) }));
  });
  beforeEach(async () => {
    proxy.heal();
    await until(fillPool);
    await database.listen("anything", () => undefined);
    await until(async () => expect(database.isListening()).toBe(true));
  });
  afterAll(async () => {
    proxy.heal();
    await database.close();
    await proxy.stop();
    await made.close();
  });
  const fillPool = () => Promise.all(Array.from({ length: PLACES }, () => database.withoutTenant((sql) => sql(one.text))));

  test.each([
    ["a transaction", () => database.forTenant("a", (sql) => sql(one.text))],
    ["a batch", () => database.batchForTenant("a", [one])],
    ["a ping", () => database.ping()],
  ])("%s is given up with its connection; the idle ones, as silent, cost nobody the same time again", async (_name, call) => {
    proxy.forget();
    const before = proxy.opened();
    await expect(call()).rejects.toThrow(/silent for 1 s/);
    await call();
    await fillPool();
    expect(proxy.opened()).toBeGreaterThan(before);
  });

  test("calls of every kind in the middle of their work are given up together, and so are those that wait for a connection", async () => {
    const calls = Array.from({ length: PLACES * 3 }, (_, index) =>
      index % 2 === 0
        ? database.batchForTenant(`tenant-${index}`, [{ text: "select pg_sleep(0.3)" }])
        : database.forTenant("a", async (sql) => {
            await sql(one.text);
            await sql("select pg_sleep(0.3)");
          }),
    );
    const results = Promise.allSettled(calls);
    await until(async () => {
      const { rows } = await made.pool.query(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
      );
      expect(rows).toHaveLength(PLACES);
    });
    proxy.forget();
    for (const result of await results) {
      expect(result.status === "rejected" && result.reason.message).toMatch(
        /silent|lost|timeout exceeded when trying to connect/,
      );
    }
    expect(await database.batchForTenant("a", [one])).toEqual([[{ one: 1 }]]);
  });

  test("a server that hangs for new connections too is used again as soon as it answers", async () => {
    proxy.hang();
    await expect(database.ping()).rejects.toThrow(/silent/);
    await expect(database.ping()).rejects.toThrow(/timeout/);
    proxy.heal();
    await until(() => database.ping());
  });

  test("the listening connection finds out by itself, says so, and comes back", async () => {
    const seen: string[] = [];
    let reconnects = 0;
    await database.listen("news", (payload) => seen.push(payload));
    database.onReconnect(() => {
      reconnects += 1;
    });
    await until(async () => expect(database.isListening()).toBe(true));
    proxy.hang();
    await until(async () => expect(database.isListening()).toBe(false));
    proxy.heal();
    await until(async () => expect([reconnects > 0, database.isListening()]).toEqual([true, true]));
    await database.withoutTenant((sql) => sql("select pg_notify('news', 'again')"));
    await until(async () => expect(seen).toEqual(["again"]));
  });

  test("what a handler throws at a payload of anyone's is told, and ends nothing", async () => {
    const seen: unknown[] = [];
    await database.listen("json", (payload) => seen.push(JSON.parse(payload)));
    await made.pool.query("select pg_notify('json', 'not json'), pg_notify('json', '{}')");
    await until(async () => expect(seen).toEqual([{}]));
    expect(told.some((message) => message.includes("JSON"))).toBe(true);
  });
});

describe("the server's own limits", () => {
  let made: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await makeDatabase("postgres", 1);
    database = openDatabase(await connect({ url: made.url!, poolSize: 1, timeoutMs: TIMEOUT_MS, onError: () => undefined }));
    await made.pool.query("create table things (id int primary key)");
    await made.pool.query("insert into things values (1)");
    await made.pool.query("grant select, update on things to gatehouse_app");
  });
  afterAll(async () => {
    await database.close();
    await made.close();
  });
  const pid = async () => (await database.withoutTenant((sql) => sql<{ pid: number }>("select pg_backend_pid() as pid")))[0]!.pid;

  test("a statement that takes too long is ended, and leaves its connection", async () => {
    await database.batchForTenant("a", [one]); // from then on the connection knows the statements of a batch
    const before = await pid();
    await expect(database.withoutTenant((sql) => sql("select pg_sleep(600)"))).rejects.toThrow(/statement timeout/);
    await expect(database.batchForTenant("a", [{ text: "select pg_sleep(600)" }])).rejects.toThrow(/statement timeout/);
    expect(await pid()).toBe(before);
  });

  test("one that is known to take long gets its time, and the next one the usual limit", async () => {
    const slow = (sql: Sql) => sql("select pg_sleep(1.6)");
    await expect(database.forTenant("a", slow)).rejects.toThrow(/statement timeout/);
    await database.forTenant("a", slow, { timeoutMs: 60_000 });
    await expect(database.forTenant("a", slow)).rejects.toThrow(/statement timeout/);
  });

  test("so is the wait for a lock", async () => {
    const before = await pid();
    const holder = await made.pool.connect();
    await holder.query("begin; select 1 from things for update");
    await expect(database.withoutTenant((sql) => sql("select 1 from things for update"))).rejects.toThrow(/lock timeout/);
    await holder.query("rollback");
    holder.release();
    expect(await pid()).toBe(before);
  });

  test("work that waits for something else for too long gives its locks back, and its place in the pool", async () => {
    const never = new Promise(() => undefined);
    const stuck = database.withoutTenant(async (sql) => {
      await sql("select 1 from things for update");
      await never;
    });
    await expect(stuck).rejects.toThrow(/lost|idle-in-transaction/);
    expect(await database.withoutTenant((sql) => sql("select 1 as one from things for update"))).toEqual([{ one: 1 }]);
  });

  test("a server of this version looks whether a client is still there", async () => {
    const [row] = await database.withoutTenant((sql) =>
      sql<{ version: number; value: string | null }>(
        "select current_setting('server_version_num')::int as version, current_setting('client_connection_check_interval', true) as value",
      ),
    );
    if (row!.version >= 140_000) expect(row!.value).toBe("1s");
  });
});
