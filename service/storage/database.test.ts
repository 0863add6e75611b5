import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { createDatabase, startPostgres, until } from "../../test/servers.ts";
import { connect, openDatabase } from "./database.ts";
import { checkMigrated, MigrationError, migrate, readMigrations } from "./migrations.ts";

const addGuest = "insert into conversations (tenant_id, channel, user_id) values ($1, 'messages', $2)";
const guests = "select user_id from conversations order by user_id";

describe.each(KINDS)("transactions on %s", (kind) => {
  let made: TestDatabase;
  beforeAll(async () => {
    made = await makeDatabase(kind, 1);
    await made.pool.query(
      "insert into tenants (id, name) select * from (values ('a', 'A'), ('b', 'B')) t where to_regclass('tenants') is not null on conflict do nothing",
    );
  });
  afterAll(() => made.close());

  test("a tenant sees and writes its own rows only; without a tenant there are none", async () => {
    const { database } = made;
    await database.forTenant("a", (sql) => sql(addGuest, ["a", "guest of a"]));
    await database.forTenant("b", (sql) => sql(addGuest, ["b", "guest of b"]));
    expect(await database.forTenant("a", (sql) => sql(guests))).toEqual([{ user_id: "guest of a" }]);
    expect(await database.forTenant("b", (sql) => sql(guests))).toEqual([{ user_id: "guest of b" }]);
    expect(await database.withoutTenant((sql) => sql(guests))).toEqual([]);
    await expect(database.forTenant("a", (sql) => sql(addGuest, ["b", "intruder"]))).rejects.toThrow(/row-level security/);
    await expect(database.forTenant("", (sql) => sql(guests))).rejects.toThrow(/the tenant's id is empty/);
  });

  test("an error rolls everything back, is the one that is reported, and leaves the connection usable", async () => {
    const { database } = made;
    const failing = database.forTenant("a", async (sql) => {
      await sql(addGuest, ["a", "never"]);
      await sql("select 1 / 0");
    });
    await expect(failing).rejects.toThrow(/division by zero/);
    expect(await database.forTenant("a", (sql) => sql(guests))).toEqual([{ user_id: "guest of a" }]);
    expect(await database.withoutTenant((sql) => sql(guests))).toEqual([]);
  });

  test("statements sent together all take part, or none", async () => {
    const { database } = made;
    const failing = database.forTenant("a", (sql) =>
      Promise.all([sql(addGuest, ["a", "one"]), sql("select 1 / 0"), sql(addGuest, ["a", "two"])]),
    );
    await expect(failing).rejects.toThrow();
    expect(await database.forTenant("a", (sql) => sql(guests))).toEqual([{ user_id: "guest of a" }]);
  });

  test("a statement that comes too late is refused, and never runs outside of its transaction", async () => {
    let late: Promise<unknown> = Promise.resolve();
    await made.database.forTenant("a", async (sql) => {
      await sql("select 1");
      late = new Promise((resolve) => setImmediate(resolve)).then(() => until(() => sql(addGuest, ["a", "late"]), 0));
      late.catch(() => undefined);
    });
    await expect(late).rejects.toThrow(/after the end/);
  });

  test("a batch is one transaction of its tenant: rows of each statement, or nothing and the first error", async () => {
    const { database } = made;
    const [current, names] = await database.batchForTenant("a", [
      { text: "select current_tenant() as id, current_user as role" },
      { text: guests },
    ]);
    expect(current).toEqual([{ id: "a", role: "gatehouse_app" }]);
    expect(names).toEqual([{ user_id: "guest of a" }]);
    const failing = [
      { text: addGuest, values: ["a", "never"] },
      { text: "select 1 / 0" },
      { text: addGuest, values: ["a", "nor this"] },
    ];
    await expect(database.batchForTenant("a", failing)).rejects.toThrow(/division by zero/);
    await expect(database.batchForTenant("a", [{ text: addGuest, values: ["b", "intruder"] }])).rejects.toThrow(
      /row-level security/,
    );
    await expect(database.batchForTenant("", [{ text: guests }])).rejects.toThrow();
    expect(await database.forTenant("a", (sql) => sql(guests))).toEqual([{ user_id: "guest of a" }]);
    expect(await database.withoutTenant((sql) => sql(guests))).toEqual([]);
  });

  test("work that swallows a failed statement is not reported as committed", async () => {
    const swallowing = made.database.forTenant("a", async (sql) => {
      await sql(addGuest, ["a", "lost"]);
      await sql("select 1 / 0").catch(() => undefined);
    });
    await expect(swallowing).rejects.toThrow(/rolled/);
  });

  test("200 interleaved transactions on one connection never see another tenant", async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const tenant = index % 2 === 0 ? "a" : "b";
        return made.database.forTenant(tenant, async (sql) => {
          const [first] = await sql<{ tenant: string }>("select current_tenant() as tenant");
          const rows = await sql<{ user_id: string }>(guests);
          return first!.tenant === tenant && rows.every(({ user_id: user }) => user === `guest of ${tenant}`);
        });
      }),
    );
    expect(results.every(Boolean)).toBe(true);
  });

  test("notifications arrive", async () => {
    const seen: string[] = [];
    await made.database.listen("test", (payload) => seen.push(payload));
    await made.database.withoutTenant((sql) => sql("select pg_notify('test', 'hello')"));
    await until(async () => expect(seen).toEqual(["hello"]));
  });
});

describe("migrations", () => {
  test("run once, also when several processes start together", async () => {
    const { url, drop } = await createDatabase(inject("postgresUrl"));
    const migrations = await readMigrations();
    const several = await Promise.all([1, 2, 3].map(() => connect({ url, poolSize: 1, onError: () => undefined })));
    const applied = await Promise.all(several.map(({ pool }) => migrate(pool, migrations)));
    expect(applied.flat()).toEqual(migrations.map(({ name }) => name));
    await Promise.all(several.map(({ pool }) => pool.end()));
    await drop();
  });

  test("production's check names what is missing, what was changed and what is unknown", async () => {
    const { url, drop } = await createDatabase(inject("postgresUrl"));
    const { pool } = await connect({ url, poolSize: 1, onError: () => undefined });
    const kind = { phase: "expand", inTransaction: true } as const;
    const one = { version: "001", name: "001-one", sql: "create table one (a int)", checksum: "1", ...kind };
    const two = { version: "002", name: "002-two", sql: "create table two (a int)", checksum: "2", ...kind };
    const three = { ...one, version: "003", name: "003-three", sql: "drop table two", phase: "contract" } as const;
    await expect(checkMigrated(pool, [one])).rejects.toThrow(/lacks 001-one.*npm run migrate/);
    await migrate(pool, [one, two]);
    expect(await checkMigrated(pool, [one, two])).toEqual([]);
    await expect(checkMigrated(pool, [one, { ...two, checksum: "3" }])).rejects.toThrow(/002-two was changed/);
    // A release that is rolled back starts on what only added to its schema, and migrates nothing.
    expect(await checkMigrated(pool, [one])).toEqual(["002-two"]);
    expect(await migrate(pool, [one])).toEqual([]);
    await pool.query("update schema_migrations set phase = null where version = '002'");
    await expect(checkMigrated(pool, [one])).rejects.toThrow(/002-two, whose phase isn't recorded/);
    await migrate(pool, [one, two, three]);
    await expect(checkMigrated(pool, [one, two])).rejects.toThrow(/003-three, which took away/);
    await expect(migrate(pool, [one, two])).rejects.toThrow(/003-three, which took away/);
    await pool.end();
    await drop();
  });

  test("a schema that an earlier release made gets its phases", async () => {
    const { url, drop } = await createDatabase(inject("postgresUrl"));
    const { pool } = await connect({ url, poolSize: 1, onError: () => undefined });
    const migrations = await readMigrations();
    await migrate(pool, migrations);
    await pool.query("alter table schema_migrations drop column phase");
    expect(await checkMigrated(pool, migrations)).toEqual([]);
    expect(await migrate(pool, migrations)).toEqual([]);
    const { rows } = await pool.query("select phase from schema_migrations");
    expect(rows).toEqual(migrations.map(({ phase }) => ({ phase })));
    await pool.end();
    await drop();
  });

  test.each(KINDS)("an index is built without a lock on %s, and what a killed build left behind goes first", async (kind) => {
    const made = await makeDatabase(kind, 1);
    const first = { version: "901", checksum: "1", phase: "expand", inTransaction: true } as const;
    const table = { ...first, name: "901-table", sql: "create table numbers (n int); insert into numbers values (1), (1)" };
    const build = { ...first, version: "902", name: "902-index", inTransaction: false };
    const unique = { ...build, sql: "-- comes first\ncreate unique index concurrently if not exists one_n on numbers (n)" };
    const valid = async () =>
      (await made.pool.query("select indisvalid from pg_index where indexrelid = to_regclass('one_n')")).rows;
    const all = [...(await readMigrations()), table];
    await expect(migrate(made.pool, [...all, unique])).rejects.toThrow(/902-index failed.*one_n/s);
    if (kind === "postgres") expect(await valid()).toEqual([{ indisvalid: false }]);
    await made.pool.query("delete from numbers");
    expect(await migrate(made.pool, [...all, unique])).toEqual(["902-index"]);
    expect(await valid()).toEqual([{ indisvalid: true }]);
    await made.pool.query("delete from schema_migrations where version = '902'");
    expect(await migrate(made.pool, [...all, unique])).toEqual(["902-index"]);
    const two = { ...build, version: "903", name: "903-two", sql: "update numbers set n = 2" };
    await expect(migrate(made.pool, [...all, unique, two])).rejects.toThrow(/903-two says "transaction: none"/);
    await made.close();
  });

  test("a failing one leaves nothing behind", async () => {
    const { url, drop } = await createDatabase(inject("postgresUrl"));
    const { pool } = await connect({ url, poolSize: 1, onError: () => undefined });
    const bad = {
      version: "001",
      name: "001-bad",
      sql: "create table half (a int); select 1 / 0",
      checksum: "1",
      phase: "expand",
      inTransaction: true,
    } as const;
    await expect(migrate(pool, [bad])).rejects.toThrow(MigrationError);
    expect((await pool.query("select to_regclass('half') as half")).rows).toEqual([{ half: null }]);
    await pool.end();
    await drop();
  });

  test("an owner who is no superuser can run them", async () => {
    const { url, drop } = await createDatabase(inject("postgresUrl"));
    const admin = await connect({ url, poolSize: 1, onError: () => undefined });
    const name = new URL(url).pathname.slice(1);
    await admin.pool.query(`create role owner_${name} login createrole`);
    await admin.pool.query(`alter database ${name} owner to owner_${name}`);
    await admin.pool.query(`alter schema public owner to owner_${name}`);
    // Roles belong to the server: another database's owner made them, and an administrator has to grant them.
    await migrate(admin.pool, [{ version: "000", name: "000-roles", sql: "select 1", checksum: "0" }]);
    await admin.pool.query("drop table schema_migrations");
    for (const role of (
      await admin.pool.query<{ rolname: string }>("select rolname from pg_roles where rolname like 'gatehouse%'")
    ).rows) {
      await admin.pool.query(`grant ${role.rolname} to owner_${name} with admin option`);
    }
    const ownerUrl = new URL(url);
    ownerUrl.username = `owner_${name}`;
    const owner = await connect({ url: ownerUrl.href, poolSize: 1, onError: () => undefined });
    const migrations = await readMigrations();
    // Extensions need a superuser on some servers; the server of this test is one of them.
    await admin.pool.query("create extension if not exists btree_gist");
    expect(await migrate(owner.pool, migrations)).toHaveLength(migrations.length);
    const database = openDatabase(owner);
    expect(await database.withoutTenant((sql) => sql("select current_user as name"))).toEqual([{ name: "gatehouse_app" }]);
    await database.close();
    await admin.pool.end();
    await drop();
  });
});

test("in production a login that owns nothing is enough, once the owner has migrated", async () => {
  const { url, drop } = await createDatabase(inject("postgresUrl"));
  const owner = await connect({ url, poolSize: 1, onError: () => undefined });
  const migrations = await readMigrations();
  await migrate(owner.pool, migrations);
  const login = `login_${new URL(url).pathname.slice(1)}`;
  await owner.pool.query(`create role ${login} login`);
  const loginUrl = new URL(url);
  loginUrl.username = login;
  const stranger = openDatabase(await connect({ url: loginUrl.href, poolSize: 1, onError: () => undefined }));
  await expect(stranger.withoutTenant((sql) => sql("select 1"))).rejects.toThrow(/gatehouse_app/);
  await stranger.close();

  await owner.pool.query(`grant gatehouse_app to ${login}`);
  const app = await connect({ url: loginUrl.href, poolSize: 1, onError: () => undefined });
  await checkMigrated(app.pool, migrations);
  const database = openDatabase(app);
  await database.forTenant("default", (sql) => sql(addGuest, ["default", "guest"]));
  expect(await database.forTenant("default", (sql) => sql(guests))).toEqual([{ user_id: "guest" }]);
  await database.close();
  await owner.pool.end();
  await drop();
});

test("the embedded folder belongs to one process, keeps what it holds, and opens again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-embedded-"));
  try {
    const first = await connect({ dataDir: folder, onError: () => undefined });
    await expect(connect({ dataDir: folder, onError: () => undefined })).rejects.toThrow(/already open/);
    await first.pool.query("create table kept (a int)");
    await first.pool.end();
    await first.release();
    const second = await connect({ dataDir: folder, onError: () => undefined });
    expect((await second.pool.query("select count(*)::int as n from kept")).rows).toEqual([{ n: 0 }]);
    await second.pool.end();
    await second.release();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a connection that the server ends between two statements fails its transaction and nothing else", async () => {
  const made = await createDatabase(inject("postgresUrl"));
  const told: string[] = [];
  const connections = await connect({ url: made.url, poolSize: 1, onError: ({ message }) => told.push(message) });
  await migrate(connections.pool, await readMigrations());
  const database = openDatabase(connections);
  const other = new pg.Client({ connectionString: made.url });
  await other.connect();
  try {
    const failing = database.withoutTenant(async (sql) => {
      const [own] = await sql<{ pid: number }>("select pg_backend_pid() as pid");
      await other.query("select pg_terminate_backend($1)", [own!.pid]);
      await until(async () => expect(told.length).toBeGreaterThan(0));
      await sql("select 1");
    });
    await expect(failing).rejects.toThrow();
    expect(told[0]).toContain("terminating connection");
    expect(await database.withoutTenant((sql) => sql("select 1 as one"))).toEqual([{ one: 1 }]);
  } finally {
    await other.end();
    await database.close();
    await made.drop();
  }
});

test("a listener comes back after the server cut it off, and says so", async () => {
  const server = await startPostgres();
  const connections = await connect({ url: server.url, poolSize: 2, onError: () => undefined });
  await migrate(connections.pool, await readMigrations());
  const database = openDatabase(connections);
  try {
    const seen: string[] = [];
    let reconnects = 0;
    await database.listen("test", (payload) => seen.push(payload));
    database.onReconnect(() => {
      reconnects += 1;
    });
    await connections.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gatehouse-listen'",
    );
    await until(async () => expect(reconnects).toBe(1));
    await database.withoutTenant((sql) => sql("select pg_notify('test', 'again')"));
    await until(async () => expect(seen).toEqual(["again"]));
  } finally {
    await database.close();
    await server.stop();
  }
});
