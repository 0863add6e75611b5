import { OUT_OF_SCOPE } from "../../vocabulary.ts";
import { entryOf } from "../intents/table.ts";
import type { Awaiting, Session } from "../session.ts";
import { agrees, postpones, saysOnlyYes } from "./agreement.ts";
import * as booking from "./booking.ts";
import * as changes from "./changes.ts";
import { choose, pick } from "./choices.ts";
import type { Entities, Said, Wish } from "./contract.ts";
import type { Dialogue } from "./dialogue.ts";
import { looksLikeAName, readContact, readIntroducedName, readName } from "./names.ts";
import { askWho, completeParty } from "./party.ts";
import * as reading from "./reading.ts";
import * as reception from "./reception.ts";
import { remind } from "./remind.ts";
import { speaksOfDates, speaksOfStay } from "./stay.ts";

const CHOOSING: ReadonlySet<string> = new Set(["room", "name", "confirm", "change_what", "change_confirm"]);

/**
 * Reads a message as the answer to what was asked.
 *
 * @param words the message in plain letters
 * @returns whether it was one; if not, nothing has happened
 */
export function answer(d: Dialogue, said: Said, words: string): boolean {
  const { session } = d;
  const { awaiting } = session;
  if (awaiting === undefined) return false;
  const sure = said.band === "high";
  if (sure && entryOf(said.intent).above && !isNameAnswer(awaiting, said)) return false;
  if (said.intent === "cancel_reservation" && sure && !["cancel_confirm", "code", "which"].includes(awaiting)) return false;
  const named =
    said.entities.room_type ?? reading.readRoom(words, awaiting === "room" ? session.offers.map(({ roomType }) => roomType) : []);
  // "la doble" names a room type, and is no question about room types while one is to be chosen.
  const chooses = named !== undefined && CHOOSING.has(awaiting) && !/[?¿]/.test(said.text);
  const offered = named !== undefined && session.offers.some(({ roomType }) => roomType === named);
  if (awaiting === "room" && offered && /[?¿]/.test(said.text) && words.split(" ").length <= 4) {
    // "¿y la suite?": its price for these nights.
    session.goal = "quote";
    return taken(() => booking.takeStay(d, { room_type: named }));
  }
  const asks = sure && entryOf(said.intent).aside && !chooses && !isNameAnswer(awaiting, said);
  // A question of a guest isn't an answer to ours, unless it says just what was asked.
  if (asks && !speaksOfDates(said.entities) && !["guests", "nights"].includes(awaiting)) return false;
  return ANSWERS[awaiting](d, said, words, asks);
}

type Answer = (d: Dialogue, said: Said, words: string, asks: boolean) => boolean;

const ANSWERS: Record<NonNullable<Session["awaiting"]>, Answer> = {
  dates: (d, said, words) => {
    if (speaksOfDates(said.entities)) return taken(() => booking.takeStay(d, said.entities, said.party));
    if (reading.saysNo(words)) return taken(() => booking.giveUp(d));
    return speaksOfStay(said.entities) && isAboutStay(said) && taken(() => booking.takeStay(d, said.entities, said.party));
  },

  nights: (d, said, words, asks) => {
    const { entities } = said;
    const { checkIn } = d.session.stay;
    const day = entities.check_in ?? entities.date;
    // "hasta el 15": a lone later day after the arrival is the departure.
    if (
      day !== undefined &&
      entities.check_out === undefined &&
      checkIn !== undefined &&
      day > checkIn &&
      !/\bmejor|\bllego|\barriv|\bchego/.test(words)
    ) {
      const { check_in: _in, date: _date, ...rest } = entities;
      return taken(() => booking.takeStay(d, { ...rest, check_out: day }));
    }
    if (speaksOfDates(entities)) return taken(() => booking.takeStay(d, entities, said.party));
    const nights = reading.readNumber(words);
    if (nights !== undefined && !asks) return taken(() => booking.takeStay(d, { nights }));
    if (reading.saysNo(words)) return taken(() => booking.giveUp(d));
    return correction(d, said);
  },

  guests: (d, said, words, asks) => {
    const { session } = d;
    const { entities, party } = said;
    if (session.party !== undefined) {
      const known = completeParty(session.party, said, words);
      if (known?.adults !== undefined && known.children !== undefined) {
        const { adults, children } = known;
        return taken(() => booking.takeStay(d, { ...entities, adults, children }));
      }
      if (known !== undefined) return taken(() => askWho(d, known));
    }
    if (party?.unclear === true) return taken(() => booking.takeStay(d, entities, party));
    if (entities.adults === undefined && entities.children !== undefined) {
      const { children } = entities;
      return taken(() => booking.takeStay(d, entities, { children, unclear: true }));
    }
    if (entities.adults !== undefined && !asks) return taken(() => booking.takeStay(d, entities, said.party));
    if (speaksOfDates(entities)) return taken(() => booking.takeStay(d, entities, said.party));
    if (reading.saysNo(words) && !speaksOfStay(entities)) return taken(() => booking.giveUp(d));
    return correction(d, said);
  },

  room: (d, said, words) => {
    const { session } = d;
    const { entities, intent } = said;
    if (changesStay(session, entities)) return taken(() => booking.takeStay(d, entities, said.party));
    if (isSurely(said, "goodbye_thanks") && entities.room_type === undefined && !reading.saysYes(words)) return false;
    const offered = session.offers.map(({ roomType }) => roomType);
    const room = entities.room_type ?? reading.readRoom(words, offered);
    if (room !== undefined && (intent === "ask_price" || intent === "check_availability") && !offered.includes(room)) {
      return taken(() => booking.takeStay(d, { room_type: room }));
    }
    if (room !== undefined && !reading.saysNo(words)) return taken(() => choose(d, `room:${room}`));
    if (postpones(words)) return taken(() => booking.leaveOpen(d));
    if (agrees(said, words, ["make_reservation"])) return taken(() => choose(d, "book"));
    if (room !== undefined) return taken(() => choose(d, `room:${room}`));
    if (reading.saysNo(words) || isSurely(said, "deny")) {
      session.goal = "quote";
      return taken(() => d.say("no_other_dates", {}, ["other_dates", "other_rooms", "reception"]));
    }
    return false;
  },

  contact: (d, said, words) => {
    const { session } = d;
    const contact = session.contact ?? readContact(said.text, true);
    const { roomType } = session.stay;
    if (contact !== undefined) {
      session.contact = contact;
      return taken(() => (roomType === undefined ? booking.advance(d) : booking.holdRoom(d, roomType)));
    }
    if (changesStay(session, said.entities)) return taken(() => booking.takeStay(d, said.entities, said.party));
    if (reading.saysNo(words)) return taken(() => booking.giveUp(d));
    return (
      !(said.band === "high" && said.intent !== OUT_OF_SCOPE && !entryOf(said.intent).aboutStay) &&
      taken(() => d.ask("contact", "ask_contact_again", {}, ["reception"]))
    );
  },

  name: (d, said, words) => {
    const { session } = d;
    const { entities } = said;
    const introduced = readIntroducedName(said.text);
    const read = introduced ?? (saysOnlyYes(said, words) ? undefined : readName(said.text));
    const other = said.band === "high" && !entryOf(said.intent).likeAName;
    const name = introduced ?? (read === undefined || (other && !looksLikeAName(read, said.text)) ? undefined : read);
    if (name !== undefined) session.guestName = name;
    if (changesStay(session, entities)) return taken(() => booking.takeStay(d, entities, said.party));
    if (name !== undefined || entities.room_type !== undefined) return taken(() => booking.askToConfirm(d));
    if (postpones(words)) return taken(() => booking.leaveOpen(d));
    if (reading.saysNo(words)) return taken(() => booking.giveUp(d));
    return agrees(said, words) && taken(() => booking.confirm(d));
  },

  confirm: (d, said, words) => {
    const { session } = d;
    if (changesStay(session, said.entities)) return taken(() => booking.takeStay(d, said.entities, said.party));
    if (readIntroducedName(said.text) !== undefined && !agrees(said, words)) return taken(() => booking.askToConfirm(d));
    if (postpones(words)) return taken(() => booking.leaveOpen(d));
    if (reading.saysNo(words) || isSurely(said, "deny")) return taken(() => booking.giveUp(d));
    return agrees(said, words, ["make_reservation"]) && taken(() => booking.confirm(d));
  },

  change_what: (d, said, words) => {
    const { session } = d;
    const room = said.entities.room_type ?? reading.readRoom(words, []);
    const entities = room === undefined ? said.entities : { ...said.entities, room_type: room };
    if (session.change === undefined) {
      if (speaksOfStay(entities)) return taken(() => booking.takeStay(d, entities, said.party));
      const name = readIntroducedName(said.text);
      if (name !== undefined) return taken(() => booking.askToConfirm(d));
      if (!reading.saysNo(words)) return false;
      return taken(() => (session.hold === undefined ? booking.giveUp(d) : booking.askToConfirm(d)));
    }
    if (speaksOfStay(entities)) return taken(() => changes.change(d, entities));
    const name = readIntroducedName(said.text);
    if (name !== undefined) {
      session.change.guestName = name;
      return taken(() => changes.makeChange(d));
    }
    return (reading.saysNo(words) || isSurely(said, "deny")) && taken(() => changes.keepAsItWas(d));
  },

  change_confirm: (d, said, words) => {
    if (speaksOfStay(said.entities)) return taken(() => changes.change(d, said.entities));
    if (reading.saysNo(words) || isSurely(said, "deny")) return taken(() => changes.keepAsItWas(d));
    return agrees(said, words, ["modify_reservation"]) && taken(() => changes.makeChange(d));
  },

  which: (d, said, words) => {
    const { choices } = d.session;
    const code = reading.readCode(said.text) ?? said.entities.reservation_code;
    if (code !== undefined) return taken(() => pick(d, code));
    const codes = choices.flatMap(({ id }) => (id.startsWith("which:") ? [id.slice("which:".length)] : []));
    const number = reading.readNumber(words) ?? ORDINALS.findIndex((ordinal) => ordinal.test(words)) + 1;
    const chosen = number === 0 ? (/\b(ultim[oa]|last)\b/.test(words) ? codes.at(-1) : undefined) : codes[number - 1];
    if (chosen !== undefined) return taken(() => pick(d, chosen));
    return reading.saysNo(words) && taken(() => changes.keepReservation(d));
  },

  code: (d, said, words) => {
    const { cancelling } = d.session;
    const goOn = cancelling === undefined ? changes.makeChange : changes.makeCancellation;
    // Another code, or a yes without one, isn't what was asked for: then it is asked for again.
    if (reading.readCode(said.text) !== undefined || reading.saysYes(words)) return taken(() => goOn(d));
    const giveUp = cancelling === undefined ? changes.keepAsItWas : changes.keepReservation;
    return reading.saysNo(words) && taken(() => giveUp(d));
  },

  cancel_confirm: (d, said, words) => {
    if (reading.saysNo(words) || isSurely(said, "deny")) return taken(() => changes.keepReservation(d));
    const yes = agrees(said, words, ["cancel_reservation"]) || (reading.callsOff(words) && !/[?¿]/.test(said.text));
    return yes && taken(() => changes.makeCancellation(d));
  },

  late_time: (d, said, words) => {
    const time = said.entities.time ?? reading.readTime(words);
    if (time === undefined) {
      if (!reading.saysNo(words)) return false;
      d.resume();
      return taken(() => remind(d) || d.say("anything_else", {}));
    }
    return taken(() => reception.lateCheckOut(d, said));
  },

  room_number: (d, said, words) => {
    if (reception.takeRoomNumber(d, words)) return true;
    d.resume();
    const declines = reading.saysNo(words) || said.intent === OUT_OF_SCOPE || said.band === "low";
    return declines && taken(() => remind(d) || d.say("anything_else", {}));
  },

  intent: (d, said, words) => {
    const { session } = d;
    const [first] = session.asked;
    if (first !== undefined && session.asked.length === 1 && reading.saysYes(words))
      return taken(() => choose(d, `intent:${first}`));
    if (reading.saysNo(words)) return taken(() => choose(d, "no"));
    d.resume();
    session.asked = [];
    if (session.awaiting !== undefined) return answer(d, said, words);
    return said.band === "low" && speaksOfStay(said.entities) && taken(() => booking.takeStay(d, said.entities, said.party));
  },

  retry: (d, said, words) => {
    if (speaksOfStay(said.entities)) return taken(() => booking.takeStay(d, said.entities, said.party));
    if (reading.saysNo(words)) return taken(() => booking.giveUp(d));
    const yes = reading.saysYes(words) || /\b(intent\w*|prob\w*|again|retry|try|de novo|otra vez|tent\w*)\b/.test(words);
    return yes && taken(() => choose(d, "retry"));
  },
};

const ORDINALS = [/\b(primer[oa]?|first|primeir[oa])\b/, /\b(segund[oa]|second)\b/, /\b(tercer[oa]?|third|terceir[oa])\b/];

/** "Bill Cobb" is a name where one was asked for, whatever the classifier makes of it. */
function isNameAnswer(awaiting: Awaiting, { text }: Said): boolean {
  const name = awaiting === "name" ? readName(text) : undefined;
  return name !== undefined && looksLikeAName(name, text);
}

/** "mejor 3 personas", "quiero una suite", said while something else was asked. */
function correction(d: Dialogue, said: Said): boolean {
  return speaksOfStay(said.entities) && isAboutStay(said) && taken(() => booking.takeStay(d, said.entities, said.party));
}

function isAboutStay({ intent, band }: Said): boolean {
  return band !== "high" || entryOf(intent).aboutStay;
}

/** Dates, nights or guests, or another room than the one that is kept. */
function changesStay(session: Session, entities: Entities): boolean {
  if (speaksOfDates(entities) || entities.adults !== undefined || entities.children !== undefined) return true;
  return session.hold !== undefined && entities.room_type !== undefined && entities.room_type !== session.hold.roomType;
}

function isSurely({ intent, band }: Said, wanted: Wish): boolean {
  return band === "high" && intent === wanted;
}

function taken(work: () => unknown): true {
  work();
  return true;
}
