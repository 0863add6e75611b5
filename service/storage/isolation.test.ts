import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { findGaps, sampleRow, type TableRow, tablesOf } from "../../test/isolation.ts";
import { connect, openDatabase } from "./database.ts";
import type { Sql } from "./sql.ts";

/** What the database says when row-level security or a missing right stops a statement. */
const DENIED = "42501";

async function outcome(work: Promise<unknown[]>): Promise<number | string> {
  try {
    return (await work).length;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

test("a connection that may not take the service's role is never used with the rights it came with", async () => {
  const made = await makeDatabase("postgres");
  const login = `stranger_${randomBytes(4).toString("hex")}`;
  await made.pool.query(`create role ${login} login`);
  const url = new URL(made.url!);
  url.username = login;
  const stranger = openDatabase(await connect({ url: url.href, poolSize: 1, onError: () => undefined }));
  try {
    for (let time = 0; time < 3; time += 1) {
      await expect(stranger.withoutTenant((sql) => sql("select current_user"))).rejects.toMatchObject({ code: DENIED });
    }
  } finally {
    await stranger.close();
    await made.close();
    const server = new pg.Client({ connectionString: inject("postgresUrl") });
    await server.connect();
    await server.query(`drop role ${login}`);
    await server.end();
  }
});

test("functions with their owner's rights can't be given a table of a session's own: its schema comes last", async () => {
  const made = await makeDatabase("postgres");
  const { rows } = await made.pool.query(
    `select oid::regprocedure::text as name, array_to_string(proconfig, ';') as config from pg_proc
      where pronamespace = 'public'::regnamespace and prosecdef`,
  );
  await made.close();
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter(({ config }) => !/search_path=(pg_catalog, )?public, pg_temp$/.test(config))).toEqual([]);
});

describe.each(KINDS)("isolation of tenants on %s", (kind) => {
  let made: TestDatabase;
  let tables: TableRow[];
  const samples = new Map<string, Record<string, unknown>>();

  beforeAll(async () => {
    made = await makeDatabase(kind, 1);
    ({ isolated: tables } = await tablesOf(made.pool));
    const owner = await made.pool.connect();
    try {
      await owner.query("insert into tenants (id, name) values ('hotel-a', 'A'), ('hotel-b', 'B')");
      // The same keys in both hotels: a key over all tenants would refuse the second row. Without foreign keys, whose
      // rows come from the same samples but not in their order.
      await owner.query("begin");
      await owner.query("set local session_replication_role = replica");
      for (const table of tables) {
        const sample = await sampleRow(owner, table);
        samples.set(table.name, sample);
        for (const tenant of ["hotel-a", "hotel-b"]) {
          const [text, values] = insertion(table.name, { tenant_id: tenant, ...sample });
          await owner.query(text, values);
        }
      }
      await owner.query("commit");
    } finally {
      owner.release();
    }
  });
  afterAll(() => made.close());

  const insertion = (table: string, row: Record<string, unknown>): [string, unknown[]] => [
    `insert into ${table} (${Object.keys(row).join(", ")}) values (${Object.keys(row)
      .map((_, index) => `$${index + 1}`)
      .join(", ")})`,
    Object.values(row),
  ];
  const as = (tenant: string | undefined, work: (sql: Sql) => Promise<unknown[]>): Promise<number | string> =>
    outcome(tenant === undefined ? made.database.withoutTenant(work) : made.database.forTenant(tenant, work));
  const ownerCount = async (table: string) => {
    const { rows } = await made.pool.query(`select count(*)::int as n from ${table} where tenant_id = 'hotel-a'`);
    return rows[0].n as number;
  };

  test("the catalogue has no gap", async () => {
    expect(await findGaps(made.pool)).toEqual([]);
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["conversations", "inbox", "messages", "outbox", "audit_log", "reservations"]),
    );
  });

  test("each table: nobody reads or writes another hotel's rows, and nobody without a hotel reads or writes any", async () => {
    for (const { name } of tables) {
      const foreign = insertion(name, { tenant_id: "hotel-a", ...samples.get(name)! });
      for (const tenant of [undefined, "hotel-b", "hotel-c"]) {
        const where = `${name} as ${tenant ?? "nobody"}`;
        expect(await as(tenant, (sql) => sql(`select 1 from ${name} where tenant_id = 'hotel-a'`)), `select ${where}`).toBe(0);
        expect(await as(tenant, (sql) => sql(`select 1 from ${name}`)), `select ${where}`).toBe(tenant === "hotel-b" ? 1 : 0);
        expect(await as(tenant, (sql) => sql(...foreign)), `insert ${where}`).toBe(DENIED);
        // Rows that aren't seen aren't changed; where the service has no right at all, it is told so.
        const update = await as(tenant, (sql) =>
          sql(`update ${name} set tenant_id = tenant_id where tenant_id = 'hotel-a' returning 1`),
        );
        expect([0, DENIED], `update ${where}`).toContain(update);
        const removal = await as(tenant, (sql) => sql(`delete from ${name} where tenant_id = 'hotel-a' returning 1`));
        expect([0, DENIED], `delete ${where}`).toContain(removal);
        expect(await as(tenant, (sql) => sql(`truncate ${name} cascade`)), `truncate ${where}`).toBe(DENIED);
      }
      const gift = await as("hotel-b", (sql) =>
        sql(`update ${name} set tenant_id = 'hotel-a' where tenant_id = 'hotel-b' returning 1`),
      );
      expect(gift, `${name}: moving a row into another hotel`).toBe(DENIED);
      expect(await ownerCount(name), name).toBe(1);
      expect(await as("hotel-a", (sql) => sql(`select 1 from ${name}`)), `${name}: its own hotel sees it`).toBe(1);
    }
  });

  test("an error says the same whether another hotel has such a row or not", async () => {
    const message = async (work: (sql: Sql) => Promise<unknown>) => {
      try {
        await made.database.forTenant("hotel-b", async (sql) => void (await work(sql)));
        return "no error";
      } catch (error) {
        const { message: text, code, detail } = error as Error & { code: string; detail?: string };
        return { code, text, detail: detail?.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID").replaceAll(/hotel-\w+/g, "HOTEL") };
      }
    };
    const conversation = (tenant: string, user: string) => (sql: Sql) =>
      sql("insert into conversations (tenant_id, channel, user_id) values ($1, $2, $3)", [tenant, "sample", user]);
    const existing = await message(conversation("hotel-a", "sample"));
    expect(existing).toMatchObject({ code: DENIED });
    expect(await message(conversation("hotel-a", "nobody")), "a unique key").toEqual(existing);
    expect(await message(conversation("nowhere", "nobody")), "a tenant").toEqual(existing);

    const only = "00000000-0000-4000-8000-00000000000a";
    await made.pool.query("insert into conversations (tenant_id, id, channel, user_id) values ('hotel-a', $1, 'x', 'only-a')", [
      only,
    ]);
    const child = (id: string) => (sql: Sql) =>
      sql(
        "insert into inbox (tenant_id, channel, message_id, conversation_id, sequence, payload) values ('hotel-b', 'x', 'y', $1, 1, '{}')",
        [id],
      );
    const pointing = await message(child(only));
    expect(pointing).toMatchObject({ code: "23503" });
    expect(await message(child("00000000-0000-4000-8000-0000000000ff")), "a foreign key").toEqual(pointing);
    await made.pool.query("delete from conversations where id = $1", [only]);
  });

  test("inside a hotel's transaction the table of tenants holds that hotel only", async () => {
    const ids = (tenant: string | undefined) => {
      const work = (sql: Sql) => sql<{ id: string }>("select id from tenants order by id");
      return tenant === undefined ? made.database.withoutTenant(work) : made.database.forTenant(tenant, work);
    };
    expect(await ids("hotel-a")).toEqual([{ id: "hotel-a" }]);
    expect(await ids("hotel-c")).toEqual([]);
    expect(await ids(undefined)).toHaveLength(3);
    expect(await as("hotel-b", (sql) => sql("update tenants set pattern = '.*' where id = 'hotel-a' returning 1"))).toBe(0);
    expect(await as("hotel-b", (sql) => sql("delete from tenants where id = 'hotel-a' returning 1"))).toBe(0);
    expect(await as("hotel-b", (sql) => sql("insert into tenants (id, name) values ('hotel-x', 'X')"))).toBe(DENIED);
  });

  test("the audit log can be added to and read, and nothing else, by its own hotel too", async () => {
    expect(await as("hotel-a", (sql) => sql("update audit_log set actor = 'somebody else'"))).toBe(DENIED);
    expect(await as("hotel-a", (sql) => sql("delete from audit_log"))).toBe(DENIED);
  });

  test.each([
    "it's",
    "\\",
    "\\'; reset role; --",
    "'; select set_config('app.tenant_id', 'hotel-a', true); --",
    "$1",
    "hotel-a' --",
    "ñ'😀",
  ])("the id %j is taken as it is", async (id) => {
    const [row] = await made.database.forTenant(id, (sql) =>
      sql("select current_tenant() as tenant, current_user::text as role, (select count(*)::int from conversations) as n"),
    );
    expect(row).toEqual({ tenant: id, role: "gatehouse_app", n: 0 });
  });

  test.each(["", "a\u0000b"])("the id %j is refused", async (id) => {
    await expect(made.database.forTenant(id, (sql) => sql("select 1"))).rejects.toThrow(
      /the tenant's id (is empty|holds U\+0000)/,
    );
  });

  test("200 transactions at once on a pool of one never meet", async () => {
    const hotels = ["hotel-a", "hotel-b"];
    const seen = await Promise.all(
      Array.from({ length: 200 }, async (_, number) => {
        const tenant = hotels[number % 2]!;
        const work = async (sql: Sql) => {
          const [before] = await sql<{ tenant: string | null }>("select current_tenant() as tenant");
          await new Promise((resolve) => setImmediate(resolve));
          const rows = await sql<{ tenant_id: string }>("select tenant_id from conversations");
          if (number % 5 === 0) throw new Error("an error in the middle");
          return [before!.tenant, ...rows.map(({ tenant_id }) => tenant_id)].join(" ");
        };
        const running = number % 3 === 0 ? made.database.withoutTenant(work) : made.database.forTenant(tenant, work);
        const expected = number % 5 === 0 ? "an error in the middle" : number % 3 === 0 ? "" : `${tenant} ${tenant}`;
        return { got: await running.catch((error: Error) => error.message), expected };
      }),
    );
    for (const { got, expected } of seen) expect(got).toBe(expected);
  });

  test("after an error in the middle, or a commit, the connection remembers no hotel", async () => {
    const writes = made.database.forTenant("hotel-a", async (sql) => {
      await sql("insert into conversations (tenant_id, channel, user_id) values ('hotel-a', 'y', 'gone')");
      await sql("select 1 / 0");
    });
    await expect(writes).rejects.toThrow(/division by zero/);
    const [after] = await made.database.withoutTenant((sql) =>
      sql("select current_tenant() as tenant, (select count(*)::int from conversations) as n"),
    );
    expect(after).toEqual({ tenant: null, n: 0 });
    expect(await as("hotel-a", (sql) => sql("select 1 from conversations where user_id = 'gone'"))).toBe(0);
    await made.database.forTenant("hotel-a", (sql) => sql("select 1"));
    expect(await as(undefined, (sql) => sql("select 1 from conversations"))).toBe(0);
  });

  describe("the catalogue's check finds", () => {
    const RIGHT =
      "create table later (tenant_id text not null, id int, primary key (tenant_id, id)); call isolate_tenants('later');";
    afterEach(async () => {
      await made.pool.query("drop view if exists later_view; drop function if exists later_function; drop table if exists later");
    });

    test.each([
      ["a table without tenant_id", "create table later (id int primary key)", "has no tenant_id"],
      ["one without row-level security", "create table later (tenant_id text not null primary key)", "isn't enabled"],
      ["one that isn't forced", `${RIGHT} alter table later no force row level security`, "isn't forced"],
      ["one without the policy", `${RIGHT} drop policy tenant_isolation on later`, "lacks the policy"],
      ["a policy that says something else", `${RIGHT} alter policy tenant_isolation on later using (true)`, "lacks the policy"],
      ["a second policy for the service", `${RIGHT} create policy all_rows on later using (true)`, "lets the service see more"],
      ["a key over all tenants", `${RIGHT} alter table later add unique (id)`, "doesn't start with tenant_id"],
      ["a tenant that may be null", "create table later (tenant_id text, id int); call isolate_tenants('later')", "may be null"],
      [
        "a foreign key into another tenant",
        `${RIGHT} alter table later add other text references tenants (id)`,
        "may point into another tenant",
      ],
      ["a right to truncate", `${RIGHT} grant truncate on later to gatehouse_app`, "TRUNCATE"],
      [
        "a table of the service's own",
        `${RIGHT} grant create on schema public to gatehouse_app; alter table later owner to gatehouse_app; revoke create on schema public from gatehouse_app`,
        "belongs to",
      ],
      ["a view with its owner's rights", `${RIGHT} create view later_view as select * from later`, "security_invoker"],
      [
        "a function with its owner's rights",
        "create function later_function() returns int language sql security definer as 'select 1'",
        "later_function",
      ],
    ])("%s", async (_, statements, gap) => {
      await made.pool.query(statements);
      expect((await findGaps(made.pool)).join("\n")).toContain(gap);
    });

    test("nothing in a table that is made as it should be", async () => {
      await made.pool.query(RIGHT);
      expect(await findGaps(made.pool)).toEqual([]);
    });
  });
});
