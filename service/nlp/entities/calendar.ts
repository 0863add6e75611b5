/** A day as days since 1970-01-01: plain arithmetic, no time zone. */
export type Day = number;

const MILLISECONDS_A_DAY = 86_400_000;

/** Day of a date; undefined when the month has no such day (31 April). Months 1–12. */
export function dayOf(year: number, month: number, date: number): Day | undefined {
  if (month < 1 || month > 12 || date < 1 || date > daysIn(year, month)) return undefined;
  return Date.UTC(year, month - 1, date) / MILLISECONDS_A_DAY;
}

/** Days in a month, 1–12. */
export function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Year, month 1–12 and date of a day. */
export function partsOf(day: Day): { year: number; month: number; date: number } {
  const at = new Date(day * MILLISECONDS_A_DAY);
  return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, date: at.getUTCDate() };
}

/** Week day, 0 Sunday … 6 Saturday. */
export function weekdayOf(day: Day): number {
  return (((day + 4) % 7) + 7) % 7;
}

/** `YYYY-MM-DD`. */
export function isoOf(day: Day): string {
  return new Date(day * MILLISECONDS_A_DAY).toISOString().slice(0, 10);
}

/** First day strictly after `from` that falls on a week day. */
export function nextWeekday(from: Day, weekday: number): Day {
  return from + 1 + ((((weekday - weekdayOf(from + 1)) % 7) + 7) % 7);
}

/**
 * The calendar day that it is at a hotel.
 *
 * @param now      an instant
 * @param timeZone IANA name
 * @throws RangeError when the time zone is unknown
 */
export function todayAt(now: Date, timeZone: string): Day {
  // Clocks are set on whole minutes, so within one the day of a zone stays.
  const thisMinute = Math.floor(now.getTime() / 60_000);
  if (thisMinute !== minute) days.clear();
  minute = thisMinute;
  let day = days.get(timeZone);
  if (day === undefined) {
    const [year, month, date] = formatterOf(timeZone).format(now).split("-").map(Number);
    day = Date.UTC(year!, month! - 1, date!) / MILLISECONDS_A_DAY;
    days.set(timeZone, day);
  }
  return day;
}

let minute = Number.NaN;
const days = new Map<string, Day>();

/** Making one costs more than understanding a message; there are as many as hotels' time zones. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let made = formatters.get(timeZone);
  if (made === undefined) {
    made = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
    formatters.set(timeZone, made);
  }
  return made;
}
