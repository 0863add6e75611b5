import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../../test/database.ts";
import { type Served, serve } from "../../../test/http.ts";
import { signatureOf } from "../../http/signature.ts";
import { createInbox } from "../../mail/inbox.ts";
import { openMemory } from "../../storage/shared-memory.ts";
import { createLogger } from "../../telemetry/log.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { createTenancy, type Tenancy } from "../../tenancy/tenancy.ts";
import { canonicalUserId } from "../../tenancy/user-id.ts";
import { writeMessageId } from "./message-id.ts";
import { emailWebhook } from "./webhook.ts";

const SECRET = "the-secret-of-the-mail-hook";
const logger = createLogger("silent", "test");
let db: TestDatabase;
let tenancy: Tenancy;
let served: Served;
let base: string;

beforeAll(async () => {
  db = await makeDatabase("postgres");
  await db.pool.query(
    `insert into tenants (id, name, email_address, active) values
       ('hotel-a', 'A', 'reservas@a.example', true), ('hotel-b', 'B', 'hola@b.example', false)`,
  );
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
    emailWebhook({
      secret: SECRET,
      inbox: createInbox({ database: db.database, metrics }),
      database: db.database,
      logger,
      canonicalUserId,
      trustedServers: ["mx.a.example"],
      resolveTenant: async ({ userId, tenantId, addresses }) => {
        if (tenantId === undefined && !addresses.some((address) => tenancy.hasAddress(address))) return undefined;
        const explicit = tenantId === undefined ? undefined : { tenantId, authorised: true };
        return (await tenancy.resolve({ userId, explicit, addresses })).tenant.id;
      },
      limit: async () => undefined,
    }),
  );
  base = `${served.url}/webhooks/email`;
});
afterAll(async () => {
  await served.close();
  await tenancy.close();
  await db.close();
});
beforeEach(() => db.pool.query("truncate conversations cascade"));

const mail = (more: Record<string, unknown> = {}) => ({
  message_id: "<m1@example.com>",
  from: '"Ana Pereira" <Ana@Example.com>',
  to: ["Hotel A <reservas@A.example>"],
  subject: "Reserva del 12 al 15 de abril",
  text: "Hola, ¿tienen lugar para dos?\n\n-- \nAna",
  ...more,
});
const post = async (body: unknown, signature?: string) => {
  const raw = JSON.stringify(body);
  const response = await fetch(base, {
    method: "POST",
    body: raw,
    headers: { "content-type": "application/json", "x-signature-256": signature ?? signatureOf(raw, SECRET) },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const stored = async () => (await db.pool.query("select tenant_id, payload from inbox order by received_at")).rows;

test("a mail is stored for the hotel whose address was written to, without its signature", async () => {
  expect(
    await post(
      mail({
        date: "2026-03-10T09:00:00-03:00",
        attachments: [{ filename: "dni.pdf", content_type: "application/pdf", size: 1200 }],
      }),
    ),
  ).toEqual({
    status: 202,
    body: { status: "accepted", message_id: "m1@example.com" },
  });
  expect(await stored()).toEqual([
    {
      tenant_id: "hotel-a",
      payload: {
        channel: "email",
        messageId: "m1@example.com",
        userId: "ana@example.com",
        kind: "text",
        text: "Reserva del 12 al 15 de abril\nHola, ¿tienen lugar para dos?",
        senderUnproven: true,
        sentAt: "2026-03-10T12:00:00.000Z",
        attachment: {
          message_id: "m1@example.com",
          subject: "Reserva del 12 al 15 de abril",
          references: [],
          name: "Ana Pereira",
          files: [{ filename: "dni.pdf", content_type: "application/pdf", size: 1200 }],
        },
      },
    },
  ]);
});

test("an answer in the thread is the guest's own words, from HTML where there is no text", async () => {
  await post(
    mail({
      message_id: "m2@example.com",
      subject: "Re: Reserva",
      text: "",
      html: "<p>Sí, el <b>13</b> &amp; gracias</p><div class='gmail_quote'>El mar escribió:<blockquote>¿Qué día?</blockquote></div><script>alert(1)</script>",
      headers: { "In-Reply-To": "<x@a.example>", References: ["<m1@example.com>", "<x@a.example>"] },
    }),
  );
  expect((await stored())[0]!.payload).toMatchObject({
    text: "Sí, el 13 & gracias",
    attachment: { references: ["<m1@example.com>", "<x@a.example>"] },
  });
});

test("the same mail twice is one; long ids and odd characters can be stored", async () => {
  await post(mail());
  expect((await post(mail())).status).toBe(202);
  await post(mail({ message_id: `<${"a".repeat(900)}@example.com>`, text: `nulo\u0000 y ${"x".repeat(10_000)}` }));
  const rows = await stored();
  expect(rows).toHaveLength(2);
  expect(rows[1]!.payload.messageId).toMatch(/^sha256-[0-9a-f]{64}$/);
  expect(rows[1]!.payload.text.length).toBeLessThanOrEqual(4096);
});

test("a mail goes to the named tenant, else to the one that was written to, paused or not, and else to nobody", async () => {
  expect((await post(mail({ to: "nadie@c.example", message_id: "m3" }))).body).toEqual({
    status: "ignored",
    reason: "no hotel's address",
  });
  await post(mail({ to: "hola@b.example", message_id: "m4" }));
  await post(mail({ to: "nadie@c.example", message_id: "m5", tenant_id: "hotel-a" }));
  await post(mail({ to: "amigos@c.example", envelope_to: ["Reservas@A.example"], message_id: "m6" })); // a blind copy
  expect((await stored()).map(({ tenant_id }) => tenant_id)).toEqual(["hotel-b", "hotel-a", "hotel-a"]);
  expect((await post(mail({ tenant_id: "hotel-b" }))).status).toBe(400);
});

test("what one hotel writes into its settings takes no mail of another", async () => {
  await db.pool.query(
    `update tenants set settings = '{"email_address": "reservas@a.example"}', priority = 9 where id = 'hotel-b'`,
  );
  await tenancy.changed();
  await post(mail());
  expect((await stored()).map(({ tenant_id }) => tenant_id)).toEqual(["hotel-a"]);
});

test("a sender is proven by a verdict of a trusted server alone, however the field's name is spelt", async () => {
  const verdict = (headers: Record<string, unknown>) => post(mail({ headers, message_id: JSON.stringify(headers) }));
  await verdict({ "Authentication-Results": "mx.a.example; dmarc=pass header.from=example.com" });
  await verdict({ "Authentication-Results": "mx.evil.example; dmarc=pass header.from=example.com" });
  await verdict({
    "Authentication-Results": ["mx.a.example; dmarc=fail header.from=example.com"],
    "authentication-results": "mx.a.example; dmarc=pass header.from=example.com",
  });
  await verdict({ "Authentication-Results": "mx.evil.example;\r\n x=y, mx.a.example; dmarc=pass" });
  expect((await stored()).map(({ payload }) => payload.senderUnproven ?? false)).toEqual([false, true, true, true]);
});

test("a sender's address that no mail can have is left alone, and not sent again for ever", async () => {
  const answer = await post(mail({ from: `${"a".repeat(250)}@example.com` }));
  expect(answer).toMatchObject({ status: 200, body: { status: "ignored" } });
});

test("a mail of half a megabyte of nested tags costs little", async () => {
  const before = process.cpuUsage();
  expect((await post(mail({ text: "", html: `Hola${"<b><i>".repeat(83_000)}` }))).status).toBe(202);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(1_000); // the whole request, of a test's client too
  expect((await stored())[0]!.payload.text).toContain("Hola");
});

describe("mails that nobody wrote are never answered", () => {
  test.each([
    ["a holiday notice", { headers: { "Auto-Submitted": "auto-replied" } }, "auto-submitted"],
    ["a generated mail", { headers: { "auto-submitted": "auto-generated; owner=x" } }, "auto-submitted"],
    ["Outlook's holiday notice", { headers: { "X-Auto-Response-Suppress": "All" } }, "auto-reply"],
    ["an old auto-reply", { headers: { "X-Autoreply": "yes" } }, "auto-reply"],
    ["a newsletter", { headers: { "List-Unsubscribe": "<https://x.example>" } }, "list"],
    ["bulk", { headers: { Precedence: "bulk" } }, "bulk"],
    ["a bounce by its empty sender", { envelope_from: "" }, "bounce"],
    ["a bounce by its path", { headers: { "Return-Path": "<>" } }, "bounce"],
    ["a bounce by its daemon", { from: "MAILER-DAEMON@mx.example.com" }, "bounce"],
    ["a report", { headers: { "Content-Type": "multipart/report; report-type=delivery-status" } }, "bounce"],
    ["a sender that reads nothing", { from: "no-reply@shop.example" }, "no-reply sender"],
    ["the hotel's own mail", { from: "reservas@a.example" }, "own mail"],
  ])("%s", async (_name, more, reason) => {
    expect(await post(mail(more))).toEqual({ status: 200, body: { status: "ignored", reason } });
    expect(await stored()).toEqual([]);
  });

  test("but a person's mail is, also when it says that it is one", async () => {
    expect(
      (await post(mail({ headers: { "Auto-Submitted": "no", Precedence: "normal" }, from: "noel.reply@example.com" }))).status,
    ).toBe(202);
  });
});

test("a mail of ours that came back is a dead letter; one that is only late isn't", async () => {
  const { rows } = await db.pool.query(
    `with c as (insert into conversations (tenant_id, channel, user_id) values ('hotel-a', 'email', 'ana@example.com') returning id),
          m as (insert into messages (tenant_id, conversation_id, direction, text, status) select 'hotel-a', id, 'out', 'hola', 'sent' from c returning id, conversation_id)
     insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state)
     select 'hotel-a', conversation_id, id, 'email', 'ana@example.com', '{"text":"hola"}', 'sent' from m returning id`,
  );
  const id = writeMessageId({ tenantId: "hotel-a", outboxId: rows[0].id, replays: 0 }, "a.example");
  const state = async () =>
    (await db.pool.query("select o.state, o.error, m.status from outbox o join messages m on m.id = o.message")).rows[0];
  const bounce = (text: string) =>
    post(mail({ from: "MAILER-DAEMON@mx.example.com", envelope_from: "<>", text: `${text}\n\nMessage-ID: ${id}` }));
  await bounce("Action: delayed\nStatus: 4.4.1");
  expect(await state()).toMatchObject({ state: "sent", status: "sent" });
  await bounce("Action: failed\nStatus: 5.1.1");
  expect(await state()).toEqual({ state: "dead", error: "5.1.1: the mail came back", status: "failed" });
});

test("mistakes are named all at once, and strangers are turned away", async () => {
  expect((await post(mail(), signatureOf("{}", SECRET))).status).toBe(401);
  const wrong = await post({ message_id: "", from: "nobody", to: 3, date: "yesterday" });
  expect(wrong.status).toBe(400);
  expect((wrong.body.errors as { field: string }[]).map(({ field }) => field)).toEqual(["message_id", "from", "to", "date"]);
  expect((await post(mail({ to: [] }))).body.errors).toEqual([{ field: "to", message: "expected at least one address" }]);
  expect(await stored()).toEqual([]);
});
