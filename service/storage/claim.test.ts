import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";

interface Lease {
  tenant_id: string;
  conversation_id: string;
}

describe.each(KINDS)("fair turns on %s", (kind) => {
  let made: TestDatabase;
  beforeAll(async () => {
    made = await makeDatabase(kind);
    await made.pool.query("insert into tenants (id, name) select 'hotel-' || n, 'Hotel' from generate_series(1, 9) n");
  });
  afterAll(() => made.close());
  beforeEach(async () => {
    await made.pool.query("truncate conversations cascade");
    await made.pool.query("update dispatch_turns set last_tenant = ''");
  });

  /** Conversations of a tenant that wait, the first one the longest. */
  const wait = (tenant: string, count: number) =>
    made.pool.query(
      `insert into conversations (tenant_id, channel, user_id, last_received, waiting_since)
       select $1::text, 'messages', 'guest-' || n, 1, now() - interval '1 hour' + n * interval '1 second' from generate_series(1, $2::int) n`,
      [tenant, count],
    );
  const claim = async (maximum: number, worker = "worker") =>
    made.database.withoutTenant((sql) => sql<Lease>("select * from claim_conversations($1, 30, $2)", [worker, maximum]));
  const tenantsOf = (leases: Lease[]) => leases.map(({ tenant_id }) => tenant_id);

  test("takes each tenant's first, then each one's second", async () => {
    await wait("hotel-1", 50);
    await wait("hotel-2", 2);
    await wait("hotel-3", 1);
    expect(tenantsOf(await claim(6))).toEqual(["hotel-1", "hotel-2", "hotel-3", "hotel-1", "hotel-2", "hotel-1"]);
  });

  test("a call goes on where the one before ended", async () => {
    await wait("hotel-1", 50);
    await wait("hotel-2", 2);
    await wait("hotel-3", 1);
    const order: string[] = [];
    for (let call = 0; call < 6; call += 1) order.push(...tenantsOf(await claim(1)));
    expect(order).toEqual(["hotel-1", "hotel-2", "hotel-3", "hotel-1", "hotel-2", "hotel-1"]);
  });

  test("a tenant's own conversations come in the order in which they began to wait, each once", async () => {
    await wait("hotel-1", 5);
    const leases = await claim(10);
    const { rows } = await made.pool.query("select id from conversations order by waiting_since");
    expect(leases.map(({ conversation_id }) => conversation_id)).toEqual(rows.map(({ id }) => id));
    expect(await claim(10)).toEqual([]);
  });

  test("gives nothing when nothing waits, and takes what another's lease left", async () => {
    expect(await claim(10)).toEqual([]);
    await wait("hotel-1", 1);
    const [first] = await claim(1, "one");
    expect(await claim(1, "two")).toEqual([]);
    await made.pool.query("update conversations set lease_until = now() - interval '1 second'");
    const [second] = await claim(1, "two");
    expect(second!.conversation_id).toBe(first!.conversation_id);
    const { rows } = await made.pool.query("select lease_owner, lease_token from conversations");
    expect(rows).toEqual([{ lease_owner: "two", lease_token: "2" }]);
  });

  test("no tenant gets more than its most, with what the caller holds already", async () => {
    await wait("hotel-1", 10);
    await wait("hotel-2", 10);
    await wait("hotel-3", 1);
    const leases = await made.database.withoutTenant((sql) =>
      sql<Lease>("select * from claim_conversations('w', 30, 8, $1, 3)", [["hotel-1", "hotel-1", "hotel-9"]]),
    );
    expect(tenantsOf(leases)).toEqual(["hotel-1", "hotel-2", "hotel-3", "hotel-2", "hotel-2"]);
    const full = await made.database.withoutTenant((sql) =>
      sql<Lease>("select * from claim_conversations('w', 30, 8, $1, 1)", [["hotel-1", "hotel-2"]]),
    );
    expect(full).toEqual([]);
  });

  test("calls at the same time share the tenants evenly and take nothing twice", async () => {
    for (const tenant of ["hotel-1", "hotel-2", "hotel-3"]) await wait(tenant, 40);
    const all = (await Promise.all(Array.from({ length: 30 }, (_, call) => claim(2, `worker-${call}`)))).flat();
    expect(new Set(all.map(({ conversation_id }) => conversation_id)).size).toBe(60);
    const counts = ["hotel-1", "hotel-2", "hotel-3"].map((id) => all.filter(({ tenant_id }) => tenant_id === id).length);
    // Up to five turns go round at once, so shares of 20 may differ by a conversation or two a turn.
    for (const count of counts) expect(Math.abs(count - 20)).toBeLessThanOrEqual(10);
  });

  test("the function belongs to the dispatcher, which sees nothing a guest wrote", async () => {
    const { rows } = await made.pool.query(
      "select pg_get_userbyid(proowner) as owner, prosecdef from pg_proc where proname = 'claim_conversations'",
    );
    expect(rows).toEqual(Array.from({ length: 2 }, () => ({ owner: "gatehouse_dispatcher", prosecdef: true })));
    const { rows: columns } = await made.pool.query(
      `select c.relname || '.' || a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0
          and has_column_privilege('gatehouse_dispatcher', c.oid, a.attnum, 'select') order by 1`,
    );
    const names = columns.map(({ name }) => name);
    expect(names).toContain("conversations.waiting_since");
    expect(names.filter((name) => /user_id|payload|text|content|error|language|conversations\.state/.test(name))).toEqual([]);
  });

  test("costs the same whether 50 or 10,000 conversations of one tenant wait before another's", async () => {
    const fastest = async () => {
      const times: number[] = [];
      for (let call = 0; call < 20; call += 1) {
        const start = performance.now();
        const leases = await claim(2);
        times.push(performance.now() - start);
        expect(leases).toHaveLength(2);
        if (call === 0) expect(tenantsOf(leases).sort()).toEqual(["hotel-1", "hotel-2"]);
      }
      // The fastest: whatever else the machine does only makes calls slower.
      return Math.min(...times);
    };
    await wait("hotel-1", 50);
    await wait("hotel-2", 1);
    await made.pool.query("analyze conversations");
    const few = await fastest();
    await made.pool.query("truncate conversations cascade");
    await made.pool.query("update dispatch_turns set last_tenant = ''");
    await wait("hotel-1", 10_000);
    await wait("hotel-2", 1);
    await made.pool.query("analyze conversations");
    const many = await fastest();
    expect(many / few, `${many.toFixed(2)} ms to ${few.toFixed(2)} ms`).toBeLessThan(5);
  });
});
