import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dayOf, isoOf, nextWeekday, partsOf, todayAt, weekdayOf } from "./calendar.ts";
import { entitiesIn } from "./nlp/entities/entities.ts";

describe("days", () => {
  test("a month has its own number of days", () => {
    expect(dayOf(2026, 2, 29)).toBeUndefined();
    expect(isoOf(dayOf(2028, 2, 29)!)).toBe("2028-02-29");
    expect(dayOf(2026, 4, 31)).toBeUndefined();
    expect(dayOf(2026, 13, 1)).toBeUndefined();
  });

  test("a day and its parts are the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60_000 }), (day) => {
        const { year, month, date } = partsOf(day);
        expect(dayOf(year, month, date)).toBe(day);
        expect(weekdayOf(day)).toBe(new Date(`${isoOf(day)}T00:00:00Z`).getUTCDay());
      }),
    );
  });

  test("the next week day is within a week and never the same day", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 6 }), (day, weekday) => {
        const next = nextWeekday(day, weekday);
        expect(weekdayOf(next)).toBe(weekday);
        expect(next - day).toBeGreaterThanOrEqual(1);
        expect(next - day).toBeLessThanOrEqual(7);
      }),
    );
  });

  test("today is the hotel's day, not the server's", () => {
    const instant = new Date("2026-03-11T01:30:00Z");
    expect(isoOf(todayAt(instant, "America/Montevideo"))).toBe("2026-03-10");
    expect(isoOf(todayAt(instant, "Asia/Tokyo"))).toBe("2026-03-11");
  });
});

test("any string gives real dates, real times and sane counts", () => {
  const word = fc.constantFrom(
    ..."del al de 12 31 4 15/4 99/99 2026-02-30 abril may w5 viernes finde que viene mañana pasado en 3 días noches 2 adultos niños somos para las 25:99 8 pm y media o entre hasta $ usd 1.500,50 segunda dia".split(
      " ",
    ),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word, { maxLength: 25 }).map((words) => words.join(" ")),
        fc.string(),
      ),
      fc.constantFrom("es", "en", "pt"),
      (text, language) => {
        const found = entitiesIn(text, {
          now: new Date("2026-03-10T15:00:00Z"),
          timeZone: "America/Montevideo",
          language,
          intent: "make_reservation",
        });
        for (const name of ["check_in", "check_out", "date"] as const) {
          const date = found[name];
          if (date !== undefined) expect(isoOf(Date.parse(date) / 86_400_000)).toBe(date);
        }
        if (found.time !== undefined) expect(found.time).toMatch(/^([01]\d|2[0-3]):[0-5]\d$/);
        for (const name of ["nights", "adults", "children", "amount"] as const) {
          if (found[name] !== undefined) expect(Number.isFinite(found[name])).toBe(true);
        }
        if (found.check_in && found.check_out && !found.ambiguous) expect(found.check_in < found.check_out).toBe(true);
      },
    ),
    { numRuns: 1_500 },
  );
});

test("rare ways to write a date are read by chrono-node behind the grammar, and only when certain", () => {
  const read = (text: string, language: string) =>
    entitiesIn(text, {
      now: new Date("2026-03-10T15:00:00Z"),
      timeZone: "America/Montevideo",
      language,
      intent: "make_reservation",
    });
  expect(read("2026 April 12", "en")).toEqual({ check_in: "2026-04-12" });
  expect(read("in april maybe", "en")).toEqual({});
});
