import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { GUEST_TABLES, OTHER_TABLES } from "./guests.ts";

let made: TestDatabase;
beforeAll(async () => {
  made = await makeDatabase("embedded");
});
afterAll(() => made.close());

test("every table that can hold a guest's data is exported and erased", async () => {
  // Whose rows belong to a guest: by a column that names one, or by a conversation.
  const { rows } = await made.pool.query<{ table_name: string }>(
    `select distinct table_name from information_schema.columns
      where table_schema = 'public' and column_name in ('user_id', 'conversation_id', 'guest_name')`,
  );
  const found = rows.map((row) => row.table_name).filter((name) => !OTHER_TABLES.includes(name));
  expect(found.toSorted()).toEqual(Object.keys(GUEST_TABLES).toSorted());
});
