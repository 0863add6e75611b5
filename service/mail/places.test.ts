import { expect, test } from "vitest";
import { makeDatabase } from "../../test/database.ts";
import { until } from "../../test/servers.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createAnswers } from "./answers.ts";
import { honestFallback } from "./honest-fallback.ts";
import { createInbox } from "./inbox.ts";
import { createPlaces } from "./places.ts";
import { createWorker } from "./worker.ts";

/** Places with work that ends when it is told to. */
function makePlaces(count: number) {
  const clock = { now: 0 };
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const places = createPlaces({ places: count, clock: () => clock.now });
  const run = (hotel: string, name: string) =>
    places.run(hotel, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string) => {
    ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { places, clock, begun, run, end };
}

test("a hotel alone may have every place, two share", async () => {
  const { places, clock, begun, run, end } = makePlaces(4);
  for (const name of ["a1", "a2", "a3"]) run("a", name);
  expect(places.isShared()).toBe(false);
  run("b", "b1");
  expect(places.isShared()).toBe(true);
  expect(begun).toEqual(["a1", "a2", "a3", "b1"]);
  for (const name of ["a4", "b2"]) run("a", name);
  run("b", "b3");
  expect(places.holders().sort()).toEqual(["a", "a", "a", "a", "a", "b", "b"]);
  expect([places.held("a"), places.held("b"), places.held("c"), places.held()]).toEqual([5, 2, 0, 7]);
  await end("a1");
  expect(begun.slice(4), "a has its half, so b is next").toEqual(["b3"]);
  await end("b3");
  await end("b1");
  expect(begun.slice(5), "a keeps to its half though places are free").toEqual([]);
  clock.now += 10_000;
  await end("a2");
  expect(begun.slice(5), "b has been quiet for ten seconds").toEqual(["a4", "b2"]);
});

test("who waits gets a place in order, hotels by turns", async () => {
  const { begun, run, end } = makePlaces(1);
  run("a", "a1");
  for (const name of ["a2", "a3", "a4"]) run("a", name);
  for (const name of ["b1", "b2"]) run("b", name);
  for (let turn = 0; turn < 6; turn += 1) await end(begun.at(-1)!);
  expect(begun).toEqual(["a1", "a2", "b1", "a3", "b2", "a4"]);
});

test("a third hotel keeps the share, whoever of the others was first", () => {
  const { places, clock, run } = makePlaces(3);
  run("a", "a1");
  clock.now += 20_000;
  run("b", "b1");
  expect(places.isShared()).toBe(false);
  run("c", "c1");
  expect(places.isShared()).toBe(true);
});

test("work that fails gives its place back and is told of", async () => {
  const failures: string[] = [];
  const places = createPlaces({ places: 1, onError: ({ message }) => failures.push(message) });
  const done: string[] = [];
  places.run("a", () => Promise.reject(new Error("broken")));
  places.run("a", async () => {
    done.push("next");
  });
  await places.idle();
  expect([failures, done, places.held()]).toEqual([["broken"], ["next"], 0]);
  await places.idle();
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
    isPulled: () => true,
    giveUp: async ({ conversation, message }) => honestFallback(conversation, message),
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
