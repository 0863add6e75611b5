import { type Day, dayOf, daysIn, nextWeekday, partsOf, weekdayOf } from "../../calendar.ts";
import type { Token } from "./tokens.ts";

/** A date as said, not yet placed in a year. */
export type Said =
  | { kind: "day"; day: Day }
  | { kind: "date"; date: number; month?: number; year?: number; weekday?: number; monthFirst?: boolean }
  | { kind: "weekday"; weekday: number; nextWeek: boolean; unsure: boolean }
  | { kind: "weekend"; which: NonNullable<Token["weekend"]>; date?: number; month?: number }
  | { kind: "impossible" };

/** "del 15 al 12 de abril" is four weeks when read across the month: more likely a slip than a stay. */
const MAX_STAY_ACROSS_MONTHS = 21;

/** The day that is meant: the first that is not before `floor`. */
export function place(said: Said, floor: Day): Day | undefined {
  if (said.kind === "day") return said.day;
  if (said.kind === "weekday") {
    if (!said.nextWeek) return nextWeekday(floor, said.weekday);
    return nextWeekday(floor, 1) + ((said.weekday + 6) % 7);
  }
  if (said.kind !== "date") return undefined;
  const { date, month, year, weekday } = said;
  const agrees = (day: Day | undefined) =>
    day !== undefined && (weekday === undefined || weekdayOf(day) === weekday) ? day : undefined;
  const from = partsOf(floor);
  if (month !== undefined) {
    if (year !== undefined) return agrees(dayOf(year, month, date));
    const soon = dayOf(from.year, month, date);
    if (soon !== undefined && soon >= floor) return agrees(soon);
    if (date === 29 && month === 2 && soon === undefined && dayOf(from.year + 1, month, date) === undefined) return undefined;
    return agrees(dayOf(from.year + 1, month, date));
  }
  for (let ahead = 0; ahead < 4; ahead++) {
    const zero = from.month - 1 + ahead;
    const day = dayOf(from.year + Math.floor(zero / 12), (zero % 12) + 1, date);
    if (day !== undefined && day >= floor && agrees(day) !== undefined) return day;
  }
  return undefined;
}

/** Both ends of a stay; the one without a month borrows the other's. Undefined when they make no stay. */
export function placeRange(first: Said, second: Said, today: Day): { start: Day; stop: Day } | undefined {
  let start: Day | undefined;
  if (first.kind === "date" && first.month === undefined && second.kind === "date" && second.month !== undefined) {
    const stop = place(second, today);
    if (stop === undefined) return undefined;
    const { year, month } = partsOf(stop);
    const sameMonth = first.date < second.date;
    const before = sameMonth ? { year, month } : month === 1 ? { year: year - 1, month: 12 } : { year, month: month - 1 };
    if (first.date > daysIn(before.year, before.month)) return undefined;
    start = dayOf(before.year, before.month, first.date);
    if (start === undefined || stop - start > MAX_STAY_ACROSS_MONTHS) return undefined;
    return start < today || stop <= start ? undefined : { start, stop };
  }
  start = place(first, today);
  if (start === undefined) return undefined;
  if (second.kind === "weekday") return { start, stop: nextWeekday(start, second.weekday) };
  const stop = place(second, start + 1);
  if (stop === undefined || stop <= start) return undefined;
  return { start, stop };
}

/** Friday to Sunday; what is left of it when it has begun. "The weekend of Monday 25" may be the one before or after: not placed. */
export function placeWeekend(said: Said & { kind: "weekend" }, today: Day): { start: Day; stop: Day } | undefined {
  if (said.which === "long") return undefined;
  if (said.date !== undefined) {
    const day = place({ kind: "date", date: said.date, ...(said.month ? { month: said.month } : {}) }, today);
    if (day === undefined || (weekdayOf(day) > 0 && weekdayOf(day) < 5)) return undefined;
    const sunday = weekdayOf(day) === 0 ? day : nextWeekday(day, 0);
    return { start: sunday - 2, stop: sunday };
  }
  const sunday = nextWeekday(today, 0);
  const shift = said.which === "following" ? 7 : 0;
  return {
    start: Math.max(today, sunday - 2) + (shift > 0 ? sunday - 2 - Math.max(today, sunday - 2) + shift : 0),
    stop: sunday + shift,
  };
}
