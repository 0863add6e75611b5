import { expect, test } from "vitest";
import { makeDatabase } from "../../test/database.ts";
import { until } from "../../test/servers.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createAnswers } from "./answers.ts";
import { honestFallback } from "./fallback.ts";
import { createInbox } from "./inbox.ts";
import { createPlaces } from "./places.ts";
import { createWorker } from "./worker.ts";

test("a hotel alone may have every place, two share", () => {
  let now = 0;
  const places = createPlaces(8, () => now);
  for (let time = 0; time < 5; time += 1) places.take("a");
  expect(places.most()).toBe(8);
  places.take("b");
  expect(places.most()).toBe(4);
  expect(places.free()).toBe(2);
  expect(places.held()).toEqual(["a", "a", "a", "a", "a", "b"]);
  places.giveBack("b");
  now += 9_999;
  places.take("a");
  expect(places.most(), "b was at work a moment ago").toBe(4);
  now += 1;
  expect(places.most()).toBe(8);
});

test("a third hotel keeps the share, whoever of the others was first", () => {
  let now = 0;
  const places = createPlaces(3, () => now);
  places.take("a");
  now += 20_000;
  places.take("b");
  expect(places.most()).toBe(3);
  places.take("c");
  expect(places.most()).toBe(2);
  expect(createPlaces(1).most()).toBe(1);
});

test("nobody gives back what it doesn't have", () => {
  const places = createPlaces(2);
  places.take("a");
  places.giveBack("a");
  expect(() => places.giveBack("a")).toThrow("has none");
  expect(places.free()).toBe(2);
});

test("a hotel whose messages take for ever leaves places for another that is at work", async () => {
  const made = await makeDatabase("postgres");
  await made.pool.query("insert into tenants (id, name) values ('flood', 'Flood'), ('quiet', 'Quiet')");
  const metrics = createMetrics({ collectDefaults: false });
  const inbox = createInbox({ database: made.database, metrics });
  let number = 0;
  const send = (tenant: string, guest: string) => {
    number += 1;
    return inbox.accept(tenant, [{ channel: "messages", messageId: `m${number}`, userId: guest, kind: "text", text: "Hola" }]);
  };
  const started: string[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const worker = createWorker({
    database: made.database,
    answers: createAnswers({ database: made.database }),
    metrics,
    logger: createLogger("silent", "test"),
    concurrency: 4,
    handle: async ({ conversation, message }) => {
      started.push(conversation.tenantId);
      if (conversation.tenantId === "flood") await gate;
      return honestFallback(conversation, message);
    },
  });
  const waiting = async (tenant: string) => {
    const { rows } = await made.pool.query("select count(*)::int as n from inbox where tenant_id = $1 and state = 'waiting'", [
      tenant,
    ]);
    return rows[0].n as number;
  };
  try {
    await worker.start();
    await send("quiet", "first");
    await until(async () => expect(await waiting("quiet")).toBe(0));
    await send("flood", "guest-0");
    await until(async () => expect(started).toContain("flood"));
    for (let guest = 1; guest < 10; guest += 1) await send("flood", `guest-${guest}`);
    for (let guest = 0; guest < 5; guest += 1) {
      await send("quiet", `guest-${guest}`);
      await until(async () => expect(await waiting("quiet")).toBe(0));
    }
    expect(started.filter((tenant) => tenant === "flood")).toHaveLength(2);
    open();
    await until(async () => expect(await waiting("flood")).toBe(0));
  } finally {
    open();
    await worker.stop();
    await made.close();
  }
});
