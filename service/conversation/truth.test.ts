import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Desk, openDesk } from "../../test/conversations.ts";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import type { Told } from "../mail/message.ts";
import { createPmsClients } from "../pms/clients.ts";
import { openMemory } from "../storage/shared-memory.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";

let made: TestDatabase;
let guests = 0;
beforeAll(async () => {
  made = await makeDatabase("postgres");
});
afterAll(() => made.close());
const newGuest = (desk: Desk, channel?: string) => {
  guests += 1;
  return desk.guest(`59896${String(guests).padStart(5, "0")}`, channel === undefined ? {} : { channel });
};
const tickets = (userId: string, tenantId = "default") =>
  made.database.forTenant(tenantId, (sql) =>
    sql<{ kind: string; text: string }>(
      "select kind, text from tickets where tenant_id = $1 and user_id = $2 order by created_at",
      [tenantId, userId],
    ),
  );
/** A hotel that isn't the demo: it has what its settings say, and no rooms. */
async function openOwn(id: string, hotel: Record<string, unknown> = {}): Promise<Desk> {
  await made.pool.query("insert into tenants (id, name) values ($1, $1) on conflict do nothing", [id]);
  const common = {
    database: made.database,
    metrics: createMetrics({ collectDefaults: false }),
    logger: createLogger("silent", "test"),
  };
  const pms = createPmsClients({ ...common, shared: openMemory(), demo: false, env: {} });
  return openDesk({ database: made.database, tenant: { id, settings: { hotel } }, pms });
}

describe("a hotel that has told nothing", () => {
  test.each([
    "a qué hora es el check-in?",
    "what time is check-out?",
    "guardan el equipaje?",
    "tienen gimnasio?",
    "is there an elevator?",
    "tem café da manhã?",
    "aceptan mascotas?",
    "can I pay by card?",
  ])("%j is passed on, and no fact is made up", async (words) => {
    const desk = await openOwn("silent");
    const guest = newGuest(desk);
    const { text } = await guest.say(words);
    expect(text).not.toMatch(/15:00|11:00|\bno,? (no |we don't|não)|guardamos tu|keep your luggage|sí, tenemos|yes, we have/i);
    expect((await tickets(guest.conversation.userId, "silent")).map(({ kind }) => kind)).toContain("question");
  });

  test("and has no rooms isn't full: nobody knows, and reception is asked", async () => {
    const guest = newGuest(await openOwn("silent"));
    const { text } = await guest.say("hay lugar del 12 al 14 de abril para 2?");
    expect(text).toContain("no sé si hay lugar");
    expect(text).not.toMatch(/no queda|lleno|completo|una sola habitación/i);
    expect((await tickets(guest.conversation.userId, "silent")).map(({ kind }) => kind)).toEqual(["booking"]);
  });
});

test("of a profile only what it says is told: what it doesn't list is unknown, not absent", async () => {
  const desk = await openOwn("partly", {
    amenities: { wifi: { free: true }, breakfast: {} },
    checkInFrom: "14:00",
    policies: { pets: "small" },
  });
  const say = async (words: string) => (await newGuest(desk).say(words)).text;
  expect(await say("tienen wifi?")).toContain("Sí, tenemos wifi");
  expect(await say("tienen estacionamiento?")).toContain("No sé si el hotel tiene estacionamiento");
  expect(await say("¿el desayuno es apto celíacos?")).toContain("Ese dato no lo tengo");
  expect(await say("a que hora es el check in?")).toMatch(/14:00(?!.*check-out)/);
  expect(await say("aceptan perros?")).toContain("mascotas pequeñas");
});

test("one wrong value leaves the rest of a profile that was written before the rule", async () => {
  const desk = await openOwn("wrong", { address: "Calle 1", policies: { pets: false }, addres: "x" });
  expect((await newGuest(desk).say("dónde queda el hotel?")).text).toContain("Calle 1");
});

describe("what is told of reception", () => {
  const desk = async (got: Told, businessHours: [] | null = null) =>
    openDesk({ database: made.database, tenant: { businessHours }, notices: { tell: async () => got } });
  const SEEN = /avisé a recepción|llegó/i;

  test.each([
    ["acknowledged", true],
    ["pending", false],
    ["unreachable", false],
  ] as const)("when word is %s: that somebody has it is said only then", async (got, seen) => {
    for (const words of [
      "no anda el aire en la 204",
      "necesito toallas en la 305",
      "es una emergencia!",
      "quiero hablar con una persona",
    ]) {
      const { text } = await newGuest(await desk(got)).say(words);
      expect(SEEN.test(text), `${words} → ${text}`).toBe(seen);
      expect(text).not.toMatch(/ahora mismo una persona|en unos minutos|alguien se ocupa/i);
    }
  });

  test("an emergency always comes with a number to call, whatever the hotel told", async () => {
    expect((await newGuest(await desk("pending", [])).say("hay un incendio!")).text).toMatch(/No pude confirmar.*911/s);
    const bare = await openOwn("silent");
    expect((await newGuest(bare).say("hay un incendio!")).text).toMatch(/112|911/);
    const own = await openOwn("phoned", { emergencyPhone: "+598 2710 1111" });
    expect((await newGuest(own).say("hay un incendio!")).text).toContain("+598 2710 1111");
  });

  test("a booking, a change and a cancellation are told to reception, with what they are", async () => {
    const own = await openDesk({ database: made.database });
    const guest = newGuest(own);
    await guest.say("quiero una triple del 12 al 14 de mayo para 2, a nombre de Ana Pérez");
    await guest.say("sí");
    await guest.say("quiero cambiar mi reserva al 13 de mayo, 1 noche");
    await guest.say("sí");
    await guest.say("cancelar mi reserva");
    await guest.say("sí");
    const texts = (await tickets(guest.conversation.userId)).map(({ text }) => text);
    expect(texts).toEqual([
      expect.stringMatching(/^booked: GH-\w+: triple, 2026-05-12 to 2026-05-14.*Ana Pérez/),
      expect.stringMatching(/^changed: was GH-.*2026-05-12 to 2026-05-14.*now GH-.*2026-05-13 to 2026-05-14/),
      expect.stringMatching(/^cancelled: GH-/),
    ]);
  });
});

test("what cancelling costs is told before the yes, and a stay that has begun is reception's", async () => {
  const desk = await openDesk({ database: made.database });
  const guest = newGuest(desk);
  await guest.say("quiero una familiar del 11 al 13 de marzo para 3, a nombre de Ana Pérez");
  await guest.say("sí");
  expect((await guest.say("cancelar mi reserva")).text).toMatch(/48 horas.*ya pasó.*primera noche/s);
  await guest.say("no");
  guest.wait(60 * 24 * 2);
  const { text } = await guest.say("cancelar mi reserva");
  expect(text).toContain("recepción");
  expect((await desk.pms().reservationsOf(guest.conversation.userId)).map(({ status }) => status)).toEqual(["confirmed"]);
});

test("a picture isn't said to be seen by reception", async () => {
  const guest = newGuest(await openDesk({ database: made.database }));
  expect((await guest.say("", { kind: "image" })).text).toContain("no puedo verla");
});

test.each(["whatsapp", "email", "web", "messages"])(
  "on %s the first reply says that a machine answers, with a person one tap away",
  async (channel) => {
    const desk = await openDesk({ database: made.database });
    for (const [words, says] of [
      ["hola", "asistente automático"],
      ["room for 2 from april 12 to april 14", "automated assistant"],
      ["quero reservar um quarto de 12 a 14 de abril", "assistente automático"],
    ] as const) {
      const guest = newGuest(desk, channel);
      const { text, reply } = await guest.say(words);
      expect(text).toContain(says);
      expect([...(reply?.buttons ?? []), ...(reply?.list?.rows ?? [])].map(({ id }) => id)).toContain("reception");
      expect((await guest.say(words)).text).not.toContain(says);
    }
  },
);
