/** Days as YYYY-MM-DD. They compare as texts, and belong to no time zone. */

const DAY_MS = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** @returns whether the text is a day that exists (2026-02-30 doesn't) */
export function isDay(text: string): boolean {
  if (!DAY.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** @returns the day `count` days later, or earlier when negative */
export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10);
}

/** @returns how many nights lie between two days; negative when `checkOut` is before `checkIn` */
export function nightsBetween(checkIn: string, checkOut: string): number {
  return Math.round((Date.parse(`${checkOut}T00:00:00Z`) - Date.parse(`${checkIn}T00:00:00Z`)) / DAY_MS);
}

/** @returns 0 for Sunday … 6 for Saturday */
export function weekday(day: string): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay();
}

/** @returns the day that it is at `instant` in an IANA time zone */
export function dayIn(timeZone: string, instant: Date): string {
  // Clocks are set on whole minutes, so within one the day of a zone stays.
  const thisMinute = Math.floor(instant.getTime() / 60_000);
  if (thisMinute !== minute) days.clear();
  minute = thisMinute;
  let day = days.get(timeZone);
  if (day === undefined) {
    // The Swedish locale writes dates as ISO 8601 does.
    day = formatter(timeZone).format(instant);
    days.set(timeZone, day);
  }
  return day;
}

let minute = Number.NaN;
const days = new Map<string, string>();

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timeZone: string): Intl.DateTimeFormat {
  let made = formatters.get(timeZone);
  if (made === undefined) {
    made = new Intl.DateTimeFormat("sv-SE", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
    if (formatters.size > 1000) formatters.clear();
    formatters.set(timeZone, made);
  }
  return made;
}
