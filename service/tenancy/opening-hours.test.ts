import { describe, expect, test } from "vitest";
import { type Hours, isOpen, isTimeZone, nextOpening, openingHoursSchema } from "./opening-hours.ts";

const office: Hours = {
  timeZone: "America/Montevideo",
  businessHours: [
    { days: ["mon", "tue", "wed", "thu", "fri"], open: "09:00", close: "18:00" },
    { days: ["fri", "sat"], open: "22:00", close: "02:30" },
  ],
};
const montevideo = (local: string) => new Date(`${local}-03:00`);

describe("isOpen", () => {
  test.each([
    ["2026-03-09T08:59:59", false, "Monday before opening"],
    ["2026-03-09T09:00:00", true, "Monday at opening"],
    ["2026-03-09T17:59:59", true, "Monday before closing"],
    ["2026-03-09T18:00:00", false, "Monday at closing"],
    ["2026-03-13T22:00:00", true, "Friday night begins"],
    ["2026-03-14T02:29:00", true, "Friday night goes on on Saturday"],
    ["2026-03-14T02:30:00", false, "Friday night ends on Saturday"],
    ["2026-03-15T01:00:00", true, "Saturday night goes on on Sunday"],
    ["2026-03-15T22:30:00", false, "Sunday night has no hours"],
    ["2026-03-16T01:00:00", false, "nor its morning after"],
    ["2026-03-13T01:00:00", false, "Thursday night has none either"],
  ])("at %s: %s (%s)", (local, open) => {
    expect(isOpen(office, montevideo(local))).toBe(open);
  });

  test("follows the clock through daylight saving time", () => {
    const madrid: Hours = { timeZone: "Europe/Madrid", businessHours: [{ days: ["sun"], open: "09:00", close: "18:00" }] };
    // 2026-03-29: clocks go from 02:00 to 03:00; 2026-10-25: from 03:00 to 02:00.
    expect(isOpen(madrid, new Date("2026-03-22T07:30:00Z"))).toBe(false);
    expect(isOpen(madrid, new Date("2026-03-29T07:30:00Z"))).toBe(true);
    expect(isOpen(madrid, new Date("2026-10-25T07:30:00Z"))).toBe(false);
    expect(isOpen(madrid, new Date("2026-10-25T16:59:00Z"))).toBe(true);
    const night: Hours = { timeZone: "Europe/Madrid", businessHours: [{ days: ["sat"], open: "22:00", close: "02:30" }] };
    expect(isOpen(night, new Date("2026-10-25T00:15:00Z")), "02:15 the first time").toBe(true);
    expect(isOpen(night, new Date("2026-10-25T01:15:00Z")), "02:15 the second time").toBe(true);
    expect(isOpen(night, new Date("2026-03-29T01:15:00Z")), "03:15, after 02:30 never was").toBe(false);
  });

  test("no hours means always, an empty list never, 00:00 to 24:00 the whole day", () => {
    const at = montevideo("2026-03-09T23:59:00");
    expect(isOpen({ timeZone: "UTC", businessHours: null }, at)).toBe(true);
    expect(isOpen({ timeZone: "UTC", businessHours: [] }, at)).toBe(false);
    expect(
      isOpen({ timeZone: "America/Montevideo", businessHours: [{ days: ["mon"], open: "00:00", close: "24:00" }] }, at),
    ).toBe(true);
  });
});

test.each([
  ["2026-03-09T07:00:00", { day: "mon", time: "09:00", inDays: 0 }],
  ["2026-03-09T18:00:00", { day: "tue", time: "09:00", inDays: 1 }],
  ["2026-03-13T19:00:00", { day: "fri", time: "22:00", inDays: 0 }],
  ["2026-03-14T03:00:00", { day: "sat", time: "22:00", inDays: 0 }],
  ["2026-03-15T12:00:00", { day: "mon", time: "09:00", inDays: 1 }],
  ["2026-03-09T12:00:00", undefined],
])("closed at %s: opens next %j", (local, next) => {
  expect(nextOpening(office, montevideo(local))).toEqual(next);
});

test("a single range a week opens again in seven days; none never", () => {
  const mondays: Hours = { timeZone: "UTC", businessHours: [{ days: ["mon"], open: "09:00", close: "10:00" }] };
  expect(nextOpening(mondays, new Date("2026-03-09T11:00:00Z"))).toEqual({ day: "mon", time: "09:00", inDays: 7 });
  expect(nextOpening({ timeZone: "UTC", businessHours: [] }, new Date())).toBeUndefined();
});

test.each([
  [{ days: [], open: "09:00", close: "18:00" }, "days"],
  [{ days: ["mon", "mon"], open: "09:00", close: "18:00" }, "days"],
  [{ days: ["lun"], open: "09:00", close: "18:00" }, "days.0"],
  [{ days: ["mon"], open: "24:00", close: "18:00" }, "open"],
  [{ days: ["mon"], open: "9:00", close: "18:00" }, "open"],
  [{ days: ["mon"], open: "09:00", close: "24:01" }, "close"],
  [{ days: ["mon"], open: "09:00", close: "09:00" }, ""],
])("refuses %j", (range, path) => {
  expect(openingHoursSchema.safeParse(range).error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});

test("knows time zones", () => {
  for (const name of ["UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+3"]) expect(isTimeZone(name), name).toBe(true);
  for (const name of ["Mars/Olympus", "+03:00", "", "../etc/passwd"]) expect(isTimeZone(name), name).toBe(false);
});
