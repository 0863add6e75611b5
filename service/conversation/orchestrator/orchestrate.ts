import { dangerWords } from "../../nlp/danger.ts";
import { type Intent, OUT_OF_SCOPE } from "../../vocabulary.ts";
import { act, entryOf } from "../intents/table.ts";
import type { Session } from "../session.ts";
import { aside, asksWhetherBot } from "./asides.ts";
import * as booking from "./booking.ts";
import * as changes from "./changes.ts";
import { choose } from "./choices.ts";
import type { Event, PmsOutcome, Said, Step, Surroundings, Understood, Wish } from "./contract.ts";
import { Dialogue } from "./dialogue.ts";
import { askWhich, notUnderstood } from "./fallback.ts";
import { readContact, readIntroducedName } from "./names.ts";
import { answer } from "./open-question.ts";
import * as reading from "./reading.ts";
import * as reception from "./reception.ts";
import { remind } from "./remind.ts";
import { readShift, shifted } from "./shift.ts";
import { moveToMonth, speaksOfStay } from "./stay.ts";

/** Media within this time of each other are one album: only the first is answered at length. */
const ALBUM_MS = 90_000;

/**
 * One step of a conversation: what a message, a button or an answer of the PMS makes of the session, what is to be done
 * and what is to be said. It asks nobody, reads no clock and changes none of its arguments.
 */
export function orchestrate(session: Session, event: Event, around: Surroundings): Step {
  const d = new Dialogue(session, around);
  if (event.type === "pms") onOutcome(d, event.outcome);
  else {
    d.session.updatedAt = around.clock.now.toISOString();
    if (event.type === "message") onMessage(d, event.understood);
    else if (event.type === "choice") onChoice(d, event.id);
    else onMedia(d, event.kind);
  }
  return d.finish();
}

function onMessage(d: Dialogue, understood: Understood): undefined {
  const words = reading.plain(understood.text);
  // Above every other rule: whoever has the conversation, whatever was asked, and whatever the classifier thinks.
  if (isDanger(understood, d.handedOver)) return reception.emergency(d, understood.text);
  if (d.handedOver) {
    if (reading.wantsAssistant(words)) reception.backToAgent(d);
    return; // a person has taken over
  }
  if (reading.wantsData(words)) return reception.dataRequest(d, understood.text);
  d.noteCode(understood.entities.reservation_code ?? reading.readCode(understood.text));
  const contact = readContact(understood.text);
  if (contact !== undefined) d.session.contact = contact;
  const name = readIntroducedName(understood.text);
  if (name !== undefined && d.session.awaiting !== "name") d.session.guestName = name;

  const { today } = d.around.clock;
  const year = reading.readPastYear(words, Number(today.slice(0, 4)));
  const past = reading.readPastDay(words, today);
  const addition = reading.readAddition(words);
  const entities = {
    ...(addition === undefined ? {} : { relative: true, ...addition }),
    ...nearby(understood, words, d.session),
    ...(year === undefined ? {} : { past_year: year }),
    ...(past === undefined ? {} : { check_in: past, ambiguous: undefined }),
  };
  const said = settle({ ...understood, entities }, words);
  if (aside(d, said, words)) {
    d.session.misunderstood = 0;
    return;
  }
  if ((reading.readRoomCount(words) ?? 1) > 1) d.say("one_room_at_a_time", {});
  if (moveStay(d, said, words) || answer(d, said, words)) {
    d.session.misunderstood = 0;
    return;
  }
  const acts = said.band === "high" || (said.band === "medium" && entryOf(said.intent).backedBy?.(said) === true);
  const own = said.intent === understood.intent ? d.around.ownAnswer : undefined;
  if (said.band !== "low" && own !== undefined) {
    d.session.misunderstood = 0;
    d.say("own_answer", { text: own });
    remind(d);
    return;
  }
  if (acts) {
    // What is out of scope counts as misunderstood: a person takes over after the third.
    if (said.intent !== OUT_OF_SCOPE) d.session.misunderstood = 0;
    return entryOf(said.intent).act(d, said);
  }
  if (said.intent !== "cancel_reservation" && goesOnAboutStay(d.session, said)) {
    d.session.misunderstood = 0;
    return booking.takeStay(d, said.entities, said.party);
  }
  if (said.band === "medium" && askWhich(d, said, isOfferable)) return;
  notUnderstood(d, said.text, () => remind(d));
}

/**
 * "It can't wait" is danger when nobody knows what it is about, or when a person has to hear of it anyway; a room that is
 * wanted urgently is still a booking.
 */
function isDanger({ danger, intent, band, entities, text }: Understood, handedOver: boolean): boolean {
  // What was learnt takes "am I talking to a person?" for a call for help; a word of danger beside it still rings.
  if (danger === "emergency" && asksWhetherBot(reading.plain(text)) && dangerWords(text) === undefined) return false;
  if (danger === undefined || danger === "emergency" || handedOver) return danger !== undefined;
  return entryOf(intent).urgentIsDanger || (band !== "high" && !speaksOfStay(entities));
}

/** Words that no classifier may read differently: to call something off is never to book. */
function settle(understood: Understood, words: string): Said {
  const { intent } = understood;
  const certain = (certainly: Wish): Said => ({ ...understood, intent: certainly, confidence: 1, band: "high" });
  const unclear = entryOf(intent).yieldsToWords || understood.band !== "high";
  if (reading.asksAboutCancelling(words) && understood.band !== "high") return certain("ask_policies");
  if (reading.callsOff(words) && unclear) return certain("cancel_reservation");
  const changes = intent === "modify_reservation" && understood.band === "high";
  if (reading.wantsStatus(words) && unclear && !changes) return certain("my_booking");
  return understood;
}

function isOfferable(intent: Wish): intent is Intent {
  return entryOf(intent).offerable;
}

/** "del 10 al 12" and "3 adultos" say enough by themselves, the latter when a stay is being talked about. */
function goesOnAboutStay({ stay, change, cancelling }: Session, { entities }: Said): boolean {
  if (change !== undefined || cancelling !== undefined) return false;
  if (entities.check_in !== undefined || (entities.date !== undefined && entities.check_out !== undefined)) return true;
  return speaksOfStay(entities) && stay.checkIn !== undefined;
}

/** "mejor del 13", said about the twelfth of April, is the thirteenth of April. */
function nearby({ entities, text }: Understood, words: string, { stay, change }: Session): Understood["entities"] {
  const month = change?.to.checkIn ?? stay.checkIn;
  return month === undefined || !reading.namesOnlyDays(text, words) ? entities : moveToMonth(entities, month);
}

/** "One day later": said about a stay, it moves that stay, whatever the classifier makes of it. */
function moveStay(d: Dialogue, said: Said, words: string): boolean {
  const { check_in: arrival, check_out: departure, date } = said.entities;
  const shift = (arrival ?? departure ?? date) === undefined ? readShift(words) : undefined;
  if (shift === undefined || reading.asksAboutCancelling(words)) return false;
  const { session } = d;
  if (session.change !== undefined) {
    const { checkIn, checkOut } = session.change.to;
    if (checkIn === undefined || checkOut === undefined) return false;
    changes.change(d, shifted({ checkIn, checkOut }, shift));
    return true;
  }
  const { checkIn = session.refused?.checkIn, checkOut = session.refused?.checkOut } = session.stay;
  if (checkIn !== undefined && checkOut !== undefined) {
    booking.takeStay(d, shifted({ checkIn, checkOut }, shift));
    return true;
  }
  if (session.lastBooking === undefined) return false;
  changes.begin(d, "modify", { shift: shift.days, shift_departure: shift.departure });
  return true;
}

function onChoice(d: Dialogue, id: string): undefined {
  if (d.handedOver) {
    if (id === "assistant") reception.backToAgent(d);
    return;
  }
  d.session.misunderstood = 0;
  choose(d, id);
}

function onMedia(d: Dialogue, kind: Extract<Event, { type: "media" }>["kind"]): undefined {
  if (d.handedOver) return;
  const { session, around } = d;
  const now = around.clock.now.getTime();
  const album = session.mediaAt !== undefined && now - Date.parse(session.mediaAt) < ALBUM_MS;
  if (kind === "reaction") return d.say("reaction", {});
  if (kind === "unknown" || kind === "contacts") return d.say("unreadable", {});
  if (kind === "location") {
    d.say("place", {});
    return act(d, "ask_location");
  }
  session.mediaAt = around.clock.now.toISOString();
  if (kind === "audio") return d.say("audio", {}, ["reception"]);
  if (album) return d.say("attachment_again", {});
  d.say(kind === "image" || kind === "sticker" ? "image" : "attachment", {});
  remind(d);
}

function onOutcome(d: Dialogue, outcome: PmsOutcome): undefined {
  const { call } = outcome;
  if (outcome.kind === "unavailable" || outcome.kind === "refused") return onFailure(d, outcome);
  if (outcome.kind === "offers") {
    if (outcome.call.next === "offer") booking.onOffers(d, outcome.read);
    else changes.onChangeOffers(d, outcome.read);
    return;
  }
  if (outcome.kind === "roomTypes") {
    if (outcome.call.next === "fits") return booking.onNothingFits(d, outcome.read.value.length);
    if (outcome.read.stale) d.say("stale", { asOf: outcome.read.asOf });
    if (outcome.read.value.length === 0) {
      d.ticket({ kind: "question", urgent: false, text: outcome.call.next });
      d.say("unknown_fact", {});
      return;
    }
    const roomTypes = outcome.read.value.map(({ roomType, maxGuests, from }) => ({ roomType, maxGuests, from }));
    if (outcome.call.next === "prices") d.say("prices", { roomTypes });
    else d.say("room_types", { roomTypes });
    if (outcome.call.next === "room_types") remind(d);
    else if (d.session.awaiting === undefined) d.session.awaiting = "dates";
    return;
  }
  const { reservations } = outcome;
  const [reservation] = reservations;
  switch (call.next) {
    case "modify":
    case "cancel":
    case "status":
      return changes.onReservations(d, call.next, reservations, call.operation === "reservation" ? call.code : undefined);
    case "held":
      return booking.onHeld(d, reservation!);
    case "reconfirm":
      return booking.onReheld(d, reservation!);
    case "confirmed":
      return booking.onConfirmed(d, reservation!);
    case "changed":
      return changes.onChanged(d, reservation!);
    case "cancelled":
      return changes.onCancelled(d, reservation!);
    case "not_booked":
      d.session.hold = undefined;
      return booking.giveUp(d);
    case "advance":
      d.session.hold = undefined;
      return booking.advance(d);
    default:
      throw new Error(`an outcome of ${call.operation} came for ${call.next}`);
  }
}

function onFailure(d: Dialogue, outcome: Extract<PmsOutcome, { kind: "unavailable" | "refused" }>): undefined {
  const { call } = outcome;
  switch (call.next) {
    case "offer":
    case "held":
    case "reconfirm":
    case "confirmed":
      return booking.onBookingFailed(d, outcome);
    case "room_types":
    case "prices":
    case "fits":
      d.ticket({ kind: "question", urgent: false, text: call.next });
      d.say("pms_down", {}, ["retry", "reception"]);
      d.session.awaiting = "retry";
      d.session.asked = call.next === "fits" ? [] : [call.next === "prices" ? "ask_price" : "ask_room_types"];
      return;
    case "not_booked":
    case "advance":
      // A hold that can't be given back now runs out by itself.
      d.session.hold = undefined;
      return call.next === "advance" ? booking.advance(d) : booking.giveUp(d);
    default:
      return changes.onChangeFailed(d, outcome);
  }
}
