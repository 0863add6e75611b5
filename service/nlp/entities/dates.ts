import { type Day, partsOf } from "../../calendar.ts";
import { place, placeRange, placeWeekend, type Said } from "./placing.ts";
import type { Token } from "./tokens.ts";
import { UNITS } from "./words.ts";

interface Parsed {
  said: Said;
  /** Token after the last that was read. */
  end: number;
  /** A lone number: a date only as half of a range. */
  bare: boolean;
}

/** One day or one stay found in a message. `undefined` days are named but impossible or unclear. */
export interface Mention {
  from: number;
  end: number;
  start?: Day;
  stop?: Day;
  range: boolean;
  /** What the words around say that the day is. */
  role?: "in" | "out";
  /** Can be read in two ways: must be asked back even though a day is given. */
  unsure: boolean;
}

const ARTICLES: ReadonlySet<string> = new Set(["el", "los", "the", "dia", "dias", "o", "os", "on", "del", "al", "do", "ao"]);
const DAY_ARTICLES: ReadonlySet<string> = new Set(["el", "dia", "dias", "del", "al", "los"]);
const TO: ReadonlySet<string> = new Set([
  "a",
  "al",
  "hasta",
  "to",
  "until",
  "till",
  "thru",
  "through",
  "ate",
  "ao",
  "-",
  "to/until",
]);
const AND: ReadonlySet<string> = new Set(["y", "e", "and"]);
const OPENERS: ReadonlySet<string> = new Set(["del", "de", "from", "desde", "do", "entre", "between", "dias", "los"]);
const BETWEEN: ReadonlySet<string> = new Set(["entre", "between"]);
const OUT_WORDS: ReadonlySet<string> = new Set([
  "salida",
  "saida",
  "salgo",
  "salimos",
  "saio",
  "saimos",
  "leaving",
  "leave",
  "departure",
  "departing",
  "checkout",
  "hasta",
  "until",
  "till",
  "embora",
  "vuelvo",
  "volvemos",
]);
const IN_WORDS: ReadonlySet<string> = new Set([
  "entrada",
  "llego",
  "llegamos",
  "llegada",
  "llegando",
  "ingreso",
  "arriving",
  "arrive",
  "arrival",
  "chego",
  "chegamos",
  "chegada",
  "checkin",
  "desde",
  "from",
  "starting",
]);

/**
 * Every day and every range of days that a message names; the tokens that were read are marked used.
 *
 * @param today the day that it is at the hotel
 */
export function datesIn(tokens: readonly Token[], today: Day): Mention[] {
  const mentions: Mention[] = [];
  const nextWeek = tokens.some((token) => token.nextWeek === true);
  for (const token of tokens) {
    if (token.monthsAhead !== undefined) token.month = ((partsOf(today).month - 1 + token.monthsAhead) % 12) + 1;
  }
  for (let at = 0; at < tokens.length; ) {
    const mention = rangeAt(tokens, at, today, nextWeek) ?? singleAt(tokens, at, today, nextWeek);
    if (!mention) {
      at++;
      continue;
    }
    for (let i = mention.from; i < mention.end; i++) tokens[i]!.used = true;
    if (!isInstead(tokens, mention.from)) mentions.push(mention);
    at = mention.end;
  }
  return mentions;
}

/** The date stands after "en vez de": it is what the guest no longer wants. */
export function isInstead(tokens: readonly Token[], from: number): boolean {
  for (let at = from - 1; at >= 0 && at >= from - 3; at--) {
    if (tokens[at]!.instead) return true;
    if (!ARTICLES.has(tokens[at]!.word) && !["las", "as", "la", "a"].includes(tokens[at]!.word)) return false;
  }
  return false;
}

function rangeAt(tokens: readonly Token[], at: number, today: Day, nextWeek: boolean): Mention | undefined {
  let position = at;
  const between = BETWEEN.has(tokens[at]!.word);
  const opened = OPENERS.has(tokens[at]!.word) || isMovedTo(tokens, at);
  if (opened) position++;
  const first = dateAt(tokens, position, today, nextWeek, true);
  if (!first) return undefined;
  const connector = tokens[first.end];
  if (!connector) return undefined;
  const isTo = TO.has(connector.word) || (connector.word === "," && TO.has(tokens[first.end + 1]?.word ?? ""));
  if (!isTo && !(AND.has(connector.word) && between)) return undefined;
  let next = first.end + (connector.word === "," ? 2 : 1);
  if (TO.has(tokens[next]?.word ?? "") || tokens[next]?.word === "las" || tokens[next]?.word === "as") {
    if (tokens[next]?.word === "las" || tokens[next]?.word === "as") return undefined;
    if (connector.word !== "-") next++;
  }
  const second = dateAt(tokens, next, today, nextWeek, true);
  if (!second || (first.bare && second.bare && !opened) || second.said.kind === "weekend") return undefined;
  if (
    first.bare &&
    second.bare &&
    first.said.kind === "date" &&
    second.said.kind === "date" &&
    connector.word === "-" &&
    !between
  ) {
    if (tokens[at]!.word === "de") return undefined;
  }
  const ordered = [
    sameOrder(first.said, second.said, tokens[first.end - 1]!.word),
    sameOrder(second.said, first.said, tokens[second.end - 1]!.word),
  ] as const;
  const stay = placeRange(ordered[0], ordered[1], today);
  return { from: at, end: second.end, range: true, unsure: stay === undefined, ...stay };
}

/** "quero mudar para 11 a 13": after a word of change these are days, not people. */
function isMovedTo(tokens: readonly Token[], at: number): boolean {
  if (!/^(para|pra|to|for)$/.test(tokens[at]!.word)) return false;
  return tokens
    .slice(Math.max(0, at - 3), at)
    .some(({ word }) => /^(mud|cambi|alter|troc|mov|chang|pas|remarc|reagend|reprogram)/.test(word));
}

function singleAt(tokens: readonly Token[], at: number, today: Day, nextWeek: boolean): Mention | undefined {
  const parsed = dateAt(tokens, at, today, nextWeek, false);
  if (!parsed) return undefined;
  const role = roleOf(tokens, at);
  if (parsed.said.kind === "weekend") {
    const weekend = placeWeekend(parsed.said, today);
    return { from: at, end: parsed.end, range: true, unsure: weekend === undefined || parsed.said.which === "next", ...weekend };
  }
  const start = place(parsed.said, today);
  const unsure = start === undefined || (parsed.said.kind === "weekday" && parsed.said.unsure);
  return {
    from: at,
    end: parsed.end,
    range: false,
    unsure,
    ...(start === undefined ? {} : { start }),
    ...(role ? { role } : {}),
  };
}

function roleOf(tokens: readonly Token[], at: number): "in" | "out" | undefined {
  for (let back = at - 1; back >= 0 && back >= at - 4; back--) {
    const { word, used } = tokens[back]!;
    if (used) return undefined;
    const previous = tokens[back - 1]?.word ?? "";
    if (OUT_WORDS.has(word) || (word === "out" && /^check|-$/.test(previous))) return "out";
    if ((word === "voy" && previous === "me") || (word === "vamos" && previous === "nos")) return "out";
    if (IN_WORDS.has(word) || (word === "in" && /^check|-$/.test(previous))) return "in";
  }
  return undefined;
}

/** Reads one date that starts at a token, articles included. */
function dateAt(tokens: readonly Token[], from: number, today: Day, nextWeek: boolean, half: boolean): Parsed | undefined {
  let at = from;
  let article = "";
  while (ARTICLES.has(tokens[at]?.word ?? "") && at - from < 3) article = tokens[at++]!.word;
  const token = tokens[at];
  if (!token || token.used) return undefined;
  const done = (said: Said, end: number): Parsed => ({ said, end, bare: false });
  if (token.daysAhead !== undefined) return done({ kind: "day", day: today + token.daysAhead }, at + 1);
  if (token.holiday) return done({ kind: "date", month: token.holiday[0], date: token.holiday[1] }, at + 1);
  if (token.weekend) return weekendAt(tokens, at);
  const numeric = numericDate(token.word);
  if (numeric) return done(numeric, at + 1);
  const ahead = aheadAt(tokens, at, today);
  if (ahead) return ahead;
  if (token.weekday !== undefined) return weekdayAt(tokens, at, nextWeek);
  if (token.month !== undefined) return monthFirst(tokens, at);
  if (token.number === undefined || token.number < 1 || token.number > 31) return undefined;
  const dated = dayAndMonth(tokens, at);
  if (dated) return dated;
  if (isCount(tokens, at)) return undefined;
  const said: Said = { kind: "date", date: token.number };
  if (DAY_ARTICLES.has(article) || (article !== "" && token.ordinal)) return done(said, at + 1);
  return half ? { said, end: at + 1, bare: true } : undefined;
}

/** A number that counts something, or is a time, and so is no day of the month. */
function isCount(tokens: readonly Token[], at: number): boolean {
  const next = tokens[at + 1];
  if (!next) return false;
  return (
    UNITS.has(next.word) ||
    (next.word === "de" && ["la", "morning"].includes(tokens[at + 2]?.word ?? "")) ||
    next.word === "morning"
  );
}

function weekendAt(tokens: readonly Token[], at: number): Parsed {
  const which = tokens[at]!.weekend!;
  if (["del", "do", "of"].includes(tokens[at + 1]?.word ?? "")) {
    let next = at + 2;
    while (["dia", "the"].includes(tokens[next]?.word ?? "")) next++;
    const token = tokens[next];
    const isDay = token?.number !== undefined && token.number >= 1 && token.number <= 31;
    const dated = token?.month !== undefined ? monthFirst(tokens, next) : isDay ? dayAndMonth(tokens, next) : undefined;
    if (dated?.said.kind === "date") {
      const { date, month } = dated.said;
      return { said: { kind: "weekend", which, date, ...(month ? { month } : {}) }, end: dated.end, bare: false };
    }
    if (isDay) return { said: { kind: "weekend", which, date: token.number! }, end: next + 1, bare: false };
  }
  const following = ["siguiente", "seguinte"].includes(tokens[at + 1]?.word ?? "");
  return { said: { kind: "weekend", which: following ? "following" : which }, end: at + (following ? 2 : 1), bare: false };
}

/** "dentro de 2 semanas", "en 3 días", "in two weeks", "daqui a 3 dias". */
function aheadAt(tokens: readonly Token[], at: number, today: Day): Parsed | undefined {
  const opener = tokens[at]!.word;
  if (!["dentro", "en", "in", "daqui"].includes(opener)) return undefined;
  let next = at + 1;
  if (
    (opener === "dentro" && tokens[next]?.word === "de") ||
    (opener === "daqui" && ["a", "uns"].includes(tokens[next]?.word ?? ""))
  )
    next++;
  const count = tokens[next]?.number ?? (opener === "in" && tokens[next]?.word === "a" ? 1 : undefined);
  const unit = tokens[next + 1]?.word ?? "";
  const days = /^(dias?|days?)$/.test(unit) ? 1 : /^(semanas?|weeks?)$/.test(unit) ? 7 : undefined;
  if (count === undefined || days === undefined || count > 400) return undefined;
  return { said: { kind: "day", day: today + count * days }, end: next + 2, bare: false };
}

function weekdayAt(tokens: readonly Token[], at: number, nextWeek: boolean): Parsed {
  const weekday = tokens[at]!.weekday!;
  let next = at + 1;
  while ([",", "el", "the", "dia", "o"].includes(tokens[next]?.word ?? "") && next - at < 4) next++;
  const monthly = tokens[next]?.month !== undefined ? monthFirst(tokens, next) : undefined;
  const dated = monthly ?? (tokens[next]?.number === undefined ? undefined : dayAndMonth(tokens, next));
  if (dated?.said.kind === "date") return { ...dated, said: { ...dated.said, weekday } };
  const number = tokens[next]?.number;
  const apart = tokens.slice(at + 1, next).some(({ word }) => word === ",");
  if (number !== undefined && number >= 1 && number <= 31 && !apart && !isCount(tokens, next)) {
    return { said: { kind: "date", date: number, weekday }, end: next + 1, bare: false };
  }
  const coming =
    tokens[at + 1]?.word === "que" && /^(viene|vem)$/.test(tokens[at + 2]?.word ?? "")
      ? 3
      : /^proxim[oa]$/.test(tokens[at + 1]?.word ?? "")
        ? 2
        : 1;
  return { said: { kind: "weekday", weekday, nextWeek, unsure: tokens[at - 1]?.word === "next" }, end: at + coming, bare: false };
}

/** "12 de abril de 2026", "12 april", "the 12th of april". */
function dayAndMonth(tokens: readonly Token[], at: number): Parsed | undefined {
  const date = tokens[at]!.number!;
  const linked = ["de", "del", "of", "do", "/", "-"].includes(tokens[at + 1]?.word ?? "") ? at + 2 : at + 1;
  const month = tokens[linked]?.month;
  if (month === undefined || date > 31) return undefined;
  return withYear(tokens, linked + 1, { kind: "date", date, month });
}

/** "april 12", "April 12th, 2026". */
function monthFirst(tokens: readonly Token[], at: number): Parsed | undefined {
  const number = tokens[at + 1]?.word === "the" ? at + 2 : at + 1;
  const date = tokens[number]?.number;
  if (date === undefined || date < 1 || date > 31 || isCount(tokens, number)) return undefined;
  return withYear(tokens, number + 1, { kind: "date", date, month: tokens[at]!.month! });
}

function withYear(tokens: readonly Token[], at: number, said: Said & { kind: "date" }): Parsed {
  const linked = ["de", "del", "of", ","].includes(tokens[at]?.word ?? "") ? at + 1 : at;
  const year = tokens[linked]?.number;
  if (year !== undefined && year >= 2000 && year < 2100) return { said: { ...said, year }, end: linked + 1, bare: false };
  return { said, end: at, bare: false };
}

/** `2026-04-12`, `12/4`, `12/04/26`, `12-04-2026`: day before month, unless only the other order is a date. */
function numericDate(word: string): Said | undefined {
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(word);
  if (iso) return { kind: "date", year: Number(iso[1]), month: Number(iso[2]), date: Number(iso[3]) };
  const written = /^(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{2,4}))?$/.exec(word);
  if (!written || /^\d{1,2}\.\d{1,2}$/.test(word)) return undefined;
  let [date, month] = [Number(written[1]), Number(written[2])];
  const monthFirst = month > 12 && date <= 12;
  if (monthFirst) [date, month] = [month, date];
  if (month > 12 || date > 31 || month === 0 || date === 0) return { kind: "impossible" };
  const year = written[3] === undefined ? undefined : Number(written[3]) + (written[3].length === 2 ? 2000 : 0);
  return { kind: "date", date, month, ...(year === undefined ? {} : { year }), ...(monthFirst ? { monthFirst } : {}) };
}

/** "04/12 to 04/15": one half that can only be month first says how the other is written. */
function sameOrder(said: Said, other: Said, word: string): Said {
  const numeric = said.kind === "date" && said.month !== undefined && said.monthFirst !== true && /^\d{1,2}[/.-]\d/.test(word);
  if (!numeric || other.kind !== "date" || other.monthFirst !== true || said.date > 12) return said;
  return { ...said, date: said.month!, month: said.date };
}
