import pg from "pg";
import { expect, inject, test } from "vitest";
import { createDatabase, until } from "./servers.ts";
import { readMetric, sendMessage, spawnService } from "./service.ts";

const CHANNELS = ["inbox", "outbox", "answered", "web_reply", "tenants", "feature_flags_events"];
const PAYLOADS = [
  "",
  "not json",
  "null",
  "[]",
  "{}",
  "9".repeat(400),
  `${" ".repeat(36)}error`,
  "\u{1f600}".repeat(1_900),
  '{"flag":',
];

test("whoever may log in to the database can notify with anything, and ends no process and no listening", async () => {
  const made = await createDatabase(inject("postgresUrl"));
  const service = await spawnService({ DATABASE_URL: made.url, WORKERS: "2" });
  const client = new pg.Client({ connectionString: made.url });
  await client.connect();
  try {
    for (const channel of CHANNELS) {
      for (const payload of PAYLOADS) await client.query("select pg_notify($1, $2)", [channel, payload]);
    }
    await until(async () => expect(service.log()).toContain("web_reply isn't JSON"));
    const response = await sendMessage(service.url, { message_id: "m1", user_id: "guest", text: "hola" });
    expect(response.ok).toBe(true);
    expect(await readMetric(service.url, "listen_alive")).toBe(1);
    expect(service.process.exitCode).toBeNull();
  } finally {
    await client.end();
    await service.stop();
    await made.drop();
  }
});
