import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { createLogger } from "../telemetry/log.ts";
import { HOLD_MINUTES } from "./embedded.ts";
import type { HoldRequest, PmsAdapter } from "./port.ts";
import { createQloAppsPms, type QloAppsOptions } from "./qloapps.ts";

const KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456";
const ROOMS = 2;
const PRICE = 120;

interface Stored {
  id: number;
  currency: string;
  booking_status: number;
  remark: string;
  associations: {
    customer_detail: Record<string, string>;
    price_details: { total_price_with_tax: number };
    room_types: {
      id_room_type: number;
      checkin_date: string;
      checkout_date: string;
      rooms: { adults: number; child: number }[];
    }[];
  };
}

/** A QloApps that takes only what its web service documents: key as user, XML for hotel_ari, required fields of bookings. */
class StandIn {
  bookings: Stored[] = [];
  requests: string[] = [];
  /** Answers in place of the next ones. */
  next: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
  /** Takes the next booking and then breaks the line before it has said so. */
  swallow = false;

  handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, "http://qlo");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    this.requests.push(`${request.method} ${url.pathname}`);
    const send = (status: number, value: unknown) => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    };
    const refuse = (status: number, message: string) => send(status, { errors: [{ code: status, message }] });
    const special = this.next.shift();
    if (special !== undefined) return special(request, response);
    if (request.headers.authorization !== `Basic ${Buffer.from(`${KEY}:`).toString("base64")}`)
      return refuse(401, "Invalid authentication key");
    if (url.searchParams.get("io_format") !== "JSON") return refuse(400, "this stand-in answers JSON only");

    if (request.method === "POST" && url.pathname === "/api/hotel_ari") {
      const tag = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(body)?.[1];
      if (!body.startsWith("<?xml") || tag("id_hotel") !== "1") return refuse(400, "id_hotel is required");
      const [from, to] = [tag("date_from")!, tag("date_to")!];
      if (!/^\d{4}-\d{2}-\d{2}$/.test(from) || to <= from) return refuse(400, "Invalid date range");
      const free = ROOMS - this.taken(from, to).length;
      const nights = (Date.parse(to) - Date.parse(from)) / 86_400_000;
      const type = {
        id_room_type: "5",
        total_price_with_tax: PRICE * nights,
        rooms: { available: Array.from({ length: free }, (_, index) => ({ id_room: String(index + 1) })) },
      };
      return send(200, { hotel_aris: [{ id_hotel: "1", currency: "EUR", ...(free > 0 ? { room_types: [type] } : {}) }] });
    }
    if (request.method === "GET" && url.pathname === "/api/room_types") {
      return send(200, {
        room_types: [
          { id: 5, price: "100.000000" },
          { id: 9, price: "1" },
        ],
      });
    }
    if (request.method === "GET" && url.pathname === "/api/bookings") {
      return send(200, { bookings: this.bookings.map(({ id }) => ({ id })) });
    }
    const id = /^\/api\/bookings\/(\d+)$/.exec(url.pathname)?.[1];
    const stored = this.bookings.find((booking) => String(booking.id) === id);
    if (request.method === "GET" && id !== undefined) {
      return stored === undefined ? refuse(404, "Booking not found") : send(200, { booking: stored });
    }
    if (url.pathname === "/api/bookings" && request.method === "POST") {
      const { booking } = JSON.parse(body);
      const missing = ["id_property", "booking_status", "payment_status"].filter((field) => booking[field] === undefined);
      const customer = booking.associations?.customer_detail ?? {};
      missing.push(...["firstname", "lastname", "email", "phone"].filter((field) => !customer[field]));
      if (missing.length > 0) return refuse(400, `missing: ${missing.join(", ")}`);
      const [stay] = booking.associations.room_types;
      if (this.taken(stay.checkin_date, stay.checkout_date).length >= ROOMS)
        return refuse(400, "Room is not available for the dates");
      const made = this.store({ ...booking, id: 100 + this.bookings.length });
      this.bookings.push(made);
      if (this.swallow) {
        this.swallow = false;
        request.socket.destroy();
        return;
      }
      return send(201, { booking: made });
    }
    if (request.method === "PUT" && stored !== undefined) {
      const { booking } = JSON.parse(body);
      if (String(booking.id) !== id) return refuse(400, "the id in the body differs");
      const merged = { ...stored, ...booking, id: stored.id, associations: { ...stored.associations, ...booking.associations } };
      merged.associations.customer_detail = { ...stored.associations.customer_detail, ...booking.associations?.customer_detail };
      const [stay] = merged.associations.room_types;
      const others = this.taken(stay.checkin_date, stay.checkout_date).filter((other) => other !== stored);
      if (others.length >= ROOMS) return refuse(400, "Room is not available for the dates");
      Object.assign(stored, this.store(merged));
      return send(200, { booking: stored });
    }
    return refuse(404, `there is no ${request.method} ${url.pathname}`);
  };

  private taken(from: string, to: string): Stored[] {
    return this.bookings.filter(
      ({ booking_status: status, associations: { room_types: types } }) =>
        status < 3 && types[0]!.checkin_date.slice(0, 10) < to && types[0]!.checkout_date.slice(0, 10) > from,
    );
  }

  private store(booking: Stored): Stored {
    const [stay] = booking.associations.room_types;
    const nights = (Date.parse(stay!.checkout_date.slice(0, 10)) - Date.parse(stay!.checkin_date.slice(0, 10))) / 86_400_000;
    const room_types = [
      {
        ...stay!,
        checkin_date: `${stay!.checkin_date.slice(0, 10)} 00:00:00`,
        checkout_date: `${stay!.checkout_date.slice(0, 10)} 00:00:00`,
      },
    ];
    return {
      ...booking,
      associations: { ...booking.associations, room_types, price_details: { total_price_with_tax: PRICE * nights } },
    };
  }
}

let made: TestDatabase;
let server: Server;
let url: string;
let qlo = new StandIn();
let clock: Date;
beforeAll(async () => {
  made = await makeDatabase("postgres");
  server = createServer((request, response) => void qlo.handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  qlo = new StandIn();
  clock = new Date("2026-03-10T12:00:00Z");
});
afterEach(() => made.pool.query("delete from external_bookings"));
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await made.close();
});

const hotel = (options: Partial<QloAppsOptions> = {}): PmsAdapter =>
  createQloAppsPms({
    url,
    apiKey: KEY,
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
type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const raw = (status: number, type: string, text: string): Answer => {
  return (_request, response) => {
    response.writeHead(status, { "Content-Type": type }).end(text);
  };
};
const html = (status: number) => raw(status, "text/html", "<html><body>Service maintenance</body></html>");
const json = (status: number, text: string) => raw(status, "application/json", text);

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
