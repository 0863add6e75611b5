import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Desk, type Guest, openDesk } from "../../test/conversations.ts";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";

let made: TestDatabase;
let desk: Desk;
let guests = 0;
let latest = "";
beforeAll(async () => {
  made = await makeDatabase("postgres");
  desk = await openDesk({ database: made.database });
});
// The demo hotel has few doubles, and all guests of this file want one for the same days.
afterEach(async () => {
  for (const { code } of await desk.pms().reservationsOf(latest)) await desk.pms().cancel(code);
});
afterAll(() => made.close());

const WAYS = {
  es: ["hay lugar del 12 al 14 de abril para 2?", "la doble"],
  en: ["room for 2 from april 12 to april 14", "the double"],
  pt: ["tem quarto para 2 de 12 a 14 de abril?", "o de casal"],
} as const;
const newGuest = () => {
  guests += 1;
  latest = `59897${String(guests).padStart(5, "0")}`;
  return desk.guest(latest);
};
/** A guest who holds a room and is asked for the name. */
async function asked(language: keyof typeof WAYS): Promise<Guest> {
  const guest = newGuest();
  for (const words of WAYS[language]) await guest.say(words);
  return guest;
}
const live = async (guest: Guest) =>
  (await desk.pms().reservationsOf(guest.conversation.userId)).filter(({ status }) => status !== "cancelled");

test.each([
  ["es", "Pedro Domingo", "Pedro Domingo"],
  ["es", "ponelo a nombre de Marcos Domingo", "Marcos Domingo"],
  ["es", "Abril Sosa", "Abril Sosa"],
  ["es", "julio", "Julio"],
  ["es", "a nombre de mi mujer, Paz Cuando", "Paz Cuando"],
  ["es", "sí, María de la Cruz", "María de la Cruz"],
  ["en", "April May", "April May"],
  ["en", "Bill Cobb", "Bill Cobb"],
  ["en", "put it under Vincent Price", "Vincent Price"],
  ["en", "Ty Friday", "Ty Friday"],
  ["pt", "pode colocar no nome da minha esposa, Maria Souza", "Maria Souza"],
  ["pt", "pode ser no nome de Maria Souza", "Maria Souza"],
  ["pt", "Sexta Lima", "Sexta Lima"],
] as const)("%s: %j, said when the name is asked for, is %s, and nothing else changes", async (language, words, name) => {
  const guest = await asked(language);
  const { text } = await guest.say(words);
  expect(text).toContain(name);
  expect(await live(guest)).toMatchObject([{ status: "held", checkIn: "2026-04-12", checkOut: "2026-04-14", adults: 2 }]);
  await guest.say({ es: "sí", en: "yes", pt: "sim" }[language]);
  expect(await live(guest)).toMatchObject([{ status: "confirmed", guestName: name }]);
});

test.each([
  ["es", "sí, pero con desayuno"],
  ["es", "sí, ¿incluye el desayuno?"],
  ["es", "todavía no la reserves"],
  ["es", "ok, dejame que lo piense"],
  ["es", "dale, ¿y la cancelación es gratis?"],
  ["en", "don't book it yet"],
  ["en", "yes but is parking included"],
  ["en", "sure, let me think about it"],
  ["pt", "pode esperar um momento?"],
  ["pt", "sim, mas sem café da manhã"],
] as const)("%s: %j isn't a yes, and gives nothing back", async (language, words) => {
  const guest = await asked(language);
  await guest.say(words);
  expect(await live(guest)).toMatchObject([{ status: "held" }]);
});

test.each([
  ["es", "dale, reservala por favor"],
  ["es", "sí, confirmo la reserva"],
  ["en", "ok yes go ahead and book it"],
  ["en", "yes please, that works"],
  ["pt", "pode fechar, obrigado"],
  ["pt", "isso, pode reservar"],
] as const)("%s: %j books, also after 'not yet'", async (language, words) => {
  const guest = await asked(language);
  await guest.say({ es: "todavía no", en: "not yet", pt: "ainda não" }[language]);
  expect(await live(guest)).toMatchObject([{ status: "held" }]);
  await guest.say(words);
  expect(await live(guest)).toMatchObject([{ status: "confirmed" }]);
});

test.each([
  ["en", "can we come one day later?", "2026-04-13", "2026-04-15"],
  ["es", "¿y si llegamos un día después?", "2026-04-13", "2026-04-15"],
  ["es", "mejor dos días antes", "2026-04-10", "2026-04-12"],
  ["pt", "e se a gente chegar um dia depois?", "2026-04-13", "2026-04-15"],
  ["en", "let's push it back a week", "2026-04-19", "2026-04-21"],
  ["en", "could we leave one day later?", "2026-04-12", "2026-04-15"],
  ["es", "al día siguiente", "2026-04-13", "2026-04-15"],
] as const)("%s: %j moves the stay to %s–%s", async (language, words, checkIn, checkOut) => {
  const guest = await asked(language);
  await guest.say(words);
  expect(await live(guest)).toMatchObject([{ status: "held", checkIn, checkOut }]);
});

test("a question on the side, even a half understood one, doesn't lose the booking", async () => {
  const guest = await asked("es");
  await guest.say("sí, pero con desayuno");
  const { text } = await guest.say("sí");
  expect(text).toContain("¿A nombre de quién");
  await guest.say("necesito toallas");
  expect((await guest.say("204")).text).toContain("¿A nombre de quién");
  await guest.say("Ana Pérez");
  await guest.say("sí");
  expect(await live(guest)).toMatchObject([{ status: "confirmed", guestName: "Ana Pérez" }]);
});
