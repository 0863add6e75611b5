import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { errorBody, type GraphApi, RATE_LIMITED, startGraphApi } from "../../test/graph-api.ts";
import { until } from "../../test/servers.ts";
import { createTokenBucket } from "../channels/rate.ts";
import { createWhatsAppChannel } from "../channels/whatsapp/channel.ts";
import { createGraph } from "../channels/whatsapp/graph.ts";
import { readReference } from "../channels/whatsapp/reference.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { type Channel, DeliveryError, type Outgoing } from "./channel.ts";
import { recordStatuses } from "./delivery-status.ts";
import type { Reply } from "./message.ts";
import { createOutboxSender, jitteredBackoff, type OutboxOptions, type OutboxSender } from "./outbox.ts";

const NUMBER = "106540352242922";
const logger = createLogger("silent", "test");

describe.each(KINDS)("the outbox on %s", (kind) => {
  let db: TestDatabase;
  let api: GraphApi;
  let senders: OutboxSender[];
  let metrics: ReturnType<typeof createMetrics>;

  beforeAll(async () => {
    db = await makeDatabase(kind);
    await db.pool.query("insert into tenants (id, name) values ('hotel-a', 'A'), ('hotel-b', 'B')");
  });
  afterAll(() => db.close());
  beforeEach(async () => {
    await db.pool.query("truncate conversations cascade");
    api = await startGraphApi({ phoneNumberIds: [NUMBER] });
    senders = [];
    metrics = createMetrics({ collectDefaults: false });
  });
  afterEach(async () => {
    await api.stop();
    await Promise.all(senders.map((sender) => sender.stop()));
  });

  const whatsApp = (timeoutMs = 2_000): Channel =>
    createWhatsAppChannel({
      graph: createGraph({ url: api.url, accessToken: api.accessToken, timeoutMs }),
      tenant: async () => ({ whatsappPhoneNumberId: NUMBER, settings: {} }),
    });

  const start = async (options: Partial<OutboxOptions> = {}): Promise<OutboxSender> => {
    const sender = createOutboxSender({
      database: db.database,
      channels: [whatsApp()],
      metrics,
      logger,
      backoffSeconds: () => 0.05,
      unknownOutcomeSeconds: 0.2,
      ...options,
    });
    senders.push(sender);
    await sender.start();
    return sender;
  };

  /** Writes replies as a worker does; the guest has written just before. */
  const reply = (guest: string, replies: (string | Reply)[], tenant = "default", channel = "whatsapp"): Promise<string[]> =>
    db.database.forTenant(tenant, async (sql) => {
      const [conversation] = await sql<{ id: string }>(
        `insert into conversations (tenant_id, channel, user_id, language) values ($1, $2, $3, 'es')
         on conflict (tenant_id, channel, user_id) do update set updated_at = now() returning id`,
        [tenant, channel, guest],
      );
      const message = {
        channel,
        messageId: "in",
        userId: guest,
        kind: "text",
        text: "hola",
        attachment: { phone_number_id: NUMBER, from: guest },
      };
      await sql(
        "insert into messages (tenant_id, conversation_id, direction, message_id, text, content, status) values ($1, $2, 'in', 'in', 'hola', $3, 'received')",
        [tenant, conversation!.id, JSON.stringify(message)],
      );
      const ids: string[] = [];
      for (const item of replies) {
        const payload: Reply = typeof item === "string" ? { text: item } : item;
        const [row] = await sql<{ id: string }>(
          `with m as (insert into messages (tenant_id, conversation_id, direction, in_reply_to, text, content, status)
                      values ($1, $2, 'out', 'in', $3, $4, 'pending') returning id)
           insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state)
           select $1, $2, m.id, $5, $6, $4, 'pending' from m returning id`,
          [tenant, conversation!.id, payload.text, JSON.stringify(payload), channel, guest],
        );
        ids.push(row!.id);
      }
      await sql("select pg_notify('outbox', '')");
      return ids;
    });

  const rows = (tenant = "default") =>
    db.database.forTenant(tenant, (sql) =>
      sql<{ id: string; state: string; status: string; attempts: number; error: string | null; lease_owner: string | null }>(
        `select o.id, o.state, o.attempts, o.error, o.lease_owner, m.status
           from outbox o join messages m on m.tenant_id = o.tenant_id and m.conversation_id = o.conversation_id and m.id = o.message
          order by o.message`,
      ),
    );

  const settled = (state: string, count: number, tenant?: string) =>
    until(async () => {
      const now = await rows(tenant);
      expect(now.filter((row) => row.state === state)).toHaveLength(count);
      return now;
    });

  test("sends each guest's replies in order, once, and marks them", async () => {
    const guests = Array.from({ length: 12 }, (_, index) => `54911000${1000 + index}`);
    for (const guest of guests) await reply(guest, ["uno", "dos", "tres"]);
    await Promise.all([start(), start(), start()]);
    const sent = await settled("sent", 36);
    expect(new Set(sent.map(({ status }) => status))).toEqual(new Set(["sent"]));
    expect(sent.every(({ lease_owner }) => lease_owner === null)).toBe(true);
    expect(api.messages).toHaveLength(36);
    for (const guest of guests) {
      expect(api.messages.filter(({ to }) => to === guest).map(({ text }) => text)).toEqual(["uno", "dos", "tres"]);
    }
    expect(await metrics.registry.getSingleMetricAsString("outbox_deliveries_total")).toContain(
      '{channel="whatsapp",result="sent"} 36',
    );
  });

  test("a notification wakes the sender: a reply doesn't wait for the poll", async () => {
    await start();
    await reply("5491100000001", ["primera"]);
    await settled("sent", 1);
    const before = performance.now();
    // Each right after a look, so that without the wake-up each would wait a second.
    for (let number = 2; number <= 6; number += 1) {
      await reply("5491100000001", [`${number}`]);
      await until(async () => expect(api.messages).toHaveLength(number));
    }
    expect(performance.now() - before).toBeLessThan(4_000);
  });

  test("a refusal for the rate is tried again, and the next reply waits its turn", async () => {
    api.faults.push(RATE_LIMITED, { kind: "answer", status: 503, body: "<html>unavailable</html>" }, { kind: "cut-before" });
    await reply("5491100000001", ["uno", "dos"]);
    await start({ channels: [noRetryAfter(whatsApp())] });
    const sent = await settled("sent", 2);
    expect(api.messages.map(({ text }) => text)).toEqual(["uno", "dos"]);
    expect(api.attempts).toBe(5);
    expect(sent[0]).toMatchObject({ attempts: 3, error: null });
  });

  test("an error inside a 200 isn't a success", async () => {
    api.faults.push({ kind: "answer", status: 200, body: errorBody(131000, "(#131000) Something went wrong", "try later") });
    await reply("5491100000001", ["uno"]);
    await start();
    await settled("sent", 1);
    expect(api.messages).toHaveLength(1);
    expect(api.attempts).toBe(2);
  });

  test("what can't be sent becomes a dead letter with its reason, and holds nobody up", async () => {
    api.faults.push({
      kind: "answer",
      status: 400,
      body: errorBody(131026, "(#131026) Message undeliverable", "Message undeliverable."),
    });
    await reply("5491100000001", ["uno", "dos"]);
    await start();
    await settled("sent", 1);
    expect(await rows()).toMatchObject([
      { state: "dead", status: "failed", error: "131026: Message undeliverable.", attempts: 1 },
      { state: "sent", status: "sent" },
    ]);
    expect(api.messages.map(({ text }) => text)).toEqual(["dos"]);
  });

  test("gives up after the last attempt", async () => {
    const failing: Channel = { name: "whatsapp", deliver: () => Promise.reject(new Error("broken")) };
    const [id] = await reply("5491100000001", ["uno"]);
    await db.database.forTenant("default", (sql) => sql("update outbox set attempts = 28 where id = $1", [id]));
    await start({ channels: [failing] });
    expect(await settled("dead", 1)).toMatchObject([{ attempts: 30, error: "Error: broken", status: "failed" }]);
  });

  test("a connection cut after the message was taken: its confirmation counts, and it isn't sent again", async () => {
    api.faults.push({ kind: "cut-after" });
    const [id] = await reply("5491100000001", ["uno"]);
    await start({ unknownOutcomeSeconds: 1 });
    await until(async () => expect((await rows())[0]!.attempts).toBe(1));
    const reference = readReference(api.messages[0]!.reference)!;
    expect(reference).toMatchObject({ outboxId: id, tenantId: "default" });
    await recordStatuses(db.database, "default", [
      { ...reference, providerId: api.messages[0]!.id, status: "delivered", error: undefined },
    ]);
    expect(await rows()).toMatchObject([{ state: "sent", status: "delivered", error: null }]);
    await reply("5491100000002", ["testigo"]);
    await until(async () => expect(api.messages.map(({ text }) => text)).toContain("testigo"));
    expect(api.messages.map(({ text }) => text)).toEqual(["uno", "testigo"]);
  });

  test("a sender that hangs loses its lease, and what it says late changes nothing", async () => {
    const held = () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const state = { begun: false, release: resolve };
      return { state, wait: () => Object.assign(state, { begun: true }) && promise };
    };
    const [one, two] = [held(), held()];
    const refused: Channel = {
      name: "whatsapp",
      deliver: async () => {
        await one.wait();
        throw new DeliveryError("late", { kind: "permanent" });
      },
    };
    const taken: Channel = {
      name: "whatsapp",
      deliver: async () => {
        await two.wait();
        return { providerId: "second", parts: 1 };
      },
    };
    await reply("5491100000001", ["uno"]);
    const first = await start({ channels: [refused], leaseSeconds: 1 });
    await until(async () => expect(one.state.begun).toBe(true));
    await start({ channels: [taken] });
    await until(async () => expect(two.state.begun).toBe(true));
    one.state.release();
    await first.stop();
    expect(await rows()).toMatchObject([{ state: "pending", status: "pending", error: null }]);
    two.state.release();
    expect(await settled("sent", 1)).toMatchObject([{ attempts: 0, error: null }]);
  });

  test("a reply that can't be read for a moment goes at once when it can, not when its lease is over", async () => {
    let failures = 0;
    const database: typeof db.database = {
      ...db.database,
      forTenant: (tenant, work) => {
        if (failures === 3) return db.database.forTenant(tenant, work);
        failures += 1;
        return Promise.reject(new Error("Connection terminated unexpectedly"));
      },
    };
    await reply("5491100000001", ["uno"]);
    await start({ database, leaseSeconds: 60 });
    await settled("sent", 1);
    expect(api.messages.map(({ text }) => text)).toEqual(["uno"]);
  });

  test("stopping waits for what is being sent and takes nothing new", async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const begun: string[] = [];
    const slow: Channel = {
      name: "whatsapp",
      deliver: async ({ reply: { text } }) => {
        begun.push(text);
        await held;
        return { providerId: text, parts: 1 };
      },
    };
    await reply("5491100000001", ["uno", "dos"]);
    const sender = await start({ channels: [slow] });
    await until(async () => expect(begun).toEqual(["uno"]));
    const stopped = sender.stop();
    release();
    await stopped;
    expect((await rows()).map(({ state }) => state)).toEqual(["sent", "pending"]);
    expect(begun).toEqual(["uno"]);
  });

  test("the API goes away and comes back: every reply arrives, once", async () => {
    const port = Number(new URL(api.url).port);
    const channels = [whatsApp()];
    await api.stop();
    await start({ channels, backoffSeconds: () => 0.3 });
    for (let guest = 0; guest < 5; guest += 1) await reply(`549110000000${guest}`, ["uno", "dos"]);
    await until(async () =>
      expect(Math.min(...(await rows()).filter((_, index) => index % 2 === 0).map(({ attempts }) => attempts))).toBeGreaterThan(
        0,
      ),
    );
    api = await startGraphApi({ phoneNumberIds: [NUMBER], port });
    await settled("sent", 10);
    expect(api.messages).toHaveLength(10);
  });

  test("parts of a reply go in order, and a failed part is taken up where it stopped", async () => {
    const location = { latitude: -34.9, longitude: -56.15, name: "Hotel", address: "Rambla 1" };
    api.faults.push({ kind: "answer", status: 200, body: JSON.stringify({ messages: [{ id: "wamid.first" }] }) }, RATE_LIMITED);
    await reply("5491100000001", [{ text: "Estamos aquí:", location }]);
    await start({ channels: [noRetryAfter(whatsApp())] });
    await settled("sent", 1);
    expect(api.attempts).toBe(3);
    expect(api.messages.map(({ type }) => type)).toEqual(["location"]);
  });

  /** As many replies as guests, all waiting, that leave from one number of a hotel. */
  const flood = (tenant: string, number: string, count: number) =>
    db.pool.query(
      `with guest as (
         insert into conversations (tenant_id, channel, user_id, language)
         select $1, 'whatsapp', $2 || ':' || n, 'es' from generate_series(1, $3::int) n returning id, user_id),
       wrote as (
         insert into messages (tenant_id, conversation_id, direction, message_id, text, content, status)
         select $1, id, 'in', 'in', 'hola',
                jsonb_build_object('attachment', jsonb_build_object('phone_number_id', $2::text, 'from', user_id)), 'received' from guest)
       insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state, sent_from)
       select $1, id, 9223372036854775807, 'whatsapp', user_id, '{"text": "hola"}', 'pending', $2 from guest`,
      [tenant, number, count],
    );
  const take = (numbers: string[]) => {
    const taken: { number: string; user: string }[] = [];
    const buckets = new Map(numbers.map((number) => [number, createTokenBucket({ ratePerSecond: 80, burst: 80 })]));
    const numberOf = ({ lastIncoming }: Outgoing) => String(lastIncoming!.attachment!.phone_number_id);
    const channel: Channel = {
      name: "whatsapp",
      concurrency: 8,
      reserve: async (outgoing) => buckets.get(numberOf(outgoing))!.reserve(),
      deliver: async (outgoing) => {
        taken.push({ number: numberOf(outgoing), user: outgoing.userId });
        return { providerId: undefined, parts: 1 };
      },
    };
    return { taken, channel };
  };

  test.each([
    ["another hotel's", "hotel-b"],
    ["another number's of the hotel", "hotel-a"],
  ])("%s reply passes a flood of one number, which waits for that number's rate", async (_, tenant) => {
    // The embedded engine is one process for demos: a tenth of the flood shows the same there.
    await flood("hotel-a", "1", kind === "embedded" ? 300 : 3_000);
    const { taken, channel } = take(["1", "2"]);
    await start({ channels: [channel] });
    await until(async () => expect(taken.length).toBeGreaterThan(80)); // the burst is over
    const before = taken.length;
    await flood(tenant, "2", 1);
    await db.pool.query("select pg_notify('outbox', '')");
    await until(async () => expect(taken.some(({ number }) => number === "2")).toBe(true));
    // The flood goes on at its rate; at a few per place in between, nobody has waited for more than a delivery or two.
    expect(taken.findIndex(({ number }) => number === "2") - before).toBeLessThan(80);
  });

  test("what waited too long isn't sent: a dead letter and a ticket, and a replay sends it all the same", async () => {
    const [late] = await reply("5491100000001", ["una oferta vieja", "lo de ahora"]);
    await db.pool.query("update outbox set expires_at = clock_timestamp() - interval '1 s' where id = $1", [late]);
    await start();
    await settled("sent", 1);
    expect(api.messages.map(({ text }) => text)).toEqual(["lo de ahora"]);
    expect((await rows())[0]).toMatchObject({ state: "dead", status: "failed", error: expect.stringContaining("EXPIRED") });
    expect(await tickets()).toMatchObject([{ kind: "undelivered", text: expect.stringContaining("una oferta vieja") }]);
    await db.pool.query("update outbox set state = 'pending', expires_at = null, lease_token = lease_token + 1 where id = $1", [
      late,
    ]);
    await settled("sent", 2);
  });

  const tickets = (tenant = "default") =>
    db.database.forTenant(tenant, (sql) => sql("select kind, urgent, text, user_id from tickets order by created_at"));

  test("a guest's dead letters of a day leave one ticket", async () => {
    api.faults.push(
      ...Array.from({ length: 3 }, () => ({ kind: "answer", status: 400, body: errorBody(131026, "x", "No.") }) as const),
    );
    await reply("5491100000001", ["uno", "dos"]);
    await reply("5491100000002", ["tres"]);
    await start();
    await settled("dead", 3);
    expect((await tickets()).map(({ user_id }) => user_id).sort()).toEqual(["5491100000001", "5491100000002"]);
  });

  test("a person's message doesn't wait for a retry of the agent's, and the agent's own replies keep their order", async () => {
    const ids = await reply("5491100000001", ["del agente", "del agente también", "de Marta"]);
    await db.pool.query(
      "update outbox set attempts = 3, next_attempt_at = clock_timestamp() + interval '10 minutes' where id = $1",
      [ids[0]],
    );
    await db.pool.query("update outbox set by_person = true where id = $1", [ids[2]]);
    await db.pool.query("update outbox set attempts = 1, next_attempt_at = clock_timestamp() where id = $1", [ids[1]]);
    await start();
    await settled("sent", 1);
    expect(api.messages.map(({ text }) => text)).toEqual(["de Marta"]);
    expect((await rows()).map(({ state }) => state)).toEqual(["pending", "pending", "sent"]);
  });

  test("says that nothing moves while its looks hang, and not any more when they end", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let now = 0;
    const pulse = vi.spyOn(performance, "now").mockImplementation(() => now);
    try {
      const database: typeof db.database = {
        ...db.database,
        withoutTenant: async (work) => {
          await gate;
          return db.database.withoutTenant(work);
        },
      };
      const sender = await start({ database });
      now += 5_000;
      expect(() => sender.check()).not.toThrow();
      now += 5_000;
      expect(() => sender.check()).toThrow(/looks for replies by whatsapp have not moved for 10 s/);
      open();
      await until(async () => expect(() => sender.check()).not.toThrow(), Number.POSITIVE_INFINITY);
    } finally {
      pulse.mockRestore();
    }
  });

  test("a stop gives back what it holds and isn't sending yet", async () => {
    await flood("default", "1", 20);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let begun = 0;
    const slow: Channel = {
      name: "whatsapp",
      concurrency: 2,
      deliver: async () => {
        begun += 1;
        await gate;
        return { providerId: undefined, parts: 1 };
      },
    };
    const sender = await start({ channels: [slow] });
    await until(async () => expect(begun).toBe(2));
    const stopped = sender.stop();
    open();
    await stopped;
    const { rows: left } = await db.pool.query("select state, lease_owner from outbox where state = 'pending'");
    expect(left).toEqual(Array.from({ length: 18 }, () => ({ state: "pending", lease_owner: null })));
  });

  test("channels are told what the guest wrote, when, and whether a person answers", async () => {
    const seen: Outgoing[] = [];
    const listening: Channel = {
      name: "whatsapp",
      deliver: async (outgoing) => {
        seen.push(outgoing);
        return { providerId: undefined, parts: 1 };
      },
    };
    const [, second] = await reply("5491100000001", ["del agente", "de Marta"]);
    await db.pool.query(
      `update messages set content = content || '{"by": "marta"}' where id = (select message from outbox where id = $1)`,
      [second],
    );
    await start({ channels: [listening] });
    await settled("sent", 2);
    expect(seen.map(({ reply: { text }, byPerson }) => [text, byPerson])).toEqual([
      ["del agente", false],
      ["de Marta", true],
    ]);
    expect(seen[0]).toMatchObject({
      userId: "5491100000001",
      language: "es",
      replays: 0,
      attempts: 0,
      lastIncoming: { messageId: "in" },
    });
    expect(Date.now() - seen[0]!.lastIncomingAt!.getTime()).toBeLessThan(60_000);
  });

  test("a channel without a way out leaves the others alone, and tenants don't see each other's rows", async () => {
    await reply("5491100000001", ["uno"], "hotel-a");
    await reply("5491100000001", ["dos"], "hotel-b");
    await reply("ana@example.com", ["tres"], "hotel-b", "email");
    await start();
    await settled("sent", 1, "hotel-a");
    expect((await settled("sent", 1, "hotel-b")).map(({ state }) => state)).toEqual(["sent", "pending"]);
  });

  describe("statuses of the provider", () => {
    const update = (outboxId: string, status: "sent" | "delivered" | "read" | "failed", replays = 0) => ({
      outboxId,
      providerId: "wamid.1",
      status,
      part: 0,
      parts: 1,
      replays,
      error: status === "failed" ? "131026: undeliverable" : undefined,
    });

    test("rise only, in whatever order they come", async () => {
      const orders = permutations(["sent", "delivered", "read"] as const);
      const ids = await reply("5491100000001", orders.map(String));
      for (const [index, order] of orders.entries()) {
        for (const status of [...order, ...order]) await recordStatuses(db.database, "default", [update(ids[index]!, status)]);
      }
      expect(new Set((await rows()).map(({ state, status }) => `${state} ${status}`))).toEqual(new Set(["sent read"]));
    });

    test("a failure makes a dead letter, except of what a guest has, and except of a message that was replayed since", async () => {
      const [failed, delivered, replayed] = (await reply("5491100000001", ["a", "b", "c"])) as [string, string, string];
      const record = (...updates: ReturnType<typeof update>[]) => recordStatuses(db.database, "default", updates);
      await record(update(failed, "sent"), update(delivered, "delivered"), update(replayed, "sent"));
      await db.database.forTenant("default", (sql) => sql("update outbox set replays = 1 where id = $1", [replayed]));
      await record(update(failed, "failed"), update(delivered, "failed"), update(replayed, "failed", 0));
      expect(await tickets()).toMatchObject([{ kind: "undelivered", text: "131026: undeliverable | a" }]);
      await record(update(failed, "sent"));
      expect(await rows()).toMatchObject([
        { state: "dead", status: "failed", error: "131026: undeliverable" },
        { state: "sent", status: "delivered" },
        { state: "sent", status: "sent" },
      ]);
      await record(update(failed, "delivered"));
      expect((await rows())[0]).toMatchObject({ state: "sent", status: "delivered", error: null });
    });

    test("are found by the provider's id too, and never in another tenant", async () => {
      await reply("5491100000001", ["uno"]);
      await start();
      await settled("sent", 1);
      const seen = {
        outboxId: undefined,
        replays: undefined,
        providerId: api.messages[0]!.id,
        part: 0,
        parts: 1,
        status: "read",
        error: undefined,
      } as const;
      expect(await recordStatuses(db.database, "hotel-b", [seen])).toBe(0);
      expect(await recordStatuses(db.database, "default", [seen, { ...seen, providerId: "unknown" }])).toBe(1);
      expect(await rows()).toMatchObject([{ state: "sent", status: "read" }]);
    });
  });
});

test("delays double to ten minutes, of which a random half is cut off", () => {
  expect([1, 2, 3, 10, 11, 29].map((attempts) => jitteredBackoff(attempts, () => 1))).toEqual([1, 2, 4, 512, 600, 600]);
  expect(jitteredBackoff(11, () => 0)).toBe(300);
});

/** The provider's own wish to wait, of seconds, left out: the test would wait with it. */
function noRetryAfter(channel: Channel): Channel {
  return {
    ...channel,
    deliver: async (outgoing, part) => {
      try {
        return await channel.deliver!(outgoing, part);
      } catch (error) {
        Object.assign(error as object, { retryAfterSeconds: undefined });
        throw error;
      }
    },
  };
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}
