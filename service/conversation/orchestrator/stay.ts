import { addDays, isDay, nightsBetween } from "../../calendar.ts";
import type { StayQuery } from "../../pms/port.ts";
import type { HotelProfile } from "../hotel.ts";
import type { PhraseKey, PhraseParameters } from "../replies/phrases.ts";
import type { Stay } from "../session.ts";
import type { Entities } from "./contract.ts";

/** @returns whether a message says anything about a stay */
export function speaksOfStay(entities: Entities): boolean {
  const { check_in, check_out, date, nights, adults, children, room_type } = entities;
  return [check_in, check_out, date, nights, adults, children, room_type].some((value) => value !== undefined);
}

/** @returns whether a message says when somebody comes, goes, or for how long */
export function speaksOfDates({ check_in, check_out, date, nights, ambiguous }: Entities): boolean {
  return (
    [check_in, check_out, date, nights].some((value) => value !== undefined) ||
    ambiguous?.some((name) => name === "check_in" || name === "check_out" || name === "date") === true
  );
}

/**
 * Takes into a stay what a message says. A new day of arrival alone keeps the day of departure while it is later
 * ("no, mejor del 13"), else it keeps the number of nights.
 */
export function mergeStay(before: Stay, entities: Entities): Stay {
  const stay: Stay = { ...before };
  const checkIn = entities.check_in ?? entities.date;
  const { check_out: checkOut, nights } = entities;
  const length =
    before.checkIn !== undefined && before.checkOut !== undefined
      ? nightsBetween(before.checkIn, before.checkOut)
      : before.nights;
  if (checkIn !== undefined) {
    stay.checkIn = checkIn;
    if (checkOut === undefined && nights === undefined && (stay.checkOut === undefined || stay.checkOut <= checkIn)) {
      stay.checkOut = length === undefined || length <= 0 ? undefined : addDays(checkIn, length);
    }
  }
  if (checkOut !== undefined) stay.checkOut = checkOut;
  else if (nights !== undefined) {
    const all = entities.relative === true && length !== undefined ? length + nights : nights;
    stay.nights = all;
    stay.checkOut = stay.checkIn === undefined ? undefined : addDays(stay.checkIn, all);
  }
  if (stay.checkIn !== undefined && stay.checkOut !== undefined) stay.nights = nightsBetween(stay.checkIn, stay.checkOut);
  if (entities.relative === true && entities.adults !== undefined && before.adults !== undefined) {
    stay.adults = before.adults + entities.adults;
  } else if (entities.adults !== undefined) {
    stay.adults = entities.adults;
    // "somos 4" said again means 4 in all, not 4 and the children of before.
    if (entities.children === undefined) stay.children = undefined;
  }
  if (entities.children !== undefined) stay.children = entities.children;
  if (entities.room_type !== undefined) stay.roomType = entities.room_type;
  return stay;
}

/**
 * Days that were said without a month belong to the month that the talk is about.
 *
 * @param anchor the day of arrival so far
 */
export function moveToMonth(entities: Entities, anchor: string): Entities {
  const inMonth = (day: string, notBefore: string): string => {
    const number = day.slice(8);
    for (let month = 0; month < 3; month++) {
      const first = new Date(Date.UTC(Number(anchor.slice(0, 4)), Number(anchor.slice(5, 7)) - 1 + month, 1));
      const moved = `${first.toISOString().slice(0, 8)}${number}`;
      if (isDay(moved) && moved >= notBefore) return moved;
    }
    return day;
  };
  const firstOfMonth = `${anchor.slice(0, 8)}01`;
  const moved: Entities = { ...entities };
  if (moved.check_in !== undefined) moved.check_in = inMonth(moved.check_in, firstOfMonth);
  if (moved.date !== undefined) moved.date = inMonth(moved.date, firstOfMonth);
  if (moved.check_out !== undefined) moved.check_out = inMonth(moved.check_out, addDays(moved.check_in ?? anchor, 1));
  return moved;
}

/** Nobody asks a hotel for so many nights by naming two days. */
const BACKWARDS = 300;

/** Why a stay can't be asked for, with the stay without what was wrong. */
export interface Objection<Key extends PhraseKey = PhraseKey> {
  key: Key;
  parameters: PhraseParameters[Key];
  stay: Stay;
  about: "dates" | "guests";
}

/**
 * @param today the hotel's day
 * @returns the first thing that is wrong with the stay; undefined when nothing is, even if parts are missing
 */
export function objectTo(stay: Stay, today: string, profile: HotelProfile): Objection | undefined {
  const { checkIn, checkOut, nights, adults, children } = stay;
  const withoutDates: Stay = { adults, children, roomType: stay.roomType };
  const last = addDays(today, profile.horizonDays);
  const dates = <Key extends PhraseKey>(
    key: Key,
    parameters: PhraseParameters[Key],
    kept: Stay = withoutDates,
  ): Objection<Key> => ({
    key,
    parameters,
    stay: kept,
    about: "dates",
  });
  if (checkIn !== undefined && checkIn < today) return dates("dates_past", { day: checkIn }) as Objection;
  if (checkIn !== undefined && checkOut !== undefined && checkOut <= checkIn) return dates("dates_order", {}) as Objection;
  if (checkIn === undefined && checkOut !== undefined && checkOut <= today)
    return dates("dates_past", { day: checkOut }) as Objection;
  // "from the 12th to the 10th" of a month was read as the 10th of the next year.
  if (checkIn !== undefined && checkOut !== undefined && nightsBetween(checkIn, checkOut) > BACKWARDS) {
    return dates("dates_order", {}) as Objection;
  }
  if (nights !== undefined && nights <= 0) return dates("dates_order", {}) as Objection;
  if (nights !== undefined && nights > profile.maxNights) {
    return dates("dates_too_long", { nights, maximum: profile.maxNights }, { ...withoutDates, checkIn }) as Objection;
  }
  for (const day of [checkIn, checkOut]) {
    if (day !== undefined && day > last) return dates("dates_too_far", { day, last }) as Objection;
  }
  const withoutGuests: Stay = { ...stay, adults: undefined, children: undefined };
  if (adults !== undefined && adults + (children ?? 0) <= 0)
    return { key: "guests_none", parameters: {}, stay: withoutGuests, about: "guests" };
  if (adults !== undefined && adults <= 0) return { key: "adults_needed", parameters: {}, stay: withoutGuests, about: "guests" };
  return undefined;
}

/** @returns the question to the PMS, when the stay has all that it needs */
export function toQuery(stay: Stay): StayQuery | undefined {
  const { checkIn, checkOut, adults, children } = stay;
  if (checkIn === undefined || checkOut === undefined || adults === undefined) return undefined;
  return { checkIn, checkOut, adults, children: children ?? 0 };
}
