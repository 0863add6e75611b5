import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { type Served, serve } from "../../test/http.ts";
import { createAuth } from "../auth/auth.ts";
import { createLogger } from "../telemetry/log.ts";
import { outboxAdmin } from "./dead-letters.ts";

const SECRET = "an-admin-secret-of-at-least-32-bytes!";
const logger = createLogger("silent", "test");
let db: TestDatabase;
let served: Served;
let base: string;

beforeAll(async () => {
  db = await makeDatabase("postgres");
  await db.pool.query("insert into tenants (id, name) values ('hotel-a', 'A'), ('hotel-b', 'B')");
  served = await serve(outboxAdmin({ database: db.database, auth: createAuth({ secret: SECRET }), logger }));
  base = served.url;
});
afterAll(async () => {
  await served.close();
  await db.close();
});

let letters: Record<string, string>;
beforeEach(async () => {
  await db.pool.query("truncate conversations cascade");
  letters = {};
  const add = async (name: string, tenant: string, channel: string, state: string, minute: number) => {
    const { rows } = await db.pool.query(
      `with c as (insert into conversations (tenant_id, channel, user_id) values ($1, $2, $3) returning id),
            m as (insert into messages (tenant_id, conversation_id, direction, text, status) select $1, id, 'out', $3, 'failed' from c returning id, conversation_id)
       insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state, attempts, error, created_at)
       select $1, conversation_id, id, $2, $3, json_build_object('text', $3), $4, 3, '131026: undeliverable', $5 from m returning id`,
      [tenant, channel, name, state, `2026-03-10T12:0${minute}:00Z`],
    );
    letters[name] = rows[0].id;
  };
  await add("a1", "hotel-a", "whatsapp", "dead", 1);
  await add("a2", "hotel-a", "email", "dead", 2);
  await add("b1", "hotel-b", "whatsapp", "dead", 3);
  await add("b2", "hotel-b", "whatsapp", "sent", 4);
});

const call = async (method: string, path: string, claims: Record<string, unknown> | undefined, body?: unknown) => {
  const token =
    claims === undefined
      ? undefined
      : await new SignJWT({ sub: "ana", ...claims })
          .setProtectedHeader({ alg: "HS256" })
          .setExpirationTime("1m")
          .sign(new TextEncoder().encode(SECRET));
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> & Record<string, unknown>[] };
};
const list = async (query: string, claims: Record<string, unknown>) =>
  (await call("GET", `/admin/dead-letters${query}`, claims)).body.map(({ text }) => text);
const states = async () =>
  (await db.pool.query("select payload ->> 'text' as name, state from outbox order by 1")).rows.map(
    ({ name, state }) => `${name} ${state}`,
  );

test("lists dead letters, newest first, with the reason and what was to be said", async () => {
  const { status, body } = await call("GET", "/admin/dead-letters", { role: "viewer" });
  expect(status).toBe(200);
  expect(body.map(({ text }) => text)).toEqual(["b1", "a2", "a1"]);
  expect(body[0]).toMatchObject({
    id: letters.b1,
    tenant_id: "hotel-b",
    channel: "whatsapp",
    user_id: "b1",
    attempts: 3,
    replays: 0,
    error: "131026: undeliverable",
    created_at: "2026-03-10T12:03:00.000Z",
  });
});

test("selects by tenant, channel, time and number", async () => {
  const all = { role: "viewer" };
  expect(await list("?tenant_id=hotel-a", all)).toEqual(["a2", "a1"]);
  expect(await list("?channel=whatsapp", all)).toEqual(["b1", "a1"]);
  expect(await list("?before=2026-03-10T12:02:00Z", all)).toEqual(["a1"]);
  expect(await list("?limit=1", all)).toEqual(["b1"]);
});

test("a token of one tenant sees and replays its own only", async () => {
  const own = { role: "operator", tenant: "hotel-a" };
  expect(await list("", own)).toEqual(["a2", "a1"]);
  expect((await call("GET", "/admin/dead-letters?tenant_id=hotel-b", own)).status).toBe(403);
  expect((await call("POST", `/admin/dead-letters/${letters.b1}/replay`, own)).status).toBe(404);
  expect((await call("POST", "/admin/dead-letters/replay", own, { tenant_id: "hotel-b" })).status).toBe(403);
  expect((await call("POST", "/admin/dead-letters/replay", own)).body).toEqual({ replayed: 2 });
  expect(await states()).toEqual(["a1 pending", "a2 pending", "b1 dead", "b2 sent"]);
});

test("replays one, once, and shows it as pending again", async () => {
  const operator = { role: "operator" };
  expect((await call("POST", `/admin/dead-letters/${letters.b1}/replay`, operator)).status).toBe(202);
  expect((await call("POST", `/admin/dead-letters/${letters.b1}/replay`, operator)).status).toBe(404);
  expect((await call("POST", `/admin/dead-letters/${letters.b2}/replay`, operator)).status).toBe(404);
  const { rows } = await db.pool.query(
    "select o.state, o.attempts, o.replays, o.error, m.status from outbox o join messages m on m.id = o.message where o.id = $1",
    [letters.b1],
  );
  expect(rows).toEqual([{ state: "pending", attempts: 0, replays: 1, error: null, status: "pending" }]);
});

test("replays all of a channel", async () => {
  expect((await call("POST", "/admin/dead-letters/replay", { role: "operator" }, { channel: "whatsapp" })).body).toEqual({
    replayed: 2,
  });
  expect(await states()).toEqual(["a1 pending", "a2 dead", "b1 pending", "b2 sent"]);
});

test("refuses strangers, viewers that replay, and mistakes, all at once", async () => {
  expect((await call("GET", "/admin/dead-letters", undefined)).status).toBe(401);
  expect((await call("POST", "/admin/dead-letters/replay", { role: "viewer" }, {})).status).toBe(403);
  expect((await call("POST", "/admin/dead-letters/nonsense/replay", { role: "operator" })).status).toBe(404);
  const wrong = await call("GET", "/admin/dead-letters?limit=0&before=yesterday&channel=A", { role: "viewer" });
  expect(wrong.status).toBe(400);
  expect((wrong.body.errors as { field: string }[]).map(({ field }) => field).sort()).toEqual(["before", "channel", "limit"]);
  expect((await call("POST", "/admin/dead-letters/replay", { role: "operator" }, { chanel: "whatsapp" })).status).toBe(400);
});
