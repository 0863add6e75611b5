import {
  HOLIDAYS,
  MONTHS,
  MONTHS_BESIDE_A_NUMBER,
  NUMBERS,
  ORDINALS,
  PORTUGUESE_WEEKDAYS,
  SHORT_WEEKDAYS,
  WEEKDAYS,
} from "./words.ts";

/** One piece of a message with what it may mean. */
export interface Token {
  word: string;
  number?: number;
  /** Written "12th", "1º". */
  ordinal?: boolean;
  month?: number;
  weekday?: number;
  /** Days from today: "hoy" 0, "pasado mañana" 2. */
  daysAhead?: number;
  /** A day with a name: [month, date]. */
  holiday?: readonly [number, number];
  weekend?: "this" | "next" | "following" | "long";
  nextWeek?: boolean;
  /** "este mes" 0, "el mes que viene" 1. */
  monthsAhead?: number;
  /** What follows is what the guest no longer wants: "en vez de". */
  instead?: boolean;
  /** A part of the message that one of the grammars has read. */
  used?: boolean;
}

const MAX_TOKENS = 300;
const PIECES =
  /\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{1,2}-\d{1,2}-\d{4}|\d{1,2}\/\d{1,2}|\d{1,2}[:.]\d{2}(?!\d)|\d{1,2}h\d{2}|\d+|[a-z]+|[^\s\da-z]/g;
const SUFFIXES: ReadonlySet<string> = new Set(["st", "nd", "rd", "th", "ro", "er", "do", "o", "°", "a"]);

/** Phrases that mean one thing, longest first where one starts another. */
const PHRASES: readonly (readonly [string, Partial<Token>])[] = [
  ...HOLIDAYS.map(([phrase, month, date]) => [phrase, { holiday: [month, date] as const }] as const),
  ["the day after tomorrow", { daysAhead: 2 }],
  ["day after tomorrow", { daysAhead: 2 }],
  ["pasado manana", { daysAhead: 2 }],
  ["depois de amanha", { daysAhead: 2 }],
  ["hoy a la noche", { daysAhead: 0 }],
  ["hoy por la noche", { daysAhead: 0 }],
  ["hoje a noite", { daysAhead: 0 }],
  ["esta noche", { daysAhead: 0 }],
  ["essa noite", { daysAhead: 0 }],
  ["esta noite", { daysAhead: 0 }],
  ["hoje de noite", { daysAhead: 0 }],
  ["esta tarde", { daysAhead: 0 }],
  ["tonight", { daysAhead: 0 }],
  ["tonite", { daysAhead: 0 }],
  ["today", { daysAhead: 0 }],
  ["hoy", { daysAhead: 0 }],
  ["hoje", { daysAhead: 0 }],
  ["esta manana", { word: "morning" }],
  ["la manana", { word: "morning" }],
  ["de manha", { word: "morning" }],
  ["da manha", { word: "morning" }],
  ["pela manha", { word: "morning" }],
  ["manana", { daysAhead: 1 }],
  ["amanha", { daysAhead: 1 }],
  ["tomorrow", { daysAhead: 1 }],
  ["tmrw", { daysAhead: 1 }],
  ["tomorow", { daysAhead: 1 }],
  ...[
    "fin de semana largo",
    "finde largo",
    "finde xl",
    "long weekend",
    "bank holiday weekend",
    "feriadao",
    "feriado prolongado",
    "el puente",
  ].map((phrase) => [phrase, { weekend: "long" }] as const),
  ...[
    "fin de semana siguiente",
    "finde siguiente",
    "siguiente fin de semana",
    "siguiente finde",
    "otro fin de semana",
    "otro finde",
    "following weekend",
    "weekend after next",
    "weekend after",
    "fim de semana seguinte",
    "final de semana seguinte",
    "outro fim de semana",
    "findi seguinte",
  ].map((phrase) => [phrase, { weekend: "following" }] as const),
  ["next weekend", { weekend: "next" }],
  ...["fin de semana", "finde", "fim de semana", "final de semana", "findi", "fds", "weekend"].map(
    (phrase) => [phrase, { weekend: "this" }] as const,
  ),
  ...["semana que viene", "semana proxima", "proxima semana", "semana entrante", "next week", "semana que vem"].map(
    (phrase) => [phrase, { nextWeek: true }] as const,
  ),
  ...["mes que viene", "proximo mes", "mes proximo", "next month", "mes que vem"].map(
    (phrase) => [phrase, { monthsAhead: 1 }] as const,
  ),
  ...["este mes", "this month", "deste mes"].map((phrase) => [phrase, { monthsAhead: 0 }] as const),
  ...[
    "en vez de",
    "en vez del",
    "en lugar de",
    "en lugar del",
    "instead of",
    "rather than",
    "em vez de",
    "em vez do",
    "ao inves de",
    "ao inves do",
  ].map((phrase) => [phrase, { instead: true }] as const),
];

/** The phrases by their first word, longest first. */
const BY_FIRST_WORD = new Map<string, { words: string[]; meaning: Partial<Token> }[]>();
for (const [phrase, meaning] of PHRASES) {
  const words = phrase.split(" ");
  const list = BY_FIRST_WORD.get(words[0]!) ?? [];
  list.push({ words, meaning });
  list.sort((a, b) => b.words.length - a.words.length);
  BY_FIRST_WORD.set(words[0]!, list);
}

/** Lower case, no accents, one kind of dash. */
export function plainOf(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/[‐-―−]/g, "-")
    .replace(/['’`´]/g, "");
}

/**
 * Cuts a message into pieces and says what each may mean.
 *
 * @param plain    as `plainOf` gives it
 * @param language decides words such as "once" (11 in Spanish) and "segunda" (Monday in Portuguese)
 */
export function tokensOf(plain: string, language: string): Token[] {
  const raw: Token[] = [];
  let lastEnd = -1;
  for (const match of plain.matchAll(PIECES)) {
    const word = match[0];
    const previous = raw.at(-1);
    if (previous?.number !== undefined && match.index === lastEnd && SUFFIXES.has(word)) previous.ordinal = true;
    else raw.push(/^\d+$/.test(word) ? { word, number: Number(word) } : { word });
    lastEnd = match.index + word.length;
    if (raw.length >= MAX_TOKENS) break;
  }
  return foldNumbers(foldPhrases(raw), language);
}

function foldPhrases(raw: readonly Token[]): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < raw.length; ) {
    const found = BY_FIRST_WORD.get(raw[at]!.word)?.find(({ words }) => words.every((word, i) => raw[at + i]?.word === word));
    if (found) {
      tokens.push({ word: found.words.join(" "), ...found.meaning });
      at += found.words.length;
    } else {
      tokens.push({ ...raw[at]! });
      at++;
    }
  }
  return tokens;
}

function foldNumbers(raw: readonly Token[], language: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < raw.length; at++) {
    const token = raw[at]!;
    const number = NUMBERS.get(token.word) ?? (language === "es" && token.word === "once" ? 11 : undefined);
    if (number !== undefined) {
      token.number = number;
      const joined = raw[at + 1]?.word === "y" || raw[at + 1]?.word === "e" || raw[at + 1]?.word === "-" ? 2 : 1;
      const unit =
        NUMBERS.get(raw[at + joined]?.word ?? "") ?? (joined === 1 ? ORDINALS.get(raw[at + 1]?.word ?? "") : undefined);
      if ((number === 20 || number === 30) && unit !== undefined && unit < 10) {
        token.number = number + unit;
        at += joined;
      }
    } else {
      const weekday = WEEKDAYS.get(token.word) ?? (language === "pt" ? PORTUGUESE_WEEKDAYS.get(token.word) : undefined);
      if (weekday !== undefined && !/^quin[cz]ena$/.test(raw[at + 1]?.word ?? "")) token.weekday = weekday;
    }
    tokens.push(token);
    if (token.weekday !== undefined && raw[at + 1]?.word === "-" && raw[at + 2]?.word === "feira") at += 2;
    else if (token.weekday !== undefined && raw[at + 1]?.word === "feira") at++;
  }
  for (const [at, token] of tokens.entries()) nameByNeighbours(tokens, token, at);
  for (const [at, token] of tokens.entries()) countOrdinals(tokens, token, at);
  return tokens;
}

function nameByNeighbours(tokens: readonly Token[], token: Token, at: number): void {
  const month = MONTHS.get(token.word);
  if (month !== undefined) token.month = month;
  const near = MONTHS_BESIDE_A_NUMBER.get(token.word);
  if (near !== undefined) {
    const previous =
      tokens[at - 1]?.word === "de" || tokens[at - 1]?.word === "of" || tokens[at - 1]?.word === "/"
        ? tokens[at - 2]
        : tokens[at - 1];
    const isDay = (other: Token | undefined) => other !== undefined && ((other.number ?? 99) <= 31 || ORDINALS.has(other.word));
    if (isDay(previous) || isDay(tokens[at + 1])) {
      token.month = near;
      delete token.number;
    }
  }
  if (token.word === "pasado" && tokens[at - 1]?.word === "o" && tokens[at - 2]?.daysAhead === 1) token.daysAhead = 2;
  const short = SHORT_WEEKDAYS.get(token.word);
  if (short !== undefined) {
    const before = tokens[at - 1]?.word ?? "";
    const after = tokens[at + 1];
    if (
      after?.number !== undefined ||
      after?.month !== undefined ||
      ["on", "this", "next", "to", "until", "till", "from", "-", "the"].includes(before)
    ) {
      token.weekday = short;
    }
  }
}

function countOrdinals(tokens: readonly Token[], token: Token, at: number): void {
  const ordinal = ORDINALS.get(token.word);
  if (ordinal === undefined) return;
  const next = tokens[at + 1]?.word === "de" || tokens[at + 1]?.word === "of" ? tokens[at + 2] : tokens[at + 1];
  const previous = tokens[at - 1]?.word === "the" ? tokens[at - 2] : tokens[at - 1];
  if (next?.month !== undefined || previous?.month !== undefined) {
    token.number = ordinal;
    token.ordinal = true;
  }
}
