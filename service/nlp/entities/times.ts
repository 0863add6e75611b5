import { isInstead } from "./dates.ts";
import type { Token } from "./tokens.ts";
import { NUMBERS, UNITS } from "./words.ts";

/** Words after which a bare number is an hour. */
const HOUR_OPENERS: ReadonlySet<string> = new Set([
  "las",
  "as",
  "pras",
  "at",
  "until",
  "till",
  "by",
  "around",
  "after",
  "before",
  "tipo",
  "umas",
]);
const HOUR_UNITS: ReadonlySet<string> = new Set(["h", "hs", "hrs", "horas", "hours", "oclock"]);
const AFTERNOON: ReadonlySet<string> = new Set(["tarde", "afternoon"]);
const EVENING: ReadonlySet<string> = new Set(["noche", "noite", "night", "evening"]);
const SMALL_HOURS: ReadonlySet<string> = new Set(["morning", "manana", "manha", "madrugada"]);

/** A time found in a message: minutes since midnight. */
export interface TimeMention {
  from: number;
  minutes: number;
}

/**
 * Times of day that a message names; what was read is marked used.
 *
 * @param afternoon bare hours from 1 to 9 are in the afternoon, as when a guest asks to leave later
 */
export function timesIn(tokens: readonly Token[], afternoon: boolean): TimeMention[] {
  const mentions: TimeMention[] = [];
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at]!.used) continue;
    const found = namedTime(tokens, at) ?? halfPast(tokens, at) ?? clockTime(tokens, at, afternoon);
    if (!found) continue;
    for (let i = at; i < found.end; i++) tokens[i]!.used = true;
    if (!isInstead(tokens, at)) mentions.push({ from: at, minutes: found.minutes });
    at = found.end - 1;
  }
  return mentions;
}

type Found = { minutes: number; end: number };

function namedTime(tokens: readonly Token[], at: number): Found | undefined {
  const { word } = tokens[at]!;
  if (word === "mediodia" || word === "noon" || word === "midday") return { minutes: 720, end: at + 1 };
  if (word === "medianoche" || word === "midnight") return { minutes: 0, end: at + 1 };
  const gap = tokens[at + 1]?.word === "-" ? 2 : 1;
  const second = tokens[at + gap]?.word;
  if ((word === "medio" || word === "meio") && second === "dia" && ["al", "ao", "do", "o"].includes(tokens[at - 1]?.word ?? "")) {
    return { minutes: 720, end: at + gap + 1 };
  }
  if ((word === "media" || word === "meia") && (second === "noche" || second === "noite"))
    return { minutes: 0, end: at + gap + 1 };
  return undefined;
}

/** "half past seven", "quarter to two am", "10 to 8". */
function halfPast(tokens: readonly Token[], at: number): Found | undefined {
  const { word } = tokens[at]!;
  const minutes = word === "half" ? 30 : word === "quarter" ? 15 : undefined;
  const direction = tokens[at + 1]?.word;
  const hour = tokens[at + 2]?.number;
  if (minutes === undefined || (direction !== "past" && direction !== "to") || hour === undefined || hour > 23) return undefined;
  return withPeriod(tokens, at + 3, hour * 60 + (direction === "past" ? minutes : -minutes), false);
}

function clockTime(tokens: readonly Token[], at: number, afternoon: boolean): Found | undefined {
  const { word, number } = tokens[at]!;
  const written =
    /^(\d{1,2})[:h](\d{2})$/.exec(word) ??
    (opensHour(tokens, at) ? /^(\d{1,2})\.(\d{2})$/ : /^(\d{1,2})\.(00|15|30|45)$/).exec(word);
  if (written) {
    const [hour, minute] = [Number(written[1]), Number(written[2])];
    if (hour > 23 || minute > 59) return undefined;
    const end = HOUR_UNITS.has(tokens[at + 1]?.word ?? "") ? at + 2 : at + 1;
    return withPeriod(tokens, end, hour * 60 + minute, false);
  }
  if (number === undefined || number > 24) return undefined;
  const next = tokens[at + 1]?.word ?? "";
  const unit = HOUR_UNITS.has(next);
  const meridiem =
    isMeridiem(tokens, at + 1) || (["de", "da", "in", "a"].includes(next) && periodAt(tokens, at + 1) !== undefined);
  const opened = opensHour(tokens, at);
  if (!opened && !meridiem && !(unit && next !== "horas" && next !== "hours")) return undefined;
  if (!unit && !meridiem && UNITS.has(next)) return undefined;
  let end = unit ? at + 2 : at + 1;
  let minutes = (number % 24) * 60;
  const extra = minutesAfter(tokens, end);
  if (extra) {
    minutes += extra.minutes;
    end = extra.end;
  }
  return withPeriod(tokens, end, minutes, afternoon && !unit);
}

function opensHour(tokens: readonly Token[], at: number): boolean {
  const previous = tokens[at - 1]?.word ?? "";
  if (HOUR_OPENERS.has(previous)) return true;
  return previous === "la" && NUMBERS.has(tokens[at]!.word) && tokens[at]!.number === 1;
}

/** "y media", "y cuarto", "menos cuarto", "e meia", "y 20". */
function minutesAfter(tokens: readonly Token[], at: number): Found | undefined {
  const join = tokens[at]?.word;
  const next = tokens[at + 1];
  if (!next) return undefined;
  const half = next.word === "media" || next.word === "meia";
  if ((join === "y" || join === "e") && half) return { minutes: 30, end: at + 2 };
  if (join === "y" && next.word === "cuarto") return { minutes: 15, end: at + 2 };
  if (join === "menos" && next.word === "cuarto") return { minutes: -15, end: at + 2 };
  if (
    (join === "y" || join === "e") &&
    next.number !== undefined &&
    next.number < 60 &&
    next.number % 5 === 0 &&
    !UNITS.has(tokens[at + 2]?.word ?? "")
  ) {
    return { minutes: next.number, end: at + 2 };
  }
  return undefined;
}

function isMeridiem(tokens: readonly Token[], at: number): boolean {
  const word = tokens[at]?.word;
  return (
    word === "am" ||
    word === "pm" ||
    ((word === "a" || word === "p") && tokens[at + 1]?.word === "." && tokens[at + 2]?.word === "m")
  );
}

/** "de la tarde", "da manhã", "in the evening", "a la noche". */
function periodAt(tokens: readonly Token[], at: number): { word: string; end: number } | undefined {
  for (let end = at; end < at + 3 && end < tokens.length; end++) {
    const { word } = tokens[end]!;
    if (AFTERNOON.has(word) || EVENING.has(word) || SMALL_HOURS.has(word)) return { word, end: end + 1 };
    if (!["de", "da", "la", "in", "the", "a", "por", "at"].includes(word)) return undefined;
  }
  return undefined;
}

function withPeriod(tokens: readonly Token[], at: number, minutes: number, afternoon: boolean): Found {
  const noon = 720;
  if (isMeridiem(tokens, at)) {
    const pm = tokens[at]!.word.startsWith("p");
    const end = tokens[at]!.word.length === 2 ? at + 1 : at + 3;
    return {
      minutes: pm
        ? minutes < noon
          ? minutes + noon
          : minutes
        : minutes >= noon && minutes < noon + 60
          ? minutes - noon
          : minutes,
      end,
    };
  }
  const period = periodAt(tokens, at);
  if (period) {
    const late = AFTERNOON.has(period.word) ? minutes < noon : EVENING.has(period.word) && minutes >= 360 && minutes < noon;
    const midnight = EVENING.has(period.word) && minutes >= noon && minutes < noon + 60;
    return { minutes: late ? minutes + noon : midnight ? minutes - noon : minutes, end: period.end };
  }
  return { minutes: afternoon && minutes >= 60 && minutes < 600 ? minutes + noon : minutes, end: at };
}

/** `HH:MM` of minutes since midnight. */
export function clockOf(minutes: number): string {
  const within = ((minutes % 1440) + 1440) % 1440;
  return `${String(Math.floor(within / 60)).padStart(2, "0")}:${String(within % 60).padStart(2, "0")}`;
}
