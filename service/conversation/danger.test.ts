import { afterAll, beforeAll, expect, test } from "vitest";
import { type Desk, openDesk } from "../../test/conversations.ts";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { newSession } from "./session.ts";

/** Every word of danger that the agent ever listened to, as guests may write it. */
const WORDS = `
  es una emergencia | emergencias!! | it's an emergency | emergencies? | é uma emergência | una urgencia médica
  hay un incendio | incendio!!! | se prende fuego la cortina | hay fuego en el pasillo | the kitchen is on fire | there's a fire | there is a fire
  o quarto está pegando fogo | tem fogo no corredor | llamen una ambulancia | call an ambulance | chamem uma ambulância | socorro | auxilio!
  tuvo un infarto | heart attack | se desmayó mi mujer | mi padre está desmayado | minha mãe desmaiou | está desmaiada | she fainted | he is unconscious
  está inconsciente | no respira | não respira | he is not breathing | me robaron | I was robbed | I've been robbed | fui roubado | fui assaltada
  gas leak | fuga de gas | vazamento de gás | escape de gas | olor a gas | cheiro de gás | smell of gas | it smells like gas | leaking gas
  urgente | it is urgent | urgently | urgentemente | urgência | me urge | vengan ya mismo | ahora mismo por favor | se inundó el baño | the bathroom is flooded | o banheiro está alagado
  estoy sin luz | no hay luz | sem luz no quarto | no power in my room | hay humo | there is smoke | tem fumaça | salen chispas del enchufe | sparks from the socket
  estoy encerrado en el baño | locked in the bathroom | locked out of my room | preso no elevador | no puedo entrar a mi habitación | I can't get in`
  .split(/[|\n]/)
  .map((line) => line.trim())
  .filter((line) => line !== "");

let made: TestDatabase;
let desk: Desk;
beforeAll(async () => {
  made = await makeDatabase("postgres");
  desk = await openDesk({ database: made.database, tenant: { businessHours: [] } });
});
afterAll(() => made.close());

const held = {
  code: "GH-234567",
  roomType: "double",
  checkIn: "2026-04-12",
  checkOut: "2026-04-15",
  adults: 2,
  children: 0,
  total: { amount: 300, currency: "USD" },
  until: "2026-03-10T16:00:00Z",
};
const stay = { checkIn: "2026-04-12", checkOut: "2026-04-15", adults: 2, children: 0, roomType: "double" };

test.each([
  ["at the beginning", {}, false],
  ["when the name is asked for", { awaiting: "name", hold: held, stay, goal: "book" }, false],
  [
    "when the number of guests is asked for",
    { awaiting: "guests", stay: { checkIn: "2026-04-12", checkOut: "2026-04-15" } },
    false,
  ],
  ["while a person has the conversation", {}, true],
])("every word of danger reaches a person at any hour: %s", async (_when, state, handedOver) => {
  const missed: string[] = [];
  for (const [index, words] of WORDS.entries()) {
    const userId = `danger-${_when.length}-${index}`;
    const guest = desk.guest(userId);
    const begun = newSession(new Date("2026-03-10T15:00:00Z"));
    Object.assign(guest.conversation, { state: { ...begun, ...state }, handedOver });
    const { text } = await guest.say(words);
    const found = await made.database.forTenant("default", (sql) =>
      sql<{ kind: string }>("select kind from tickets where user_id = $1 and urgent", [userId]),
    );
    if (found.length === 0 || text === "") missed.push(`${words} → ${text}`);
  }
  expect(missed).toEqual([]);
});

test("what only sounds like danger is answered, and rings nobody", async () => {
  for (const words of [
    "necesito reservar urgente una doble del 12 al 15 de abril para 2",
    "do you have smoke free rooms?",
    "quiero una toalla",
    "que calor hace, tienen pileta?",
  ]) {
    const guest = desk.guest(`calm-${words.length}`);
    const { handedOver } = await guest.say(words);
    expect(handedOver, words).toBe(false);
  }
});
