import { isoOf, todayAt } from "../../calendar.ts";
import type { RoomType } from "../../vocabulary.ts";
import { codeIn } from "./codes.ts";
import { datesIn, type Mention } from "./dates.ts";
import { type Guests, guestsIn } from "./guests.ts";
import { moneyIn } from "./money.ts";
import { nightsIn } from "./nights.ts";
import { dateByChrono } from "./rare-dates.ts";
import { roomTypesIn } from "./rooms.ts";
import { clockOf, timesIn } from "./times.ts";
import { plainOf, type Token, tokensOf } from "./tokens.ts";

/** What a message names. Dates `YYYY-MM-DD`, times `HH:MM`; a field that is not said is absent, never guessed. */
export interface Entities {
  check_in?: string;
  check_out?: string;
  date?: string;
  time?: string;
  nights?: number;
  adults?: number;
  children?: number;
  room_type?: RoomType;
  reservation_code?: string;
  amount?: number;
  /** ISO 4217. */
  currency?: string;
  /** Fields to ask back: named but impossible, contradictory, or readable in two ways. */
  ambiguous?: string[];
}

/** What the reading of a message depends on. */
export interface Setting {
  now: Date;
  /** IANA name of the hotel's time zone. */
  timeZone: string;
  language: string;
  /** Decides whether a lone day is `check_in` or `date`, and how a bare hour is read. */
  intent: string;
  /** What the agent has just asked for: a bare number answers it. */
  asked?: "guests" | undefined;
  /** A person's name in the text: its words are no days, rooms or numbers ("Pedro Domingo"). */
  name?: string | undefined;
}

/** What a message names, and who travels in more detail than entities can say. */
export interface Reading {
  entities: Entities;
  party: Guests;
}

/** Intents about a stay: a lone day is the day of arrival. */
const STAY: ReadonlySet<string> = new Set([
  "check_availability",
  "make_reservation",
  "modify_reservation",
  "cancel_reservation",
  "ask_price",
  "ask_room_types",
]);

/** Longest part of a message that is read, in UTF-16 units. */
const MAX_CHARACTERS = 1_000;

/**
 * Reads dates, times, guests, rooms, codes and money.
 *
 * @throws RangeError when the time zone is unknown
 */
export function entitiesIn(text: string, setting: Setting): Entities {
  return readingIn(text, setting).entities;
}

/**
 * Reads entities, and the party with what is known of it when it isn't clear ("a family of five").
 *
 * @throws RangeError when the time zone is unknown
 */
export function readingIn(text: string, { now, timeZone, language, intent, asked, name }: Setting): Reading {
  const today = todayAt(now, timeZone);
  const stay = STAY.has(intent);
  const written = withoutName(text.slice(0, MAX_CHARACTERS).toWellFormed().normalize("NFC").replace(/\s+/g, " "), name);
  const code = codeIn(written);
  const withoutCode = code ? `${written.slice(0, code.start)} , ${written.slice(code.end)}` : written;
  const plain = plainOf(withoutCode);
  const money = moneyIn(plain);
  const tokens = tokensOf(money ? `${plain.slice(0, money.start)} , ${plain.slice(money.end)}` : plain, language);

  const ambiguous = new Set<string>();
  const entities: Entities = {};
  putDates(entities, ambiguous, dates(tokens, today, plain, language), tokens, stay);
  putTime(entities, ambiguous, tokens, intent);
  const nights = nightsIn(tokens, stay);
  if (nights.nights !== undefined) entities.nights = nights.nights;
  if (nights.unclear) ambiguous.add("nights");
  const guests = guestsIn(tokens, stay, asked === "guests");
  if (guests.adults !== undefined) entities.adults = guests.adults;
  if (guests.children !== undefined) entities.children = guests.children;
  if (guests.unclear) for (const name of unclearOf(guests)) ambiguous.add(name);
  const rooms = roomTypesIn(tokens);
  if (rooms.length === 1) entities.room_type = rooms[0]!;
  else if (rooms.length > 1) ambiguous.add("room_type");
  if (code) entities.reservation_code = code.code;
  if (money) {
    entities.amount = money.amount;
    if (money.currency) entities.currency = money.currency;
    else ambiguous.add("currency");
  }
  contradict(entities, ambiguous);
  if (ambiguous.size > 0) entities.ambiguous = [...ambiguous];
  return { entities, party: guests };
}

function withoutName(text: string, name: string | undefined): string {
  const at = name === undefined ? -1 : text.toLowerCase().indexOf(name.toLowerCase());
  return name === undefined || at < 0 ? text : `${text.slice(0, at)} , ${text.slice(at + name.length)}`;
}

function unclearOf({ adults, children }: Guests): ("adults" | "children")[] {
  if (adults !== undefined && children !== undefined) return ["adults"];
  return [...(adults === undefined ? (["adults"] as const) : []), ...(children === undefined ? (["children"] as const) : [])];
}

function dates(tokens: readonly Token[], today: number, plain: string, language: string): Mention[] {
  const mentions = datesIn(tokens, today);
  if (mentions.length > 0 || !tokens.some((token) => token.month !== undefined && !token.used)) return mentions;
  const day = dateByChrono(plain, language, today);
  return day === undefined ? [] : [{ from: 0, end: 0, start: day, range: false, unsure: false }];
}

function putDates(
  entities: Entities,
  ambiguous: Set<string>,
  found: readonly Mention[],
  tokens: readonly Token[],
  stay: boolean,
): void {
  const mentions = found.length > 1 ? withoutAsides(found, tokens) : found;
  const ranges = mentions.filter((mention) => mention.range);
  if (ranges.length > 0) {
    const [range] = ranges;
    const differ = ranges.some((other) => other.start !== range!.start || other.stop !== range!.stop);
    if (differ || range!.start === undefined || range!.stop === undefined) {
      ambiguous.add("check_in").add("check_out");
      return;
    }
    entities.check_in = isoOf(range!.start);
    entities.check_out = isoOf(range!.stop);
    if (range!.unsure) ambiguous.add("check_in").add("check_out");
    return;
  }
  const leaving = mentions.filter((mention) => mention.role === "out");
  const arriving = mentions.filter((mention) => mention.role !== "out");
  const first = stay || leaving.length > 0 ? "check_in" : "date";
  if (!stay && leaving.length > 0 && arriving.length === 0) putDay(entities, ambiguous, "date", leaving);
  else {
    putDay(entities, ambiguous, first, arriving);
    if (leaving.length > 0) putDay(entities, ambiguous, "check_out", lateEnough(leaving, arriving, tokens));
  }
}

/** "llego el 12 de abril y me voy el 15": the second day borrows the month of the first. */
function lateEnough(leaving: readonly Mention[], arriving: readonly Mention[], tokens: readonly Token[]): Mention[] {
  const start = arriving[0]?.start;
  return leaving.map((mention) => {
    if (start === undefined || mention.start === undefined || mention.start > start) return mention;
    const named = tokens.slice(mention.from, mention.end).some((token) => token.month !== undefined || /[/-]/.test(token.word));
    if (named) return { ...mention, unsure: true };
    const later = sameDateAfter(start, mention.start);
    return { ...mention, start: later };
  });
}

function sameDateAfter(start: number, day: number): number {
  const date = new Date(day * 86_400_000).getUTCDate();
  let later = start + 1;
  while (new Date(later * 86_400_000).getUTCDate() !== date) later++;
  return later;
}

function putDay(
  entities: Entities,
  ambiguous: Set<string>,
  name: "check_in" | "check_out" | "date",
  mentions: readonly Mention[],
): void {
  if (mentions.length === 0) return;
  const days = new Set(mentions.map((mention) => mention.start));
  const [day] = days;
  if (days.size === 1 && day !== undefined) entities[name] = isoOf(day);
  if (days.size > 1 || day === undefined || mentions.some((mention) => mention.unsure)) ambiguous.add(name);
}

/** "puedo pagar hoy la reserva del 12": today is said aside when another day is named. */
function withoutAsides(mentions: readonly Mention[], tokens: readonly Token[]): readonly Mention[] {
  const isToday = (mention: Mention) => !mention.range && tokens[mention.from]?.daysAhead === 0;
  const others = mentions.filter((mention) => !isToday(mention));
  const either = tokens.some(({ word, used }) => !used && (word === "o" || word === "or" || word === "ou"));
  const both = mentions.some((mention) => isToday(mention) && /^(y|e|and)$/.test(tokens[mention.end]?.word ?? ""));
  return others.length > 0 && !either && !both ? others : mentions;
}

function putTime(entities: Entities, ambiguous: Set<string>, tokens: readonly Token[], intent: string): void {
  const times = new Set(timesIn(tokens, intent === "late_checkout").map(({ minutes }) => minutes));
  const [minutes] = times;
  if (times.size === 1 && minutes !== undefined) entities.time = clockOf(minutes);
  else if (times.size > 1) ambiguous.add("time");
}

/** Nights that don't fit the two days are asked back. */
function contradict(entities: Entities, ambiguous: Set<string>): void {
  if (entities.check_in === undefined || entities.check_out === undefined) return;
  const nights = (Date.parse(entities.check_out) - Date.parse(entities.check_in)) / 86_400_000;
  if (nights <= 0) ambiguous.add("check_in").add("check_out");
  if (entities.nights !== undefined && entities.nights !== nights) ambiguous.add("check_out").add("nights");
}
