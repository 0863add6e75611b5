import type { Reply } from "../../mail/message.ts";
import { MAXIMUM_BUTTONS, phraseText, titleOf } from "./catalogue.ts";
import type { Draft } from "./phrases.ts";
import type { Words } from "./words.ts";

export interface Rendered {
  reply: Reply;
  /** What the guest may press, write or number. */
  choices: { id: string; title: string }[];
}

/** Typing that a person would need: hint for channels that can show it. */
const TYPING_MS_PER_CHARACTER = 12;
const LONGEST_TYPING_MS = 2_500;

/**
 * Puts a reply into words: one message, with buttons where the channel may show them and numbers where it may not.
 *
 * @param interactive whether buttons and lists may be sent; else they become numbered lines
 */
export function render(draft: Draft, words: Words, { interactive, typing }: { interactive: boolean; typing: boolean }): Rendered {
  const choices = draft.buttons.map((id) => ({ id, title: titleOf(id, words) }));
  const lines = draft.phrases.map((phrase) => phraseText(phrase, words));
  if (!interactive && choices.length > 0) lines.push(choices.map(({ title }, index) => `${index + 1}) ${title}`).join("\n"));
  const text = lines.join("\n\n");
  const reply: Reply = { text };
  if (interactive && choices.length > 0) {
    reply.buttons = choices.slice(0, MAXIMUM_BUTTONS);
    if (choices.length > MAXIMUM_BUTTONS) reply.list = { button: LIST_BUTTON[words.language], rows: choices };
  }
  if (draft.location !== undefined) reply.location = draft.location;
  if (typing) reply.typingMs = Math.min(LONGEST_TYPING_MS, text.length * TYPING_MS_PER_CHARACTER);
  return { reply, choices };
}

const LIST_BUTTON = { es: "Ver opciones", en: "See options", pt: "Ver opções" };
