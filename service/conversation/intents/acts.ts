import * as booking from "../orchestrator/booking.ts";
import * as changes from "../orchestrator/changes.ts";
import type { Said } from "../orchestrator/contract.ts";
import type { Dialogue } from "../orchestrator/dialogue.ts";
import { readIntroducedName } from "../orchestrator/names.ts";
import { namesOwnBooking, onlyCallsOff, plain, readCode } from "../orchestrator/reading.ts";
import { remind } from "../orchestrator/remind.ts";
import { mergeStay, speaksOfDates, speaksOfStay } from "../orchestrator/stay.ts";

/** What the intents of a stay do; those of one line stand in the table itself. */

/** Buttons under a reply that asks nothing. */
export const MENU: readonly string[] = ["intent:check_availability", "my_booking", "reception"];

export function quote(d: Dialogue, { entities, party }: Said): undefined {
  d.session.goal ??= "quote";
  return booking.takeStay(d, entities, party);
}

export function book(d: Dialogue, { entities, party }: Said): undefined {
  const { session } = d;
  if (!d.around.flags.reservations) {
    session.stay = mergeStay(session.stay, entities);
    return booking.bookingsOff(d);
  }
  session.goal = "book";
  return booking.takeStay(d, entities, party);
}

export function price(d: Dialogue, { entities, party }: Said): undefined {
  const { session } = d;
  session.goal ??= "quote";
  if (speaksOfDates(entities) || (session.stay.checkIn !== undefined && speaksOfStay(entities))) {
    return booking.takeStay(d, entities, party);
  }
  session.stay = mergeStay(session.stay, entities);
  return d.call({ operation: "roomTypes", next: "prices" });
}

export function roomTypes(d: Dialogue): undefined {
  return d.call({ operation: "roomTypes", next: "room_types" });
}

export function modify(d: Dialogue, said: Said): undefined {
  const { session } = d;
  const { text, entities, party } = said;
  if (session.hold !== undefined || isHalfBooked(d)) {
    if (speaksOfStay(entities)) return booking.takeStay(d, entities, party);
    const other = codeOf(said) !== undefined || (session.hold === undefined && namesOwnBooking(plain(text)));
    if (!other) return d.ask("change_what", "ask_change", {});
  }
  return changes.begin(d, "modify", entities, codeOf(said), readIntroducedName(text));
}

export function cancel(d: Dialogue, said: Said): undefined {
  const { session } = d;
  const bare = onlyCallsOff(plain(said.text));
  if (session.hold !== undefined || (bare && isHalfBooked(d))) return booking.giveUp(d);
  if (bare && session.change !== undefined) return changes.keepAsItWas(d);
  return changes.begin(d, "cancel", {}, codeOf(said));
}

export function showBooking(d: Dialogue, said: Said): undefined {
  return changes.begin(d, "status", {}, codeOf(said));
}

export function greet(d: Dialogue): undefined {
  if (d.session.awaiting !== undefined && remind(d)) return;
  return d.say("greeting", { hotel: d.around.hotel.name }, MENU);
}

export function affirm(d: Dialogue): undefined {
  const { lastBooking } = d.session;
  if (remind(d)) return;
  if (lastBooking !== undefined) return d.say("already_confirmed", { code: lastBooking });
  return d.say("menu", {}, MENU);
}

/** A booking is half made: what is called off or changed is this one. */
function isHalfBooked({ session }: Dialogue): boolean {
  return (
    session.awaiting !== undefined &&
    ["dates", "nights", "guests", "room", "contact", "name", "confirm", "retry"].includes(session.awaiting)
  );
}

function codeOf({ text, entities }: Said): string | undefined {
  return readCode(text) ?? entities.reservation_code;
}
