import { afterAll, beforeAll, expect, test } from "vitest";
import { openDesk, play, readScripts } from "../../test/conversations.ts";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";

/** What the issue asks for. */
const MINIMUM = 30;
const SHARE = 0.95;

let made: TestDatabase;
beforeAll(async () => {
  made = await makeDatabase("postgres");
});
afterAll(() => made.close());

test("conversations as guests write them end where they should, in three languages", async () => {
  const scripts = await readScripts();
  const desk = await openDesk({ database: made.database });
  const failures: string[] = [];
  for (const [index, script] of scripts.entries()) {
    const { wrong, transcript } = await play(desk, made.database, script, `59899${String(index).padStart(4, "0")}`);
    if (wrong.length > 0) failures.push(`${script.language}: ${script.name}\n${wrong.join("\n")}\n${transcript}\n`);
  }
  expect(scripts.length).toBeGreaterThanOrEqual(MINIMUM);
  const share = 1 - failures.length / scripts.length;
  if (process.env.SHOW_CONVERSATIONS !== undefined) process.stdout.write(`${failures.join("\n")}\n${share}\n`);
  expect(share, failures.join("\n")).toBeGreaterThanOrEqual(SHARE);
});
