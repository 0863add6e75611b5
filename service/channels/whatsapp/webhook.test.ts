import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../../test/database.ts";
import { type GraphApi, notification, startGraphApi } from "../../../test/graph-api.ts";
import { type Served, serve } from "../../../test/http.ts";
import { until } from "../../../test/servers.ts";
import { signatureOf } from "../../http/signature.ts";
import { createInbox } from "../../mail/inbox.ts";
import { openMemory } from "../../storage/shared-memory.ts";
import { createLogger } from "../../telemetry/log.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { createTenancy, type Tenancy } from "../../tenancy/tenancy.ts";
import { canonicalUserId } from "../../tenancy/user-id.ts";
import { createGraph } from "./graph.ts";
import { whatsAppWebhook } from "./webhook.ts";

const SECRET = "the-app-secret-of-meta";
const VERIFY = "the-verify-token";
const [NUMBER_A, NUMBER_B] = ["106540352242922", "106540352242999"] as const;
const GUEST = "5491122223333";
const lines: string[] = [];
const logger = createLogger("debug", "test", { write: (line) => void lines.push(line) });
let db: TestDatabase;
let api: GraphApi;
let tenancy: Tenancy;
let served: Served;
let base: string;
let allowed = true;

beforeAll(async () => {
  db = await makeDatabase("postgres");
  await db.pool.query(
    "insert into tenants (id, name, whatsapp_phone_number_id) values ('hotel-a', 'A', $1), ('hotel-b', 'B', $2)",
    [NUMBER_A, NUMBER_B],
  );
  api = await startGraphApi({ phoneNumberIds: [NUMBER_A, NUMBER_B] });
  const metrics = createMetrics({ collectDefaults: false });
  tenancy = createTenancy({
    database: db.database,
    shared: openMemory(),
    metrics,
    logger,
    cacheTtlSeconds: 60,
    guestHash: () => "hash",
  });
  await tenancy.start();
  served = await serve(
    whatsAppWebhook({
      appSecret: SECRET,
      verifyToken: VERIFY,
      inbox: createInbox({ database: db.database, metrics }),
      database: db.database,
      graph: createGraph({ url: api.url, accessToken: api.accessToken }),
      logger,
      resolveTenant: async (input) => (await tenancy.resolve(input)).tenant,
      canonicalUserId,
      rateLimit: { take: () => ({ allowed, retryAfterSeconds: 1 }) },
    }),
  );
  base = `${served.url}/webhooks/whatsapp`;
});
afterAll(async () => {
  await served.close();
  await tenancy.close();
  await api.stop();
  await db.close();
});
beforeEach(async () => {
  await db.pool.query("truncate conversations cascade");
  api.read.length = 0;
  lines.length = 0;
  allowed = true;
});

const post = (body: unknown, headers: Record<string, string> = {}) => {
  const raw = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(base, {
    method: "POST",
    body: raw,
    headers: { "content-type": "application/json", "x-hub-signature-256": signatureOf(raw, SECRET), ...headers },
  });
};
const text = (id: string, body: string, from = GUEST, timestamp = "1772539200") => ({
  from,
  id,
  timestamp,
  type: "text",
  text: { body },
});
const stored = async () =>
  (
    await db.pool.query(
      "select tenant_id, message_id, payload ->> 'text' as text from inbox order by tenant_id, sequence, message_id",
    )
  ).rows;

describe("the handshake", () => {
  const handshake = (query: Record<string, string>) => fetch(`${base}?${new URLSearchParams(query)}`);

  test("gives the challenge back to who knows the token", async () => {
    const response = await handshake({ "hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/plain");
    expect(await response.text()).toBe("1158201444");
  });

  test.each([
    ["another token", { "hub.mode": "subscribe", "hub.verify_token": "another", "hub.challenge": "1" }],
    ["no token", { "hub.mode": "subscribe", "hub.challenge": "1" }],
    ["another mode", { "hub.mode": "unsubscribe", "hub.verify_token": VERIFY, "hub.challenge": "1" }],
    ["nothing", {}],
  ])("refuses %s", async (_name, query) => {
    const response = await handshake(query as Record<string, string>);
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain(VERIFY);
  });
});

test("an empty notification is answered 200", async () => {
  const response = await post('{"entry":[]}');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: "ok" });
});

test("the checks come in order: 401, 429, 415, 413, 400", async () => {
  const huge = JSON.stringify({ entry: [], filler: "a".repeat(3 * 1024 * 1024) });
  const wrong = { "content-type": "text/plain" };
  allowed = false;
  expect((await post(huge, { ...wrong, "x-hub-signature-256": "sha256=00" })).status).toBe(401);
  expect((await post(huge, wrong)).status).toBe(429);
  allowed = true;
  expect((await post(huge, wrong)).status).toBe(415);
  expect((await post(huge)).status).toBe(413);
  for (const body of ["{", "[]", '"entry"', "{}", '{"entry":"all"}']) {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
  }
});

test("a body just under 3 MB is taken", async () => {
  const big = notification({
    phoneNumberId: NUMBER_A,
    messages: [{ ...text("wamid.1", "hola"), filler: "a".repeat(2.9 * 1024 * 1024) }],
  });
  expect((await post(big)).status).toBe(200);
  expect(await stored()).toHaveLength(1);
});

test("every message of a batch is stored, for the hotel whose number was written to; twice is once", async () => {
  const a = notification({
    phoneNumberId: NUMBER_A,
    messages: [text("wamid.2", "dos", GUEST, "1772539202"), text("wamid.1", "uno", GUEST, "1772539201")],
  });
  const b = notification({ phoneNumberId: NUMBER_B, messages: [text("wamid.3", "tres")] });
  const both = { ...a, entry: [...a.entry, ...b.entry] };
  const answers = await Promise.all([post(both), post(both), post(both)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(await stored()).toEqual([
    { tenant_id: "hotel-a", message_id: "wamid.1", text: "uno" },
    { tenant_id: "hotel-a", message_id: "wamid.2", text: "dos" },
    { tenant_id: "hotel-b", message_id: "wamid.3", text: "tres" },
  ]);
});

test("an album is one conversation, and shows one sign that an answer is being written", async () => {
  const album = Array.from({ length: 6 }, (_, index) => ({
    from: GUEST,
    id: `wamid.${index}`,
    timestamp: "1772539200",
    type: "image",
    image: { id: `m${index}` },
  }));
  await post(notification({ phoneNumberId: NUMBER_A, messages: album }));
  expect((await db.pool.query("select count(*)::int as n from conversations")).rows).toEqual([{ n: 1 }]);
  expect(await stored()).toHaveLength(6);
  await until(async () => expect(api.read).toEqual([{ messageId: "wamid.5", typing: true }]));
  await post(notification({ phoneNumberId: NUMBER_A, messages: album }));
  await post(notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.9", "hola")] }));
  await until(async () => expect(api.read.map(({ messageId }) => messageId)).toEqual(["wamid.5", "wamid.9"]));
});

/** As Meta passes on what the hotel wrote in WhatsApp's app on the phone of the same number. */
const echo = (id: string, body: string, number = NUMBER_A) => {
  const value = {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: "15550783881", phone_number_id: number },
    message_echoes: [{ from: "15550783881", to: GUEST, id, timestamp: "1772539200", type: "text", text: { body } }],
  };
  return post({ object: "whatsapp_business_account", entry: [{ id: "1", changes: [{ field: "smb_message_echoes", value }] }] });
};
const conversations = async () =>
  (await db.pool.query("select tenant_id, user_id, handed_over from conversations order by tenant_id")).rows;
const said = async () => (await db.pool.query("select direction, text, content ->> 'by' as by from messages order by id")).rows;

test("what a person of the hotel writes by phone takes the conversation over, and stands where reception reads", async () => {
  await post(notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.1", "hola")] }));
  await until(async () => expect(api.read).toHaveLength(1));
  expect((await echo("wamid.E1", "Soy Laura, ya te ayudo.")).status).toBe(200);
  expect((await echo("wamid.E1", "Soy Laura, ya te ayudo.")).status).toBe(200);
  expect(await conversations()).toEqual([{ tenant_id: "hotel-a", user_id: GUEST, handed_over: true }]);
  expect(await said()).toEqual([{ direction: "out", text: "Soy Laura, ya te ayudo.", by: "WhatsApp app" }]);
  // The agent isn't answering: the guest sees neither the blue ticks nor the typing sign.
  await post(notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.2", "gracias Laura")] }));
  await db.pool.query("update conversations set handed_over = false");
  await post(notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.3", "¿y la piscina?")] }));
  await until(async () => expect(api.read.map(({ messageId }) => messageId)).toContain("wamid.3"));
  expect(api.read.map(({ messageId }) => messageId)).not.toContain("wamid.2");
  // The same notice, sent again by Meta after the hand-back, takes nothing over.
  await echo("wamid.E1", "Soy Laura, ya te ayudo.");
  expect(await conversations()).toMatchObject([{ handed_over: false }]);
});

test("a person may write first; the agent's own replies that come back are nobody's", async () => {
  await echo("wamid.E1", "Buenas, le escribo por su reserva.");
  expect(await conversations()).toEqual([{ tenant_id: "hotel-a", user_id: GUEST, handed_over: true }]);
  await db.pool.query("update conversations set handed_over = false");
  await db.pool.query(
    `insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state, provider_id)
     select 'hotel-a', id, 1, 'whatsapp', user_id, payload, o.state, provider_id from conversations,
            (values ('{"text":"Sí, hay lugar."}'::jsonb, 'sent', 'wamid.OUT9'), ('{"text":"¿Para cuántos?"}', 'pending', null)) as o (payload, state, provider_id)`,
  );
  await echo("wamid.OUT9", "Sí, hay lugar.");
  await echo("wamid.OUT10", "¿Para cuántos?"); // its id isn't noted yet
  expect(await conversations()).toMatchObject([{ handed_over: false }]);
  expect(await said()).toHaveLength(1);
});

test("a paused hotel's guests are kept for it: no other hotel gets them, and nobody seems to read", async () => {
  await db.pool.query("update tenants set active = false where id = 'hotel-b'");
  await tenancy.changed();
  await post(notification({ phoneNumberId: NUMBER_B, messages: [text("wamid.1", "hola")] }));
  await post(notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.2", "hola")] }));
  await until(async () => expect(api.read).toHaveLength(1));
  expect((await stored()).map((row) => `${row.tenant_id} ${row.message_id}`)).toEqual(["hotel-a wamid.2", "hotel-b wamid.1"]);
  expect(api.read).toMatchObject([{ messageId: "wamid.2" }]);
  await db.pool.query("update tenants set active = true where id = 'hotel-b'");
  await tenancy.changed();
});

test("a message whose number isn't told is stored all the same", async () => {
  const body = notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.1", "hola")] });
  expect(
    (
      await post({
        ...body,
        entry: body.entry.map((entry) => ({
          ...entry,
          changes: entry.changes.map(({ field, value }) => ({ field, value: { ...value, metadata: null } })),
        })),
      })
    ).status,
  ).toBe(200);
  expect(await stored()).toMatchObject([{ tenant_id: "default", message_id: "wamid.1" }]);
});

test("statuses find their reply by what was sent along, whatever the tenant's number is now", async () => {
  const { rows } = await db.pool.query(
    `with c as (insert into conversations (tenant_id, channel, user_id) values ('hotel-a', 'whatsapp', $1) returning id),
          m as (insert into messages (tenant_id, conversation_id, direction, text, status) select 'hotel-a', id, 'out', 'hola', 'pending' from c returning id, conversation_id)
     insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state)
     select 'hotel-a', conversation_id, id, 'whatsapp', $1, '{"text":"hola"}', 'pending' from m returning id`,
    [GUEST],
  );
  const reference = `gatehouse1/hotel-a/${rows[0].id}/0/1/0`;
  const statuses = (...names: string[]) =>
    names.map((status) => ({ id: "wamid.OUT1", status, recipient_id: GUEST, biz_opaque_callback_data: reference }));
  await post(
    notification({
      phoneNumberId: NUMBER_B,
      statuses: [...statuses("delivered", "sent"), { id: "wamid.X", status: "read", recipient_id: GUEST }],
    }),
  );
  const state = async () =>
    (await db.pool.query("select o.state, o.provider_id, m.status from outbox o join messages m on m.id = o.message")).rows[0];
  expect(await state()).toEqual({ state: "sent", provider_id: "wamid.OUT1", status: "delivered" });
  await post(notification({ phoneNumberId: NUMBER_A, statuses: [{ id: "wamid.OUT1", status: "read", recipient_id: GUEST }] }));
  expect(await state()).toMatchObject({ status: "read" });
});

test("while the database can't answer, nothing is acknowledged", async () => {
  await db.pool.query("alter table inbox rename to inbox_away");
  const response = await post(notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.1", "hola")] }));
  await db.pool.query("alter table inbox_away rename to inbox");
  expect({ status: response.status, retryAfter: response.headers.get("retry-after") }).toEqual({ status: 503, retryAfter: "5" });
  expect((await post(notification({ phoneNumberId: NUMBER_A, messages: [text("wamid.1", "hola")] }))).status).toBe(200);
  expect(await stored()).toHaveLength(1);
});

test("neither the answer nor the log shows what a guest wrote, the guest's number or the secrets", async () => {
  const answers = [
    await post(
      notification({
        phoneNumberId: NUMBER_A,
        messages: [text("wamid.1", "mi tarjeta es 4111"), { from: GUEST, text: { body: "mi tarjeta es 4111" } }],
      }),
    ),
    await post('{"entry":"mi tarjeta es 4111"}'),
  ];
  const all = [...(await Promise.all(answers.map((answer) => answer.text()))), ...lines].join("\n");
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of ["4111", GUEST, SECRET, VERIFY, api.accessToken]) expect(all).not.toContain(secret);
});
