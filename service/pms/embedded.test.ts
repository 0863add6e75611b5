import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../test/database.ts";
import { DEMO_ROOM_TYPES } from "./demo-hotel.ts";
import { createEmbeddedPms, HOLD_MINUTES } from "./embedded.ts";
import type { HoldRequest } from "./port.ts";

const SUITES = DEMO_ROOM_TYPES.find(({ code }) => code === "suite")!.rooms;

describe.each(KINDS)("the embedded PMS on %s", (kind) => {
  let made: TestDatabase;
  let clock = new Date("2026-03-10T12:00:00Z");
  const hotel = (tenantId: string) => createEmbeddedPms({ database: made.database, tenantId, demo: true, now: () => clock });
  const request = (key: string, change: Partial<HoldRequest> = {}): HoldRequest => ({
    key,
    userId: "598991234",
    roomType: "suite",
    checkIn: "2026-04-13",
    checkOut: "2026-04-16",
    adults: 2,
    children: 0,
    ...change,
  });

  beforeAll(async () => {
    made = await makeDatabase(kind, 10);
  });
  afterAll(() => made.close());

  test("100 guests who book the same nights at once get each room once", async () => {
    const pms = hotel("crowded");
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, async (_, index) => {
        const held = await pms.hold(request(`m${index}`, { userId: `guest-${index}` }));
        return pms.confirm(held.code, "Ana");
      }),
    );
    const confirmed = results.filter(({ status }) => status === "fulfilled");
    const refused = results.filter((result) => result.status === "rejected" && result.reason.code === "SOLD_OUT");
    expect([confirmed.length, refused.length]).toEqual([SUITES, 100 - SUITES]);
    const rooms = await made.pool.query("select count(distinct room)::int n from reservations where tenant_id = 'crowded'");
    expect(rooms.rows[0].n).toBe(SUITES);
    const offers = await pms.availability(request("q"));
    expect(offers.find(({ roomType }) => roomType === "suite")?.available).toBe(0);
  });

  test("the database itself refuses two guests in one room on one night", async () => {
    const pms = hotel("guarded");
    const held = await pms.hold(request("first"));
    const copy = (checkIn: string, checkOut: string) =>
      made.database.forTenant("guarded", (sql) =>
        sql(
          `insert into reservations (tenant_id, code, user_id, room_type, room, check_in, check_out, adults, status, total, currency, request_key)
           select tenant_id, $2, user_id, room_type, room, $3, $4, adults, 'confirmed', total, currency, $2
             from reservations where code = $1`,
          [held.code, `COPY-${checkIn}`, checkIn, checkOut],
        ),
      );
    await expect(copy("2026-04-15", "2026-04-18")).rejects.toMatchObject({ code: "23P01" });
    await copy("2026-04-16", "2026-04-18"); // the day of departure is the next guest's day of arrival
  });

  test("the same key is the same hold", async () => {
    const pms = hotel("retried");
    const [one, two] = await Promise.all([pms.hold(request("same")), pms.hold(request("same"))]);
    expect(two.code).toBe(one.code);
    expect(await pms.reservationsOf("598991234")).toHaveLength(1);
  });

  test("a hold that ran out frees its room and can't be confirmed", async () => {
    const pms = hotel("forgetful");
    const held = [];
    for (let index = 0; index < SUITES; index++) held.push(await pms.hold(request(`h${index}`)));
    await expect(pms.hold(request("late"))).rejects.toMatchObject({ code: "SOLD_OUT" });
    const before = clock;
    clock = new Date(clock.getTime() + HOLD_MINUTES * 60_000 + 1);
    try {
      expect((await pms.availability(request("q"))).find(({ roomType }) => roomType === "suite")?.available).toBe(SUITES);
      expect((await pms.reservation(held[0]!.code))?.status).toBe("cancelled");
      await expect(pms.confirm(held[0]!.code, undefined)).rejects.toMatchObject({ code: "HOLD_EXPIRED" });
      await pms.hold(request("late"));
    } finally {
      clock = before;
    }
  });

  test("prices follow the season and the day of the week; short stays at new year are refused", async () => {
    const pms = hotel("priced");
    const total = async (checkIn: string, checkOut: string) =>
      (await pms.availability(request("q", { checkIn, checkOut }))).find(({ roomType }) => roomType === "double");
    expect((await total("2026-04-13", "2026-04-16"))?.total).toEqual({ amount: 300, currency: "USD" });
    expect((await total("2026-04-16", "2026-04-19"))?.total.amount).toBe(100 + 110 + 110);
    expect((await total("2027-01-10", "2027-01-12"))?.total.amount).toBe(270);
    expect((await total("2026-12-31", "2027-01-01"))?.restriction).toEqual({ code: "MIN_NIGHTS", minNights: 2 });
    await expect(pms.hold(request("ny", { checkIn: "2026-12-31", checkOut: "2027-01-01" }))).rejects.toMatchObject({
      code: "RESTRICTED",
    });
  });

  test("only rooms that are large enough are offered", async () => {
    const pms = hotel("sized");
    const types = async (adults: number, children: number) =>
      (await pms.availability(request("q", { adults, children }))).map(({ roomType }) => roomType);
    expect(await types(1, 0)).toContain("single");
    expect(await types(3, 0)).toEqual(["triple", "family"]);
    expect(await types(4, 2)).toEqual(["family"]);
    expect(await types(12, 0)).toEqual([]);
    await expect(pms.hold(request("big", { adults: 5 }))).rejects.toMatchObject({ code: "INVALID" });
  });

  test("a change moves the reservation, keeps its room free for itself and costs what the new nights cost", async () => {
    const pms = hotel("changed");
    const { code } = await pms.hold(request("c", { roomType: "double" }));
    await pms.confirm(code, "Ana Pérez");
    const moved = await pms.modify(code, { checkIn: "2026-04-14", checkOut: "2026-04-18" });
    expect(moved).toMatchObject({
      code,
      checkIn: "2026-04-14",
      checkOut: "2026-04-18",
      guestName: "Ana Pérez",
      status: "confirmed",
      total: { amount: 410 },
    });
    expect(await pms.modify(code, { checkIn: "2026-04-14", checkOut: "2026-04-18" })).toEqual(moved);
    for (let index = 0; index < SUITES; index++) await pms.hold(request(`s${index}`));
    await expect(pms.modify(code, { roomType: "suite" })).rejects.toMatchObject({ code: "SOLD_OUT" });
    expect(await pms.reservation(code)).toEqual(moved);
  });

  test("cancelling twice is cancelling once; what is cancelled can't be changed and is free again", async () => {
    const pms = hotel("cancelled");
    const { code } = await pms.hold(request("x"));
    expect((await pms.cancel(code)).status).toBe("cancelled");
    expect((await pms.cancel(code)).status).toBe("cancelled");
    await expect(pms.modify(code, { adults: 1 })).rejects.toMatchObject({ code: "NOT_CHANGEABLE" });
    await expect(pms.cancel("GH-NOPE22")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await pms.availability(request("q"))).find(({ roomType }) => roomType === "suite")?.available).toBe(SUITES);
  });

  test("hotels don't see each other's reservations, and a hotel that isn't the demo has no rooms to sell", async () => {
    const { code } = await hotel("north").hold(request("n"));
    expect(await hotel("south").reservation(code)).toBeUndefined();
    expect(await hotel("south").reservationsOf("598991234")).toEqual([]);
    const real = createEmbeddedPms({ database: made.database, tenantId: "real", demo: false, now: () => clock });
    expect(await real.roomTypes()).toEqual([]);
    expect(await real.availability(request("q"))).toEqual([]);
  });
});
