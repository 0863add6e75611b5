import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer, text } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/servers.ts";
import { signatureOf } from "../../http/signature.ts";
import { createLogger } from "../../telemetry/log.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { createNotices, type Notices } from "./notices.ts";
import { mailWay, webhookWay, whatsAppWay } from "./ways.ts";

const SECRET = "a-secret-of-webhooks-that-tell";
let made: TestDatabase;
const mails: Email[] = [];
const posts: { signature: string | undefined; body: string }[] = [];
const templates: { from: string; payload: Record<string, unknown> }[] = [];
let smtp: SMTPServer;
let refuseMail = false;
let webhookStatus = 204;
const webhook = createServer((request, response) => {
  text(request).then((body) => {
    posts.push({ signature: request.headers["x-signature-256"] as string, body });
    response.writeHead(webhookStatus).end();
  });
});
let webhookUrl: string;
let settings: Record<string, unknown>;
let notices: Notices;
const metrics = createMetrics({ collectDefaults: false });

beforeAll(async () => {
  made = await makeDatabase("postgres");
  await made.pool.query("insert into tenants (id, name) values ('sur', 'Hotel Sur'), ('norte', 'Hotel Norte')");
  smtp = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: true,
    onMailFrom: (_address, _session, done) => done(refuseMail ? new Error("out of service") : null),
    onData: (stream, _session, done) => {
      buffer(stream)
        .then((raw) => PostalMime.parse(raw))
        .then((mail) => {
          mails.push(mail);
          done();
        }, done);
    },
  });
  await Promise.all([
    new Promise<void>((resolve) => smtp.listen(0, "127.0.0.1", resolve)),
    new Promise<void>((resolve) => webhook.listen(0, "127.0.0.1", resolve)),
  ]);
  webhookUrl = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await notices?.stop();
  webhook.close();
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
  await made?.close();
});
beforeEach(async () => {
  await notices?.stop();
  mails.length = 0;
  posts.length = 0;
  templates.length = 0;
  refuseMail = false;
  webhookStatus = 204;
  settings = { notifications: { email: ["recepcion@sur.example"] } };
  notices = createNotices({
    database: made.database,
    tenant: async (id) => (id === "nowhere" ? undefined : { name: "Hotel Sur", languages: ["es", "en"], settings }),
    ways: {
      email: mailWay({
        url: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
        from: async () => "avisos@sur.example",
      }),
      webhook: webhookWay({ secret: SECRET, origins: new Set([webhookUrl]) }),
      whatsapp: whatsAppWay({
        graph: {
          send: async (from, payload) => {
            templates.push({ from, payload });
            return "wamid.1";
          },
        },
        sender: async () => ({ phoneNumberId: "100", template: "gatehouse_notice" }),
      }),
    },
    defaults: { email: [], webhook: undefined },
    metrics,
    logger: createLogger("silent", "test"),
    patienceMs: 2_000,
    pollMs: 50,
  });
});

let count = 0;
/** A ticket of a conversation that waits for a person. */
async function openTicket(
  kind = "handover",
  words = "quiero hablar con alguien",
): Promise<{ key: string; conversation: string }> {
  count += 1;
  const key = `messages:m${count}:${kind}`;
  const conversation = await made.database.forTenant("sur", async (sql) => {
    const [row] = await sql<{ id: string }>(
      "insert into conversations (tenant_id, channel, user_id, handed_over) values ('sur', 'messages', $1, true) returning id",
      [`+59899${count}`],
    );
    await sql(
      `insert into tickets (tenant_id, key, conversation_id, channel, user_id, kind, urgent, text, room)
       values ('sur', $1, $2, 'messages', $3, $4, $5, $6, '204')`,
      [key, row!.id, `+59899${count}`, kind, kind === "emergency", words],
    );
    return row!.id;
  });
  return { key, conversation };
}
const noticesOf = (key: string) =>
  made.database.forTenant("sur", (sql) =>
    sql<{ step: number; state: string; acknowledged_by: string | null; attempts: number; error: string | null }>(
      "select step, state, acknowledged_by, attempts, error from notices where tenant_id = 'sur' and ticket_key = $1 order by step, created_at",
      [key],
    ),
  );
/** Makes what is planned for later due now. */
const hurry = (key: string, column: "next_attempt_at" | "escalate_at") =>
  made.database.forTenant("sur", (sql) =>
    sql(`update notices set ${column} = now() where tenant_id = 'sur' and ticket_key = $1 and ${column} is not null`, [key]),
  );

describe("telling at once", () => {
  test("a mail server that takes the mail acknowledges; the mail says what, where and who", async () => {
    const { key } = await openTicket("emergency", "hay humo en el pasillo");
    expect(await notices.tell("sur", [key])).toBe("acknowledged");
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatchObject({ subject: "EMERGENCIA – Habitación 204", to: [{ address: "recepcion@sur.example" }] });
    expect(mails[0]!.text).toContain("hay humo en el pasillo");
    expect(await noticesOf(key)).toMatchObject([{ step: 0, state: "acknowledged", acknowledged_by: "email", attempts: 1 }]);
    expect(await notices.tell("sur", [key]), "the same again").toBe("acknowledged");
    expect(mails, "and nobody is told twice").toHaveLength(1);
  });

  test("a webhook is signed over its raw body, and counts when it answers 2xx", async () => {
    settings = { notifications: { webhook: `${webhookUrl}/hook` } };
    const { key } = await openTicket();
    expect(await notices.tell("sur", [key])).toBe("acknowledged");
    expect(posts[0]!.signature).toBe(signatureOf(posts[0]!.body, SECRET));
    expect(JSON.parse(posts[0]!.body)).toMatchObject({ tenant_id: "sur", kind: "handover", room: "204", step: 0 });
  });

  test("staff's numbers get the template", async () => {
    settings = { notifications: { whatsapp: ["+598 99 111 222"] } };
    const { key } = await openTicket("handover", "línea uno\nlínea dos");
    expect(await notices.tell("sur", [key])).toBe("acknowledged");
    expect(templates[0]).toMatchObject({ from: "100", payload: { to: "59899111222", type: "template" } });
    expect(JSON.stringify(templates[0])).toContain("línea uno línea dos");
  });

  test("nobody to be told is unreachable, and noted; so is a hotel that isn't there", async () => {
    settings = {};
    const { key } = await openTicket();
    expect(await notices.tell("sur", [key])).toBe("unreachable");
    expect(await notices.tell("nowhere", ["x"])).toBe("unreachable");
    expect(await noticesOf(key)).toMatchObject([{ state: "pending" }]);
  });

  test("a webhook elsewhere than the operator allows isn't asked", async () => {
    settings = { notifications: { webhook: "http://169.254.169.254/latest" } };
    const { key } = await openTicket();
    expect(await notices.tell("sur", [key])).toBe("pending");
    expect(await noticesOf(key)).toMatchObject([{ state: "pending", error: expect.stringContaining("NOTIFY_WEBHOOK_ORIGINS") }]);
  });
});

describe("telling later", () => {
  test("a refused mail is pending, is tried again, and is taken then", async () => {
    refuseMail = true;
    const { key } = await openTicket();
    expect(await notices.tell("sur", [key])).toBe("pending");
    expect(await noticesOf(key)).toMatchObject([{ state: "pending", attempts: 1, error: expect.stringContaining("email") }]);
    refuseMail = false;
    notices.start();
    await hurry(key, "next_attempt_at");
    await until(async () => expect(await noticesOf(key)).toMatchObject([{ state: "acknowledged", attempts: 2 }]));
    expect(mails).toHaveLength(1);
  });

  test("what a process that died never told, another one tells", async () => {
    const { key } = await openTicket();
    notices.start();
    await hurry(key, "next_attempt_at");
    await until(async () => expect(await noticesOf(key)).toMatchObject([{ state: "acknowledged" }]));
  });

  test("a room that is said later is told too", async () => {
    const { key } = await openTicket("issue");
    await made.database.forTenant("sur", (sql) => sql("update tickets set room = '305' where key = $1", [key]));
    expect(await noticesOf(key)).toHaveLength(2);
    expect(await notices.tell("sur", [key])).toBe("acknowledged");
    expect(mails.map(({ subject }) => subject)).toEqual(expect.arrayContaining([expect.stringContaining("305")]));
  });
});

describe("nobody takes it", () => {
  test("a hand-over that nobody takes is told again, to more people", async () => {
    settings = { notifications: { email: ["recepcion@sur.example"], escalate: { email: ["gerente@sur.example"] } } };
    const { key } = await openTicket();
    await notices.tell("sur", [key]);
    notices.start();
    await hurry(key, "escalate_at");
    await until(async () => expect(await noticesOf(key)).toMatchObject([{ step: 0 }, { step: 1, state: "acknowledged" }]));
    await until(async () => expect(mails).toHaveLength(3));
    expect(mails.map(({ to }) => to![0]!.address).sort()).toEqual([
      "gerente@sur.example",
      "recepcion@sur.example",
      "recepcion@sur.example",
    ]);
    expect(mails[2]!.subject).toMatch(/^Nadie lo tomó: /);
  });

  test.each([
    [
      "a person answered",
      "insert into messages (tenant_id, conversation_id, direction, text, content, status) values ('sur', $1, 'out', 'hola', '{\"by\": \"ana\"}', 'available')",
    ],
    ["the guest was handed back", "update conversations set handed_over = false where tenant_id = 'sur' and id = $1"],
    ["the ticket was closed", "update tickets set state = 'done' where tenant_id = 'sur' and conversation_id = $1"],
  ])("one that was taken isn't: %s", async (_what, statement) => {
    const { key, conversation } = await openTicket();
    await notices.tell("sur", [key]);
    await made.database.forTenant("sur", (sql) => sql(statement, [conversation]));
    notices.start();
    await hurry(key, "escalate_at");
    await until(async () =>
      expect(
        await made.database.forTenant("sur", (sql) =>
          sql("select 1 from notices where ticket_key = $1 and escalate_at is null", [key]),
        ),
      ).toHaveLength(1),
    );
    expect(await noticesOf(key)).toHaveLength(1);
  });
});

test("a hotel's many notices don't hold up another's", async () => {
  for (let each = 0; each < 30; each += 1) await openTicket();
  const { tenant_id: first } = (
    await made.database.forTenant("norte", async (sql) => {
      const [row] = await sql<{ id: string }>(
        "insert into conversations (tenant_id, channel, user_id) values ('norte', 'messages', 'x') returning id",
      );
      await sql(
        `insert into tickets (tenant_id, key, conversation_id, channel, user_id, kind, text)
         values ('norte', 'k', $1, 'messages', 'x', 'question', 'hola')`,
        [row!.id],
      );
      return sql<{ tenant_id: string }>("select tenant_id from notices where tenant_id = 'norte'");
    })
  )[0]!;
  expect(first).toBe("norte");
  for (const tenant of ["sur", "norte"])
    await made.database.forTenant(tenant, (sql) =>
      sql("update notices set next_attempt_at = now() where tenant_id = $1", [tenant]),
    );
  const claimed = await made.database.withoutTenant((sql) =>
    sql<{ tenant_id: string }>("select tenant_id from claim_notices(1, 2)"),
  );
  expect(claimed.map(({ tenant_id }) => tenant_id).sort()).toEqual(["norte", "sur"]);
});
