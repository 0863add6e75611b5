import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { answering, QLOAPPS_KEY, QloApps, serveQloApps } from "../../test/qloapps.ts";
import { until } from "../../test/servers.ts";
import { createLogger } from "../telemetry/log.ts";
import { HOLD_MINUTES } from "./embedded.ts";
import type { HoldRequest, PmsAdapter } from "./port.ts";
import { createQloAppsPms, type QloAppsOptions } from "./qloapps.ts";

let made: TestDatabase;
let server: Awaited<ReturnType<typeof serveQloApps>>;
let qlo = new QloApps();
let clock: Date;
beforeAll(async () => {
  made = await makeDatabase("postgres");
  server = await serveQloApps({ handle: (request, response) => qlo.handle(request, response) });
});
beforeEach(() => {
  qlo = new QloApps();
  clock = new Date("2026-03-10T12:00:00Z");
});
afterEach(() => made.pool.query("delete from external_bookings"));
afterAll(async () => {
  await server.stop();
  await made.close();
});

const hotel = (options: Partial<QloAppsOptions> = {}): PmsAdapter =>
  createQloAppsPms({
    url: server.url,
    apiKey: QLOAPPS_KEY,
    hotelId: "1",
    currency: "EUR",
    roomTypes: { double: { id: 5, max_adults: 2, max_guests: 3 } },
    database: made.database,
    tenantId: "default",
    logger: createLogger("silent", "test"),
    now: () => clock,
    ...options,
  });
const request = (key: string, change: Partial<HoldRequest> = {}): HoldRequest => ({
  key,
  userId: "59899123456",
  roomType: "double",
  checkIn: "2026-04-12",
  checkOut: "2026-04-15",
  adults: 2,
  children: 0,
  ...change,
});
const html = (status: number) => answering(status, "text/html", "<html><body>Service maintenance</body></html>");
const json = (status: number, text: string) => answering(status, "application/json", text);

test("a booking goes its way: offered, held, confirmed with a name, changed, cancelled", async () => {
  const pms = hotel();
  expect(await pms.roomTypes()).toEqual([
    { roomType: "double", maxAdults: 2, maxGuests: 3, from: { amount: 100, currency: "EUR" } },
  ]);
  expect(await pms.availability(request("q"))).toEqual([
    { roomType: "double", available: 2, nights: 3, total: { amount: 360, currency: "EUR" } },
  ]);
  const held = await pms.hold(request("m1"));
  expect(held).toMatchObject({
    status: "held",
    checkIn: "2026-04-12",
    guestName: undefined,
    total: { amount: 360, currency: "EUR" },
  });
  const confirmed = await pms.confirm(held.code, "Ana María Pérez");
  expect(confirmed).toMatchObject({ status: "confirmed", guestName: "Ana María Pérez", heldUntil: undefined });
  const moved = await pms.modify(held.code, { checkOut: "2026-04-16" });
  expect(moved).toMatchObject({ status: "confirmed", checkOut: "2026-04-16", total: { amount: 480 } });
  expect(await pms.reservationsOf("59899123456")).toEqual([moved]);
  expect((await pms.cancel(held.code)).status).toBe("cancelled");
  expect((await pms.cancel(held.code)).status).toBe("cancelled");
  expect(qlo.bookings).toHaveLength(1);
});

test("a full hotel is sold out; a guest too many is no guest for this room", async () => {
  const pms = hotel();
  await pms.hold(request("a"));
  await pms.hold(request("b"));
  expect((await pms.availability(request("q")))[0]?.available).toBe(0);
  await expect(pms.hold(request("c"))).rejects.toMatchObject({ name: "PmsRefusal", code: "SOLD_OUT" });
  expect(await pms.availability(request("q", { adults: 3 }))).toEqual([]);
  await expect(pms.hold(request("d", { adults: 3 }))).rejects.toMatchObject({ code: "INVALID" });
});

test("a hold that ran out is given back, and can't be confirmed", async () => {
  const pms = hotel();
  const first = await pms.hold(request("a"));
  await pms.hold(request("b"));
  clock = new Date(clock.getTime() + HOLD_MINUTES * 60_000 + 1);
  expect((await pms.reservation(first.code))?.status).toBe("cancelled");
  await expect(pms.confirm(first.code, undefined)).rejects.toMatchObject({ code: "HOLD_EXPIRED" });
  expect((await pms.availability(request("q")))[0]?.available).toBe(2);
  expect(qlo.bookings.map(({ booking_status: status }) => status)).toEqual([3, 3]);
});

test("the line breaks after QloApps has booked: the same message finds that booking, and makes no second one", async () => {
  const pms = hotel();
  qlo.swallow = true;
  await expect(pms.hold(request("m1"))).rejects.toThrow();
  expect(qlo.bookings).toHaveLength(1);
  const held = await pms.hold(request("m1"));
  expect(held.code).toBe("Q100");
  expect((await pms.hold(request("m1"))).code).toBe("Q100");
  expect(qlo.bookings).toHaveLength(1);
});

test("the line breaks after QloApps has changed a booking: the same asked for again is the same", async () => {
  const pms = hotel();
  const { code } = await pms.hold(request("m1"));
  const lost = async (write: () => Promise<unknown>) => {
    qlo.swallow = true;
    await expect(write()).rejects.toThrow();
    expect(qlo.swallow).toBe(false);
    return write();
  };
  expect(await lost(() => pms.confirm(code, "Ana Paz"))).toMatchObject({ status: "confirmed", guestName: "Ana Paz" });
  expect(await lost(() => pms.modify(code, { checkOut: "2026-04-16" }))).toMatchObject({ checkOut: "2026-04-16" });
  expect(await lost(() => pms.cancel(code))).toMatchObject({ status: "cancelled" });
  expect(qlo.bookings.map(({ booking_status: status }) => status)).toEqual([3]);
});

test("what QloApps booked without anybody hearing of it is given back when the hold's time is over", async () => {
  const pms = hotel();
  qlo.swallow = true;
  await expect(pms.hold(request("m1"))).rejects.toThrow();
  clock = new Date(clock.getTime() + HOLD_MINUTES * 60_000 + 1);
  expect((await pms.availability(request("q")))[0]?.available).toBe(2);
  expect(qlo.bookings.map(({ booking_status: status }) => status)).toEqual([3]);
  expect((await made.pool.query("select 1 from external_bookings")).rows).toEqual([]);
});

test("a hold that got no answer, asked for again when its time is over, is one booking that can be confirmed", async () => {
  const pms = hotel();
  qlo.next.push(json(200, '{"hotel_aris":[{}]}'));
  await expect(pms.hold(request("never taken"))).rejects.toThrow(/another shape/);
  qlo.swallow = true;
  await expect(pms.hold(request("taken"))).rejects.toThrow();
  clock = new Date(clock.getTime() + HOLD_MINUTES * 60_000 + 1);
  for (const key of ["taken", "never taken"]) {
    const { code, status } = await pms.hold(request(key));
    expect(status).toBe("held");
    expect((await pms.confirm(code, undefined)).status).toBe("confirmed");
  }
  expect(qlo.bookings.map(({ booking_status: status }) => status)).toEqual([1, 1]);
});

test("a hold that QloApps is slow with, asked for again meanwhile, is one booking", async () => {
  const pms = hotel();
  let proceed: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  const { handle } = qlo;
  let arrived = 0;
  qlo.handle = async (question, response) => {
    if (question.method === "POST" && question.url?.startsWith("/api/bookings")) {
      arrived += 1;
      await slow;
    }
    return handle(question, response);
  };
  const holds = [pms.hold(request("m1"))];
  await until(async () => expect(arrived).toBe(1));
  holds.push(pms.hold(request("m1")), pms.hold(request("m1")));
  // Time enough for them to come as far as the first one.
  for (let round = 0; round < 20; round += 1) await pms.availability(request("q"));
  proceed();
  expect(new Set((await Promise.all(holds)).map(({ code }) => code))).toEqual(new Set(["Q100"]));
  expect(qlo.bookings).toHaveLength(1);
});

test.each([
  ["HTML with 200", html(200), /no JSON/],
  ["HTML with 503", html(503), /HTTP 503/],
  ["an empty answer", json(200, ""), /no JSON/],
  ["another shape", json(200, '{"hotel_aris":[{}]}'), /another shape/],
  ["an error of its own", json(500, '{"errors":[{"code":1,"message":"SQL"}]}'), /HTTP 500: SQL/],
] as const)("%s is a failure, never sold out", async (_name, answer, message) => {
  qlo.next.push(answer);
  const failure = await hotel()
    .availability(request("q"))
    .then(
      () => undefined,
      (error: Error) => error,
    );
  expect(failure?.name).toBe("Error");
  expect(failure?.message).toMatch(message);
});

test("a wrong key and settings that are missing are told, all at once, without the key", async () => {
  await expect(hotel({ apiKey: "wrong-key-wrong-key" }).roomTypes()).rejects.toThrow(/HTTP 401/);
  const bad = hotel({ url: undefined, apiKey: undefined, roomTypes: { penthouse: {}, double: { id: "x" } } });
  const message = await bad.roomTypes().then(
    () => "",
    (error: Error) => error.message,
  );
  for (const part of ["pms.url", "API key", "pms_room_types"]) expect(message).toContain(part);
});

test("nobody else's booking can be reached by its number", async () => {
  const { code } = await hotel().hold(request("m1"));
  await made.pool.query("insert into tenants (id, name) values ('other', 'Other') on conflict do nothing");
  const other = hotel({ tenantId: "other" });
  expect(await other.reservation(code)).toBeUndefined();
  await expect(other.cancel(code)).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(await hotel().reservation("Q999")).toBeUndefined();
  expect(await hotel().reservation("GH-234567")).toBeUndefined();
});
