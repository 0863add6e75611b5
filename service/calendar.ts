/**
 * Days of a hotel. A day is written in two ways: as a number, for arithmetic on dates that a guest said, and as the text
 * `YYYY-MM-DD`, as reservations hold it. Texts of days compare as texts. Neither belongs to a time zone.
 */

/** A day as days since 1970-01-01: plain arithmetic, no time zone. */
export type Day = number;

const DAY_MS = 86_400_000;
const DAY_TEXT = /^\d{4}-\d{2}-\d{2}$/;
/** Formatters that are kept; making one costs more than understanding a message. A service has as many as its hotels' time zones. */
const MOST_FORMATTERS = 1_000;

/** Day of a date; undefined when the month has no such day (31 April). Months 1–12. */
export function dayOf(year: number, month: number, date: number): Day | undefined {
  if (month < 1 || month > 12 || date < 1 || date > daysIn(year, month)) return undefined;
  return Date.UTC(year, month - 1, date) / DAY_MS;
}

/** Days in a month, 1–12. */
export function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Year, month 1–12 and date of a day. */
export function partsOf(day: Day): { year: number; month: number; date: number } {
  const at = new Date(day * DAY_MS);
  return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, date: at.getUTCDate() };
}

/** Week day, 0 Sunday … 6 Saturday. */
export function weekdayOf(day: Day): number {
  return (((day + 4) % 7) + 7) % 7;
}

/** `YYYY-MM-DD`. */
export function isoOf(day: Day): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** First day strictly after `from` that falls on a week day. */
export function nextWeekday(from: Day, weekday: number): Day {
  return from + 1 + ((((weekday - weekdayOf(from + 1)) % 7) + 7) % 7);
}

/** @returns whether a text is a day that exists, as YYYY-MM-DD (2026-02-30 doesn't) */
export function isDay(text: string): boolean {
  if (!DAY_TEXT.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** @returns the day `count` days later, or earlier when negative; both YYYY-MM-DD */
export function addDays(day: string, count: number): string {
  return isoOf(numberOf(day) + count);
}

/** @returns how many nights lie between two days (YYYY-MM-DD); negative when `checkOut` is before `checkIn` */
export function nightsBetween(checkIn: string, checkOut: string): number {
  return numberOf(checkOut) - numberOf(checkIn);
}

/** @returns the week day of a day (YYYY-MM-DD): 0 for Sunday … 6 for Saturday */
export function weekday(day: string): number {
  return weekdayOf(numberOf(day));
}

/**
 * The calendar day, YYYY-MM-DD, that it is at a hotel.
 *
 * @param timeZone IANA name
 * @param instant  an instant
 * @throws RangeError when the time zone is unknown
 */
export function dayIn(timeZone: string, instant: Date): string {
  // Clocks are set on whole minutes, so within one the day of a zone stays.
  const thisMinute = Math.floor(instant.getTime() / 60_000);
  if (thisMinute !== minute) days.clear();
  minute = thisMinute;
  let day = days.get(timeZone);
  if (day === undefined) {
    day = formatterOf(timeZone).format(instant);
    days.set(timeZone, day);
  }
  return day;
}

/** As {@link dayIn}, as a number. */
export function todayAt(now: Date, timeZone: string): Day {
  return numberOf(dayIn(timeZone, now));
}

function numberOf(day: string): Day {
  return Date.parse(`${day}T00:00:00Z`) / DAY_MS;
}

let minute = Number.NaN;
const days = new Map<string, string>();
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let made = formatters.get(timeZone);
  if (made === undefined) {
    // The Swedish locale writes dates as ISO 8601 does.
    made = new Intl.DateTimeFormat("sv-SE", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
    if (formatters.size >= MOST_FORMATTERS) formatters.clear();
    formatters.set(timeZone, made);
  }
  return made;
}
