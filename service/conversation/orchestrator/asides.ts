import type { Said } from "./contract.ts";
import type { Dialogue } from "./dialogue.ts";
import { foreignLanguage } from "./foreign.ts";
import * as information from "./information.ts";
import { isInvoiceData } from "./names.ts";
import { readRoomCount } from "./reading.ts";
import { remind } from "./remind.ts";
import { speaksOfStay } from "./stay.ts";

/**
 * Wishes that no intent of the classifier covers. They are told by their words, before the open question is answered; what was open
 * stays open and is asked again.
 */

const BOT =
  /\b((sos|eres|es usted|usted es|seras?|voce e|tu es|are you|r u|is this|is it|you are|esto es|isso e|isto e) (realmente |really |actually |acaso |just |only |solo )?(a |an |un |una |um |uma |el |la )?(real |actual |automatic[oa] )?(bot|robot|robo|maquina|machine|ia|ai|inteligencia artificial|chatbot|chat ?gpt|programa|program|computer|computadora?|automatic[oa]?|automated|human[oa]?|human being|person|persona|pessoa|real|de verdad|de verdade|gente|alguien real|contestador( automatico)?|asistente virtual)|(estoy|estou|am i|are we|eu estou) (hablando|falando|chateando|talking|speaking|chatting|texting) (con|com|to|with) (a |an |un |una |um |uma )?(real |actual )?(bot|robot|robo|maquina|machine|ia|ai|chatbot|human[oa]?|person|persona|pessoa|computer|alguien|someone|somebody|alguem)\w*|(hablo|falo) con? (un|una|um|uma) (bot|robot|robo|maquina|persona|pessoa|human[oa])|^(bot|robot|robo|human|humano|chatgpt|ia|ai)$)\b/;
const ASKS_FOR_PERSON =
  /\b(quiero|queria|quisiera|puedo|podria|necesito|want|need|can i|could i|let me|quero|posso|preciso|pasame|comunicame|connect|transfer)\b/;
const LOST =
  /\b(perd(i|imos|io) (mi|mis|un|una|el|la|los|las|meu|minha|o|a|os|as)\b|(me |nos )?(olvid\w+|esqueci\w*) (de )?(mi|mis|un|una|el|la|los|las|meu|minha|o|a|os|as)\b|se me quedo|me quedo (mi|el|la|un|una) \w+ (en|olvidad)|dej(e|amos) (olvidad[oa]s? )?(mi|mis|un|una|el|la|los|las) \w+ (en|ahi|alla)|deixe?i (o|a|os|as|meu|minha|um|uma) \w+ (no|na|ai|la)|(lost|left|forgot) (my|our|a|an|the) \w+|objetos? perdidos?|lost (and|&) found|lost property|achados e perdidos)/;
/** What is lost of a booking, a key or a way isn't an object that somebody finds. */
const NOT_AN_OBJECT =
  /\b(codigo|code|reserva|reservacion|booking|reservation|confirmacion|confirmation|vuelo|flight|voo|tren|train|bus|contrasena|password|senha|respeto|paciencia|patience|llave|key|chave|tarjeta de la habitacion|avisar|decir|tell|mention|count|way)\b/;
const TOLD =
  /\b(me (lo |la )?(dijo|dijeron|dijiste|informaron|prometieron|confirmaron|aseguraron|disse|disseram|falou|falaram|prometeram|confirmaram)|nos (dijeron|prometieron|confirmaron|disseram)|(she|he|they|you|someone|somebody|reception|the lady|the man) (told|said|promised|quoted|confirmed)|(was|were) (told|promised|quoted)|la (chica|senora|senorita) (que |del |de |me )|(hable|hablamos) con|(llame|llamamos) (ayer|el|por|a recepcion)|falei com|liguei (ontem|para|e)|i (called|spoke|talked) (to|with|yesterday|on|and))\b/;
const PAYMENT_LINK =
  /\b(payment link|pay link|link (to pay|for payment|de pago|de pagamento|para pagar)|enlace de pago|pagar (online|en linea|por link)|pay online)\b/;
const PETS = /\b(mascotas?|perr(o|a|it[oa])s?|gat(o|a|it[oa])s?|pets?|dogs?|cats?|pupp(y|ies)|cachorr(o|inh[oa])s?)\b/;
const ASKS =
  /[?¿]|\b(puedo|podemos|aceptan|admiten|permiten|can|could|do you|are|is|posso|podemos|aceitam|cobran|cuesta|cobram|fee|llevar|bring|levar)\b/;
const EARLY =
  /\b(early check ?in|check ?in (temprano|anticipado|antecipado|mais cedo|early|earlier)|entrada (temprana|anticipada)|(entrar|ingresar|chegar|check in|arrive|llegar) (\w+ ){0,2}(antes|temprano|mas temprano|mais cedo|early|earlier|before) (de |del |da |do |the )?(check|la hora|horario|las|as|\d)?)\b/;
/** From so many rooms on it is a group: its price and its conditions are reception's. */
const GROUP_ROOMS = 4;

interface Aside {
  applies(d: Dialogue, said: Said, words: string): boolean;
  act(d: Dialogue, said: Said, words: string): undefined;
}

const passOn =
  (say: (d: Dialogue) => undefined): Aside["act"] =>
  (d, { text }) => {
    d.ticket({ kind: "question", urgent: false, text });
    say(d);
  };

const ASIDES: readonly Aside[] = [
  {
    applies: (_, __, words) => asksWhetherBot(words),
    act: (d) => d.say("i_am_a_bot", {}, ["reception"]),
  },
  {
    applies: (_, { text }) => isInvoiceData(text),
    act: passOn((d) => d.say("invoice_noted", {})),
  },
  {
    applies: (_, __, words) => LOST.test(words) && !NOT_AN_OBJECT.test(words),
    act: passOn((d) => d.say("lost_item", {})),
  },
  {
    // A story about what somebody said: its days and numbers are no stay.
    applies: (_, { band, intent, text }, words) =>
      TOLD.test(words) &&
      !/[?¿]/.test(text) &&
      !(band === "high" && ["room_issue", "human_agent", "cancel_reservation"].includes(intent)),
    act: passOn((d) => d.say("told_otherwise", {})),
  },
  {
    applies: (_, __, words) => PAYMENT_LINK.test(words),
    act: passOn((d) => d.say("unknown_fact", {})),
  },
  {
    applies: (_, __, words) => EARLY.test(words) && !/\b(un|una|one|um|uma|dos|two|dois|\d) (dia|day)/.test(words),
    act: (d, { text }) => information.checkTimes(d, text),
  },
  {
    applies: (d, { entities, text }, words) =>
      PETS.test(words) && ASKS.test(`${text} ${words}`) && !speaksOfStay(entities) && d.session.awaiting !== "guests",
    act: (d, { text }) => information.policies(d, text),
  },
];

/** @returns whether the message was a wish on the side, and is answered */
export function aside(d: Dialogue, said: Said, words: string): boolean {
  const rooms = readRoomCount(words);
  if (rooms !== undefined && rooms >= GROUP_ROOMS) {
    d.handOver({ kind: "booking", urgent: false, text: said.text });
    d.say("group", { rooms }, ["assistant"]);
    return true;
  }
  const foreign = foreignLanguage(said.text, words);
  if (foreign !== undefined) {
    d.say("languages", { foreign, spoken: [...d.around.hotel.languages] }, ["reception"]);
    return true;
  }
  const found = ASIDES.find((each) => each.applies(d, said, words));
  if (found === undefined) return false;
  found.act(d, said, words);
  remind(d);
  if (found === ASIDES[0]) d.offer("reception");
  return true;
}

/** "are you a bot?", not "I want to talk to a person". */
export function asksWhetherBot(words: string): boolean {
  return BOT.test(words) && !ASKS_FOR_PERSON.test(words) && words.split(" ").length <= 16;
}
