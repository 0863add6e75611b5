import type { Language } from "./examples.ts";

/** Steps of the ladder, in order. */
export type Rung = "rephrase" | "menu" | "person";

/** A fallback that was sent before in this conversation without a message understood since. */
export interface Attempt {
  rung: Rung;
  key: string;
}

/** What decides the next fallback. */
export interface FallbackInput {
  language: string;
  /** Hour at the hotel, 0–23. */
  hour: number;
  /** Fallbacks since the last message that was understood, oldest first. */
  attempts: readonly Attempt[];
  /** The guest is in danger or says that it can't wait: straight to a person. */
  urgent?: boolean;
}

/** The fallback to send. `key` names the text, never the same twice in a row. */
export interface Fallback extends Attempt {
  text: string;
}

const NIGHT = { from: 22, until: 7 } as const;

type Texts = Readonly<Record<"rephrase" | "menu" | "personDay" | "personNight" | "urgent", readonly [string, string]>>;

const TEXTS: Readonly<Record<Language, Texts>> = {
  es: {
    rephrase: [
      "Perdón, no te entendí. ¿Me lo decís con otras palabras?",
      "No estoy seguro de lo que necesitás. ¿Me lo contás en una frase corta?",
    ],
    menu: [
      "Puedo ayudarte con disponibilidad, precios, tu reserva o el hotel. ¿Qué elegís?",
      "Probemos así: ¿es por disponibilidad, precios, tu reserva o información del hotel?",
    ],
    personDay: [
      "Le paso tu mensaje a recepción: una persona te responde por acá.",
      "Recepción ya tiene tu mensaje y te va a responder por acá.",
    ],
    personNight: [
      'A esta hora recepción atiende solo urgencias. Les dejo tu mensaje y te responden por la mañana. Si es urgente, escribí "urgente".',
      'Tu mensaje ya está en recepción; te responden por la mañana. Si no puede esperar, escribí "urgente".',
    ],
    urgent: [
      "Aviso ahora mismo a recepción. Si hay peligro, llamá al número de emergencias.",
      "Recepción ya está avisada. Si hay peligro, llamá al número de emergencias.",
    ],
  },
  en: {
    rephrase: [
      "Sorry, I didn't get that. Could you say it in other words?",
      "I'm not sure what you need. Could you tell me in one short sentence?",
    ],
    menu: [
      "I can help with availability, prices, your booking or the hotel. Which one is it?",
      "Let's try this: is it about availability, prices, your booking or information on the hotel?",
    ],
    personDay: [
      "I'm passing your message to reception: a person will answer you here.",
      "Reception has your message and will answer you here.",
    ],
    personNight: [
      'At this hour reception handles urgent matters only. I\'ve left your message and they will answer in the morning. If it is urgent, write "urgent".',
      'Your message is with reception; they will answer in the morning. If it can\'t wait, write "urgent".',
    ],
    urgent: [
      "I'm telling reception right now. If there is danger, call the emergency number.",
      "Reception has been told. If there is danger, call the emergency number.",
    ],
  },
  pt: {
    rephrase: [
      "Desculpe, não entendi. Pode dizer com outras palavras?",
      "Não tenho certeza do que você precisa. Pode me contar em uma frase curta?",
    ],
    menu: [
      "Posso ajudar com disponibilidade, preços, sua reserva ou o hotel. Qual deles?",
      "Vamos assim: é sobre disponibilidade, preços, sua reserva ou informações do hotel?",
    ],
    personDay: [
      "Vou passar sua mensagem para a recepção: uma pessoa responde por aqui.",
      "A recepção já tem sua mensagem e vai responder por aqui.",
    ],
    personNight: [
      'A esta hora a recepção atende só urgências. Deixei sua mensagem e respondem pela manhã. Se for urgente, escreva "urgente".',
      'Sua mensagem está com a recepção; respondem pela manhã. Se não puder esperar, escreva "urgente".',
    ],
    urgent: [
      "Estou avisando a recepção agora. Se houver perigo, ligue para o número de emergência.",
      "A recepção já foi avisada. Se houver perigo, ligue para o número de emergência.",
    ],
  },
};

/**
 * The next step of the fallback ladder: rephrase, then a menu, then a person, who at night answers in the morning
 * unless it is urgent. The text is never the one that was sent last.
 *
 * @param input an unknown language is answered in English
 */
export function nextFallback({ language, hour, attempts, urgent = false }: FallbackInput): Fallback {
  const rung: Rung = urgent || attempts.length >= 2 ? "person" : attempts.length === 1 ? "menu" : "rephrase";
  const night = hour >= NIGHT.from || hour < NIGHT.until;
  const kind = rung !== "person" ? rung : urgent ? "urgent" : night ? "personNight" : "personDay";
  const spoken = isLanguage(language) ? language : "en";
  const last = attempts.at(-1)?.key;
  const variant = last === `${kind}.1.${spoken}` ? 1 : 0;
  return { rung, key: `${kind}.${variant + 1}.${spoken}`, text: TEXTS[spoken][kind][variant] };
}

function isLanguage(language: string): language is Language {
  return Object.hasOwn(TEXTS, language);
}
