import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, describe, expect, inject, test } from "vitest";
import { readReference } from "../service/channels/whatsapp/reference.ts";
import { errorBody, type GraphApi, notification, RATE_LIMITED, startGraphApi, type TakenMessage } from "./graph-api.ts";
import { startProxy } from "./proxy.ts";
import { createDatabase, startPostgres, startRedis, until } from "./servers.ts";
import { callAdmin, type RunningService, readMetric, sendMessage, sendNotification, spawnService } from "./service.ts";

const NUMBER = "106540352242922";
const cleanups: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** A service of a test's own, with a stand-in of the Graph API. */
async function open(env: { databaseUrl?: string; REDIS_URL?: string }) {
  let databaseUrl = env.databaseUrl;
  if (databaseUrl === undefined) {
    const made = await createDatabase(inject("postgresUrl"));
    cleanups.push(() => made.drop());
    databaseUrl = made.url;
  }
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  pool.on("error", () => undefined); // a test cuts it
  cleanups.push(() => pool.end());
  const api = await startGraphApi({ phoneNumberIds: [NUMBER] });
  cleanups.push(() => api.stop());
  const service = await spawnService({
    DATABASE_URL: databaseUrl,
    ...(env.REDIS_URL === undefined ? {} : { REDIS_URL: env.REDIS_URL }),
    WHATSAPP_API_URL: api.url,
    WHATSAPP_ACCESS_TOKEN: api.accessToken,
    LOG_HASH_KEY: "a-key-for-the-hashes",
  });
  cleanups.push(() => service.stop());
  // On a slow machine the traffic lasts long enough to come to a guest's usual limit, which isn't what is tested.
  const patch = await callAdmin(service.url, "PATCH", "/admin/tenants/default", {
    limits: { guest_messages_per_minute: 60_000 },
  });
  expect(patch.status, await patch.text()).toBe(200);
  return { service, pool, api };
}

/** Guests who write on WhatsApp and the generic channel, each the next message when the last one is acknowledged. */
function startTraffic({ url }: RunningService, guests: number) {
  const accepted: string[] = [];
  const refused: { id: string; status: number }[] = [];
  let writing = true;
  const guestsWriting = Array.from({ length: guests }, async (_, index) => {
    const guest = `5491160${String(index).padStart(6, "0")}`;
    for (let number = 0; writing; number += 1) {
      const id = `wamid.${guest}.${number}`;
      // As Meta does: again and again until it is acknowledged.
      await until(async () => {
        const response = await (index % 2 === 0
          ? sendNotification(url, notification({ phoneNumberId: NUMBER, messages: [whatsApp(guest, id, "hola")] }))
          : sendMessage(url, { message_id: id, user_id: guest, text: "hola" }));
        await response.text();
        if (!response.ok) refused.push({ id, status: response.status });
        expect(response.ok).toBe(true);
      }, 60_000);
      accepted.push(id);
      await new Promise((resolve) => setTimeout(resolve, 40)); // a guest's pace
    }
  });
  // Also of a test that fails half-way: it is told by what failed there.
  for (const guest of guestsWriting) guest.catch(() => undefined);
  cleanups.push(async () => {
    writing = false;
  });
  return {
    accepted,
    refused,
    more: async (count: number) => {
      const before = accepted.length;
      await until(async () => expect(accepted.length).toBeGreaterThanOrEqual(before + count), 40_000);
    },
    stop: async () => {
      writing = false;
      await Promise.all(guestsWriting);
    },
  };
}

const whatsApp = (from: string, id: string, body: string) => ({
  from,
  id,
  timestamp: String(Math.floor(Date.now() / 1000)),
  type: "text",
  text: { body },
});
const quiet = (pool: pg.Pool) =>
  until(async () => {
    const { rows } = await pool.query(
      "select (select count(*)::int from inbox where state = 'waiting') as inbox, (select count(*)::int from outbox where state = 'pending') as outbox",
    );
    expect(rows).toEqual([{ inbox: 0, outbox: 0 }]);
  }, 40_000);
/** Every message has one reply, in its guest's order, and WhatsApp's are with the guests. */
async function expectAnswered(pool: pg.Pool, accepted: readonly string[], taken: readonly TakenMessage[]) {
  const { rows } = await pool.query<{ message_id: string; replies: string[] | null }>(
    `select b.message_id, (select array_agg(o.id::text) from outbox o join messages m on m.tenant_id = o.tenant_id and m.id = o.message
                            where m.in_reply_to = b.message_id) as replies from inbox b order by b.sequence`,
  );
  expect(rows.map(({ message_id }) => message_id).sort()).toEqual([...accepted].sort());
  expect(rows.filter(({ replies }) => replies?.length !== 1)).toEqual([]);
  const replyTo = new Map(rows.map(({ message_id, replies }) => [message_id, replies![0]!]));
  const guests = new Set(accepted.map((id) => id.split(".")[1]!));
  for (const guest of guests) {
    const own = accepted.filter((id) => id.includes(guest));
    const { rows: history } = await pool.query(
      `select m.message_id from messages m join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
        where c.user_id = $1 and direction = 'in' order by m.id`,
      [guest],
    );
    expect(history.map(({ message_id }) => message_id)).toEqual(own);
    const sent = taken.filter(({ to }) => to === guest).map(({ reference }) => readReference(reference)!.outboxId);
    if (sent.length > 0) expect(sent).toEqual(own.map((id) => replyTo.get(id)));
  }
}

const ready = async (url: string) => {
  const response = await fetch(`${url}/health/ready`);
  const { status, checks } = (await response.json()) as { status: string; checks: Record<string, { status: string }> };
  return {
    code: response.status,
    status,
    ...Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, check.status])),
  };
};
const ALL_WELL = { code: 200, status: "ok", database: "ok", inbox: "ok", claims: "ok", sends: "ok", redis: "ok", pms: "ok" };

describe.concurrent("in the middle of traffic", { timeout: 120_000 }, () => {
  test("Redis goes away, comes back empty, and hangs: nothing is refused or lost, limits and flags hold", async () => {
    let redis = await startRedis();
    cleanups.push(() => redis.stop());
    const { service, pool, api } = await open({ REDIS_URL: redis.url });
    const { url } = service;
    const flag = async (name: string, value: string) => {
      const response = await callAdmin(url, "PUT", `/admin/feature-flags/${name}`, { value });
      expect(response.status).toBe(200);
      return (await response.json()) as { value: boolean; warning?: string };
    };
    const limited = { id: "small", name: "Small", limits: { guest_messages_per_minute: 4 } };
    expect((await callAdmin(url, "POST", "/admin/tenants", limited)).status).toBe(201);
    expect((await callAdmin(url, "POST", "/admin/tenants", { id: "patient", name: "Patient" })).status).toBe(201);
    const burst = async (guest: string) => {
      const statuses: number[] = [];
      for (let number = 0; number < 6; number += 1) {
        const body = { message_id: `burst-${guest}-${number}`, user_id: guest, text: "hola", tenant_id: "small" };
        statuses.push((await sendMessage(url, body)).status);
      }
      return statuses.filter((status) => status === 429).length;
    };
    expect((await flag("reservation.enabled", "off")).warning).toBeUndefined();
    expect(await burst("59895000001")).toBeGreaterThan(0);
    expect(await ready(url)).toEqual(ALL_WELL);

    const traffic = startTraffic(service, 6);
    await traffic.more(20);
    await redis.stop();
    const WITHOUT_REDIS = { ...ALL_WELL, status: "degraded", redis: "degraded" };
    await until(async () => expect(await ready(url)).toEqual(WITHOUT_REDIS));
    await traffic.more(40);
    expect(await burst("59895000002")).toBeGreaterThan(0);
    const changed = await flag("features.interactive_messages", "off");
    expect(changed).toMatchObject({ value: false, warning: expect.stringContaining("Redis") });
    await until(async () => expect(await readMetric(url, "feature_flags_stale_seconds")).toBeGreaterThan(0));
    expect(await readMetric(url, "feature_flag_enabled", { flag: "features.interactive_messages" })).toBe(0);
    expect(await readMetric(url, "feature_flag_enabled", { flag: "reservation.enabled" })).toBe(0);

    redis = await startRedis(redis.port);
    const client = new Redis(redis.url);
    cleanups.push(async () => client.disconnect());
    await until(async () => expect(await ready(url)).toEqual(ALL_WELL));
    await until(async () => expect(await readMetric(url, "feature_flags_stale_seconds")).toBe(0));
    await until(async () =>
      expect(await client.hgetall("feature_flags")).toEqual({
        "features.interactive_messages": "off",
        "reservation.enabled": "off",
      }),
    );
    // Whoever changes a flag in Redis by hand is heard again.
    await client.hset("feature_flags", "features.interactive_messages", "on");
    await until(async () =>
      expect(await readMetric(url, "feature_flag_enabled", { flag: "features.interactive_messages" })).toBe(1),
    );
    expect(await burst("59895000003")).toBeGreaterThan(0);
    expect((await client.keys("*limit*")).length).toBeGreaterThan(0);
    // It accepts connections and says nothing: that costs one time-out, not one a message.
    redis.process!.kill("SIGSTOP");
    await until(async () => expect(await ready(url)).toEqual(WITHOUT_REDIS));
    const before = performance.now();
    for (let number = 0; number < 10; number += 1) {
      const body = { message_id: `silent-${number}`, user_id: "59895000004", text: "hola", tenant_id: "patient" };
      expect((await sendMessage(url, body)).status).toBe(202);
    }
    expect(performance.now() - before).toBeLessThan(15_000);
    await traffic.more(20);
    redis.process!.kill("SIGCONT");
    await until(async () => expect(await ready(url)).toEqual(ALL_WELL));
    await traffic.more(20);
    await traffic.stop();
    await quiet(pool);
    expect(traffic.refused).toEqual([]);
    const { rows } = await pool.query("delete from conversations where tenant_id <> 'default' returning 1");
    expect(rows.length).toBe(4);
    await expectAnswered(pool, traffic.accepted, api.messages);
    expect(await readMetric(url, "inbox_depth")).toBe(0);
  });

  test("Postgres ends and crashes: what isn't stored gets 5xx, all that got 2xx is answered once", async () => {
    const postgres = await startPostgres();
    cleanups.push(() => postgres.stop());
    const { service, pool, api } = await open({ databaseUrl: postgres.url });
    const { url } = service;
    // What was sent while nobody could note it: Meta tells, again and again until it is acknowledged.
    const told: Promise<void>[] = [];
    api.onTaken = ({ id, to, reference }) => {
      const status = { id, status: "sent", recipient_id: to, biz_opaque_callback_data: reference };
      const body = notification({ phoneNumberId: NUMBER, statuses: [status] });
      told.push(until(async () => expect((await sendNotification(url, body)).status).toBe(200), 60_000));
    };
    const traffic = startTraffic(service, 8);
    let resumedAt = "";
    for (const signal of ["SIGINT", "SIGQUIT"] as const) {
      await traffic.more(40);
      await postgres.halt(signal);
      await until(async () => expect(await ready(url)).toMatchObject({ code: 503, database: "failed" }));
      const lost = { message_id: `lost-${signal}`, user_id: "59896000001", text: "hola" };
      const response = await sendMessage(url, lost);
      expect(response.status).toBeGreaterThanOrEqual(500);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      await postgres.resume();
      await until(async () => expect(await ready(url)).toEqual(ALL_WELL));
      resumedAt = (await pool.query("select clock_timestamp()::text as now")).rows[0].now;
    }
    await traffic.more(40);
    await traffic.stop();
    expect(traffic.refused.length).toBeGreaterThan(0);
    expect(traffic.refused.filter(({ status }) => status < 500)).toEqual([]);
    await until(async () => {
      const { rows } = await pool.query("select 1 from inbox where state = 'waiting'");
      expect(rows).toEqual([]);
    }, 40_000);
    await Promise.all(told);
    // The same for replies whose senders never heard that they had them.
    await pool.query(
      "update outbox set lease_until = clock_timestamp() where state = 'pending' and lease_until < $1::timestamptz + interval '60 s'",
      [resumedAt],
    );
    await quiet(pool);
    // Nothing of "lost" is there, since nobody sent it again.
    await expectAnswered(pool, traffic.accepted, api.messages);
    expect(await readMetric(url, "inbox_depth")).toBe(0);
    // Notifications are heard again: nobody waits for a poll.
    const body = { message_id: "afterwards", user_id: "59896000002", text: "hola" };
    expect((await sendMessage(url, body, { Prefer: "wait=20" })).status).toBe(200);
  });

  test("the way to Postgres goes silent, for the connections that stand and for all: sending goes on, nothing is lost", {
    timeout: 240_000,
  }, async () => {
    const made = await createDatabase(inject("postgresUrl"));
    cleanups.push(() => made.drop());
    const way = new URL(made.url);
    const proxy = await startProxy(Number(way.port));
    cleanups.push(() => proxy.stop());
    way.port = String(proxy.port);
    const { service, api } = await open({ databaseUrl: way.href });
    const pool = new pg.Pool({ connectionString: made.url, max: 2 });
    cleanups.push(() => pool.end());
    const { url } = service;
    const told: Promise<void>[] = [];
    api.onTaken = ({ id, to, reference }) => {
      const status = { id, status: "sent", recipient_id: to, biz_opaque_callback_data: reference };
      const body = notification({ phoneNumberId: NUMBER, statuses: [status] });
      told.push(until(async () => expect((await sendNotification(url, body)).status).toBe(200), 60_000));
    };
    const traffic = startTraffic(service, 6);
    await traffic.more(20);

    // As after a fail-over without a reset: a connection of its own for each probe would notice nothing.
    proxy.forget();
    const sent = api.messages.length;
    await until(async () => expect(api.messages.length).toBeGreaterThan(sent + 6), 40_000);
    await traffic.more(10);
    await until(async () => expect(await ready(url)).toEqual(ALL_WELL));

    proxy.hang();
    await until(async () => expect(await ready(url)).toMatchObject({ code: 503, status: "unavailable", database: "failed" }));
    const refused = await sendMessage(url, { message_id: "refused", user_id: "59897000001", text: "hola" });
    expect({ status: refused.status, retryAfter: refused.headers.get("retry-after") }).toEqual({ status: 503, retryAfter: "5" });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    proxy.heal();
    await until(async () => expect(await ready(url)).toEqual(ALL_WELL), 40_000);
    await traffic.more(10);
    await traffic.stop();
    expect(traffic.refused.filter(({ status }) => status !== 503)).toEqual([]);
    // What was claimed with an answer that never came waits for its lease: for a message half a minute, for a reply a whole one.
    await until(async () => {
      const { rows } = await pool.query("select 1 from inbox where state = 'waiting'");
      expect(rows).toEqual([]);
    }, 60_000);
    await Promise.all(told);
    // Only leases of the silence, which nobody works under any more: to end one under which a reply is just being sent would send it twice.
    await until(async () => {
      const old = "lease_until < clock_timestamp() + interval '45 seconds'";
      await pool.query(`update outbox set lease_until = clock_timestamp() where state = 'pending' and ${old}`);
      const { rows } = await pool.query("select 1 from outbox where state = 'pending'");
      expect(rows).toEqual([]);
    }, 60_000);
    await quiet(pool);
    await pool.query("delete from conversations where user_id = '59897000001'"); // whether it was stored, nobody could know
    await expectAnswered(pool, traffic.accepted, api.messages);
  });

  test("the Graph API refuses, fails and is busy: each reply goes once, in order; what is permanent can be replayed", async () => {
    const opened = await open({});
    const { service, pool } = opened;
    const { url } = service;
    let api: GraphApi = opened.api;
    const taken: TakenMessage[] = api.messages;
    const [ana, bo, carla] = ["5491161000001", "5491161000002", "5491161000003"] as const;
    const accepted: string[] = [];
    const write = async (guest: string, text: string) => {
      const id = `wamid.${guest}.${accepted.length}`;
      const body = notification({ phoneNumberId: NUMBER, messages: [whatsApp(guest, id, text)] });
      expect((await sendNotification(url, body)).status).toBe(200);
      accepted.push(id);
    };
    const heardBy = (guest: string) => taken.filter(({ to }) => to === guest);
    const deliveries = (result: string) => readMetric(url, "outbox_deliveries_total", { channel: "whatsapp", result });

    // Nobody listens.
    await api.stop();
    for (const guest of [ana, bo, carla]) for (const text of ["hola", "gracias"]) await write(guest, text);
    await until(async () => expect(await deliveries("retried")).toBeGreaterThanOrEqual(3));
    api = await startGraphApi({ phoneNumberIds: [NUMBER], port: Number(new URL(api.url).port) });
    cleanups.push(() => api.stop());
    api.messages = taken;
    await until(async () => expect(taken).toHaveLength(6), 30_000);

    // 500s, and a limit that says for how long.
    const unavailable = {
      kind: "answer",
      status: 500,
      body: errorBody(131000, "Something went wrong", "unknown error"),
    } as const;
    api.faults = [unavailable, { ...RATE_LIMITED, headers: { "retry-after": "3" } } as typeof RATE_LIMITED];
    await write(ana, "hola");
    await until(async () => expect(api.faults).toHaveLength(1));
    await write(ana, "gracias");
    await until(async () => expect(api.faults).toEqual([]));
    const limitedAt = performance.now();
    await until(async () => expect(heardBy(ana)).toHaveLength(4), 30_000);
    expect(heardBy(ana)[2]!.at - limitedAt).toBeGreaterThan(2_500);
    expect(await deliveries("dead")).toBe(0);

    // 200 with an error in it: one that passes by itself, then one that doesn't. The next reply isn't held up by it.
    const inside = (code: number, details: string) =>
      ({ kind: "answer", status: 200, body: errorBody(code, "No", details) }) as const;
    api.faults = [inside(131016, "Service unavailable")];
    await write(bo, "hola");
    await until(async () => expect(heardBy(bo)).toHaveLength(3), 30_000);
    api.faults = [inside(131026, "Message undeliverable")];
    await write(carla, "hola");
    await until(async () => expect(await deliveries("dead")).toBe(1));
    await write(carla, "gracias");
    await until(async () => expect(heardBy(carla)).toHaveLength(3), 30_000);

    const letters = (await (await callAdmin(url, "GET", "/admin/dead-letters")).json()) as { id: string; text: string }[];
    expect(letters).toMatchObject([{ user_id: carla, channel: "whatsapp", error: "131026: Message undeliverable", attempts: 1 }]);
    expect((await callAdmin(url, "POST", `/admin/dead-letters/${letters[0]!.id}/replay`)).status).toBe(202);
    await until(async () => expect(heardBy(carla)).toHaveLength(4), 30_000);
    expect(heardBy(carla)[3]!.text).toBe(letters[0]!.text);
    expect((await callAdmin(url, "POST", `/admin/dead-letters/${letters[0]!.id}/replay`)).status).toBe(404);
    expect(await (await callAdmin(url, "GET", "/admin/dead-letters")).json()).toEqual([]);

    await quiet(pool);
    const inOrder = heardBy(carla).toSpliced(2, 0, heardBy(carla)[3]!).slice(0, 4);
    await expectAnswered(pool, accepted, [...heardBy(ana), ...heardBy(bo), ...inOrder]);
    expect(new Set(taken.map(({ reference }) => reference)).size).toBe(accepted.length);
    expect(taken).toHaveLength(accepted.length);
    expect(await deliveries("sent")).toBe(accepted.length);
  });
});
