import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { answering, QLOAPPS_KEY, QloApps, serveQloApps } from "../../test/qloapps.ts";
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
    roomTypes: { double: { id: 5 } },
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

/** States of the orders in QloApps: 1 awaiting payment, 4 canceled. */
const states = () => qlo.orders.map(({ state }) => state);
const later = (minutes: number) => {
  clock = new Date(clock.getTime() + minutes * 60_000 + 1);
};

describe.each([7, 8] as const)("on PHP %s", (php) => {
  test("a booking goes its way: offered, held here, booked at the yes with its name, changed, cancelled", async () => {
    qlo.php = php;
    const pms = hotel();
    expect(await pms.roomTypes()).toEqual([
      { roomType: "double", maxAdults: 2, maxGuests: 3, from: { amount: 120, currency: "EUR" } },
    ]);
    expect(await pms.availability(request("q"))).toEqual([
      { roomType: "double", available: 2, nights: 3, total: { amount: 360, currency: "EUR" } },
    ]);
    const held = await pms.hold(request("m1"));
    expect(held).toMatchObject({ status: "held", checkIn: "2026-04-12", guestName: undefined, total: { amount: 360 } });
    expect(held.code).toMatch(/^GH-[2-9A-HJ-NP-Z]{6}$/);
    expect(qlo.orders, "nothing is booked, and nobody gets a mail, before the guest says yes").toEqual([]);
    expect((await pms.availability(request("q")))[0]?.available).toBe(1);

    const confirmed = await pms.confirm(held.code, "Ana María Pérez");
    expect(confirmed).toMatchObject({ code: held.code, status: "confirmed", guestName: "Ana María Pérez", heldUntil: undefined });
    expect(qlo.orders[0]).toMatchObject({ source: "gatehouse", remark: expect.stringContaining(held.code) });
    expect(qlo.mails).toBe(4);
    expect((await pms.availability(request("q")))[0]?.available).toBe(1);

    const moved = await pms.modify(held.code, { checkOut: "2026-04-16" });
    expect(moved).toMatchObject({
      status: "confirmed",
      checkOut: "2026-04-16",
      guestName: "Ana María Pérez",
      total: { amount: 480 },
    });
    expect(await pms.modify(held.code, { adults: 1, children: 1 })).toMatchObject({
      adults: 1,
      children: 1,
      total: { amount: 480 },
    });
    expect(await pms.modify(held.code, { guestName: "Ana Paz" })).toMatchObject({ guestName: "Ana Paz", adults: 1, children: 1 });
    expect(qlo.customers[0], "a change keeps the guest's number").toMatchObject({ phone: "59899123456" });
    expect(await pms.reservationsOf("59899123456")).toMatchObject([
      { code: held.code, status: "confirmed", checkOut: "2026-04-16" },
    ]);
    expect((await pms.cancel(held.code)).status).toBe("cancelled");
    expect((await pms.cancel(held.code)).status).toBe("cancelled");
    expect((await pms.reservation(held.code))?.status).toBe("cancelled");
    expect(states()).toEqual([4]);
    expect((await pms.availability(request("q")))[0]?.available).toBe(2);
  });
});

test("a full hotel is sold out, and listed there all the same; a guest too many is no guest for this room", async () => {
  const pms = hotel();
  await pms.hold(request("a"));
  const { code } = await pms.hold(request("b"));
  expect((await pms.availability(request("q")))[0]?.available).toBe(0);
  await expect(pms.hold(request("c"))).rejects.toMatchObject({ name: "PmsRefusal", code: "SOLD_OUT" });
  await pms.confirm(code, "Bo");
  await expect(pms.hold(request("d"))).rejects.toMatchObject({ code: "SOLD_OUT" });
  expect(await pms.availability(request("q", { adults: 3 }))).toEqual([]);
  await expect(pms.hold(request("e", { adults: 3 }))).rejects.toMatchObject({ code: "INVALID" });
});

test("a hold that ran out, or was given up, is free again and can't be confirmed; nothing of it was ever in QloApps", async () => {
  const pms = hotel();
  const first = await pms.hold(request("a"));
  const second = await pms.hold(request("b"));
  expect((await pms.cancel(second.code)).status).toBe("cancelled");
  expect((await pms.availability(request("q")))[0]?.available).toBe(1);
  later(HOLD_MINUTES);
  expect((await pms.reservation(first.code))?.status).toBe("cancelled");
  for (const { code } of [first, second])
    await expect(pms.confirm(code, undefined)).rejects.toMatchObject({ code: "HOLD_EXPIRED" });
  expect((await pms.availability(request("q")))[0]?.available).toBe(2);
  expect(qlo.requests.filter((each) => each === "POST /api/bookings")).toEqual([]);
});

test("asked for again, a hold is the same hold", async () => {
  const pms = hotel();
  const codes = await Promise.all([1, 2, 3].map(async () => (await pms.hold(request("m1"))).code));
  expect(new Set(codes).size).toBe(1);
  expect((await pms.availability(request("q")))[0]?.available).toBe(1);
});

describe("whatever QloApps answers, the key in the remark tells whether it booked", () => {
  test("the line breaks after it has booked: the guest's next yes finds that booking, and makes no second one", async () => {
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    qlo.swallow = true;
    // It is looked for at once, too.
    expect((await pms.confirm(code, "Ana Paz")).status).toBe("confirmed");
    expect((await pms.confirm(code, "Ana Paz")).status).toBe("confirmed");
    expect(states()).toEqual([1]);
  });

  test("it books and is away then: the room stays the guest's, and the next question about rooms learns of it", async () => {
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    const { handle } = qlo;
    qlo.handle = async (question, response) => {
      await handle(question, response);
      if (question.method === "POST" && question.url?.startsWith("/api/bookings")) qlo.always = html(503);
    };
    qlo.swallow = true;
    await expect(pms.confirm(code, "Ana Paz")).rejects.toThrow();
    qlo.always = undefined;
    qlo.handle = handle;
    later(HOLD_MINUTES);
    expect((await pms.reservation(code))?.status, "it may be booked").toBe("held");
    await pms.availability(request("q"));
    expect((await pms.reservation(code))?.status).toBe("confirmed");
    expect(states()).toEqual([1]);
  });

  test("it never came to anything: the room is free again after a while", async () => {
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    const { handle } = qlo;
    qlo.handle = async (question, response) => {
      if (question.method === "POST" && question.url?.startsWith("/api/bookings")) qlo.always = html(503);
      return handle(question, response);
    };
    await expect(pms.confirm(code, "Ana Paz")).rejects.toThrow();
    qlo.always = undefined;
    qlo.handle = handle;
    later(HOLD_MINUTES);
    expect((await pms.availability(request("q")))[0]?.available).toBe(2);
    expect((await pms.reservation(code))?.status).toBe("cancelled");
  });

  test("500 and booked is booked, once", async () => {
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    const { handle } = qlo;
    qlo.handle = async (question, response) => {
      const book = question.method === "POST" && question.url?.startsWith("/api/bookings");
      if (!book) return handle(question, response);
      const { writeHead } = response;
      response.writeHead = ((status: number, ...rest: never[]) =>
        writeHead.call(response, status === 200 ? 500 : status, ...rest)) as never;
      return handle(question, response);
    };
    expect((await pms.confirm(code, "Ana Paz")).status).toBe("confirmed");
    expect(states()).toEqual([1]);
  });
});

describe("the last room", () => {
  test("of a hundred guests who ask at once one holds it, and has it", async () => {
    qlo = new QloApps(1);
    const processes = [hotel(), hotel()];
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, guest) => processes[guest % 2]!.hold(request(`m${guest}`, { userId: `5989900${guest}` }))),
    );
    const held = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(held).toHaveLength(1);
    for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "SOLD_OUT" });
    expect((await processes[1]!.confirm(held[0]!.code, "Ana Paz")).status).toBe("confirmed");
    expect(states()).toEqual([1]);
  });

  test("sold by the website between the hold and the yes: the guest reads so, and nothing stays booked", async () => {
    qlo = new QloApps(1);
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    sellElsewhere();
    await expect(pms.confirm(code, "Ana Paz")).rejects.toMatchObject({ code: "SOLD_OUT" });
    expect((await pms.reservation(code))?.status).toBe("cancelled");
    expect(states()).toEqual([1]);
  });

  test("sold twice by QloApps in the same moment: whoever came first keeps it", async () => {
    qlo = new QloApps(1);
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    qlo.bookingMs = 30;
    const { handle } = qlo;
    qlo.handle = async (question, response) => {
      // The website's booking is written while ours is under way.
      if (question.method === "POST" && question.url?.startsWith("/api/bookings")) setTimeout(sellElsewhere, 5);
      return handle(question, response);
    };
    await expect(pms.confirm(code, "Ana Paz")).rejects.toMatchObject({ code: "SOLD_OUT" });
    expect(qlo.orders.filter(({ state }) => state === 1).map(({ source }) => source)).toEqual(["website"]);
  });
});

/** Somebody books the first free room on the hotel's own site. */
function sellElsewhere(): void {
  qlo.orders.unshift({
    id: 9_000 + qlo.orders.length,
    source: "website",
    currency: "EUR",
    remark: "",
    customer: 1,
    state: 1,
    rooms: [
      { id: 0, idRoom: 1, idType: 5, from: "2026-04-10", to: "2026-04-20", adults: 2, children: 0, childAges: [], net: 1_000 },
    ],
    services: 0,
    cartRules: [],
  });
}

describe("money and people", () => {
  test("what is quoted is what is booked, with the services that QloApps adds by itself", async () => {
    qlo.automaticService = 25;
    const pms = hotel();
    expect((await pms.roomTypes())[0]?.from.amount).toBe(150);
    expect((await pms.availability(request("q")))[0]?.total.amount).toBe(450);
    const { code } = await pms.hold(request("m1"));
    expect((await pms.confirm(code, "Ana Paz")).total.amount).toBe(450);
  });

  test("a rate that changes between quote and yes is asked about anew", async () => {
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    qlo.automaticService = 25;
    await expect(pms.confirm(code, "Ana Paz")).rejects.toMatchObject({ code: "HOLD_EXPIRED" });
    expect(qlo.orders).toEqual([]);
  });

  test("two web guests, and one whose id has no digit, are two customers with numbers that QloApps takes", async () => {
    const pms = hotel();
    for (const [key, userId, name] of [
      ["a", "web-7abcdefghijklmnopqrstu", "Marta Ruiz"],
      ["b", "web-abcdefg7hijklmnopqrstu", "Pedro Ferreira"],
    ] as const) {
      const { code } = await pms.hold(request(key, { userId, checkIn: "2026-05-01", checkOut: "2026-05-02" }));
      await pms.confirm(code, name);
    }
    const { code } = await pms.hold(request("c", { userId: "web-abcdefghijklmnopqrstuv" }));
    await pms.confirm(code, "Eva");
    expect(qlo.customers.map(({ firstname }) => firstname)).toEqual(["Marta", "Pedro", "Eva"]);
    expect((await pms.reservationsOf("web-7abcdefghijklmnopqrstu"))[0]?.guestName).toBe("Marta Ruiz");
  });

  test.each([
    ["María de los Ángeles Fernández-Villaverde y Gutiérrez de la Concha", "María"],
    ["Ana (2ª) <b>Paz</b>!", "Ana"],
    ["¿Bo?", "¿Bo"],
    ["@@@ 123", "Guest"],
  ])("the name %j is one that QloApps takes", async (name, first) => {
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    expect((await pms.confirm(code, name)).status).toBe("confirmed");
    expect(qlo.customers[0]?.firstname).toBe(first);
  });

  test("what reception added isn't wiped by a change: reception changes it", async () => {
    const pms = hotel();
    const { code } = await pms.hold(request("m1"));
    await pms.confirm(code, "Ana Paz");
    qlo.orders[0]!.services = 30;
    await expect(pms.modify(code, { checkOut: "2026-04-16" })).rejects.toMatchObject({ code: "NOT_CHANGEABLE" });
    expect(qlo.orders[0]).toMatchObject({ services: 30, rooms: [{ to: "2026-04-15" }] });
    expect((await pms.modify(code, { adults: 1 })).adults, "guests change without it").toBe(1);
    expect(qlo.orders[0]?.services).toBe(30);
  });
});

describe("what isn't as it should be", () => {
  test("too short a stay is told as that, not as sold out", async () => {
    qlo.minNights = 5;
    const [offer] = await hotel().availability(request("q"));
    expect(offer).toMatchObject({ available: 0, restriction: { code: "MIN_NIGHTS", minNights: 5 } });
    await expect(hotel().hold(request("m1"))).rejects.toMatchObject({ code: "RESTRICTED" });
  });

  test.each([
    ["a hotel that isn't there", { hotelId: "99" }, /room type|no room types/],
    ["a room type that isn't there", { roomTypes: { double: { id: 77 } } }, /pms_room_types\.double\.id.*77/],
  ])("%s is a mistake in the settings, never sold out", async (_what, options, message) => {
    await expect(hotel(options).availability(request("q"))).rejects.toThrow(message);
  });

  test("a booking that the hotel deleted is cancelled, and hides no other", async () => {
    const pms = hotel();
    const [first, second] = [await pms.hold(request("a")), await pms.hold(request("b"))];
    for (const { code } of [first, second]) await pms.confirm(code, "Ana Paz");
    qlo.deleted.add(1);
    const statuses = (await pms.reservationsOf("59899123456")).map(({ status }) => status).sort();
    expect(statuses).toEqual(["cancelled", "confirmed"]);
    qlo.orders[1]!.rooms[0]!.idType = 99;
    expect((await pms.reservation(second.code))?.roomType, "moved to a type that we don't know").toBe("double");
  });

  test("an answer without an end is hung up on", async () => {
    let sent = 0;
    qlo.next.push((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const chunk = Buffer.alloc(256 * 1024, " ");
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      response.on("drain", more);
      more();
    });
    await expect(hotel().ping()).rejects.toThrow(/more than 5000000 bytes/);
    expect(sent).toBeLessThan(50_000_000);
  });
});

test("every recorded request gets the recorded kind of answer from the stand-in", async () => {
  qlo = new QloApps(5, { type: 2, nightNet: 1_500, tax: 0.21 });
  qlo.automaticService = 250;
  const recorded = readFileSync(new URL("fixtures/qloapps.jsonl", import.meta.url), "utf8")
    .trim()
    .split("\n");
  expect(recorded).toHaveLength(39);
  for (const line of recorded) {
    const { what, request: asked, response: answer } = JSON.parse(line) as Recorded;
    const key = what === "wrong key" ? "X".repeat(32) : what === "short key" ? "short" : QLOAPPS_KEY;
    const response = await fetch(`${server.url}/api/${asked.path}${asked.path.includes("?") ? "&" : "?"}io_format=JSON`, {
      method: asked.method,
      headers: { authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}` },
      ...(asked.body === undefined ? {} : { body: typeof asked.body === "string" ? asked.body : JSON.stringify(asked.body) }),
    });
    const text = await response.text();
    expect(response.status, what).toBe(answer.status);
    if (answer.type.startsWith("application/json")) covers(JSON.parse(text), JSON.parse(answer.body), what);
    else expect(text === "", `${what}: ${text}`).toBe(answer.body === "");
  }
});

interface Recorded {
  what: string;
  request: { method: string; path: string; body?: unknown };
  response: { status: number; type: string; body: string };
}

/** What the stand-in says has the recorded kind: each of its fields was recorded, with a value of the same kind. */
function covers(said: unknown, recorded: unknown, where: string): void {
  if (Array.isArray(said) || Array.isArray(recorded)) {
    expect(Array.isArray(said) && Array.isArray(recorded), `${where}: list`).toBe(true);
    const [first] = said as unknown[];
    const [other] = recorded as unknown[];
    expect(first === undefined, `${where}: empty`).toBe(other === undefined);
    if (first !== undefined && other !== undefined) covers(first, other, `${where}[0]`);
  } else if (typeof said === "object" && said !== null && typeof recorded === "object" && recorded !== null) {
    for (const [name, value] of Object.entries(said)) {
      const numbered = /^\d+$/.test(name);
      const match = (recorded as Record<string, unknown>)[name] ?? (numbered ? Object.values(recorded)[0] : undefined);
      expect(match, `${where}.${name} was never recorded`).toBeDefined();
      covers(value, match, `${where}.${name}`);
    }
  } else expect(typeof said, where).toBe(typeof recorded);
}

test.each([
  ["HTML with 200", html(200), /no JSON/],
  ["HTML with 503", html(503), /HTTP 503/],
  ["an empty answer", json(200, ""), /no JSON/],
  ["another shape", json(200, '{"hotel_aris":[{}]}'), /another shape/],
  ["an error of its own", json(500, '{"errors":[{"code":1,"message":"SQL"}]}'), /HTTP 500: SQL/],
] as const)("%s is a failure, never sold out", async (_name, answer, message) => {
  qlo.always = answer;
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
