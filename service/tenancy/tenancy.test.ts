import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { startRedis, until } from "../../test/servers.ts";
import type { Shared } from "../storage/shared.ts";
import { openMemory } from "../storage/shared-memory.ts";
import { openRedis } from "../storage/shared-redis.ts";
import type { Database } from "../storage/sql.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createTenancy, type Tenancy, type TenancyOptions } from "./tenancy.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Running {
  tenancy: Tenancy;
  metric: (name: string, labels?: Record<string, string>) => Promise<number>;
  log: string[];
}

async function run(database: Database, shared: Shared, more: Partial<TenancyOptions> = {}): Promise<Running> {
  const metrics = createMetrics({ collectDefaults: false });
  const log: string[] = [];
  const logger = createLogger("debug", "test", { write: (line: string) => void log.push(line) });
  const tenancy = createTenancy({
    database,
    shared,
    metrics,
    logger,
    cacheTtlSeconds: 60,
    guestHash: (userId) => `hash-of-${userId.length}`,
    ...more,
  });
  closing.push(() => tenancy.close());
  await tenancy.start();
  const metric = async (name: string, labels: Record<string, string> = {}) => {
    const found = (await metrics.registry.getSingleMetric(name)!.get()).values.filter((one) =>
      Object.entries(labels).every(([label, value]) => (one.labels as Record<string, unknown>)[label] === value),
    );
    return found.reduce((sum, { value }) => sum + value, 0);
  };
  return { tenancy, metric, log };
}

const tenantOf = async ({ tenancy }: Running, userId: string, phoneNumberId?: string) => {
  const { tenant, result } = await tenancy.resolve({ userId, phoneNumberId });
  return `${tenant.id} by ${result}`;
};

describe.each(KINDS)("resolution on %s", (kind) => {
  let made: TestDatabase;
  const put = (id: string, pattern: string | null, more = "", values: unknown[] = []) =>
    made.pool.query(
      `insert into tenants (id, name, pattern${more === "" ? "" : `, ${more}`}) values ($1, 'Hotel', $2${values.map((_, n) => `, $${n + 3}`).join("")})`,
      [id, pattern, ...values],
    );
  beforeAll(async () => {
    made = await makeDatabase(kind);
  });
  afterAll(() => made.close());
  afterEach(async () => {
    await made.pool.query("delete from tenants where id <> 'default'");
  });

  test("the address that was written to decides, in any case of its letters, also while the hotel is paused", async () => {
    await put("sur", "^ana@", "email_address", ["reservas@sur.example"]);
    await put("closed", null, "active, email_address", [false, "hola@closed.example"]);
    const { tenancy } = await run(made.database, openMemory());
    const of = async (...addresses: string[]) => {
      const { tenant, result } = await tenancy.resolve({ userId: "ana@example.com", addresses });
      return `${tenant.id} by ${result}`;
    };
    expect(await of("x@y.example", "Reservas@SUR.example")).toBe("sur by address");
    expect(await of("hola@closed.example")).toBe("closed by address");
    expect(await of("x@y.example")).toBe("sur by pattern");
    expect([tenancy.hasAddress("hola@closed.example"), tenancy.hasAddress("x@y.example")]).toEqual([true, false]);
    await made.pool.query("update tenants set email_address = null where id = 'sur'");
    await tenancy.changed();
    expect(tenancy.hasAddress("reservas@sur.example")).toBe(false);
  });

  test("explicit, then the number written to, then the pattern, then default", async () => {
    await put("sur", "^\\+54911", "whatsapp_phone_number_id", ["1001"]);
    await put("norte", "^598");
    await put("closed", "^\\+34", "active, whatsapp_phone_number_id", [false, "1002"]);
    const service = await run(made.database, openMemory());
    const { tenancy } = service;
    expect(await tenantOf(service, " 00 54 (9) 11-000-2222 ")).toBe("sur by pattern");
    expect(await tenantOf(service, "+549110002222")).toBe("sur by pattern");
    expect(await tenantOf(service, "549110002222")).toBe("sur by pattern");
    expect(await tenantOf(service, "59899123456")).toBe("norte by pattern");
    expect(await tenantOf(service, "59899123456", "1001")).toBe("sur by number");
    expect(await tenantOf(service, "59899123456", "9999")).toBe("norte by pattern");
    expect(await tenantOf(service, "34600123456", "1002"), "a paused hotel's number is no other hotel's").toBe(
      "closed by number",
    );
    expect(await tenantOf(service, "34600123456"), "its pattern is").toBe("default by default");
    const named = (tenantId: string, authorised: boolean) =>
      tenancy.resolve({ userId: "59899123456", explicit: { tenantId, authorised }, phoneNumberId: "1001" });
    expect(await named("norte", true)).toMatchObject({ tenant: { id: "norte" }, result: "explicit" });
    expect(await named("norte", false), "who may not name a tenant names none").toMatchObject({
      tenant: { id: "sur" },
      result: "number",
    });
    await expect(named("nobody", true)).rejects.toMatchObject({
      status: 400,
      errors: [{ field: "tenant_id", message: "names no tenant" }],
    });
    await expect(named("closed", true)).rejects.toMatchObject({ status: 400 });
    expect(await service.metric("tenant_resolution_total", { result: "explicit" })).toBe(1);
    expect(await service.metric("tenant_resolution_total", { result: "number" })).toBe(3);
    expect(await service.metric("tenant_resolution_total", { result: "default" })).toBe(1);
  });

  test("a stranger is logged once, by hash, and counted each time", async () => {
    const service = await run(made.database, openMemory());
    for (let time = 0; time < 3; time += 1) expect(await tenantOf(service, "+549110002222")).toBe("default by default");
    expect(await service.metric("tenant_resolution_total", { result: "default" })).toBe(3);
    const lines = service.log.filter((line) => line.includes("no tenant's pattern"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("hash-of-12");
    expect(service.log.join("")).not.toContain("549110002222");
    expect(await service.metric("tenant_cache_total", { layer: "memory", result: "hit" })).toBe(2);
    expect(await service.metric("tenant_cache_total", { layer: "memory", result: "miss" })).toBe(1);
  });

  test("without the flag only a named tenant isn't the default", async () => {
    await put("sur", "^\\+54911", "whatsapp_phone_number_id", ["1001"]);
    let on = false;
    const service = await run(made.database, openMemory(), { isDynamicEnabled: () => on });
    expect(await tenantOf(service, "549110002222", "1001")).toBe("default by default");
    const named = await service.tenancy.resolve({ userId: "x", explicit: { tenantId: "sur", authorised: true } });
    expect(named.result).toBe("explicit");
    on = true;
    expect(await tenantOf(service, "549110002222")).toBe("sur by pattern");
  });

  test("every change reaches every process, whoever makes it", async () => {
    const shared = openMemory();
    const services = [await run(made.database, shared), await run(made.database, shared)];
    const everybodySays = (userId: string, expected: string, phoneNumberId?: string) =>
      until(async () => {
        for (const service of services) expect(await tenantOf(service, userId, phoneNumberId)).toBe(expected);
      });
    await everybodySays("549110002222", "default by default");
    await put("sur", "^\\+54911");
    await everybodySays("549110002222", "sur by pattern");
    await put("norte", "^\\+5491", "priority", [5]);
    await everybodySays("549110002222", "norte by pattern");
    await made.pool.query("update tenants set active = false where id = 'norte'");
    await everybodySays("549110002222", "sur by pattern");
    await made.pool.query("update tenants set whatsapp_phone_number_id = '7' where id = 'sur'");
    await everybodySays("x", "sur by number", "7");
    await made.pool.query("delete from tenants where id = 'sur'");
    await everybodySays("549110002222", "default by default", "7");
    await put("sur", "^\\+54911");
    await everybodySays("549110002222", "sur by pattern");
  });

  test("two tenants may swap their numbers", async () => {
    await put("a", null, "whatsapp_phone_number_id", ["1"]);
    await put("b", null, "whatsapp_phone_number_id", ["2"]);
    const service = await run(made.database, openMemory());
    await made.pool.query("update tenants set whatsapp_phone_number_id = null where id in ('a', 'b')");
    await made.pool.query(
      "update tenants set whatsapp_phone_number_id = case id when 'a' then '2' else '1' end where id in ('a', 'b')",
    );
    await service.tenancy.changed();
    expect(await tenantOf(service, "x", "1")).toBe("b by number");
    expect(await tenantOf(service, "x", "2")).toBe("a by number");
  });

  test("of 10,000 rows five are bad: they are put aside, told by the metric, and the rest work", async () => {
    await made.pool.query(
      `insert into tenants (id, name, pattern) select 'hotel-' || n, 'Hotel', '^\\+549' || (1000000 + n) || '\\d{2}$' from generate_series(1, 9995) n`,
    );
    await put("bad-1", "^(549");
    await put("bad-2", "(?=x)");
    await put("bad-3", "^\\+1000", "business_hours", ['[{"days": ["lun"]}]']);
    await put("bad-4", "^\\+2000", "limits", ['{"messages_per_minute": "many"}']);
    await put("bad-5", "^\\+30001", "settings, pms", ["{}", '{"url": "javascript:alert(1)"}']);
    const service = await run(made.database, openMemory());
    await until(async () => expect(await service.metric("tenant_patterns_quarantined")).toBe(5));
    expect(await tenantOf(service, "549100777799")).toBe("hotel-7777 by pattern");
    expect(await tenantOf(service, "+10005556667")).toBe("bad-3 by pattern");
    const bad = await service.tenancy.get("bad-3");
    expect(bad?.businessHours, "hours that can't be read are no reason to wake reception").toEqual([]);
    expect((await service.tenancy.get("bad-4"))?.limits).toEqual({});
    expect((await service.tenancy.get("bad-5"))?.pms).toEqual({});
    expect(service.tenancy.problemsOf("bad-1")).toEqual([
      expect.stringMatching(/^pattern: isn't RE2 syntax.*it matches nobody$/),
    ]);
    await made.pool.query("update tenants set pattern = '^549' where id = 'bad-1'");
    await service.tenancy.changed();
    await until(async () => expect(await service.metric("tenant_patterns_quarantined")).toBe(4));
    await made.pool.query("delete from tenants where id <> 'default'");
    await service.tenancy.changed();
    expect(await service.metric("tenant_patterns_quarantined")).toBe(0);
  });

  test.each(["'; drop table tenants; --", "%", "a".repeat(1_000_000), "\u0000", "ｅ54911", "__proto__", "constructor"])(
    "the id %.30j is nobody's",
    async (userId) => {
      await put("sur", "^\\+54911");
      const service = await run(made.database, openMemory());
      expect(await tenantOf(service, userId, userId)).toBe("default by default");
    },
  );
});

describe("when servers fail", () => {
  test("Postgres gone: the last known tenants hold and a gauge says for how long; back: the changes are there", async () => {
    const made = await makeDatabase("postgres");
    closing.push(() => made.close());
    await made.pool.query("insert into tenants (id, name, pattern) values ('sur', 'Hotel', '^\\+54911')");
    const server = new pg.Client({ connectionString: inject("postgresUrl") });
    await server.connect();
    closing.push(() => server.end());
    const name = new URL(made.url!).pathname.slice(1);
    const takeAway = async () => {
      await server.query(`alter database ${name} allow_connections false`);
      await server.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
      await until(async () =>
        expect((await server.query("select 1 from pg_stat_activity where datname = $1", [name])).rows).toEqual([]),
      );
    };
    let clock = Date.parse("2026-03-10T12:00:00Z");
    const service = await run(made.database, openMemory(), { now: () => new Date(clock) });
    await takeAway();
    await expect(service.tenancy.changed()).rejects.toThrow();
    clock += 90_000;
    await expect(service.tenancy.changed()).rejects.toThrow("not currently accepting connections");
    expect(await service.metric("tenant_map_stale_seconds")).toBe(90);
    expect(await tenantOf(service, "549110002222")).toBe("sur by pattern");
    expect(await tenantOf(service, "549119999999")).toBe("sur by pattern");
    clock -= 600_000;
    await expect(service.tenancy.changed()).rejects.toThrow("not currently accepting connections");
    expect(await service.metric("tenant_map_stale_seconds"), "a clock that was set back").toBeGreaterThan(0);
    await server.query(`alter database ${name} allow_connections true`);
    await made.pool.query("update tenants set active = false where id = 'sur'");
    await until(() => service.tenancy.changed());
    expect(await service.metric("tenant_map_stale_seconds")).toBe(0);
    expect(await tenantOf(service, "549110002222")).toBe("default by default");
    expect(await service.metric("tenant_cache_total", { layer: "database", result: "error" })).toBeGreaterThanOrEqual(3);
  });

  test("a hundred askers at once cost one or two reads", async () => {
    const made = await makeDatabase("postgres");
    closing.push(() => made.close());
    let reads = 0;
    const database: Database = {
      ...made.database,
      withoutTenant: (work) => {
        reads += 1;
        return made.database.withoutTenant(work);
      },
    };
    const service = await run(database, openMemory());
    reads = 0;
    await Promise.all(Array.from({ length: 100 }, () => service.tenancy.changed()));
    expect(reads).toBeLessThanOrEqual(2);
  });

  test("a database that was restored from an older copy is read whole", async () => {
    const made = await makeDatabase("postgres");
    closing.push(() => made.close());
    await made.pool.query("insert into tenants (id, name, pattern) values ('sur', 'Hotel', '^\\+54911')");
    for (let time = 0; time < 5; time += 1) await made.pool.query("update tenants set name = 'Hotel Sur'");
    const service = await run(made.database, openMemory());
    expect(await tenantOf(service, "549110002222")).toBe("sur by pattern");
    const owner = new pg.Client({ connectionString: made.url });
    await owner.connect();
    closing.push(() => owner.end());
    await owner.query("set session_replication_role = replica");
    await owner.query("delete from tenants where id = 'sur'");
    await owner.query("insert into tenants (id, name, pattern, change) values ('norte', 'Hotel', '^\\+549', 1)");
    await owner.query("update tenant_map set change = 1");
    await service.tenancy.changed();
    expect(await tenantOf(service, "549110002222")).toBe("norte by pattern");
  });

  test("Redis tells other processes, spares the database at a start, and may be gone", async () => {
    const made = await makeDatabase("postgres");
    closing.push(() => made.close());
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const connect = async () => {
      const shared = await openRedis({ url: redis.url, onError: () => undefined });
      closing.push(() => shared.close());
      return shared;
    };
    await made.pool.query("insert into tenants (id, name, pattern) values ('sur', 'Hotel', '^\\+54911')");
    // NOTIFY is lost between these two, as behind a pooler: only Redis is left.
    const deaf: Database = { ...made.database, listen: async () => async () => undefined };
    const first = await run(deaf, await connect());
    const second = await run(deaf, await connect());
    expect(await first.metric("tenant_cache_total", { layer: "redis", result: "miss" })).toBe(1);
    expect(await second.metric("tenant_cache_total", { layer: "redis", result: "hit" })).toBe(1);
    await made.pool.query("update tenants set active = false where id = 'sur'");
    expect(await tenantOf(second, "549110002222")).toBe("sur by pattern");
    await first.tenancy.changed();
    await until(async () => expect(await tenantOf(second, "549110002222")).toBe("default by default"));

    // A process that starts with the copy in Redis knows the change as well: it asks the database what came after.
    const third = await run(deaf, await connect());
    expect(await third.metric("tenant_cache_total", { layer: "redis", result: "hit" })).toBe(1);
    expect(await tenantOf(third, "549110002222")).toBe("default by default");

    const nonsense = await connect();
    await nonsense.set("tenants:snapshot", '{"change": 99999, "rows": [{"id": 7}]}');
    const fourth = await run(deaf, await connect());
    expect(await fourth.metric("tenant_cache_total", { layer: "redis", result: "error" })).toBe(1);
    expect((await fourth.tenancy.get("sur"))?.active).toBe(false);

    await redis.stop();
    await made.pool.query("update tenants set active = true where id = 'sur'");
    await first.tenancy.changed();
    expect(await tenantOf(first, "549110002222")).toBe("sur by pattern");
    expect(first.log.some((line) => line.includes("couldn't be told of a tenant's change by Redis"))).toBe(true);
  });

  test("the copy of another database in the same Redis is not believed", async () => {
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const services: Running[] = [];
    for (const id of ["sur", "norte"]) {
      const made = await makeDatabase("postgres");
      closing.push(() => made.close());
      await made.pool.query("insert into tenants (id, name, pattern) values ($1, 'Hotel', '^\\+54911')", [id]);
      const shared = await openRedis({ url: redis.url, onError: () => undefined });
      closing.push(() => shared.close());
      services.push(await run(made.database, shared));
    }
    expect(await services[1]!.metric("tenant_cache_total", { layer: "redis", result: "hit" })).toBe(1);
    expect(await tenantOf(services[1]!, "549110002222")).toBe("norte by pattern");
    expect(await services[1]!.tenancy.get("sur")).toBeUndefined();
  });

  test("with every notification lost a change is seen when the time-to-live has passed", async () => {
    const made = await makeDatabase("postgres");
    closing.push(() => made.close());
    const deaf: Database = { ...made.database, listen: async () => async () => undefined };
    const service = await run(deaf, openMemory(), { cacheTtlSeconds: 1 });
    await made.pool.query("insert into tenants (id, name, pattern) values ('sur', 'Hotel', '^\\+54911')");
    await until(async () => expect(await tenantOf(service, "549110002222")).toBe("sur by pattern"), 5_000);
  });

  test("neither database nor Redis: the start fails and says so", async () => {
    const made = await makeDatabase("postgres");
    closing.push(() => made.close());
    const database: Database = { ...made.database, withoutTenant: () => Promise.reject(new Error("connect ECONNREFUSED")) };
    const redisUrl = inject("redisUrl");
    const shared = await openRedis({ url: redisUrl, onError: () => undefined });
    closing.push(() => shared.close());
    await shared.delete("tenants:snapshot");
    await expect(run(database, shared)).rejects.toThrow("can't be read from the database, and Redis has no copy");
  });
});
