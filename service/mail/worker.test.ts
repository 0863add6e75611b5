import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { until } from "../../test/servers.ts";
import { createTickets } from "../conversation/tickets.ts";
import type { Database } from "../storage/sql.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { createAnswers } from "./answers.ts";
import { measureBacklog } from "./backlog.ts";
import { createGiveUp, type OpenTicket } from "./honest-fallback.ts";
import { createInbox } from "./inbox.ts";
import type { HandleMessage, IncomingMessage } from "./message.ts";
import { createWorker, MAX_ATTEMPTS, MAX_INTERRUPTED_ATTEMPTS, type Worker, type WorkerOptions } from "./worker.ts";

const logger = pino({ level: "silent" });
let counter = 0;
const message = (userId: string, text: string, rest: Partial<IncomingMessage> = {}): IncomingMessage => {
  counter += 1;
  return { channel: "messages", messageId: `m${counter}`, userId, kind: "text", text, ...rest };
};
const echo: HandleMessage = async ({ message: { text }, conversation }) => ({
  state: { seen: [...((conversation.state.seen as string[] | undefined) ?? []), text] },
  language: "en",
  handedOver: false,
  replies: [{ text: `re: ${text}` }],
  intent: "greeting",
  confidence: 0.9,
  band: "high",
});

describe.each(KINDS)("inbox and workers on %s", (kind) => {
  let made: TestDatabase;
  let metrics: Metrics;
  let workers: Worker[];

  beforeAll(async () => {
    made = await makeDatabase(kind);
  });
  afterAll(() => made.close());
  beforeEach(async () => {
    await made.pool.query("truncate conversations cascade");
    metrics = createMetrics({ collectDefaults: false });
    workers = [];
  });
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
  });

  const start = async (handle: HandleMessage, rest: Partial<WorkerOptions> = {}) => {
    const worker = createWorker({
      database: made.database,
      isPulled: (channel) => channel === "messages",
      giveUp: createGiveUp((...ticket) => createTickets({ database: made.database }).open(...ticket)),
      answers: createAnswers({ database: made.database }),
      handle,
      metrics,
      logger,
      concurrency: 4,
      backoffSeconds: () => 0,
      ...rest,
    });
    workers.push(worker);
    await worker.start();
    return worker;
  };
  /** Without a worker what it stores is announced to all; with one it is handed over. */
  const inbox = (worker?: Worker) => createInbox({ database: made.database, metrics, worker: () => worker });
  const replies = () =>
    made.database.forTenant("default", (sql) =>
      sql<{ user_id: string; text: string; in_reply_to: string }>(
        `select c.user_id, m.text, m.in_reply_to from messages m join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
          where m.direction = 'out' order by m.id`,
      ),
    );
  const tickets = () =>
    made.database.forTenant("default", (sql) => sql("select kind, urgent, text, user_id from tickets order by created_at"));
  const handledAll = (count: number) => until(async () => expect(await replies()).toHaveLength(count));

  test("answers each message once, also when it is delivered again, before and after", async () => {
    const one = message("ana", "hello");
    expect(await inbox().accept("default", [one])).toMatchObject({ stored: 1, duplicates: 0, conflicts: [] });
    expect(await inbox().accept("default", [one])).toMatchObject({ stored: 0, duplicates: 1, conflicts: [] });
    await start(echo);
    await handledAll(1);
    await inbox().accept("default", [one]);
    await inbox().accept("default", [message("ana", "end")]);
    await handledAll(2);
    expect((await replies()).map(({ text }) => text)).toEqual(["re: hello", "re: end"]);
  });

  test("the same message in the same millisecond from ten connections is stored once", async () => {
    const one = message("ana", "hello");
    const results = await Promise.all(Array.from({ length: 10 }, () => inbox().accept("default", [one])));
    expect(results.filter(({ stored }) => stored === 1)).toHaveLength(1);
    await start(echo);
    await handledAll(1);
  });

  test("keeps a guest's order and never handles one guest twice at a time, with two workers", async () => {
    const active = new Set<string>();
    const handle: HandleMessage = async (input) => {
      const { userId } = input.conversation;
      expect(active.has(userId)).toBe(false);
      active.add(userId);
      await new Promise((resolve) => setImmediate(resolve));
      active.delete(userId);
      return echo(input);
    };
    await start(handle);
    await start(handle);
    const guests = ["ana", "bo", "carla", "dina", "eve"];
    for (let round = 0; round < 8; round += 1) {
      await inbox().accept(
        "default",
        guests.map((guest) => message(guest, `${round}`)),
      );
    }
    await handledAll(40);
    for (const guest of guests) {
      const texts = (await replies()).filter(({ user_id: user }) => user === guest).map(({ text }) => text);
      expect(texts).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"].map((text) => `re: ${text}`));
    }
    const states = await made.database.forTenant("default", (sql) =>
      sql<{ waiting: boolean; leased: boolean; seen: number }>(
        "select waiting_since is not null as waiting, lease_owner is not null as leased, jsonb_array_length(state->'seen') as seen from conversations",
      ),
    );
    await until(async () => expect(states).toEqual(guests.map(() => ({ waiting: false, leased: false, seen: 8 }))));
  });

  test("a message that can't be handled is tried again, and the others of its guest wait for it", async () => {
    let failures = 2;
    await start(async (input) => {
      if (input.message.text === "first" && failures > 0) {
        failures -= 1;
        throw new Error("not yet");
      }
      return echo(input);
    });
    await inbox().accept("default", [message("ana", "first"), message("ana", "second")]);
    await handledAll(2);
    expect((await replies()).map(({ text }) => text)).toEqual(["re: first", "re: second"]);
  });

  test("after the last attempt the guest gets the honest fallback and reception the conversation", async () => {
    let calls = 0;
    await start(async () => {
      calls += 1;
      throw new Error("broken for good");
    });
    await inbox().accept("default", [message("ana", "hello", { language: "pt" })]);
    await handledAll(1);
    expect(calls).toBe(MAX_ATTEMPTS);
    expect((await replies())[0]!.text).toMatch(/recepção/);
    const rows = await made.database.forTenant("default", (sql) =>
      sql("select c.handed_over, i.state, i.error from conversations c join inbox i on i.conversation_id = c.id"),
    );
    expect(rows).toEqual([{ handed_over: true, state: "failed", error: "Error: broken for good" }]);
    expect(await tickets()).toEqual([{ kind: "failed", urgent: true, text: "hello", user_id: "ana" }]);
    expect((await metrics.inboxFailures.get()).values.map(({ value }) => value)).toEqual([MAX_ATTEMPTS, 1]);
  });

  test("the guest isn't told of a ticket that could not be made", async () => {
    let isDown = true;
    const open: OpenTicket = async (...ticket) => {
      if (isDown) throw new Error("the tickets are away");
      await createTickets({ database: made.database }).open(...ticket);
    };
    let tries = 0;
    const giveUp: HandleMessage = async (input) => {
      tries += 1;
      return createGiveUp(open)(input);
    };
    await start(() => Promise.reject(new Error("broken for good")), { giveUp });
    await inbox().accept("default", [message("ana", "hello")]);
    await until(async () => expect(tries).toBeGreaterThan(1));
    expect(await replies()).toEqual([]);
    isDown = false;
    await handledAll(1);
    expect(await tickets()).toHaveLength(1);
  });

  test("a message that never ends being handled counts as failed, and its place is free again", async () => {
    await start((input) => (input.message.text === "endless" ? new Promise(() => undefined) : echo(input)), {
      concurrency: 1,
      handleTimeoutMs: 20,
    });
    await inbox().accept("default", [message("ana", "endless")]);
    await inbox().accept("default", [message("bo", "hello")]);
    await handledAll(2);
    expect((await replies()).map(({ user_id: user }) => user).sort()).toEqual(["ana", "bo"]);
    expect(await tickets()).toMatchObject([{ kind: "failed", user_id: "ana" }]);
  });

  /** What a process leaves that is killed while it handles: its leases, which nobody gives back. */
  const kill = (...guests: string[]) =>
    made.database.forTenant("default", (sql) =>
      sql(
        `update conversations set lease_owner = 'killed', lease_token = lease_token + 1, lease_until = clock_timestamp() - interval '1 s'
          where user_id = any ($1)`,
        [guests],
      ),
    );
  const attempts = async (text: string) => {
    const [row] = await made.database.forTenant("default", (sql) =>
      sql<{ attempts: number }>("select attempts from inbox where payload->>'text' = $1", [text]),
    );
    return row!.attempts;
  };

  test("an attempt is counted before it begins: a message that kills its process is left to reception after three", async () => {
    await inbox().accept("default", [message("ana", "poison"), message("ana", "after it")]);
    await kill("ana");
    let calls = 0;
    for (let death = 1; death <= MAX_INTERRUPTED_ATTEMPTS; death += 1) {
      // Each worker gets as far as the handling, and is no more.
      const worker = await start(
        async () => {
          calls += 1;
          return new Promise(() => undefined);
        },
        { handleTimeoutMs: 3_600_000 },
      );
      await until(async () => expect(calls).toBe(death));
      expect(await attempts("poison")).toBe(death);
      workers.splice(workers.indexOf(worker), 1);
      void worker.stop();
      await kill("ana");
    }
    await start(echo);
    await handledAll(2);
    expect((await replies()).map(({ text }) => text)).toEqual([expect.stringMatching(/recepción/), "re: after it"]);
    expect(await tickets()).toMatchObject([{ kind: "failed", text: "poison" }]);
  });

  test("who was only in the same process as a message that kills isn't counted as its kind", async () => {
    const innocent = ["bo", "carla", "dina", "eve"];
    for (const guest of ["ana", ...innocent])
      await inbox().accept("default", [message(guest, guest === "ana" ? "poison" : "hello")]);
    await kill("ana", ...innocent);
    let now = 0;
    let most = 0;
    const handled: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    await start(async (input) => {
      now += 1;
      most = Math.max(most, now);
      if (input.message.text === "poison") await gate;
      handled.push(input.conversation.userId);
      now -= 1;
      return echo(input);
    });
    open();
    await handledAll(5);
    expect(most).toBe(1);
    expect(handled.toSorted()).toEqual(["ana", ...innocent]);
    expect(await attempts("hello")).toBe(1);
  });

  test("the first attempt is counted as the message is stored for this process", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const worker = await start(async (input) => {
      await gate;
      return echo(input);
    });
    await inbox(worker).accept("default", [message("ana", "hello")]);
    expect(await attempts("hello")).toBe(1);
    open();
    await handledAll(1);
  });

  test.each([
    ["a take-over", true],
    ["a hand-back", false],
  ])("%s while a turn is under way holds", async (_, takenOver) => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: isHandled, resolve: begun } = Promise.withResolvers<void>();
    await inbox().accept("default", [message("ana", "hello")]);
    await made.database.forTenant("default", (sql) => sql("update conversations set handed_over = $1", [!takenOver]));
    await start(async (input) => {
      begun();
      await gate;
      return { ...(await echo(input)), handedOver: !takenOver };
    });
    await isHandled;
    await made.database.forTenant("default", (sql) => sql("update conversations set handed_over = $1", [takenOver]));
    open();
    await handledAll(1);
    const rows = await made.database.forTenant("default", (sql) => sql("select handed_over from conversations"));
    expect(rows).toEqual([{ handed_over: takenOver }]);
  });

  test("a guest waits for a person from the first message that nobody answered", async () => {
    const waits = async () => {
      const [row] = await made.database.forTenant("default", (sql) =>
        sql<{ since: string | null }>("select waits_for_person_since::text as since from conversations"),
      );
      return row!.since;
    };
    await start(async (input) => ({ ...(await echo(input)), handedOver: input.message.text !== "assistant" }));
    await inbox().accept("default", [message("ana", "a person, please")]);
    await handledAll(1);
    const since = await waits();
    expect(since).not.toBeNull();
    await inbox().accept("default", [message("ana", "hello?")]);
    await handledAll(2);
    expect(await waits()).toBe(since);
    await measureBacklog(made.database, metrics);
    expect(await metrics.registry.getSingleMetricAsString("handovers_waiting")).toContain("handovers_waiting 1");
    await inbox().accept("default", [message("ana", "assistant")]);
    await handledAll(3);
    expect(await waits()).toBeNull();
  });

  test("an id that stands for another message already is told: another guest's, or other words", async () => {
    const one = message("ana", "hello");
    await inbox().accept("default", [one]);
    for (const other of [{ userId: "bo" }, { text: "another text" }, { buttonId: "yes" }]) {
      expect(await inbox().accept("default", [{ ...one, ...other }])).toMatchObject({
        stored: 0,
        duplicates: 1,
        conflicts: [one.messageId],
      });
    }
    expect(await inbox().accept("default", [{ ...one, language: "en" }])).toMatchObject({ duplicates: 1, conflicts: [] });
  });

  test("a database that takes nothing is told as something that passes; what it refuses is not", async () => {
    const full = Object.assign(new Error("could not extend file: No space left on device"), { code: "53100" });
    let failure: Error | undefined = full;
    const database: Database = {
      ...made.database,
      batchForTenant: (...args) => (failure === undefined ? made.database.batchForTenant(...args) : Promise.reject(failure)),
    };
    const failing = createInbox({ database, metrics });
    await expect(failing.accept("default", [message("ana", "hello")])).rejects.toMatchObject({ status: 503, cause: full });
    expect(() => failing.check()).toThrow(/could not be stored/);
    failure = undefined;
    await failing.accept("default", [message("ana", "hello again")]);
    expect(() => failing.check()).not.toThrow();
    await expect(failing.accept("default", [message("x".repeat(300), "hello")])).rejects.toMatchObject({ code: "23514" });
  });

  test("a worker whose lease ran out writes nothing, and the next one answers once", async () => {
    let taken: () => void = () => undefined;
    const isTaken = new Promise<void>((resolve) => {
      taken = resolve;
    });
    let proceed: () => void = () => undefined;
    const stuck = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    await start(
      async (input) => {
        taken();
        await stuck;
        return { ...(await echo(input)), replies: [{ text: "too late" }] };
      },
      { concurrency: 1 },
    ); // with one place it can't take the conversation a second time itself
    await inbox().accept("default", [message("ana", "hello")]);
    await isTaken;
    await made.database.forTenant("default", (sql) =>
      sql("update conversations set lease_until = clock_timestamp() - interval '1 second'"),
    );
    await start(echo);
    await handledAll(1);
    proceed();
    await Promise.all(workers.map((worker) => worker.stop()));
    expect((await replies()).map(({ text }) => text)).toEqual(["re: hello"]);
  });

  test("a reply that takes time to type is sent that much later", async () => {
    await start(async (input) => ({ ...(await echo(input)), replies: [{ text: "a moment", typingMs: 90_000 }] }));
    await inbox().accept("default", [message("ana", "hello", { channel: "whatsapp" })]);
    await handledAll(1);
    const rows = await made.database.forTenant("default", (sql) =>
      sql("select state, next_attempt_at > now() + interval '60 seconds' as later from outbox"),
    );
    expect(rows).toEqual([{ state: "pending", later: true }]);
  });

  test("a batch is stored whole or not at all", async () => {
    const tooLong = message("x".repeat(300), "hello");
    await expect(inbox().accept("default", [message("ana", "hello"), tooLong])).rejects.toThrow();
    const rows = await made.database.forTenant("default", (sql) => sql("select 1 from inbox"));
    expect(rows).toEqual([]);
  });

  test("a waiting caller gets the answer as soon as it is there, and later the same one", async () => {
    const answers = createAnswers({ database: made.database });
    await answers.start();
    const one = message("ana", "hello");
    const key = { tenantId: "default", channel: "messages", messageId: one.messageId };
    await inbox().accept("default", [one]);
    expect(await answers.wait(key, { timeoutMs: 30, known: false })).toBeUndefined();
    const waiting = answers.wait(key, { timeoutMs: 10_000, known: false });
    await start(echo);
    const expected = { replies: [{ text: "re: hello" }], intent: "greeting", confidence: 0.9, band: "high" };
    expect(await waiting).toMatchObject({ ...expected, confidence: expect.closeTo(0.9, 5) });
    expect(await answers.wait(key, { timeoutMs: 0, known: true })).toMatchObject({ replies: expected.replies });
    expect(await answers.wait({ ...key, tenantId: "another" }, { timeoutMs: 0, known: true })).toBeUndefined();
  });

  /** Waiting, leased. */
  const conversations = () =>
    made.database.forTenant("default", (sql) =>
      sql("select waiting_since is not null as waiting, lease_owner is not null as leased from conversations order by user_id"),
    );

  test("hands what it stores to the worker, which looks for nothing: a batch in order, a repetition without a reply", async () => {
    const texts: string[] = [];
    const worker = await start(async (input) => {
      texts.push(input.message.text);
      expect(input.receivedAt).toBeInstanceOf(Date);
      return echo(input);
    });
    const album = ["1", "2", "3"].map((text) => message("ana", text));
    expect(await inbox(worker).accept("default", [...album, message("bo", "hi")])).toMatchObject({
      stored: 4,
      duplicates: 0,
      conflicts: [],
    });
    await handledAll(4);
    expect(await inbox(worker).accept("default", [album[1]!])).toMatchObject({ stored: 0, duplicates: 1, conflicts: [] });
    expect(await inbox(worker).accept("default", [album[2]!, message("ana", "4")])).toMatchObject({ stored: 1, duplicates: 1 });
    await handledAll(5);
    expect(texts.filter((text) => text !== "hi")).toEqual(["1", "2", "3", "4"]);
    const idle = { waiting: false, leased: false };
    await until(async () => expect(await conversations()).toEqual([idle, idle]));
  });

  test("a message that comes while its guest's last one is handled waits for it, and is handled by who has the guest", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const worker = await start(async (input) => {
      if (input.message.text === "first") await gate;
      return echo(input);
    });
    await inbox(worker).accept("default", [message("ana", "first")]);
    await inbox(worker).accept("default", [message("ana", "second")]);
    await inbox().accept("default", [message("ana", "third")]);
    expect(await replies()).toEqual([]);
    open();
    await handledAll(3);
    expect((await replies()).map(({ text }) => text)).toEqual(["re: first", "re: second", "re: third"]);
  });

  const onPostgres = kind === "postgres" ? test : undefined;
  onPostgres?.("a message that is being stored while the next one is looked for isn't passed over", async () => {
    const texts: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const other = await made.pool.connect();
    const late = message("ana", "late");
    let looks = 0;
    const batchForTenant: Database["batchForTenant"] = async (tenantId, statements) => {
      if (!statements.some(({ name }) => name === "next-message")) return made.database.batchForTenant(tenantId, statements);
      looks += 1;
      if (looks !== 1) return made.database.batchForTenant(tenantId, statements);
      // Another process is in the middle of storing: it has the conversation's row, and the message isn't committed.
      await other.query("begin");
      await other.query("update conversations set last_received = last_received + 1");
      await other.query(
        `insert into inbox (tenant_id, channel, message_id, conversation_id, sequence, payload)
         select tenant_id, channel, $1, id, last_received, $2 from conversations`,
        [late.messageId, JSON.stringify(late)],
      );
      const look = made.database.batchForTenant(tenantId, statements);
      let looked = false;
      void look.finally(() => {
        looked = true;
      });
      await until(async () => {
        const { rowCount } = await made.pool.query("select 1 from pg_locks where not granted");
        expect(looked || rowCount! > 0).toBe(true);
      });
      await other.query("commit");
      other.release();
      return look;
    };
    const database = { ...made.database, batchForTenant };
    const worker = await start(
      async (input) => {
        texts.push(input.message.text);
        if (input.message.text === "first") await gate;
        return echo(input);
      },
      { database },
    );
    const first = message("ana", "first");
    await inbox(worker).accept("default", [first]);
    // A repetition: so the worker looks once more, and there is nothing.
    await inbox(worker).accept("default", [first]);
    open();
    await handledAll(2);
    expect(texts).toEqual(["first", "late"]);
  });

  test("more than a worker has room for waits in the database, and nobody is passed over", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const order: string[] = [];
    const worker = await start(
      async (input) => {
        await gate;
        order.push(input.conversation.userId);
        return echo(input);
      },
      { concurrency: 1, waitingPerPlace: 4 },
    );
    const guests = Array.from({ length: 9 }, (_, index) => `guest-${index}`);
    for (const guest of guests) await inbox(worker).accept("default", [message(guest, "hi")]);
    expect((await conversations()).filter(({ leased }) => leased)).toHaveLength(2);
    open();
    await handledAll(9);
    expect(order).toEqual(guests);
  });

  test("a conversation that waited too long for its place is looked at again: another may have it", async () => {
    let clock = 0;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const begun: string[] = [];
    const worker = await start(
      async (input) => {
        begun.push(input.conversation.userId);
        await gate;
        return echo(input);
      },
      { concurrency: 1, monotone: () => clock },
    );
    await inbox(worker).accept("default", [message("ana", "hello")]);
    await inbox(worker).accept("default", [message("bo", "hello")]);
    clock += 60_000;
    await made.database.forTenant("default", (sql) =>
      sql("update conversations set lease_until = clock_timestamp() - interval '1 second' where user_id = 'bo'"),
    );
    const other = await start(echo);
    await handledAll(1);
    open();
    await handledAll(2);
    await Promise.all([worker.stop(), other.stop()]);
    expect(begun).toEqual(["ana"]);
    expect(await replies()).toHaveLength(2);
  });

  test("a stop gives back what waits for a place", async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const worker = await start(
      async (input) => {
        await gate;
        return echo(input);
      },
      { concurrency: 1 },
    );
    for (const guest of ["ana", "bo", "carla"]) await inbox(worker).accept("default", [message(guest, "hello")]);
    const stopped = worker.stop();
    open();
    await stopped;
    expect(await replies()).toHaveLength(1);
    const waits = { waiting: true, leased: false };
    expect(await conversations()).toEqual([{ waiting: false, leased: false }, waits, waits]);
    await start(echo);
    await handledAll(3);
  });

  test("a stop leaves what waits to the others", async () => {
    const first = await start(echo);
    await first.stop();
    await inbox().accept("default", [message("ana", "hello")]);
    expect(await replies()).toEqual([]);
    await start(echo);
    await handledAll(1);
  });
});
