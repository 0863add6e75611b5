import { addDays, nightsBetween, weekday } from "../calendar.ts";
import type { Money, Restriction } from "./port.ts";

/** A season of the embedded PMS: days of the year, both included, as MM-DD. */
export interface Season {
  name: string;
  firstDay: string;
  lastDay: string;
  factor: number;
  /** Nights that begin on these days of the week, 0 is Sunday; absent: every day. */
  weekdays: number[] | undefined;
  minNights: number;
  closed: boolean;
  priority: number;
}

/**
 * @param nightlyRate the room type's rate outside of every season
 * @returns the sum of the nights from `checkIn` to `checkOut`, each at its season's rate, rounded to cents once
 */
export function priceStay(
  nightlyRate: number,
  currency: string,
  seasons: readonly Season[],
  checkIn: string,
  checkOut: string,
): Money {
  let total = 0;
  for (let day = checkIn; day < checkOut; day = addDays(day, 1)) {
    total += nightlyRate * (seasonOf(seasons, day)?.factor ?? 1);
  }
  return { amount: Math.round(total * 100) / 100, currency };
}

/** @returns what forbids the stay, the day of arrival deciding; undefined when nothing does */
export function restrictionOf(seasons: readonly Season[], checkIn: string, checkOut: string): Restriction | undefined {
  const season = seasonOf(seasons, checkIn);
  if (season === undefined) return undefined;
  if (season.closed) return { code: "CLOSED" };
  return nightsBetween(checkIn, checkOut) < season.minNights ? { code: "MIN_NIGHTS", minNights: season.minNights } : undefined;
}

function seasonOf(seasons: readonly Season[], day: string): Season | undefined {
  const monthDay = day.slice(5);
  let best: Season | undefined;
  for (const season of seasons) {
    const { firstDay, lastDay, weekdays } = season;
    const within =
      firstDay <= lastDay ? firstDay <= monthDay && monthDay <= lastDay : firstDay <= monthDay || monthDay <= lastDay;
    if (!within || (weekdays !== undefined && !weekdays.includes(weekday(day)))) continue;
    if (best === undefined || season.priority > best.priority) best = season;
  }
  return best;
}
