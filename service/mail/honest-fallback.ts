import type { Language } from "../vocabulary.ts";
import type { Conversation, HandleMessage, IncomingMessage, Turn } from "./message.ts";

/** What a guest reads when the agent can't answer: true, and in the guest's language. */
const TEXTS: Record<Language, string> = {
  es: "No pude responder tu mensaje. Lo dejé anotado para recepción, para que una persona te conteste por aquí.",
  en: "I couldn't answer your message. I've left it with reception, so that a person can reply to you here.",
  pt: "Não consegui responder à sua mensagem. Deixei-a anotada para a recepção, para que uma pessoa responda por aqui.",
};

/** @returns a turn that says so and hands the conversation over to reception, which must know of it before */
export function honestFallback(conversation: Conversation, message: IncomingMessage): Turn {
  const language = message.language ?? conversation.language ?? "es";
  return {
    state: conversation.state,
    language,
    handedOver: true,
    replies: [{ text: TEXTS[language] }],
    intent: "out_of_scope",
    confidence: 0,
    band: "low",
  };
}

/** Leaves work for reception; the same key again changes nothing. */
export type OpenTicket = (
  conversation: Conversation,
  key: string,
  ticket: { kind: "failed" | "undelivered"; urgent: boolean; text: string },
) => Promise<void>;

/** @returns what answers a message that could not be handled: a ticket first, then the words that speak of it */
export function createGiveUp(openTicket: OpenTicket): HandleMessage {
  return async ({ conversation, message }) => {
    await openTicket(conversation, `failed:${message.channel}:${message.messageId}`, {
      kind: "failed",
      urgent: true,
      text: message.text,
    });
    const turn = honestFallback(conversation, message);
    return conversation.handedOver ? { ...turn, replies: [] } : turn; // a person has the conversation, and the agent keeps quiet
  };
}
