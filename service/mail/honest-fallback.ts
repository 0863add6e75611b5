import type { Language } from "../vocabulary.ts";
import type { Conversation, IncomingMessage, Turn } from "./message.ts";

/** What a guest reads when the agent can't answer: true, and in the guest's language. */
const TEXTS: Record<Language, string> = {
  es: "No pude responder tu mensaje. Ya avisé a recepción: una persona te va a contestar por aquí.",
  en: "I couldn't answer your message. I've told reception: a person will reply to you here.",
  pt: "Não consegui responder à sua mensagem. Já avisei a recepção: uma pessoa vai responder por aqui.",
};

/** @returns a turn that says so and hands the conversation over to reception */
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
