import { SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { type Served, serveApp } from "../../test/http.ts";
import { createApp } from "../app.ts";
import { createAuth, type Role } from "../auth/auth.ts";
import { openMemory } from "../storage/shared-memory.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { tenantRoutes } from "./routes.ts";
import { createTenancy, type Tenancy } from "./tenancy.ts";

const SECRET = "a-secret-of-this-test-that-is-long-enough";

describe.each(KINDS)("the admin API on %s", (kind) => {
  let made: TestDatabase;
  let tenancy: Tenancy;
  let served: Served;
  let root: string;

  beforeAll(async () => {
    made = await makeDatabase(kind);
    const metrics = createMetrics({ collectDefaults: false });
    const logger = createLogger("silent", "test");
    tenancy = createTenancy({
      database: made.database,
      shared: openMemory(),
      metrics,
      logger,
      cacheTtlSeconds: 60,
      guestHash: () => "hash",
    });
    await tenancy.start();
    const app = createApp({
      release: "test",
      isCanaryEnabled: () => true,
      metrics,
      metricsToken: undefined,
      refreshGauges: async () => undefined,
      logger,
      health: { checks: {}, isStopping: () => false },
      faults: { latencyMs: 0, latencyPercent: 0, errorRate: 0 },
      guestRoutes: [],
      guestPaths: [],
      adminRoutes: [
        tenantRoutes({
          tenancy,
          database: made.database,
          auth: createAuth({ secret: SECRET }),
          logger,
          problemsIn: ({ room }) => (room === "wrong" ? [{ field: "settings.room", message: "expected right" }] : []),
        }),
      ],
    });
    served = await serveApp(app);
    root = `${served.url}/admin/tenants`;
  });
  afterAll(async () => {
    await served.close();
    await tenancy.close();
    await made.close();
  });
  afterEach(async () => {
    await made.pool.query("delete from tenants where id <> 'default'");
    await made.pool.query("truncate audit_log");
    await tenancy.changed();
  });

  interface Answer {
    status: number;
    // What the routes answer is what these tests are about.
    // biome-ignore lint/suspicious/noExplicitAny: each test reads another shape and states it
    body: any;
    headers: Headers;
  }
  const call = async (
    method: string,
    path = "",
    body?: unknown,
    { role = "admin", tenant, headers = {} }: { role?: Role | "none"; tenant?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> => {
    const token = await new SignJWT({ role, ...(tenant === undefined ? {} : { tenant }) })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("ana@platform")
      .setExpirationTime("1m")
      .sign(new TextEncoder().encode(SECRET));
    const response = await fetch(root + path, {
      method,
      headers: {
        ...(role === "none" ? {} : { authorization: `Bearer ${token}` }),
        "content-type": "application/json",
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text), headers: response.headers };
  };
  const fieldsOf = (answer: Answer) => answer.body.errors.map(({ field }: { field: string }) => field);

  const sur = {
    id: "sur",
    name: "Hotel Sur",
    pattern: "^\\+54911",
    priority: 3,
    time_zone: "America/Argentina/Buenos_Aires",
    languages: ["es", "pt"],
    business_hours: [{ days: ["fri", "sat"], open: "22:00", close: "06:00" }],
    whatsapp_phone_number_id: "1001",
    limits: { messages_per_minute: 600 },
    pms: { adapter: "http", url: "https://pms.example.com/api", hotel_id: "7", api_key_variable: "PMS_API_KEY_SUR" },
    settings: { welcome: "¡Hola!" },
  };

  test("creates a tenant, shows it and resolves by it at once", async () => {
    const created = await call("POST", "", sur);
    expect(created.status).toBe(201);
    expect(created.headers.get("location")).toBe("/admin/tenants/sur");
    expect(created.headers.get("etag")).toBe('"1"');
    expect(created.body).toMatchObject({ ...sur, active: true, version: 1, warnings: [] });
    expect((await tenancy.resolve({ userId: "549110002222" })).tenant.id).toBe("sur");
    const { body } = await call("GET", "/sur", undefined, { role: "viewer" });
    expect(body).toMatchObject(sur);
    expect(Date.parse(body.created_at)).toBeGreaterThan(Date.now() - 60_000);
  });

  test("id and pattern are enough; the rest has defaults", async () => {
    const { status, body } = await call("POST", "", { id: "sur", pattern: "^549", active: true });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: "sur",
      priority: 0,
      time_zone: "UTC",
      languages: ["es", "en", "pt"],
      business_hours: null,
      limits: {},
    });
  });

  test("refuses with every mistake at once", async () => {
    const wrong = {
      id: "Hotel Sur",
      name: "",
      pattern: "(a)\\1",
      active: "yes",
      priority: 1.5,
      time_zone: "Mars/Olympus",
      languages: ["es", "fr"],
      business_hours: [{ days: ["fri"], open: "22:00", close: "22:00" }],
      whatsapp_phone_number_id: "+1",
      limits: { messages_per_minute: 0, per_day: 1 },
      pms: { url: "ftp://x", api_key_variable: "ADMIN_JWT_SECRET" },
      settings: [],
      colour: "red",
    };
    const answer = await call("POST", "", wrong);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(new Set(fieldsOf(answer))).toEqual(
      new Set([
        "id",
        "name",
        "pattern",
        "active",
        "priority",
        "time_zone",
        "languages.1",
        "business_hours.0",
        "whatsapp_phone_number_id",
        "limits.messages_per_minute",
        "limits.per_day",
        "pms.url",
        "pms.api_key_variable",
        "settings",
        "colour",
      ]),
    );
    const pattern = answer.body.errors.find(({ field }: { field: string }) => field === "pattern");
    expect(pattern.message).toMatch(/Back-references aren't supported.*got "\(a\)\\\\1"$/);
    expect((await call("GET")).body.map(({ id }: { id: string }) => id)).toEqual(["default"]);
  });

  test.each([["[]"], ["null"], ['"x"'], ["{"], [""]])("refuses the body %j", async (body) => {
    expect((await call("POST", "", body)).status).toBe(400);
  });

  test("refuses settings that the room they belong to finds wrong, and shows those that were written before", async () => {
    const refused = await call("POST", "", { id: "set", settings: { room: "wrong" } });
    expect(refused.status).toBe(400);
    expect(fieldsOf(refused)).toEqual(["settings.room"]);
    await call("POST", "", { id: "set" });
    await made.pool.query(`update tenants set settings = '{"room": "wrong"}' where id = 'set'`);
    expect((await call("GET", "/set")).body.problems).toEqual(["settings.room: expected right"]);
    expect((await call("PATCH", "/set", { name: "Set" })).status).toBe(200);
    expect((await call("PATCH", "/set", { settings: { other: 1 } })).status).toBe(400);
    expect((await call("PATCH", "/set", { settings: { room: "right" } })).status).toBe(200);
  });

  test("a taken id or number is a conflict", async () => {
    await call("POST", "", sur);
    expect(await call("POST", "", { id: "sur" })).toMatchObject({ status: 409, body: { errors: [{ field: "id" }] } });
    const number = await call("POST", "", { id: "norte", whatsapp_phone_number_id: "1001" });
    expect(number).toMatchObject({ status: 409, body: { errors: [{ field: "whatsapp_phone_number_id" }] } });
  });

  test("patches: null goes back to the default, objects are merged, lists replaced", async () => {
    await call("POST", "", sur);
    const patch = {
      name: null,
      business_hours: null,
      whatsapp_phone_number_id: null,
      priority: null,
      languages: ["pt"],
      limits: { guest_messages_per_minute: 5 },
      pms: { hotel_id: null },
      settings: { welcome: null, breakfast: "07:00" },
    };
    const { status, body, headers } = await call("PATCH", "/sur", patch);
    expect(status).toBe(200);
    expect(headers.get("etag")).toBe('"2"');
    expect(body).toMatchObject({
      name: "sur",
      pattern: sur.pattern,
      business_hours: null,
      whatsapp_phone_number_id: null,
      priority: 0,
      languages: ["pt"],
      limits: { messages_per_minute: 600, guest_messages_per_minute: 5 },
      version: 2,
    });
    expect(body.pms).toEqual({ adapter: "http", url: sur.pms.url, api_key_variable: "PMS_API_KEY_SUR" });
    expect(body.settings).toEqual({ breakfast: "07:00" });
    expect(fieldsOf(await call("PATCH", "/sur", { id: "other" }))).toEqual(["id"]);
    expect(fieldsOf(await call("PATCH", "/sur", { version: 9, pattern: "(" }))).toEqual(
      expect.arrayContaining(["version", "pattern"]),
    );
    expect((await call("PATCH", "/nobody", { name: "x" })).status).toBe(404);
  });

  test("If-Match keeps two people from undoing each other's change", async () => {
    await call("POST", "", sur);
    const first = await call("PATCH", "/sur", { name: "A" }, { headers: { "if-match": '"1"' } });
    const second = await call("PATCH", "/sur", { name: "B" }, { headers: { "if-match": '"1"' } });
    expect([first.status, second.status]).toEqual([200, 412]);
    expect((await call("GET", "/sur")).body.name).toBe("A");
    expect((await call("PATCH", "/sur", { name: "B" }, { headers: { "if-match": "one" } })).status).toBe(400);
    const both = await Promise.all(["C", "D"].map((name) => call("PATCH", "/sur", { name }, { headers: { "if-match": '"2"' } })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  test("lists in pages, searched and filtered", async () => {
    for (const id of ["a-1", "a-2", "a-3", "b-1"]) await call("POST", "", { id, name: `Hotel ${id.toUpperCase()}` });
    await call("PATCH", "/a-2", { active: false });
    const ids = (answer: Answer) => answer.body.map(({ id }: { id: string }) => id);
    const first = await call("GET", "?limit=2&search=hotel");
    expect(ids(first)).toEqual(["a-1", "a-2"]);
    const next = /^<\/admin\/tenants(\?.*)>; rel="next"$/.exec(first.headers.get("link")!)![1]!;
    const second = await call("GET", next);
    expect(ids(second)).toEqual(["a-3", "b-1"]);
    expect(second.headers.get("link")).toBeNull();
    expect(ids(await call("GET", "?search=A-&active=true"))).toEqual(["a-1", "a-3"]);
    expect(ids(await call("GET", `?search=${encodeURIComponent("%' or 1=1 --")}`))).toEqual([]);
    expect(fieldsOf(await call("GET", "?limit=0&page=2&active=maybe"))).toEqual(
      expect.arrayContaining(["limit", "page", "active"]),
    );
  });

  test("warns of patterns that meet with equal priority, in both directions", async () => {
    await call("POST", "", { id: "sur", pattern: "^\\+54911" });
    const inside = await call("POST", "", { id: "norte", pattern: "^549115\\d{4,}$" });
    expect(inside.body.warnings).toEqual([
      { field: "priority", message: expect.stringMatching(/"sur" matches ".*" too.*"norte" gets them/) },
    ]);
    const around = await call("POST", "", { id: "west", pattern: "^549" });
    expect(around.body.warnings.map(({ message }: { message: string }) => /"(\w+)" matches/.exec(message)![1]).sort()).toEqual([
      "norte",
      "sur",
    ]);
    expect((await call("PATCH", "/west", { priority: -1 })).body.warnings).toEqual([]);
    const apart = await call("POST", "", { id: "apart", pattern: "^\\+34" });
    expect(apart.body.warnings).toEqual([]);
    const everybody = await call("POST", "", { id: "zz", pattern: ".*", priority: -9 });
    expect(everybody.body.warnings).toEqual([{ field: "pattern", message: "matches every guest" }]);
  });

  test("tells which tenant a guest would get, and why", async () => {
    await call("POST", "", { id: "sur", pattern: "^\\+54911", whatsapp_phone_number_id: "1001" });
    await call("POST", "", { id: "norte", pattern: "^\\+549", priority: 0 });
    const ask = async (body: unknown, as = {}) => (await call("POST", "/test", body, { role: "viewer", ...as })).body;
    expect(await ask({ user_id: " 00 54 (9) 11-000-2222 " })).toEqual({
      user_id: "549110002222",
      tenant_id: "norte",
      result: "pattern",
      reason: "Several patterns match with priority 0; the smallest id gets the guest.",
      tie: true,
      candidates: [
        { tenant_id: "norte", pattern: "^\\+549", priority: 0 },
        { tenant_id: "sur", pattern: "^\\+54911", priority: 0 },
      ],
    });
    expect(await ask({ user_id: "x", phone_number_id: "1001" })).toMatchObject({ tenant_id: "sur", result: "number" });
    expect(await ask({ user_id: "x" })).toMatchObject({ tenant_id: "default", result: "default", candidates: [] });
    expect(await ask({ user_id: "549110002222" }, { tenant: "sur" })).toMatchObject({ tenant_id: null, candidates: [] });
    expect((await ask({ user_id: "549110002222" }, { tenant: "norte" })).candidates).toHaveLength(1);
    expect((await call("POST", "/test", { user_id: "", extra: 1 })).body.errors).toHaveLength(2);
  });

  test("a token of one tenant sees and changes its own only, and not what decides about guests", async () => {
    await call("POST", "", sur);
    await call("POST", "", { id: "norte" });
    const own = { tenant: "sur" };
    expect((await call("GET", "", undefined, own)).body.map(({ id }: { id: string }) => id)).toEqual(["sur"]);
    expect((await call("GET", "/sur", undefined, own)).status).toBe(200);
    for (const [method, path, body] of [
      ["GET", "/norte"],
      ["GET", "/nobody"],
      ["GET", "/norte/audit"],
      ["PATCH", "/norte", { name: "mine" }],
      ["DELETE", "/norte"],
      ["DELETE", "/sur"],
      ["POST", "", { id: "mine" }],
    ] as const) {
      expect((await call(method, path, body, own)).status, `${method} ${path}`).toBe(403);
    }
    expect((await call("PATCH", "/sur", { name: "Sur", settings: { a: 1 }, time_zone: "UTC" }, own)).status).toBe(200);
    for (const field of ["pattern", "priority", "active", "whatsapp_phone_number_id", "limits", "pms"]) {
      const answer = await call("PATCH", "/sur", { name: "Other", [field]: null }, own);
      expect(answer.status, field).toBe(403);
      expect(fieldsOf(answer)).toEqual([field]);
    }
    expect((await call("GET", "/sur")).body.name).toBe("Sur");
  });

  test("needs a token, and the role for what it does", async () => {
    await call("POST", "", sur);
    expect((await call("GET", "", undefined, { role: "none" })).status).toBe(401);
    for (const role of ["viewer", "operator"] as const) {
      expect((await call("GET", "/sur", undefined, { role })).status).toBe(200);
      expect((await call("POST", "", { id: "x" }, { role })).status).toBe(403);
      expect((await call("PATCH", "/sur", { name: "x" }, { role })).status).toBe(403);
      expect((await call("DELETE", "/sur", undefined, { role })).status).toBe(403);
    }
  });

  test("keeps who changed what, also of a tenant that is gone", async () => {
    await call("POST", "", sur, { headers: { "x-request-id": "request-0001" } });
    await call("PATCH", "/sur", { name: "New" });
    await call("PATCH", "/sur", { pattern: "(" });
    expect((await call("DELETE", "/sur")).status).toBe(204);
    const { body } = await call("GET", "/sur/audit");
    expect(body.map(({ action }: { action: string }) => action)).toEqual(["tenant.delete", "tenant.update", "tenant.create"]);
    expect(body[1]).toMatchObject({ actor: "ana@platform", before: { name: "Hotel Sur" }, after: { name: "New" } });
    expect(body[2]).toMatchObject({ request_id: "request-0001", before: null, after: { id: "sur" } });
    expect((await call("GET", "/sur/audit?limit=1")).body).toHaveLength(1);
  });

  test("a hotel with open conversations isn't deleted unless forced, and then nothing of it is left", async () => {
    await call("POST", "", sur);
    await call("POST", "", { id: "norte" });
    for (const tenant of ["sur", "norte"]) {
      await made.database.forTenant(tenant, async (sql) => {
        const [conversation] = await sql<{ id: string }>(
          "insert into conversations (tenant_id, channel, user_id, last_received, waiting_since) values ($1, 'messages', 'g', 1, now()) returning id",
          [tenant],
        );
        await sql(
          "insert into inbox (tenant_id, channel, message_id, conversation_id, sequence, payload) values ($1, 'messages', 'm', $2, 1, '{}')",
          [tenant, conversation!.id],
        );
        await sql(
          "insert into room_types (tenant_id, code, max_adults, max_guests, nightly_rate, currency) values ($1, 'double', 2, 3, 100, 'USD')",
          [tenant],
        );
        await sql("insert into rooms (tenant_id, number, room_type) values ($1, '1', 'double')", [tenant]);
      });
    }
    const refused = await call("DELETE", "/sur");
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain("1 open conversation");
    expect((await call("DELETE", "/sur?force=false")).status).toBe(409);
    expect((await call("DELETE", "/sur?force")).status).toBe(204);
    expect((await call("GET", "/sur")).status).toBe(404);
    expect((await call("DELETE", "/sur")).status).toBe(404);
    const { rows: tables } = await made.pool.query(
      "select attrelid::regclass::text as name from pg_attribute a join pg_class c on c.oid = a.attrelid where attname = 'tenant_id' and c.relkind = 'r' and c.relname <> 'audit_log' and c.relnamespace = 'public'::regnamespace",
    );
    expect(tables.length).toBeGreaterThan(5);
    const left = async (tenant: string) => {
      let sum = 0;
      for (const { name } of tables)
        sum += (await made.pool.query(`select from ${name} where tenant_id = $1`, [tenant])).rows.length;
      return sum;
    };
    expect(await left("sur")).toBe(0);
    expect(await left("norte")).toBe(4);
    await call("DELETE", "/norte?force");
  });

  test("a hotel's address is unique, for tokens of all tenants only, and no setting that a hotel writes by itself", async () => {
    await call("POST", "", { id: "alpha", email_address: "Reservas@Alpha.example" });
    await call("POST", "", { id: "beta" });
    expect((await call("GET", "/alpha")).body.email_address).toBe("reservas@alpha.example");
    const own = { tenant: "beta" };
    expect((await call("PATCH", "/beta", { email_address: "reservas@alpha.example" }, own)).status).toBe(403);
    const setting = await call("PATCH", "/beta", { settings: { email_address: "reservas@alpha.example" } }, own);
    expect([setting.status, fieldsOf(setting)]).toEqual([400, ["settings.email_address"]]);
    const taken = await call("PATCH", "/beta", { email_address: "RESERVAS@alpha.example" });
    expect([taken.status, fieldsOf(taken)]).toEqual([409, ["email_address"]]);
    expect(fieldsOf(await call("PATCH", "/beta", { email_address: "a@b.example, c@d.example" }))).toEqual(["email_address"]);
    const asked = await call("POST", "/test", { user_id: "ana@x.example", email_address: "reservas@alpha.example" });
    expect(asked.body).toMatchObject({ tenant_id: "alpha", result: "address" });
  });

  test("the default tenant stays and takes no pattern", async () => {
    expect((await call("DELETE", "/default?force")).status).toBe(409);
    expect(fieldsOf(await call("PATCH", "/default", { pattern: "^1", active: false })).sort()).toEqual(["active", "pattern"]);
    expect((await call("PATCH", "/default", { name: "Everybody else" })).status).toBe(200);
    await expect(made.pool.query("delete from tenants where id = 'default'")).rejects.toThrow(/can't be deleted/);
    await expect(made.pool.query("update tenants set id = 'x' where id = 'default'")).rejects.toThrow(/can't change/);
  });

  test.each(["/%00", "/..%2fetc", "/'; drop table tenants", "/__proto__", `/${"a".repeat(65)}`])(
    "%s is nobody's id",
    async (path) => {
      for (const method of ["GET", "PATCH", "DELETE"]) {
        expect((await call(method, path, method === "PATCH" ? {} : undefined)).status, method).toBe(404);
      }
    },
  );

  test("a patch can't reach into the prototype of objects", async () => {
    await call("POST", "", { id: "sur" });
    await call(
      "PATCH",
      "/sur",
      '{"settings": {"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}}',
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
