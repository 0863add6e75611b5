import type { RoomType } from "../../vocabulary.ts";
import { act, isWish } from "../intents/table.ts";
import * as booking from "./booking.ts";
import * as changes from "./changes.ts";
import type { Dialogue } from "./dialogue.ts";
import * as reception from "./reception.ts";
import { remind } from "./remind.ts";

/** Does what a button says. An old button is as good as a new one: what it no longer fits is asked anew. */
export function choose(d: Dialogue, id: string): undefined {
  const { session } = d;
  const at = id.indexOf(":");
  const [kind, value] = at < 0 ? [id, ""] : [id.slice(0, at), id.slice(at + 1)];
  switch (kind) {
    case "room":
      session.stay.roomType = value as RoomType;
      session.goal = "book";
      if (session.awaiting === "room" && session.offers.some(({ roomType }) => roomType === value)) {
        return booking.holdRoom(d, value as RoomType);
      }
      return booking.advance(d);
    case "book": {
      const offer = session.offers[0];
      session.goal = "book";
      if (session.awaiting === "room" && offer !== undefined) return booking.holdRoom(d, offer.roomType);
      return booking.advance(d);
    }
    case "guests":
      return booking.takeStay(d, { adults: Number(value) });
    case "nights":
      return booking.takeStay(d, { nights: Number(value) });
    case "other_dates":
      session.stay = { adults: session.stay.adults, children: session.stay.children, roomType: session.stay.roomType };
      return booking.advance(d);
    case "other_rooms":
      session.stay.roomType = undefined;
      session.goal = "quote";
      return booking.advance(d);
    case "other_guests":
      session.stay = { ...session.stay, adults: undefined, children: undefined };
      return booking.advance(d);
    case "confirm":
      if (session.hold?.code === value) return booking.confirm(d);
      if (session.hold === undefined && session.lastBooking === value) return d.say("already_confirmed", { code: value });
      return session.hold === undefined ? booking.advance(d) : booking.askToConfirm(d);
    case "abort":
      return booking.giveUp(d);
    case "change":
      return d.ask("change_what", "ask_change", {});
    case "retry": {
      const [intent] = session.asked;
      session.asked = [];
      if (intent !== undefined) return act(d, intent);
      return session.hold === undefined ? booking.advance(d) : booking.confirm(d);
    }
    case "which":
      return pick(d, value);
    case "cancel_yes":
      if (session.cancelling?.code === value) return changes.makeCancellation(d);
      return changes.begin(d, "cancel", {}, value);
    case "cancel_no":
      return changes.keepReservation(d);
    case "change_yes":
      if (session.change?.reservation.code === value) return changes.makeChange(d);
      return changes.begin(d, "modify", {}, value);
    case "change_no":
      return changes.keepAsItWas(d);
    case "time":
      return reception.lateCheckOut(d, { text: value, entities: { time: value } });
    case "intent":
      session.asked = [];
      if (session.awaiting === "intent") d.resume();
      if (!isWish(value)) break;
      return act(d, value);
    case "my_booking":
      return changes.begin(d, "status");
    case "reception":
      return reception.toPerson(d, "asked for reception");
    case "assistant":
      return reception.backToAgent(d);
    case "yes":
    case "no":
      session.asked = [];
      if (session.awaiting === "intent") {
        d.resume();
        if (remind(d)) return;
      }
      session.awaiting = undefined;
      return d.say("menu", {}, ["intent:check_availability", "my_booking", "reception"]);
  }
  throw new Error(`there is nothing to do for the button ${JSON.stringify(id)}`);
}

/** One of several reservations: it is looked up again, since it may have changed since the list was shown. */
export function pick(d: Dialogue, code: string): undefined {
  const { session } = d;
  const task = session.task ?? "status";
  d.call({ operation: "reservation", next: task, code });
}
