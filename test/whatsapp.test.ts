import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { readReference } from "../service/channels/whatsapp/reference.ts";
import { DEVELOPMENT_SECRETS } from "../service/config.ts";
import { signatureOf } from "../service/http/signature.ts";
import { type GraphApi, notification, startGraphApi, type TakenMessage } from "./graph-api.ts";
import { createDatabase, until } from "./servers.ts";
import { type RunningService, spawnService } from "./service.ts";

const NUMBER = "106540352242922";
let made: Awaited<ReturnType<typeof createDatabase>>;
let pool: pg.Pool;
let api: GraphApi;
let service: RunningService;
let number = 0;

const start = async () => {
  service = await spawnService({
    DATABASE_URL: made.url,
    WHATSAPP_API_URL: api.url,
    WHATSAPP_ACCESS_TOKEN: api.accessToken,
    LOG_HASH_KEY: "a-key-for-the-hashes",
  });
};

beforeAll(async () => {
  made = await createDatabase(inject("postgresUrl"));
  pool = new pg.Pool({ connectionString: made.url, max: 2 });
  api = await startGraphApi({ phoneNumberIds: [NUMBER] });
  await start();
});
afterAll(async () => {
  await service?.stop();
  await api?.stop();
  await pool?.end();
  await made?.drop();
});
afterEach(() => {
  api.onTaken = () => undefined;
});

/** Delivers a notification as Meta does: again and again until it is acknowledged. */
const notify = async (value: Parameters<typeof notification>[0]): Promise<void> => {
  const raw = JSON.stringify(notification(value));
  await until(async () => {
    const response = await fetch(`${service.url}/webhooks/whatsapp`, {
      method: "POST",
      body: raw,
      headers: {
        "content-type": "application/json",
        "x-hub-signature-256": signatureOf(raw, DEVELOPMENT_SECRETS.WHATSAPP_APP_SECRET),
      },
    });
    expect(response.status).toBe(200);
  }, 60_000);
};
const write = async (from: string, content: Record<string, unknown>): Promise<string> => {
  const id = `wamid.IN${++number}`;
  await notify({ phoneNumberId: NUMBER, messages: [{ from, id, timestamp: String(Math.floor(Date.now() / 1000)), ...content }] });
  return id;
};
const text = (body: string) => ({ type: "text", text: { body } });

test("a guest books on WhatsApp with a list and a button, and sees the typing sign", async () => {
  const guest = "5491150000001";
  const heard = () => api.messages.filter(({ to }) => to === guest);
  const answer = async (content: Record<string, unknown>): Promise<TakenMessage> => {
    const before = heard().length;
    const id = await write(guest, content);
    await until(async () => expect(heard().length).toBeGreaterThan(before));
    await until(async () => expect(api.read).toContainEqual({ messageId: id, typing: true }));
    return heard().at(-1)!;
  };
  const day = (offset: number) =>
    new Intl.DateTimeFormat("es", { day: "numeric", month: "long", timeZone: "UTC" }).format(
      new Date(Date.now() + offset * 24 * 3600 * 1000),
    );
  const rooms = await answer(text(`¿Tienen lugar del ${day(45)} al ${day(48)} para 2 adultos?`));
  expect(rooms.choices).toContain("room:double");
  const held = await answer({
    type: "interactive",
    interactive: { type: "list_reply", list_reply: { id: "room:double", title: "Doble" } },
  });
  const confirm = held.choices.find((id) => id.startsWith("confirm:"));
  expect(confirm).toBeDefined();
  const confirmed = await answer({
    type: "interactive",
    interactive: { type: "button_reply", button_reply: { id: confirm, title: "Confirmar" } },
  });
  expect(confirmed.text).toContain(confirm!.slice("confirm:".length));
  const { rows } = await pool.query("select status from reservations where user_id = $1", [guest]);
  expect(rows).toEqual([{ status: "confirmed" }]);
});

test("the service is killed again and again: each acknowledged message gets exactly one answer, in order", async () => {
  api.messages.length = 0;
  const statuses: Promise<void>[] = [];
  api.onTaken = ({ id, to, reference }) => {
    statuses.push(
      notify({
        phoneNumberId: NUMBER,
        statuses: [{ id, status: "sent", recipient_id: to, biz_opaque_callback_data: reference }],
      }),
    );
  };
  const guests = Array.from({ length: 12 }, (_, index) => `54911600000${10 + index}`);
  const phrases = ["hola", "¿dónde están?", "¿a qué hora es el desayuno?", "gracias"];
  let writing = true;
  let killedAt = "";
  const conversations = guests.map(async (guest) => {
    for (const phrase of phrases) await write(guest, text(phrase));
  });
  const killer = (async () => {
    for (let kill = 0; kill < 5 && writing; kill += 1) {
      const taken = api.messages.length;
      // Some answers are on their way: that is when it hurts.
      await until(async () => expect(!writing || api.messages.length > taken + kill).toBe(true));
      await service.kill();
      killedAt = (await pool.query("select clock_timestamp()::text as now")).rows[0].now;
      // The leases of its workers end: nobody else can hold one now, so this is but time that passes.
      await pool.query("update conversations set lease_until = clock_timestamp() where lease_until is not null");
      await start();
    }
  })();
  await Promise.all(conversations);
  writing = false;
  await killer;
  await until(async () => {
    const { rows } = await pool.query("select count(*)::int as n from inbox where state = 'waiting' and channel = 'whatsapp'");
    expect(rows).toEqual([{ n: 0 }]);
  }, 90_000);
  await Promise.all(statuses);
  // What killed senders held is free when their leases end: a minute passes here for what was claimed before the last kill.
  await pool.query(
    "update outbox set lease_until = clock_timestamp() where state = 'pending' and lease_until < $1::timestamptz + interval '60 s'",
    [killedAt],
  );
  await until(async () => {
    const { rows } = await pool.query("select state, count(*)::int as n from outbox where user_id = any ($1) group by 1", [
      guests,
    ]);
    expect(rows).toEqual([{ state: "sent", n: guests.length * phrases.length }]);
  }, 60_000);

  const { rows } = await pool.query<{ id: string; user_id: string }>(
    "select id, user_id from outbox where user_id = any ($1) order by message",
    [guests],
  );
  // A reply with a place goes in two parts; each part is a message of its own.
  const references = api.messages.map(({ reference }) => readReference(reference)!);
  expect(new Set(api.messages.map(({ reference }) => reference)).size).toBe(api.messages.length);
  expect(references.filter(({ part }) => part === 0)).toHaveLength(rows.length);
  for (const guest of guests) {
    const sent = references.filter((_, index) => api.messages[index]!.to === guest);
    const expected = rows.filter(({ user_id }) => user_id === guest).map(({ id }) => id);
    expect(sent.filter(({ part }) => part === 0).map(({ outboxId }) => outboxId)).toEqual(expected);
    for (const outboxId of expected) {
      const parts = sent.filter((reference) => reference.outboxId === outboxId);
      expect(parts.map(({ part }) => part)).toEqual(Array.from({ length: parts[0]!.parts }, (_, part) => part));
    }
  }
}, 180_000);

test("the Graph API goes away for a while: answers wait, and arrive once it is back", async () => {
  const port = Number(new URL(api.url).port);
  await api.stop();
  const guest = "5491170000001";
  await write(guest, text("hola"));
  await until(async () => {
    const { rows } = await pool.query("select attempts, state from outbox where user_id = $1", [guest]);
    expect(rows).toMatchObject([{ attempts: expect.any(Number), state: "pending" }]);
    expect(rows[0].attempts).toBeGreaterThan(0);
  });
  api = await startGraphApi({ phoneNumberIds: [NUMBER], port });
  await until(async () => expect(api.messages.filter(({ to }) => to === guest)).toHaveLength(1));
});
