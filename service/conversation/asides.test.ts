import { afterAll, beforeAll, expect, test } from "vitest";
import { type Desk, type Guest, openDesk } from "../../test/conversations.ts";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { asksWhetherBot } from "./orchestrator/asides.ts";
import { plain } from "./orchestrator/reading.ts";

let made: TestDatabase;
let desk: Desk;
let guests = 0;
beforeAll(async () => {
  made = await makeDatabase("postgres");
  desk = await openDesk({ database: made.database });
});
afterAll(() => made.close());
const newGuest = (channel?: string) => {
  guests += 1;
  return desk.guest(`59895${String(guests).padStart(5, "0")}`, channel === undefined ? {} : { channel });
};
const kinds = async ({ conversation: { userId } }: Guest) =>
  (
    await made.database.forTenant("default", (sql) =>
      sql<{ kind: string }>("select kind from tickets where user_id = $1 order by created_at", [userId]),
    )
  ).map(({ kind }) => kind);

test.each([
  "¿eres un bot?",
  "sos un robot?",
  "eres una persona o una máquina?",
  "¿estoy hablando con una persona?",
  "esto es automático?",
  "sos humano?",
  "are you a bot?",
  "are you human?",
  "is this a real person?",
  "am I talking to a robot?",
  "are you an AI",
  "você é um robô?",
  "estou falando com uma pessoa de verdade?",
  "isso é um bot?",
])("%j is answered with the truth, by the machine", async (words) => {
  const { text, handedOver, reply } = await newGuest().say(words);
  expect(text).toMatch(/no una persona|not a person|não uma pessoa/);
  expect(handedOver).toBe(false);
  expect(reply?.buttons?.map(({ id }) => id)).toContain("reception");
});

test.each([
  "quiero hablar con una persona",
  "can I talk to a real person?",
  "quero falar com uma pessoa",
  "somos 2 personas",
  "the robot vacuum broke",
])("%j doesn't ask whether a machine answers", (words) => {
  expect(asksWhetherBot(plain(words))).toBe(false);
});

test.each([
  ["I lost my jacket, I stayed in room 4 on 25 Nov", "question", false],
  ["me olvidé el cargador en la habitación 12", "question", false],
  ["esqueci meu casaco no quarto", "question", false],
  ["La chica se llamaba Carolina, me lo dijo el martes", "question", false],
  ["they told me on the phone on march 3 it was 80 dollars", "question", false],
  ["can you send me a payment link?", "question", false],
  ["can we check in early, around 11?", "question", false],
  ["¿cuánto cobran por llevar mi perro?", "question", false],
  ["necesitamos 10 habitaciones dobles del 12 al 14 de abril", "booking", true],
  ["ten rooms for a wedding", "booking", true],
])("%j goes to a person, and no stay is made of it", async (words, kind, handedOver) => {
  const guest = newGuest();
  const turn = await guest.say(words);
  expect(await kinds(guest)).toEqual([kind]);
  expect(turn.handedOver).toBe(handedOver);
  expect(turn.text).not.toMatch(/cuántas noches|how many nights|quantas noites|para cuántas personas\?/i);
});

test.each([
  ["Bonjour, avez-vous une chambre pour deux personnes ?", "espagnol, anglais et portugais"],
  ["Guten Tag, haben Sie ein Zimmer für zwei Personen?", "Spanisch, Englisch und Portugiesisch"],
  ["Buongiorno, avete una camera per due persone?", "spagnolo, inglese e portoghese"],
  ["Здравствуйте, есть ли у вас свободные номера?", "Spanish, English, and Portuguese"],
  ["你好，请问有房间吗", "Spanish, English, and Portuguese"],
])("%j is told which languages the agent speaks", async (words, list) => {
  expect((await newGuest().say(words)).text).toContain(list);
});

test.each([
  "hay lugar para 2?",
  "quanto custa um quarto para duas pessoas?",
  "do you have a room for two?",
  "che, tenés una camera?",
  "un doble per favor",
])("%j isn't taken for another language", async (words) => {
  expect((await newGuest().say(words)).text).not.toMatch(/solo español|only speak|só espanhol|parlo solo/i);
});

test("a company's invoice data don't become the guest's name, and the booking goes on", async () => {
  const guest = newGuest();
  await guest.say("quiero una twin del 12 al 14 de abril para 2");
  expect((await guest.say("la factura va a nombre de ACME S.A., CUIT 30-71234567-8")).text).toContain("¿A nombre de quién");
  await guest.say("Ana Pérez");
  await guest.say("sí");
  expect(await desk.pms().reservationsOf(guest.conversation.userId)).toMatchObject([
    { status: "confirmed", guestName: "Ana Pérez" },
  ]);
});

test("where the channel tells no contact, one is asked for before a room is held, and reception gets it", async () => {
  const guest = newGuest("web");
  const live = () => desk.pms().reservationsOf(guest.conversation.userId);
  await guest.say("quiero una familiar del 12 al 14 de abril para 3");
  expect(await live()).toEqual([]);
  expect((await guest.say("¿tienen wifi?")).text).toMatch(/wifi.*contacto/s);
  await guest.say("ana@ejemplo.com");
  expect(await live()).toMatchObject([{ status: "held" }]);
  await guest.say("Ana Pérez");
  await guest.say("sí");
  const [{ text }] = (await made.database.forTenant("default", (sql) =>
    sql<{ text: string }>("select text from tickets where user_id = $1", [guest.conversation.userId]),
  )) as [{ text: string }];
  expect(text).toContain("ana@ejemplo.com");
});

test("the same question comes in other words the second time, and with a person the third", async () => {
  const guest = newGuest();
  await guest.say("quiero reservar del 12 al 14 de abril");
  const texts = [];
  for (const words of ["somos varios", "somos varios", "somos varios"]) texts.push(await guest.say(words));
  expect(new Set(texts.map(({ text }) => text)).size).toBe(3);
});
