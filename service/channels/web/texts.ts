import type { Language } from "../../vocabulary.ts";

/** What the page itself says; answers come from the agent. `{hotel}` stands for the hotel's name. */
export interface PageTexts {
  title: string;
  welcome: string;
  suggestions: string[];
  placeholder: string;
  send: string;
  messages: string;
  language: string;
  typing: string;
  sending: string;
  notSent: string;
  again: string;
  offline: string;
  busy: string;
  you: string;
  agent: string;
  map: string;
  noScript: string;
  tooLong: string;
  end: string;
}

export const PAGE_TEXTS: Record<Language, PageTexts> = {
  es: {
    title: "Chat con {hotel}",
    welcome: "¡Hola! Soy el asistente de {hotel}. Puedo buscar disponibilidad, reservar y responder tus preguntas.",
    suggestions: ["¿Tienen disponibilidad?", "¿Cuánto cuesta una habitación doble?", "¿Dónde están?"],
    placeholder: "Escribe tu mensaje",
    send: "Enviar",
    messages: "Mensajes",
    language: "Idioma",
    typing: "Escribiendo…",
    sending: "Enviando…",
    notSent: "No se envió.",
    again: "Reintentar",
    offline: "Sin conexión. Lo que escribas se enviará cuando vuelva.",
    busy: "Hay muchos mensajes. Se enviará en unos segundos.",
    you: "Tú",
    agent: "Asistente",
    map: "Ver en el mapa",
    noScript: "Este chat necesita JavaScript. También puedes escribirnos por WhatsApp o por correo.",
    end: "Terminar chat",
    tooLong: "El mensaje es demasiado largo: 2000 caracteres como máximo.",
  },
  en: {
    title: "Chat with {hotel}",
    welcome: "Hello! I'm the assistant of {hotel}. I can look for availability, book, and answer your questions.",
    suggestions: ["Do you have availability?", "How much is a double room?", "Where are you?"],
    placeholder: "Write your message",
    send: "Send",
    messages: "Messages",
    language: "Language",
    typing: "Typing…",
    sending: "Sending…",
    notSent: "Not sent.",
    again: "Try again",
    offline: "No connection. What you write is sent when it is back.",
    busy: "Many messages at the moment. Yours goes in a few seconds.",
    you: "You",
    agent: "Assistant",
    map: "See on the map",
    noScript: "This chat needs JavaScript. You can also write to us on WhatsApp or by e-mail.",
    end: "End chat",
    tooLong: "The message is too long: 2000 characters at most.",
  },
  pt: {
    title: "Chat com {hotel}",
    welcome: "Olá! Sou o assistente de {hotel}. Posso ver disponibilidade, reservar e responder às suas perguntas.",
    suggestions: ["Tem disponibilidade?", "Quanto custa um quarto duplo?", "Onde vocês ficam?"],
    placeholder: "Escreva sua mensagem",
    send: "Enviar",
    messages: "Mensagens",
    language: "Idioma",
    typing: "Escrevendo…",
    sending: "Enviando…",
    notSent: "Não foi enviada.",
    again: "Tentar de novo",
    offline: "Sem conexão. O que você escrever será enviado quando ela voltar.",
    busy: "Há muitas mensagens. A sua vai em alguns segundos.",
    you: "Você",
    agent: "Assistente",
    map: "Ver no mapa",
    noScript: "Este chat precisa de JavaScript. Você também pode nos escrever pelo WhatsApp ou por e-mail.",
    end: "Encerrar chat",
    tooLong: "A mensagem é longa demais: 2000 caracteres no máximo.",
  },
};
