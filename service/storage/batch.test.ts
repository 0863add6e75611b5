import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { until } from "../../test/servers.ts";
import { connect, openDatabase } from "./database.ts";

const addGuest = {
  name: "add-guest",
  text: "insert into conversations (tenant_id, channel, user_id) values (current_tenant(), 'messages', $1)",
};
const add = (guest: string) => ({ ...addGuest, values: [guest] });
const backend = { text: "select pg_backend_pid() as pid" };

test("the version of pg is the one whose private parts a batch uses: at another one read those again, then change this", async () => {
  const { version } = JSON.parse(await readFile(createRequire(import.meta.url).resolve("pg/package.json"), "utf8"));
  expect(version).toMatch(/^8\.23\./);
});

describe("batches on one connection", () => {
  let made: TestDatabase;
  beforeAll(async () => {
    made = await makeDatabase("postgres", 1);
    await made.pool.query("insert into tenants (id, name) values ('a', 'A'), ('b', 'B')");
    await made.pool.query("create table later (id int unique deferrable initially deferred)");
    await made.pool.query("grant select, insert on later to gatehouse_app");
  });
  afterAll(() => made.close());

  const guestsOf = async (tenant: string) => {
    const [rows] = await made.database.batchForTenant(tenant, [{ text: "select user_id from conversations order by user_id" }]);
    return rows!.map(({ user_id: guest }) => guest);
  };
  const pid = async () => (await made.database.batchForTenant("a", [backend]))[0]![0]!.pid as number;

  test("a named statement serves several times in a batch, and in the next ones", async () => {
    for (const batch of [["1", "2"], ["3"], ["4", "5", "6"]]) await made.database.batchForTenant("b", batch.map(add));
    expect(await guestsOf("b")).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  test("values come as the driver gives them, with names and without", async () => {
    const text = `select 1::int as int, 9007199254740993::bigint as big, 1.5::float8 as float, true as yes, null::text as nothing,
                         '{"a": [1]}'::jsonb as json, '2026-01-02T03:04:05Z'::timestamptz as at, array['x', 'y'] as list, $1::text as given`;
    const expected = {
      ...{ int: 1, big: "9007199254740993", float: 1.5, yes: true, nothing: null, json: { a: [1] } },
      ...{ at: new Date("2026-01-02T03:04:05Z"), list: ["x", "y"], given: "ñ" },
    };
    const named = { name: "kinds", text, values: ["ñ"] };
    expect(await made.database.batchForTenant("a", [named, { text, values: ["ñ"] }])).toEqual([[expected], [expected]]);
    expect(await made.database.batchForTenant("a", [named])).toEqual([[expected]]);
    expect(await made.database.forTenant("a", (sql) => sql(text, ["ñ"]))).toEqual([expected]);
  });

  test("the tenant ends with its batch, whoever comes next", async () => {
    const own = { text: "select current_tenant() as tenant" };
    const tenants = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const tenant = ["a", "b", undefined][index % 3];
        const [row] =
          tenant === undefined
            ? await made.database.withoutTenant((sql) => sql(own.text))
            : (await made.database.batchForTenant(tenant, [own]))[0]!;
        return row!.tenant === (tenant ?? null);
      }),
    );
    expect(tenants.filter((right) => !right)).toEqual([]);
  });

  test("a failed statement undoes its batch and leaves the connection; with a new name it takes the connection along", async () => {
    await made.database.batchForTenant("a", [add("known")]);
    const before = await pid();
    await expect(made.database.batchForTenant("a", [add("never"), { text: "select 1 / 0" }, add("nor this")])).rejects.toThrow(
      /division by zero/,
    );
    expect(await pid()).toBe(before);
    const news = { name: "new", text: "select $1::int as n", values: [1] };
    await expect(made.database.batchForTenant("a", [news, { text: "select 1 / 0" }])).rejects.toThrow(/division by zero/);
    expect(await pid()).not.toBe(before);
    expect(await made.database.batchForTenant("a", [news])).toEqual([[{ n: 1 }]]);
    expect(await guestsOf("a")).toEqual(["known"]);
  });

  test("a value that can't be sent stops all of its batch before it begins", async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const bad = { text: "select $1::jsonb", values: [circle] };
    await expect(made.database.batchForTenant("a", [add("first"), bad])).rejects.toThrow(/circular/);
    expect(await guestsOf("a")).toEqual(["known"]);
  });

  test("what only the commit finds out is an error too", async () => {
    const twice = { text: "insert into later values (1), (1)" };
    await expect(made.database.batchForTenant("a", [add("too early"), twice])).rejects.toThrow(/duplicate key/);
    expect(await guestsOf("a")).toEqual(["known"]);
  });

  test("calls that come while others are under way share transactions, and none fails for another", async () => {
    const calls = Array.from({ length: 60 }, (_, index) =>
      made.database.batchForTenant("a", [
        index % 10 === 3 ? { text: "select 1 / 0" } : add(`joint-${index}`),
        { text: "select txid_current()::text as id" },
      ]),
    );
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(calls.map((_, index) => (index % 10 === 3 ? "rejected" : "fulfilled")));
    expect((await guestsOf("a")).filter((guest) => String(guest).startsWith("joint"))).toHaveLength(54);
    const calm = await Promise.all(
      Array.from({ length: 60 }, () => made.database.batchForTenant("a", [{ text: "select txid_current()::text as id" }])),
    );
    expect(new Set(calm.map(([rows]) => rows![0]!.id)).size).toBeLessThan(10);
  });

  test("transactions that lock the same rows take them in one order, whatever the order of their statements", async () => {
    const another = await connect({ url: made.url!, poolSize: 2, onError: () => undefined });
    const databases = [made.database, openDatabase(another)];
    const rows = ["r1", "r2", "r3", "r4"];
    await made.database.batchForTenant("b", rows.map(add));
    const touch = (guest: string) => ({
      name: "touch",
      text: "update conversations set updated_at = clock_timestamp() where user_id = $1 returning user_id",
      values: [guest],
      locks: guest,
    });
    try {
      const calls = Array.from({ length: 200 }, async (_, index) => {
        const order = index % 2 === 0 ? rows : rows.toReversed();
        const results = await databases[index % 2]!.batchForTenant("b", order.map(touch));
        expect(results.map(([row]) => row!.user_id)).toEqual(order);
      });
      await Promise.all(calls);
    } finally {
      await databases[1]!.close();
    }
  });

  test("a connection that is cut takes its calls along, and they aren't sent again", async () => {
    const blockers = [1, 2].map(() => made.database.batchForTenant("a", [{ text: "select pg_sleep(0.1)" }]));
    const calls = [1, 2, 3].map((number) =>
      made.database.batchForTenant("a", [add(`cut-${number}`), { text: "select pg_sleep(600)" }]),
    );
    const ended = Promise.allSettled(calls);
    await Promise.all(blockers);
    const cut = `select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and query like '%pg_sleep(600)%' and wait_event = 'PgSleep'`;
    await until(async () => expect((await made.pool.query(cut)).rowCount).toBe(1));
    // Sent again they would sleep for ten minutes.
    expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect((await guestsOf("a")).filter((guest) => String(guest).startsWith("cut"))).toEqual([]);
  });
});
