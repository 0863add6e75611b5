/** Words that every room of the service uses with one meaning. Nothing here depends on another file. */

/** Languages that the agent speaks, as ISO 639-1 codes. */
export const LANGUAGES = ["es", "en", "pt"] as const;
/** One of {@link LANGUAGES}. */
export type Language = (typeof LANGUAGES)[number];

/** @returns whether a text is the code of a language that the agent speaks */
export function isLanguage(text: string): text is Language {
  return (LANGUAGES as readonly string[]).includes(text);
}

/** What a guest may want, in the order of the contract. */
export const INTENTS = [
  "check_availability",
  "make_reservation",
  "modify_reservation",
  "cancel_reservation",
  "ask_price",
  "ask_room_types",
  "ask_amenities",
  "ask_location",
  "check_in_out_info",
  "late_checkout",
  "ask_policies",
  "payment_invoice",
  "room_issue",
  "request_service",
  "human_agent",
  "greeting",
  "goodbye_thanks",
  "affirm",
  "deny",
] as const;
/** What no intent covers. */
export const OUT_OF_SCOPE = "out_of_scope";
/** What a message is about, as the classifier says it. */
export type Intent = (typeof INTENTS)[number] | typeof OUT_OF_SCOPE;

/** @returns whether a text is the name of an intent, out of scope among them */
export function isIntent(text: string): text is Intent {
  return text === OUT_OF_SCOPE || (INTENTS as readonly string[]).includes(text);
}

/** What the agent may do with an answer of some confidence: `high` acts, `medium` asks, `low` falls back. */
export type Band = "high" | "medium" | "low";

/** The room types that the agent can talk about; a PMS maps its own onto these. */
export const ROOM_TYPES = ["single", "double", "twin", "triple", "suite", "family"] as const;
/** One of {@link ROOM_TYPES}. */
export type RoomType = (typeof ROOM_TYPES)[number];
