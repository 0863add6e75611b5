import type { Language } from "../../vocabulary.ts";

/** What reception is told. */
export interface Notice {
  /** Of the notice: the same id is the same notice, however often it is sent. */
  id: string;
  tenantId: string;
  hotel: string;
  /** Kind of the ticket. */
  kind: string;
  urgent: boolean;
  /** What the guest wants, in the guest's words where there are any. */
  text: string;
  room: string | undefined;
  /** Channel by which the guest writes, and the guest's address there. */
  channel: string;
  userId: string;
  conversationId: string;
  /** 0: told for the first time; above: nobody took it. */
  step: number;
  createdAt: Date;
  /** The hotel's first language. */
  language: Language;
}

const KINDS: Record<Language, Record<string, string>> = {
  es: {
    emergency: "EMERGENCIA",
    handover: "Un huésped espera a una persona",
    issue: "Problema en una habitación",
    service: "Pedido de un huésped",
    late_checkout: "Salida tarde",
    booking: "Reserva",
    question: "Pregunta sin respuesta",
    data: "Pedido sobre datos personales",
    failed: "Un mensaje no pudo atenderse",
    undelivered: "Un mensaje no pudo entregarse",
  },
  en: {
    emergency: "EMERGENCY",
    handover: "A guest waits for a person",
    issue: "Problem in a room",
    service: "A guest's request",
    late_checkout: "Late check-out",
    booking: "Booking",
    question: "Question without an answer",
    data: "Request about personal data",
    failed: "A message could not be handled",
    undelivered: "A message could not be delivered",
  },
  pt: {
    emergency: "EMERGÊNCIA",
    handover: "Um hóspede espera por uma pessoa",
    issue: "Problema em um quarto",
    service: "Pedido de um hóspede",
    late_checkout: "Saída mais tarde",
    booking: "Reserva",
    question: "Pergunta sem resposta",
    data: "Pedido sobre dados pessoais",
    failed: "Uma mensagem não pôde ser atendida",
    undelivered: "Uma mensagem não pôde ser entregue",
  },
};
const WORDS: Record<Language, { again: string; urgent: string; room: string; guest: string; untaken: string }> = {
  es: {
    again: "Nadie lo tomó",
    urgent: "Urgente",
    room: "Habitación",
    guest: "Huésped",
    untaken: "Nadie lo ha tomado todavía.",
  },
  en: { again: "Nobody took it", urgent: "Urgent", room: "Room", guest: "Guest", untaken: "Nobody has taken it yet." },
  pt: {
    again: "Ninguém assumiu",
    urgent: "Urgente",
    room: "Quarto",
    guest: "Hóspede",
    untaken: "Ninguém assumiu ainda.",
  },
};

/** One line that says what it is: "EMERGENCY – room 204". */
export function titleOf(notice: Notice): string {
  const words = WORDS[notice.language];
  const kind = KINDS[notice.language][notice.kind] ?? notice.kind;
  const room = notice.room === undefined ? "" : ` – ${words.room} ${notice.room}`;
  const mark = notice.urgent && notice.kind !== "emergency" ? `${words.urgent}: ` : "";
  return `${notice.step > 0 ? `${words.again}: ` : ""}${mark}${kind}${room}`;
}

/** The notice as plain text. */
export function textOf(notice: Notice): string {
  const words = WORDS[notice.language];
  return [
    `${titleOf(notice)} (${notice.hotel})`,
    "",
    notice.text,
    "",
    `${words.guest}: ${notice.userId} (${notice.channel})`,
    ...(notice.step > 0 ? [words.untaken] : []),
  ].join("\n");
}
