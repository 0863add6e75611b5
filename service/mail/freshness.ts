import type { IncomingMessage } from "./message.ts";

/**
 * For how long a reply is worth sending, in seconds; older ones become dead letters with a ticket, so that nobody gets stale
 * offers when a provider comes back. What a dead letter's replay sends again never expires: a person chose to.
 */
export const FRESH_SECONDS = {
  /** With choices, such as rooms: prices and rooms change. */
  choices: 3_600,
  /** Without. */
  answer: 3 * 3_600,
  /** Of a person of reception: a day, like the time in which WhatsApp lets anybody answer. */
  person: 24 * 3_600,
} as const;

/** @returns the number that a reply to this message leaves from; "" when its channel has one only */
export function sentFrom({ attachment }: IncomingMessage): string {
  const number = attachment?.phone_number_id;
  return typeof number === "string" ? number.slice(0, 256) : "";
}
