import pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { readReference } from "../service/channels/whatsapp/reference.ts";
import { seeded, shuffle } from "../service/nlp/random.ts";
import { type GraphApi, notification, startGraphApi } from "./graph-api.ts";
import { createDatabase, until } from "./servers.ts";
import { callAdmin, type RunningService, sendMessage, sendNotification, spawnService } from "./service.ts";

/** Two processes of the real service on one database, as behind a load balancer; two hotels with a number each. */
const NUMBERS = { default: "106540352242922", sur: "106540352242923" };
let made: Awaited<ReturnType<typeof createDatabase>>;
let pool: pg.Pool;
let api: GraphApi;
let services: RunningService[] = [];

beforeAll(async () => {
  made = await createDatabase(inject("postgresUrl"));
  pool = new pg.Pool({ connectionString: made.url, max: 2 });
  api = await startGraphApi({ phoneNumberIds: Object.values(NUMBERS) });
  const env = {
    DATABASE_URL: made.url,
    REDIS_URL: inject("redisUrl"),
    WHATSAPP_API_URL: api.url,
    WHATSAPP_ACCESS_TOKEN: api.accessToken,
    LOG_HASH_KEY: "a-key-that-both-share",
  };
  // One after the other: the first one migrates.
  services = [await spawnService(env), await spawnService(env)];
  const hotel = { id: "sur", name: "Hotel Sur", whatsapp_phone_number_id: NUMBERS.sur };
  expect((await callAdmin(services[0]!.url, "POST", "/admin/tenants", hotel)).status).toBe(201);
  for (const { url } of services) {
    await until(async () => expect((await callAdmin(url, "GET", "/admin/tenants/sur")).status).toBe(200));
  }
});
afterAll(async () => {
  for (const service of services) await service.stop();
  await api?.stop();
  await pool?.end();
  await made?.drop();
});

type Content = Record<string, unknown>;
const text = (body: string): Content => ({ type: "text", text: { body } });
const image = (id: string): Content => ({ type: "image", image: { id, mime_type: "image/jpeg" } });
const inDays = (days: number) => new Date(Date.now() + days * 24 * 3600 * 1000).toISOString().slice(0, 10);

/** What guests do: each line is a whole visit, so that whatever follows whatever, nobody is handed over to reception. */
const VISITS: readonly (readonly Content[])[] = [
  [text("hola"), text("¿dónde están?")],
  [text(`¿tienen lugar del ${inDays(40)} al ${inDays(42)} para 2 adultos?`), text("la doble"), text("Ana Pérez"), text("sí")],
  [text("¿a qué hora es el desayuno?"), text("gracias")],
  [text("tienen wifi?"), { type: "reaction", reaction: { message_id: "wamid.OUT1", emoji: "👍" } }],
  Array.from({ length: 6 }, (_, index) => image(`album-${index}`)),
  [text("¿cuánto cuesta una suite?"), { type: "audio", audio: { id: "voice-1", mime_type: "audio/ogg" } }],
  [
    { type: "location", location: { latitude: -34.9, longitude: -56.2 } },
    { type: "order", order: { catalog_id: "1" } },
  ],
  [text("what time is check-in?"), text("thank you")],
];

interface Written {
  id: string;
  guest: string;
  /** Absent for the generic channel. */
  number: string | undefined;
  content: Content;
  /** Seconds. */
  at: number;
}

/** A day of some guests, in the order in which they write. */
function writeDay(
  random: () => number,
  guests: readonly { guest: string; number: string | undefined }[],
  visits: number,
): Written[] {
  const wishes = guests.map(({ number }) =>
    Array.from({ length: visits }, () => {
      const fitting = VISITS.filter((visit) => number !== undefined || visit.every(({ type }) => type === "text"));
      return fitting[Math.floor(random() * fitting.length)]!;
    }).flat(),
  );
  const written: Written[] = [];
  const start = Math.floor(Date.now() / 1000) - 3_600;
  while (wishes.some((waiting) => waiting.length > 0)) {
    const who = Math.floor(random() * guests.length);
    const content = wishes[who]!.shift();
    if (content !== undefined)
      written.push({ ...guests[who]!, id: `wamid.DAY${written.length}`, content, at: start + written.length });
  }
  return written;
}

const asNotification = (messages: readonly Written[], statuses: readonly Content[] = []) => {
  const entries = Object.values(NUMBERS).flatMap((phoneNumberId) => {
    const own = messages
      .filter(({ number }) => number === phoneNumberId)
      .map(({ guest, id, at, content }) => ({ from: guest, id, timestamp: String(at), ...content }));
    const told = statuses.filter(({ number }) => number === phoneNumberId).map(({ number: _number, ...status }) => status);
    return own.length + told.length === 0 ? [] : notification({ phoneNumberId, messages: own, statuses: told }).entry;
  });
  return { object: "whatsapp_business_account", entry: entries };
};

const acknowledge = async (process: number, body: unknown) => {
  const response = await sendNotification(services[process]!.url, body);
  expect(response.status, await response.text()).toBe(200);
};
const ask = async (process: number, { id, guest, content }: Written): Promise<unknown> => {
  const body = { message_id: id, user_id: guest, text: (content.text as { body: string }).body };
  const response = await sendMessage(services[process]!.url, body, { Prefer: "wait=20" });
  const answer = await response.json();
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer;
};
const quiet = () =>
  until(async () => {
    const { rows } = await pool.query(
      "select (select count(*)::int from inbox where state = 'waiting') as inbox, (select count(*)::int from outbox where state = 'pending') as outbox",
    );
    expect(rows).toEqual([{ inbox: 0, outbox: 0 }]);
  }, 60_000);
/** All that a second delivery could double. */
const everything = async () => ({
  history: (await pool.query("select tenant_id, conversation_id, id, direction, text from messages order by 1, 2, 3")).rows,
  outbox: (await pool.query("select id, state, attempts from outbox order by id")).rows,
  reservations: (await pool.query("select code, status, user_id from reservations order by code")).rows,
  tickets: (await pool.query("select id from tickets order by id")).rows,
  sent: api.messages.map(({ id }) => id),
});

test("a day that is delivered twice, partly at once and in other batches, is answered once and in order", async () => {
  const random = seeded(20260310);
  const guests = [
    ...Array.from({ length: 7 }, (_, index) => ({ guest: `549115010000${index}`, number: NUMBERS.default })),
    ...Array.from({ length: 5 }, (_, index) => ({ guest: `549115020000${index}`, number: NUMBERS.sur })),
    ...Array.from({ length: 4 }, (_, index) => ({ guest: `549115030000${index}`, number: undefined })),
  ];
  const day = writeDay(random, guests, 8);
  expect(day.length).toBeGreaterThan(250);

  /** What Meta tells of our messages; each is told along with guests' messages, as it comes. */
  const statuses: Content[] = [];
  let told = 0;
  api.onTaken = ({ id, to, reference, phoneNumberId }) => {
    for (const status of ["delivered", "sent", "read"])
      statuses.push({ number: phoneNumberId, id, status, recipient_id: to, biz_opaque_callback_data: reference });
  };
  const newStatuses = () => {
    const fresh = statuses.slice(told);
    told = statuses.length;
    return fresh;
  };

  const delivered: Written[] = [];
  const answers = new Map<string, unknown>();
  for (let at = 0; at < day.length; ) {
    const process = Math.floor(random() * 2);
    const length = 1 + Math.floor(random() * 8);
    const part = day.slice(at, at + length);
    const batch = part.filter(({ number }) => number !== undefined);
    const body = asNotification(batch, newStatuses());
    // Now and then both processes get the same batch in the same millisecond.
    const twice = random() < 0.3 ? [process, 1 - process] : [process];
    // Meanwhile what Meta believes lost comes again, in batches of other messages.
    const again = shuffle([...delivered], random).slice(0, Math.floor(random() * 12));
    const told = shuffle([...statuses], seeded(at)).slice(0, 5);
    await Promise.all([
      ...twice.map((each) => acknowledge(each, body)),
      acknowledge(Math.floor(random() * 2), asNotification(again, told)),
    ]);
    delivered.push(...batch);
    for (const message of part.filter(({ number }) => number === undefined)) {
      const heard = await Promise.all(twice.map((each) => ask(each, message)));
      for (const answer of heard) expect(answer).toEqual(heard[0]);
      answers.set(message.id, heard[0]);
    }
    at += length;
  }
  await quiet();
  await acknowledge(0, asNotification([], newStatuses()));

  const first = await everything();
  const { rows } = await pool.query<{ user_id: string; direction: string; message_id: string }>(
    `select c.user_id, m.direction, coalesce(m.message_id, m.in_reply_to) as message_id
       from messages m join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id order by m.id`,
  );
  for (const { guest } of guests) {
    const written = day.filter((message) => message.guest === guest).map(({ id }) => id);
    const history = rows.filter((row) => row.user_id === guest).map((row) => `${row.direction} ${row.message_id}`);
    expect(history).toEqual(written.flatMap((id) => [`in ${id}`, `out ${id}`]));
  }
  expect(rows).toHaveLength(2 * day.length);
  const outbox = await pool.query<{ id: string; user_id: string }>(
    "select id, user_id from outbox where channel = 'whatsapp' order by message",
  );
  for (const { guest } of guests) {
    const parts = api.messages.filter(({ to }) => to === guest).map(({ reference }) => readReference(reference)!);
    const expected = outbox.rows.filter((row) => row.user_id === guest).map(({ id }) => id);
    expect([...new Set(parts.map(({ outboxId }) => outboxId))]).toEqual(expected);
    expect(parts.map(({ outboxId, part }) => `${outboxId} ${part}`)).toEqual(
      expected.flatMap((id) => {
        const { parts: count } = parts.find(({ outboxId }) => outboxId === id)!;
        return Array.from({ length: count }, (_, part) => `${id} ${part}`);
      }),
    );
  }
  expect(first.reservations.length).toBeGreaterThan(0);

  const waiting = shuffle([...delivered], random);
  const late = shuffle([...statuses], random);
  const redeliver = async (process: number) => {
    while (waiting.length > 0 || late.length > 0) {
      const size = 1 + Math.floor(random() * 25);
      await acknowledge(process, asNotification(waiting.splice(0, size), late.splice(0, 2 * size)));
    }
  };
  await Promise.all([
    ...[0, 0, 1, 1].map(redeliver),
    (async () => {
      for (const message of day.filter(({ number }) => number === undefined)) {
        expect(await ask(Math.floor(random() * 2), message)).toEqual(answers.get(message.id));
      }
    })(),
  ]);
  await quiet();
  expect(await everything()).toEqual(first);
}, 120_000);

test("the same message at two processes in the same millisecond is stored, answered and sent once", async () => {
  const messages = Array.from({ length: 20 }, (_, index): Written => {
    const at = Math.floor(Date.now() / 1000);
    return { id: `wamid.TWIN${index}`, guest: `54911504000${10 + index}`, number: NUMBERS.default, content: text("hola"), at };
  });
  await Promise.all(
    messages.flatMap((message) => [0, 1, 0, 1].map((process) => acknowledge(process, asNotification([message])))),
  );
  await quiet();
  for (const { guest, id } of messages) {
    const { rows } = await pool.query("select in_reply_to from messages where direction = 'out' and in_reply_to = $1", [id]);
    expect(rows).toHaveLength(1);
    expect(api.messages.filter(({ to }) => to === guest)).toHaveLength(1);
  }
});
