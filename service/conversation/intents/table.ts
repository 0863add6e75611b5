import { type Intent, isIntent, type Language } from "../../vocabulary.ts";
import type { Said, Understood, Wish } from "../orchestrator/contract.ts";
import type { Dialogue } from "../orchestrator/dialogue.ts";
import { outOfScope } from "../orchestrator/fallback.ts";
import * as information from "../orchestrator/information.ts";
import { plain, readAmenities, readRoomNumber } from "../orchestrator/reading.ts";
import * as reception from "../orchestrator/reception.ts";
import { remind } from "../orchestrator/remind.ts";
import { speaksOfStay } from "../orchestrator/stay.ts";
import type { Awaiting, Session } from "../session.ts";
import * as acts from "./acts.ts";

/** All that the dialogue knows of one intent. */
export interface IntentEntry {
  /** How it is called on a button and inside a question: at most 20 characters, as WhatsApp demands. */
  readonly name: Readonly<Record<Language, string>>;
  /** Does what the guest wants. */
  readonly act: (d: Dialogue, said: Said) => undefined;
  /** A guest who was half understood can be asked whether this is meant. */
  readonly offerable: boolean;
  /** A question or small wish on the side: it is answered, and the open question is asked again. */
  readonly aside: boolean;
  /** When it is sure, it stands above an open question of any kind. */
  readonly above: boolean;
  /** Dates, guests and rooms in such a message belong to the stay that is being talked about. */
  readonly aboutStay: boolean;
  /** The classifier takes words that call a booking off or ask for its state for this, so those words outrank it. */
  readonly yieldsToWords: boolean;
  /** A name may be taken for it: it doesn't keep an answer to "what name?" from being one. */
  readonly likeAName: boolean;
  /** It doesn't say by itself what can't wait, so "it can't wait" calls a person. */
  readonly urgentIsDanger: boolean;
  /** What a message must say beside it, so that a medium confidence is enough to act. */
  readonly backedBy?: (said: Said) => boolean;
  /** Questions of the agent that are asked on the way to it; their answers are read as being about it. */
  readonly asks: readonly Awaiting[];
}

const PLAIN = {
  offerable: true,
  aside: false,
  above: false,
  aboutStay: false,
  yieldsToWords: false,
  likeAName: false,
  urgentIsDanger: false,
  asks: [],
} as const;
const ASIDE = { ...PLAIN, aside: true } as const;

const namesStay = ({ entities }: Said) => speaksOfStay(entities);
const namesRoomNumber = ({ text }: Said) => readRoomNumber(plain(text)) !== undefined;

/** One question about the hotel, answered from its profile; then the open question again. */
const tell =
  (answer: (d: Dialogue, text: string) => undefined) =>
  (d: Dialogue, { text }: Said): undefined => {
    answer(d, text);
    remind(d);
  };

/** Every intent once. One that is trained and has no entry here doesn't compile. */
const TABLE = {
  check_availability: {
    ...PLAIN,
    name: { es: "Ver disponibilidad", en: "Check availability", pt: "Ver disponibilidade" },
    act: acts.quote,
    aboutStay: true,
    yieldsToWords: true,
    backedBy: namesStay,
  },
  make_reservation: {
    ...PLAIN,
    name: { es: "Reservar habitación", en: "Book a room", pt: "Reservar quarto" },
    act: acts.book,
    aboutStay: true,
    yieldsToWords: true,
    likeAName: true,
    backedBy: namesStay,
    asks: ["dates", "nights", "guests", "room", "contact", "name", "confirm", "retry"],
  },
  modify_reservation: {
    ...PLAIN,
    name: { es: "Cambiar mi reserva", en: "Change my booking", pt: "Mudar minha reserva" },
    act: acts.modify,
    aboutStay: true,
    yieldsToWords: true,
    asks: ["change_what", "change_confirm"],
  },
  cancel_reservation: {
    ...PLAIN,
    name: { es: "Cancelar mi reserva", en: "Cancel my booking", pt: "Cancelar reserva" },
    act: acts.cancel,
  },
  my_booking: {
    ...PLAIN,
    name: { es: "Ver mi reserva", en: "See my booking", pt: "Ver minha reserva" },
    act: acts.showBooking,
    offerable: false,
    above: true,
  },
  ask_price: {
    ...PLAIN,
    name: { es: "Precios", en: "Prices", pt: "Preços" },
    act: acts.price,
    aboutStay: true,
    backedBy: namesStay,
  },
  ask_room_types: {
    ...ASIDE,
    name: { es: "Tipos de habitación", en: "Room types", pt: "Tipos de quarto" },
    act: acts.roomTypes,
    aboutStay: true,
  },
  ask_amenities: {
    ...ASIDE,
    name: { es: "Servicios del hotel", en: "Hotel services", pt: "Serviços do hotel" },
    act: tell(information.amenities),
    backedBy: ({ text }: Said) => readAmenities(plain(text)).length > 0,
  },
  ask_location: {
    ...ASIDE,
    name: { es: "Cómo llegar", en: "How to get there", pt: "Como chegar" },
    act: tell(information.location),
  },
  check_in_out_info: {
    ...ASIDE,
    name: { es: "Horarios de entrada", en: "Check-in times", pt: "Horários de entrada" },
    act: tell(information.checkTimes),
  },
  late_checkout: {
    ...PLAIN,
    name: { es: "Salida más tarde", en: "Late check-out", pt: "Saída mais tarde" },
    act: reception.lateCheckOut,
    above: true,
    asks: ["late_time"],
  },
  ask_policies: {
    ...ASIDE,
    name: { es: "Políticas del hotel", en: "Hotel policies", pt: "Políticas do hotel" },
    act: tell(information.policies),
  },
  payment_invoice: {
    ...ASIDE,
    name: { es: "Pagos y facturas", en: "Payment and invoices", pt: "Pagamento e nota" },
    act: tell(information.payment),
  },
  room_issue: {
    ...PLAIN,
    name: { es: "Avisar un problema", en: "Report a problem", pt: "Avisar um problema" },
    act: (d, said) => reception.report(d, "issue", said),
    above: true,
    backedBy: namesRoomNumber,
  },
  request_service: {
    ...ASIDE,
    name: { es: "Pedir algo", en: "Ask for something", pt: "Pedir algo" },
    act: (d, said) => reception.report(d, "service", said),
    backedBy: namesRoomNumber,
  },
  human_agent: {
    ...PLAIN,
    name: { es: "Hablar con recepción", en: "Talk to reception", pt: "Falar com recepção" },
    act: (d, { text }) => reception.toPerson(d, text),
    above: true,
    urgentIsDanger: true,
  },
  greeting: {
    ...PLAIN,
    name: { es: "Saludar", en: "Say hello", pt: "Cumprimentar" },
    act: acts.greet,
    urgentIsDanger: true,
    offerable: false,
    likeAName: true,
  },
  goodbye_thanks: {
    ...PLAIN,
    name: { es: "Despedirme", en: "Say goodbye", pt: "Despedir-me" },
    act: (d) => d.say("thanks", {}),
    urgentIsDanger: true,
    offerable: false,
  },
  affirm: {
    ...PLAIN,
    name: { es: "Decir que sí", en: "Say yes", pt: "Dizer que sim" },
    act: acts.affirm,
    urgentIsDanger: true,
    offerable: false,
    aboutStay: true,
    yieldsToWords: true,
    likeAName: true,
  },
  deny: {
    ...PLAIN,
    name: { es: "Decir que no", en: "Say no", pt: "Dizer que não" },
    act: (d) => d.say("anything_else", {}, acts.MENU),
    urgentIsDanger: true,
    offerable: false,
    aboutStay: true,
    yieldsToWords: true,
    likeAName: true,
  },
  out_of_scope: {
    ...PLAIN,
    name: { es: "Otra cosa", en: "Something else", pt: "Outra coisa" },
    act: (d, { text }) => outOfScope(d, text, () => remind(d)),
    offerable: false,
    aboutStay: true,
    yieldsToWords: true,
    likeAName: true,
    urgentIsDanger: true,
  },
} as const satisfies Record<Wish, IntentEntry>;

/** @returns the entry of an intent */
export const entryOf = (intent: Wish): IntentEntry => TABLE[intent];

/** All intents that the dialogue knows, in the order of the table. */
export const WISHES = Object.keys(TABLE) as Wish[];

/** @returns whether a text that came from outside, such as the id of a button, names an intent of the table */
export const isWish = (text: string): text is Wish => Object.hasOwn(TABLE, text);

/** @returns what the open question is about */
export function topicOf({ awaiting }: Pick<Session, "awaiting">): Intent | undefined {
  if (awaiting === undefined) return undefined;
  const topic = WISHES.find((wish) => entryOf(wish).asks.includes(awaiting));
  return topic !== undefined && isIntent(topic) ? topic : undefined;
}

/** A button that stands for an intent says no words. */
export const WITHOUT_WORDS: Omit<Understood, "intent"> = { text: "", language: "es", confidence: 1, band: "high", entities: {} };

/** Does what an intent means when its button is pressed, or another rule is sure of it. */
export function act(d: Dialogue, wish: Wish): undefined {
  return entryOf(wish).act(d, { ...WITHOUT_WORDS, intent: wish });
}
