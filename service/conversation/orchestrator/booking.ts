import { nightsBetween } from "../../calendar.ts";
import type { Guests } from "../../nlp/entities/guests.ts";
import type { HoldRequest, Offer, Read, Reservation } from "../../pms/port.ts";
import type { RoomType } from "../../vocabulary.ts";
import type { ShownStay } from "../replies/phrases.ts";
import type { Booking, Session, Stay } from "../session.ts";
import type { Entities, PmsOutcome } from "./contract.ts";
import { type Dialogue, shown, toBooking } from "./dialogue.ts";
import { askWho } from "./party.ts";
import { mergeStay, objectTo, toQuery } from "./stay.ts";

/** Goes on with a stay: asks for what is missing, one thing at a time, then asks the PMS. */
export function advance(d: Dialogue): undefined {
  const { session, around } = d;
  session.task = undefined;
  session.change = undefined;
  session.cancelling = undefined;
  const { hold } = session;
  if (hold !== undefined) {
    if (isSameStay(session.stay, hold)) return askToConfirm(d);
    d.call({ operation: "cancel", next: "advance", code: hold.code });
    return;
  }
  const { unanswered } = session;
  // Its own room may be what makes the hotel full, so the PMS isn't asked for offers first.
  if (session.goal === "book" && session.stay.roomType !== undefined && isSameStay(session.stay, unanswered))
    return holdRoom(d, session.stay.roomType);
  const objection = objectTo(session.stay, around.clock.today, around.hotel.profile);
  if (objection !== undefined) {
    session.stay = objection.stay;
    const buttons = objection.key === "dates_too_long" ? ["other_dates", "reception"] : [];
    d.ask(objection.about, objection.key, objection.parameters, buttons);
    return;
  }
  const query = toQuery(session.stay);
  if (query === undefined) return askForMissing(d);
  d.call({ operation: "availability", next: "offer", query });
}

/** Asks for the first thing that a stay lacks. */
export function askForMissing(d: Dialogue): undefined {
  const { stay } = d.session;
  if (stay.checkIn === undefined) d.ask("dates", "ask_dates", {});
  else if (stay.checkOut === undefined)
    d.ask("nights", "ask_nights", { checkIn: stay.checkIn }, ["nights:1", "nights:2", "nights:3"]);
  else if (d.session.party !== undefined) askWho(d, d.session.party);
  else d.ask("guests", "ask_guests", {}, ["guests:1", "guests:2", "guests:3"]);
}

/** Takes what a message says about the stay, and goes on. People who couldn't be counted are asked for. */
export function takeStay(d: Dialogue, entities: Entities, party?: Guests): undefined {
  const { session } = d;
  if (party?.unclear === true) {
    const { adults, children, people } = party;
    const { adults: _adults, children: _children, ...rest } = entities;
    session.party = { adults: adults ?? (people === undefined ? session.stay.adults : undefined), children, people };
    session.stay = { ...session.stay, adults: undefined, children: undefined };
    return takeStay(d, rest);
  }
  if (entities.adults !== undefined) session.party = undefined;
  if (entities.ambiguous?.some((name) => name === "check_in" || name === "check_out" || name === "date") === true) {
    const { check_in: _in, check_out: _out, date: _date, ...rest } = entities;
    session.stay = mergeStay(session.stay, rest);
    if (entities.past_year === undefined) d.ask("dates", "ask_dates_ambiguous", {});
    else d.ask("dates", "year_past", { year: entities.past_year });
    return;
  }
  session.stay = mergeStay(session.stay, entities);
  advance(d);
}

export function onOffers(d: Dialogue, read: Read<Offer[]>): undefined {
  const { session } = d;
  const { value: offers } = read;
  const query = toQuery(session.stay);
  if (query === undefined) return askForMissing(d);
  const stay: ShownStay = { ...query, nights: nightsBetween(query.checkIn, query.checkOut) };
  // No room is large enough, or the hotel has no rooms here at all: the PMS is asked which, since neither is "full".
  if (offers.length === 0) return d.call({ operation: "roomTypes", next: "fits" });
  const free = offers
    .filter((offer) => offer.available > 0 && offer.restriction === undefined)
    .sort((a, b) => a.total.amount - b.total.amount)
    .map(({ roomType, total }) => ({ roomType, total }));
  if (read.stale) d.say("stale", { asOf: read.asOf });
  if (free.length === 0) return nothingFree(d, offers, stay);
  const { roomType: wanted } = session.stay;
  if (wanted !== undefined) {
    const offer = free.find(({ roomType }) => roomType === wanted);
    if (offer !== undefined) {
      session.offers = [offer];
      if (session.goal === "book") return holdRoom(d, wanted);
      d.ask("room", "offer_one", { stay, offer }, ["book", "other_rooms", "other_dates"]);
      return;
    }
    const known = offers.some(({ roomType }) => roomType === wanted);
    d.say(known ? "room_sold_out" : "room_too_small", { roomType: wanted });
    session.stay.roomType = undefined;
  }
  session.offers = free;
  if (free.length === 1) d.ask("room", "offer_one", { stay, offer: free[0]! }, ["book", "other_dates"]);
  else
    d.ask(
      "room",
      "offers",
      { stay, offers: free },
      free.map(({ roomType }) => `room:${roomType}`),
    );
}

/** No room fits the guests: because they are many, or because nobody has told this PMS of any room. */
export function onNothingFits(d: Dialogue, rooms: number): undefined {
  const { session } = d;
  const { adults = 0, children = 0 } = session.stay;
  if (rooms === 0) {
    d.ticket({ kind: "booking", urgent: false, text: `no rooms are known, asked for: ${JSON.stringify(session.stay)}` });
    d.forget();
    d.say("no_rooms_known", {}, ["reception"]);
    return;
  }
  session.stay = { ...session.stay, adults: undefined, children: undefined, roomType: undefined };
  d.ask("guests", "party_too_large", { guests: adults + children }, ["reception"]);
}

function nothingFree(d: Dialogue, offers: readonly Offer[], stay: ShownStay): undefined {
  const { session } = d;
  const restriction = offers.find((offer) => offer.available > 0)?.restriction;
  session.stay = { adults: session.stay.adults, children: session.stay.children, roomType: session.stay.roomType };
  session.refused = { checkIn: stay.checkIn, checkOut: stay.checkOut };
  session.offers = [];
  if (restriction?.code === "MIN_NIGHTS") d.ask("dates", "min_nights", { minimum: restriction.minNights ?? 2 });
  else if (restriction?.code === "CLOSED") d.ask("dates", "dates_closed", { checkIn: stay.checkIn });
  else d.ask("dates", "sold_out", { stay }, ["other_dates", "reception"]);
}

/** Keeps a room for the guest, who hasn't said yes to it yet. */
export function holdRoom(d: Dialogue, roomType: RoomType): undefined {
  const { session, around } = d;
  if (!around.flags.reservations) return bookingsOff(d);
  session.goal = "book";
  session.stay.roomType = roomType;
  const query = toQuery(session.stay);
  if (query === undefined) return askForMissing(d);
  // Who writes from a phone or by mail can be reached there; a web page tells nothing, and a hold takes a room from others.
  if (around.channel === "web" && session.contact === undefined) return d.ask("contact", "ask_contact", {}, ["reception"]);
  callHold(d, "held", { ...query, roomType });
}

/** One key for one hold: what got no answer is asked for again under the key that it had. */
function callHold(d: Dialogue, next: "held" | "reconfirm", room: Omit<HoldRequest, "key" | "userId" | "guestName">): undefined {
  const { session, around } = d;
  const { unanswered } = session;
  const key = unanswered !== undefined && isSameStay(room, unanswered) ? unanswered.key : `${around.messageKey}:hold`;
  d.call({ operation: "hold", next, request: { ...room, userId: around.userId, guestName: session.guestName, key } });
}

/** Bookings, changes and cancellations are switched off: reception does them. */
export function bookingsOff(d: Dialogue): undefined {
  const { stay } = d.session;
  const wish = Object.entries(stay).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  d.handOver({ kind: "booking", urgent: false, text: ["bookings are switched off", ...wish].join(", ") });
  d.forget();
  d.say("bookings_off", {}, ["assistant"]);
}

export function onHeld(d: Dialogue, reservation: Reservation): undefined {
  const { session } = d;
  session.unanswered = undefined;
  if (reservation.status === "confirmed") return onConfirmed(d, reservation);
  if (reservation.status === "cancelled") {
    session.hold = undefined;
    d.ask("retry", "hold_lost", {}, ["retry", "other_dates"]);
    return;
  }
  const agreed = session.offers.find(({ roomType }) => roomType === reservation.roomType)?.total;
  if (agreed !== undefined && agreed.amount !== reservation.total.amount)
    d.say("price_changed", { before: agreed, now: reservation.total });
  const until = reservation.heldUntil ?? d.around.clock.now;
  session.hold = { ...toBooking(reservation), until: until.toISOString() };
  askToConfirm(d);
}

/** Asks for the name, or with a name for the last word. */
export function askToConfirm(d: Dialogue): undefined {
  const { session } = d;
  const { hold: held } = session;
  if (held === undefined) return advance(d);
  // The button names what it confirms: pressed later, under an older reply, it must not confirm something else.
  const buttons = [`confirm:${held.code}`, "change", "abort"];
  const details = { stay: shown(held), offer: held, until: new Date(held.until) };
  if (session.guestName === undefined) d.ask("name", "held_ask_name", details, buttons);
  else d.ask("confirm", "held_confirm", { ...details, guestName: session.guestName }, buttons);
}

/** The guest doesn't want to decide now: nothing is booked, what is kept stays kept, and the same question stays open. */
export function leaveOpen(d: Dialogue): undefined {
  const { hold: held } = d.session;
  if (held === undefined) d.say("not_booked_yet", {}, ["other_dates", "reception"]);
  else d.say("kept_for_now", { until: new Date(held.until) }, [`confirm:${held.code}`, "abort", "reception"]);
}

/** The guest said yes to what was shown. */
export function confirm(d: Dialogue): undefined {
  const { hold: held } = d.session;
  if (held === undefined) return advance(d);
  d.call({ operation: "confirm", next: "confirmed", code: held.code, guestName: d.session.guestName });
}

/** Only what the PMS calls confirmed is told as confirmed. */
export function onConfirmed(d: Dialogue, reservation: Reservation): undefined {
  const { contact } = d.session;
  if (reservation.status !== "confirmed") return onUnconfirmed(d, reservation);
  d.forget();
  d.event("booked", summaryOf(toBooking(reservation), contact));
  d.session.lastBooking = reservation.code;
  d.say("confirmed", { reservation: shown(toBooking(reservation)), checkInFrom: d.around.hotel.profile.checkInFrom });
}

function onUnconfirmed(d: Dialogue, reservation: Reservation): undefined {
  const { code, status } = reservation;
  d.ticket({
    kind: "booking",
    urgent: true,
    text: `the guest said yes, and the PMS answers "${status}": ${summaryOf(toBooking(reservation))}`,
  });
  if (status === "held") return d.ask("confirm", "not_confirmed", { code }, [`confirm:${code}`, "reception"]);
  d.session.hold = undefined;
  d.ask("retry", "not_confirmed", { code }, ["retry", "reception"]);
}

/** A reservation in one line, for people of reception. */
export function summaryOf(
  { code, roomType, checkIn, checkOut, adults, children, total, guestName }: Booking,
  contact?: string,
): string {
  const who = [guestName, contact].filter((each) => each !== undefined).join(", ");
  return `${code}: ${roomType}, ${checkIn} to ${checkOut}, ${adults} adults, ${children} children, ${total.currency} ${total.amount}${who === "" ? "" : `, ${who}`}`;
}

/** The guest doesn't want the room; one that is kept is given back. */
export function giveUp(d: Dialogue): undefined {
  const { hold: held } = d.session;
  if (held !== undefined) {
    d.call({ operation: "cancel", next: "not_booked", code: held.code });
    return;
  }
  const { adults, children } = d.session.stay;
  d.forget();
  d.session.stay = { adults, children };
  d.say("not_booked", {}, ["other_dates", "reception"]);
}

/** What the PMS said to a hold or a confirmation, when it wasn't yes. */
export function onBookingFailed(d: Dialogue, outcome: Extract<PmsOutcome, { kind: "refused" | "unavailable" }>): undefined {
  const { session } = d;
  const { call } = outcome;
  if (call.operation === "hold") session.unanswered = outcome.kind === "unavailable" ? unansweredOf(call.request) : undefined;
  if (outcome.kind === "unavailable") {
    const held = session.hold;
    const what = held === undefined ? session.stay : held;
    d.ticket({
      kind: "booking",
      urgent: false,
      text: `the PMS didn't answer "${call.operation}": ${JSON.stringify(what)}`,
    });
    d.ask(held === undefined ? "retry" : "confirm", held === undefined ? "pms_down" : "pms_down_held", {}, [
      held === undefined ? "retry" : `confirm:${held.code}`,
      "reception",
    ]);
    return;
  }
  if (call.operation === "confirm" && session.hold !== undefined) {
    // The room may still be free: it is kept anew and confirmed at once, since the guest has said yes to exactly this.
    const { code: _code, total: _total, until: _until, ...rest } = session.hold;
    return callHold(d, "reconfirm", rest);
  }
  session.hold = undefined;
  const { roomType } = session.stay;
  session.stay.roomType = undefined;
  session.goal = "quote";
  if (outcome.refusal === "SOLD_OUT" && roomType !== undefined) d.say("just_sold_out", { roomType });
  advance(d);
}

/** The room was kept anew for a guest who had said yes in time. */
export function onReheld(d: Dialogue, reservation: Reservation): undefined {
  const { session } = d;
  const agreed = session.hold?.total.amount;
  session.unanswered = undefined;
  session.hold = { ...toBooking(reservation), until: (reservation.heldUntil ?? d.around.clock.now).toISOString() };
  if (reservation.status === "held" && agreed === reservation.total.amount) return confirm(d);
  onHeld(d, reservation);
}

function unansweredOf({ key, roomType, checkIn, checkOut, adults, children }: HoldRequest): Session["unanswered"] {
  return { key, roomType, checkIn, checkOut, adults, children };
}

/** @returns whether a stay is the one of a room that is kept, or may be; a stay without a type of room is of any */
function isSameStay(stay: Stay, held: Omit<NonNullable<Session["unanswered"]>, "key"> | undefined): boolean {
  return (
    held !== undefined &&
    stay.checkIn === held.checkIn &&
    stay.checkOut === held.checkOut &&
    stay.adults === held.adults &&
    (stay.children ?? 0) === held.children &&
    (stay.roomType === undefined || stay.roomType === held.roomType)
  );
}
