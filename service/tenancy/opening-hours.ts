import { z } from "zod";

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

const time = (pattern: RegExp, example: string) => z.string().regex(pattern, `expected a time such as ${example}`);

/** Hours of reception on the hotel's own clock. A range that closes before it opens runs over midnight, from the days named. */
export const openingHoursSchema = z
  .strictObject({
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .max(7)
      .refine((days) => new Set(days).size === days.length, "names a day twice"),
    open: time(/^([01]\d|2[0-3]):[0-5]\d$/, "09:00"),
    close: time(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, "18:00 or 24:00"),
  })
  .refine(({ open, close }) => open !== close, "opens and closes at the same time; for a whole day write 00:00 to 24:00");
export type OpeningHours = z.infer<typeof openingHoursSchema>;

/** What of a tenant decides when reception is there. */
export interface Hours {
  timeZone: string;
  /** `null`: always open; empty: never. */
  businessHours: OpeningHours[] | null;
}

/** @returns whether reception is there at this instant, on the hotel's clock with its daylight saving time */
export function isOpen({ timeZone, businessHours }: Hours, instant: Date): boolean {
  if (businessHours === null) return true;
  const { day, minute } = localTime(timeZone, instant);
  return businessHours.some(({ days, open, close }) => {
    const [from, to] = [minutesOf(open), minutesOf(close)];
    if (from < to) return days.includes(weekday(day)) && minute >= from && minute < to;
    return (days.includes(weekday(day)) && minute >= from) || (days.includes(weekday(day - 1)) && minute < to);
  });
}

/**
 * @returns when reception opens next, on the hotel's clock: the weekday, the time and in how many days (0: today);
 *   `undefined` when it is open now or never opens
 */
export function nextOpening(hours: Hours, instant: Date): { day: Weekday; time: string; inDays: number } | undefined {
  if (hours.businessHours === null || isOpen(hours, instant)) return undefined;
  const { day, minute } = localTime(hours.timeZone, instant);
  for (let inDays = 0; inDays <= 7; inDays += 1) {
    const name = weekday(day + inDays);
    const [first] = hours.businessHours
      .filter(({ days, open }) => days.includes(name) && (inDays > 0 || minutesOf(open) > minute))
      .map(({ open }) => open)
      .sort();
    if (first !== undefined) return { day: name, time: first, inDays };
  }
  return undefined;
}

const weekday = (index: number): Weekday => WEEKDAYS[((index % 7) + 7) % 7]!;
const minutesOf = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

/** Making a formatter takes 70 µs, using it 1; there are a few hundred zones. */
const formatters = new Map<string, Intl.DateTimeFormat>();

/** @throws RangeError for a zone that doesn't exist */
function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    formatters.set(timeZone, formatter);
  }
  return formatter;
}

/** @returns the weekday (0 is Monday) and the minute of the day on a zone's clock */
function localTime(timeZone: string, instant: Date): { day: number; minute: number } {
  const formatter = formatterOf(timeZone);
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter.formatToParts(instant)) parts[type] = value;
  return {
    day: WEEKDAYS.indexOf(parts.weekday!.toLowerCase() as Weekday),
    minute: Number(parts.hour) * 60 + Number(parts.minute),
  };
}

/** @returns whether clocks can be set to this zone */
export function isTimeZone(name: string): boolean {
  // Offsets ("+03:00") are left out: the database reads their sign the other way round.
  if (!/^[A-Za-z][\w+-]*(\/[\w+-]+)*$/.test(name)) return false;
  try {
    formatterOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
