import { createHmac } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { hotelSecret } from "../service/http/hotel-secret.ts";
import { answering, QLOAPPS_KEY, QloApps, serveQloApps } from "./qloapps.ts";
import { createDatabase, until } from "./servers.ts";
import { callAdmin, type RunningService, readMetric, sendMessage, spawnService } from "./service.ts";

/** One service; each test cuts the PMS of a hotel of its own, so they run side by side. */
let service: RunningService;
let made: Awaited<ReturnType<typeof createDatabase>>;
let pool: pg.Pool;
const WEBHOOK_SECRET = "the-secret-of-the-pms-hook";
const cleanups: (() => Promise<unknown>)[] = [];
let messages = 0;

beforeAll(async () => {
  made = await createDatabase(inject("postgresUrl"));
  pool = new pg.Pool({ connectionString: made.url, max: 2 });
  service = await spawnService({
    DATABASE_URL: made.url,
    REDIS_URL: inject("redisUrl"),
    PMS_API_KEY: QLOAPPS_KEY,
    PMS_WEBHOOK_SECRET: WEBHOOK_SECRET,
    LOG_HASH_KEY: "a-key-for-the-hashes",
  });
});
afterAll(async () => {
  await service?.stop();
  for (const cleanup of cleanups) await cleanup();
  await pool?.end();
  await made?.drop();
});

const SOLD_OUT = /no queda|se acaba de reservar|agotad|complet|llen[oa]/i;
const UNKNOWN = /no sé si hay lugar/;
const isoDay = (days: number) => new Date(Date.now() + days * 24 * 3600 * 1000).toISOString().slice(0, 10);
const ask = (from: number) => `¿tienen lugar del ${isoDay(from)} al ${isoDay(from + 3)} para 2 adultos?`;

/** A hotel with a QloApps of its own. */
async function openHotel(id: string, rooms = 5) {
  const qloApps = new QloApps(rooms);
  let server = await serveQloApps(qloApps);
  cleanups.push(() => server.stop());
  const hotel = {
    time_zone: "America/Montevideo",
    pms: { adapter: "http", url: server.url, hotel_id: "1" },
    settings: { pms_currency: "EUR", pms_room_types: { double: { id: 5, max_adults: 2, max_guests: 3 } } },
  };
  const answer =
    id === "default"
      ? await callAdmin(service.url, "PATCH", "/admin/tenants/default", hotel)
      : await callAdmin(service.url, "POST", "/admin/tenants", { id, name: id, ...hotel });
  expect(answer.ok, await answer.text()).toBe(true);
  return {
    qloApps,
    cut: () => server.stop(),
    restore: async () => {
      server = await serveQloApps(qloApps, server.port);
    },
    circuit: () => readMetric(service.url, "pms_circuit_state", { tenant_id: id }),
    guest: (user_id: string) => async (text: string) => {
      messages += 1;
      const body = { message_id: `pms-${messages}`, user_id, text, tenant_id: id, language: "es" };
      const response = await sendMessage(service.url, body, { Prefer: "wait=30" });
      const heard = (await response.json()) as { replies: { text: string }[] };
      expect(response.status, JSON.stringify(heard)).toBe(200);
      expect(heard.replies).toHaveLength(1);
      return heard.replies[0]!.text;
    },
    ticketsOf: async (userId: string) => {
      const response = await callAdmin(service.url, "GET", `/admin/tickets?tenant_id=${id}`);
      const tickets = (await response.json()) as { kind: string; user_id: string; text: string }[];
      return tickets.filter(({ user_id }) => user_id === userId);
    },
  };
}

const ready = async () => {
  const response = await fetch(`${service.url}/health/ready`);
  const { checks } = (await response.json()) as { checks: Record<string, { status: string }> };
  return { code: response.status, database: checks.database!.status, redis: checks.redis!.status, pms: checks.pms!.status };
};

describe.concurrent("a hotel's PMS", { timeout: 90_000 }, () => {
  test("refuses connections: guests hear what is known and since when, and book once it is back", async () => {
    const hotel = await openHotel("default");
    const [ana, bo, carla, dina] = ["59891000001", "59891000002", "59891000003", "59891000004"].map(hotel.guest);
    expect(await ana!(ask(40))).toMatch(/Doble|doble/);
    expect(await dina!(`quiero una doble del ${isoDay(60)} al ${isoDay(62)} para 2, a nombre de Dina Sosa`)).toContain("Dina");
    expect(await ready()).toEqual({ code: 200, database: "ok", redis: "ok", pms: "ok" });
    expect(await ana!(ask(40))).toMatch(/doble/i); // fresh again after the hold made it old

    await hotel.cut();
    const unknown = await bo!(ask(90));
    expect(unknown).toMatch(UNKNOWN);
    expect(unknown).not.toMatch(SOLD_OUT);
    expect(await hotel.ticketsOf("59891000002")).toMatchObject([{ kind: "booking", text: expect.stringContaining(isoDay(90)) }]);
    const word = "{}";
    const told = await fetch(`${service.url}/webhooks/pms/default`, {
      method: "POST",
      body: word,
      headers: {
        "content-type": "application/json",
        "x-signature-256": `sha256=${createHmac("sha256", hotelSecret(WEBHOOK_SECRET, "pms", "default"))
          .update(word)
          .digest("hex")}`,
      },
    });
    expect(told.status).toBe(200);
    const stale = await carla!(ask(40));
    expect(stale).toMatch(/no puedo consultar el sistema.*\d{1,2}:\d{2}.*doble/is);
    expect(stale).not.toMatch(SOLD_OUT);
    expect(await dina!("sí")).toContain("No pude confirmar");
    await until(async () => expect(await hotel.circuit()).toBe(2));
    // Guests are served without it, so no balancer takes the process out.
    await until(async () => expect(await ready()).toEqual({ code: 200, database: "ok", redis: "ok", pms: "degraded" }));
    const calls = () => readMetric(service.url, "pms_requests_total", { operation: "availability", result: "open" });
    expect(await bo!(ask(95))).toMatch(UNKNOWN);
    expect(await calls()).toBeGreaterThan(0);
    expect(hotel.qloApps.orders).toEqual([]);

    await hotel.restore();
    await until(async () => expect(await ready()).toEqual({ code: 200, database: "ok", redis: "ok", pms: "ok" }), 30_000);
    expect(await dina!("sí")).toContain("confirmada");
    expect(await hotel.circuit()).toBe(0);
    const rooms = await bo!("intentar de nuevo");
    expect(rooms).toMatch(/doble/i);
    expect(rooms).not.toMatch(/no puedo consultar/);
    await bo!("sí");
    expect(await bo!("Bo Díaz")).toContain("Bo Díaz");
    expect(await bo!("sí")).toContain("confirmada");
    expect(hotel.qloApps.orders).toHaveLength(2);
    const { rows } = await pool.query(
      "select count(*)::int as n from external_bookings where tenant_id = 'default' and held_until is null",
    );
    expect(rows).toEqual([{ n: 2 }]);
  });

  test("hangs: guests get an honest answer, then without the wait, and rooms once it answers", async () => {
    const hotel = await openHotel("hangs");
    hotel.qloApps.always = () => undefined;
    const guests = ["59892000001", "59892000002"].map(hotel.guest);
    const heard = await Promise.all(guests.map((say, index) => say(ask(40 + 10 * index))));
    for (const text of heard) {
      expect(text).toMatch(UNKNOWN);
      expect(text).not.toMatch(SOLD_OUT);
    }
    await until(async () => expect(await hotel.circuit()).toBe(2));
    const asked = hotel.qloApps.requests.length;
    expect(await hotel.guest("59892000003")(ask(60))).toMatch(UNKNOWN);
    expect(hotel.qloApps.requests).toHaveLength(asked);
    hotel.qloApps.always = undefined;
    await until(async () => expect(await guests[0]!("intentar de nuevo")).toMatch(/doble/i), 30_000);
    expect(await hotel.circuit()).toBe(0);
  });

  test("answers HTML with 200: nothing is sold out, confirmed or doubled by it", async () => {
    const hotel = await openHotel("html");
    const [ana, bo] = ["59893000001", "59893000002"].map(hotel.guest);
    await ana!(`quiero una doble del ${isoDay(40)} al ${isoDay(42)} para 2, a nombre de Ana Paz`);
    hotel.qloApps.always = answering(200, "text/html", "<html><body>Your session has expired</body></html>");
    const unknown = await bo!(ask(50));
    expect(unknown).toMatch(UNKNOWN);
    expect(unknown).not.toMatch(SOLD_OUT);
    hotel.qloApps.always = undefined;
    expect(await bo!("intentar de nuevo")).toMatch(/doble/i); // before failures in a row open the circuit
    hotel.qloApps.always = answering(200, "text/html", "<html><body>Maintenance</body></html>");
    const unsure = await ana!("sí");
    expect(unsure).toContain("No pude confirmar");
    hotel.qloApps.always = undefined;
    await until(async () => expect(await ana!("sí")).toContain("confirmada"), 30_000);
    expect(hotel.qloApps.orders).toHaveLength(1);
    expect(hotel.qloApps.customers[0]).toMatchObject({ firstname: "Ana", lastname: "Paz" });
  });

  test("takes the last room and its answer is lost: the guest's next yes finds that booking, once", async () => {
    const hotel = await openHotel("lost", 1);
    const ana = hotel.guest("59894000001");
    expect(await ana(ask(40))).toMatch(/doble/i);
    expect(await ana("la doble")).toMatch(/nombre/i);
    await ana("Ana Paz");
    const { handle } = hotel.qloApps;
    hotel.qloApps.handle = async (request, response) => {
      await handle(request, response);
      if (request.method === "POST" && request.url?.startsWith("/api/bookings"))
        hotel.qloApps.always = answering(503, "text/html", "away");
    };
    hotel.qloApps.swallow = true;
    const unsure = await ana("sí");
    expect(unsure).toContain("No pude confirmar");
    expect(unsure).not.toMatch(SOLD_OUT);
    hotel.qloApps.handle = handle;
    hotel.qloApps.always = undefined;
    await until(async () => expect(await ana("sí")).toContain("confirmada"), 30_000);
    expect(hotel.qloApps.orders.map(({ state }) => state)).toEqual([1]);
    expect(await hotel.guest("59894000002")(ask(40))).toMatch(SOLD_OUT);
  });
});
