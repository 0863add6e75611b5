import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { type Served, serve } from "../../test/http.ts";
import { createAuth } from "../auth/auth.ts";
import { conversationRoutes } from "./conversations.ts";

const SECRET = "an-admin-secret-of-at-least-32-bytes!";
let db: TestDatabase;
let served: Served;
let token: string;

beforeAll(async () => {
  db = await makeDatabase("postgres");
  await db.pool.query("insert into tenants (id, name) values ('sur', 'Sur')");
  // The guest who wrote last has waited longest for a person.
  await db.pool.query(
    `insert into conversations (tenant_id, channel, user_id, handed_over, updated_at, waits_for_person_since)
     select 'sur', 'messages', 'waits-' || n, true, now() + n * interval '1 second', now() - n * interval '1 minute' from generate_series(1, 120) n`,
  );
  await db.pool.query(
    `insert into conversations (tenant_id, channel, user_id, updated_at)
     select 'sur', 'messages', 'talks-' || n, now() - interval '1 day' - n * interval '1 second' from generate_series(1, 60) n`,
  );
  await db.pool.query(
    `insert into tickets (tenant_id, key, conversation_id, channel, user_id, kind, urgent, text, created_at)
     select 'sur', 'k' || n, (select id from conversations limit 1), 'messages', 'g', 'issue', n % 2 = 0, 'n ' || n, now() - n * interval '1 second'
       from generate_series(1, 1200) n`,
  );
  served = await serve(
    conversationRoutes({
      database: db.database,
      auth: createAuth({ secret: SECRET }),
      isPulled: (channel) => channel === "messages",
    }),
  );
  token = await new SignJWT({ sub: "ana", role: "viewer", tenant: "sur" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(SECRET));
});
afterAll(async () => {
  await served?.close();
  await db?.close();
});

const get = (path: string) => fetch(`${served.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
/** Every row of a list, by its Link headers. */
async function walk<Row>(path: string): Promise<{ rows: Row[]; pages: number }> {
  const rows: Row[] = [];
  let pages = 0;
  for (let next: string | undefined = path; next !== undefined; pages += 1) {
    const response = await get(next);
    expect(response.status, next).toBe(200);
    rows.push(...((await response.json()) as Row[]));
    next = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return { rows, pages };
}

test("who waits longest for a person comes first, and no waiting guest is missing", async () => {
  const { rows, pages } = await walk<{ user_id: string; sort_key?: string }>("/admin/conversations?handed_over=true");
  expect(pages).toBe(3);
  expect(rows.map(({ user_id }) => user_id)).toEqual(Array.from({ length: 120 }, (_, at) => `waits-${120 - at}`));
  expect(rows[0]?.sort_key).toBeUndefined();
});

test("all conversations come newest first, each once", async () => {
  const { rows } = await walk<{ user_id: string }>("/admin/conversations");
  expect(new Set(rows.map(({ user_id }) => user_id)).size).toBe(180);
  expect(rows).toHaveLength(180);
  expect(rows[0]?.user_id).toBe("waits-120");
  expect(rows.at(-1)?.user_id).toBe("talks-60");
});

test("tickets come urgent first, then oldest first, and none is hidden behind many others", async () => {
  const { rows, pages } = await walk<{ urgent: boolean; text: string }>("/admin/tickets");
  expect(pages).toBe(3);
  const numbers = rows.map(({ text }) => Number(text.slice(2)));
  const down = (parity: number) => Array.from({ length: 600 }, (_, at) => 1200 - 2 * at - parity);
  expect(numbers).toEqual([...down(0), ...down(1)]);
});

test.each(["", "x", Buffer.from("[1,2]").toString("base64url"), Buffer.from('["now","x"]').toString("base64url")])(
  "the cursor %j, which no page gave, is refused with the remedy",
  async (cursor) => {
    const response = await get(`/admin/conversations?cursor=${cursor}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/cursor.*Link header/s);
  },
);
