import { type Language, ROOM_TYPES, type RoomType } from "../../vocabulary.ts";
import { entryOf, isWish } from "../intents/table.ts";
import { en, enTitles } from "./en.ts";
import { es, esTitles } from "./es.ts";
import type { Phrase, PhraseKey, Phrases, TitleKey, Titles } from "./phrases.ts";
import { pt, ptTitles } from "./pt.ts";
import type { Words } from "./words.ts";

export const PHRASES: Record<Language, Phrases> = { es, en, pt };
export const TITLES: Record<Language, Titles> = { es: esTitles, en: enTitles, pt: ptTitles };

/** WhatsApp's limits for buttons. */
export const MAXIMUM_BUTTONS = 3;
export const MAXIMUM_TITLE = 20;

/** @returns the phrase in the words' language; never empty */
export function phraseText(phrase: Phrase, words: Words): string {
  const phrases = PHRASES[words.language] as Record<PhraseKey, (parameters: unknown, words: Words) => string>;
  return phrases[phrase.key](phrase.parameters, words);
}

/**
 * The id of a button says what pressing it means: `confirm`, `room:double`, `guests:2`, `nights:3`, `which:GH-…`,
 * `time:13:00`, `intent:ask_price` or one of the titles' keys.
 *
 * @returns the title in the words' language
 * @throws Error for an id that no button has
 */
export function titleOf(id: string, words: Words): string {
  const [kind, value = ""] = split(id);
  switch (kind) {
    case "room":
      if (!ROOM_TYPES.includes(value as RoomType)) break;
      return words.room(value as RoomType);
    case "guests":
      return words.count("guest", Number(value));
    case "nights":
      return words.count("night", Number(value));
    case "which":
    case "time":
      return value;
    case "intent":
      if (!isWish(value)) break;
      return entryOf(value).name[words.language];
    default: {
      const title = TITLES[words.language][kind as TitleKey];
      if (title !== undefined) return title;
    }
  }
  throw new Error(`there is no button ${JSON.stringify(id)}`);
}

/** @returns whether an id that came from outside is one that a button may have */
export function isButton(id: string): boolean {
  const [kind, value = ""] = split(id);
  if (id.length > 100) return false;
  switch (kind) {
    case "room":
      return ROOM_TYPES.includes(value as RoomType);
    case "guests":
    case "nights":
      return /^\d{1,2}$/.test(value);
    case "time":
      return /^([01]\d|2[0-3]):[0-5]\d$/.test(value);
    case "intent":
      return isWish(value);
    case "which":
    case "confirm":
    case "cancel_yes":
    case "change_yes":
      return /^[A-Za-z0-9-]{1,32}$/.test(value);
    default:
      return id === kind && Object.hasOwn(TITLES.es, id);
  }
}

function split(id: string): [string, string?] {
  const at = id.indexOf(":");
  return at < 0 ? [id] : [id.slice(0, at), id.slice(at + 1)];
}
