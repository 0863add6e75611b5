import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDesk, play, readScripts } from "../../test/conversations.ts";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { FRESHNESS, UNCACHED } from "./cache.ts";

let made: TestDatabase;
beforeAll(async () => {
  made = await makeDatabase("postgres");
});
afterAll(() => made.close());

/** Of ten guests who ask about rooms one or two book; the rest compare dates that many compare. */
const LOOKING = [
  "hay lugar del 12 al 15 de abril para 2 personas?",
  "qué tipos de habitación tienen?",
  "do you have a room from April 12 to April 15 for 2 people?",
  "what are your prices?",
  "tem vaga de 12 a 15 de abril para 2 pessoas?",
  "quais são os preços dos quartos?",
  "cuánto sale una doble del 12 al 15 de abril para 2?",
  "disponibilidad del 20 al 22 de mayo para 2",
  "room types?",
];

test("on the demo traffic at least 70 % of the reads of the PMS are answered by the cache", async () => {
  const desk = await openDesk({ database: made.database });
  const [booking] = (await readScripts()).filter(({ name }) => name === "availability, choice, name, confirmation");
  for (let round = 0; round < 8; round++) {
    await play(desk, made.database, booking!, `booker-${round}`);
    for (const [index, text] of LOOKING.entries()) {
      for (const guest of ["a", "b", "c"]) await desk.guest(`looker-${round}-${index}-${guest}`).say(text);
    }
  }
  const { values } = await desk.metrics.pmsCache.get();
  const of = (result: string) =>
    values.filter(({ labels }) => labels.result === result).reduce((sum, { value }) => sum + value, 0);
  const [hits, misses] = [of("hit"), of("miss")];
  expect(of("error") + of("stale")).toBe(0);
  expect(misses).toBeGreaterThan(8); // every booking makes what was read before old
  expect(hits / (hits + misses)).toBeGreaterThanOrEqual(0.7);
});

test("the table in docs/cache-strategy.md is the one in the code", async () => {
  const text = await readFile(new URL("../../docs/cache-strategy.md", import.meta.url), "utf8");
  for (const [operation, { freshSeconds, staleSeconds }] of Object.entries(FRESHNESS)) {
    expect(text).toContain(`| \`${operation}\` | ${freshSeconds} s | ${staleSeconds} s |`);
  }
  for (const operation of UNCACHED) expect(text).toContain(`| \`${operation}\` | never |`);
});
