import { INTENT_NAMES } from "../replies/catalogue.ts";
import * as booking from "./booking.ts";
import * as changes from "./changes.ts";
import type { Understood } from "./contract.ts";
import type { Dialogue } from "./dialogue.ts";
import { INFORMATION, isInformation } from "./information.ts";
import { readIntroducedName } from "./names.ts";
import { namesOwnBooking, onlyCallsOff, plain, readCode } from "./reading.ts";
import * as reception from "./reception.ts";
import { remind } from "./remind.ts";
import { mergeStay, speaksOfDates, speaksOfStay } from "./stay.ts";

const MENU = ["intent:check_availability", "my_booking", "reception"];
const OTHERS = new Set([
  "check_availability",
  "make_reservation",
  "modify_reservation",
  "cancel_reservation",
  "my_booking",
  "ask_price",
  "ask_room_types",
  "late_checkout",
  "room_issue",
  "request_service",
  "human_agent",
  "greeting",
  "goodbye_thanks",
  "affirm",
  "deny",
]);

export function isKnownIntent(intent: string): boolean {
  return isInformation(intent) || OTHERS.has(intent);
}

/** @returns whether a guest can be offered to choose the intent */
export function isOfferable(intent: string): boolean {
  return !["greeting", "goodbye_thanks", "affirm", "deny"].includes(intent) && Object.hasOwn(INTENT_NAMES.es, intent);
}

/** Does what the guest wants. */
export function dispatch(d: Dialogue, understood: Understood): undefined {
  const { session } = d;
  const { intent, text, entities } = understood;
  if (isInformation(intent)) {
    INFORMATION[intent](d, text);
    remind(d);
    return;
  }
  switch (intent) {
    case "check_availability":
    case "make_reservation":
      if (intent === "make_reservation") {
        if (!d.around.flags.reservations) {
          session.stay = mergeStay(session.stay, entities);
          return booking.bookingsOff(d);
        }
        session.goal = "book";
      } else session.goal ??= "quote";
      return booking.takeStay(d, entities);
    case "ask_price":
      if (speaksOfDates(entities) || (session.stay.checkIn !== undefined && speaksOfStay(entities))) {
        session.goal ??= "quote";
        return booking.takeStay(d, entities);
      }
      session.stay = mergeStay(session.stay, entities);
      session.goal ??= "quote";
      return d.call({ operation: "roomTypes", next: "prices" });
    case "ask_room_types":
      return d.call({ operation: "roomTypes", next: "room_types" });
    case "modify_reservation":
      if (session.hold !== undefined || isBooking(d)) {
        if (speaksOfStay(entities)) return booking.takeStay(d, entities);
        const other = codeOf(understood) !== undefined || (session.hold === undefined && namesOwnBooking(plain(text)));
        if (!other) return d.ask("change_what", "ask_change", {});
      }
      return changes.begin(d, "modify", entities, codeOf(understood), readIntroducedName(text));
    case "cancel_reservation": {
      const bare = onlyCallsOff(plain(text));
      if (session.hold !== undefined || (bare && isBooking(d))) return booking.giveUp(d);
      if (bare && session.change !== undefined) return changes.keepAsItWas(d);
      return changes.begin(d, "cancel", {}, codeOf(understood));
    }
    case "my_booking":
      return changes.begin(d, "status", {}, codeOf(understood));
    case "late_checkout":
      return reception.lateCheckOut(d, understood);
    case "room_issue":
      return reception.report(d, "issue", text);
    case "request_service":
      return reception.report(d, "service", text);
    case "human_agent":
      return reception.toPerson(d, text);
    case "greeting":
      if (session.awaiting !== undefined && remind(d)) return;
      return d.say("greeting", { hotel: d.around.hotel.name }, MENU);
    case "goodbye_thanks":
      return d.say("thanks", {});
    case "affirm":
      if (remind(d)) return;
      if (session.lastBooking !== undefined) return d.say("already_confirmed", { code: session.lastBooking });
      return d.say("menu", {}, MENU);
    case "deny":
      return d.say("anything_else", {}, MENU);
    default:
      throw new Error(`there is nothing to do for the intent ${JSON.stringify(intent)}`);
  }
}

/** A booking is half made: what is called off or changed is this one. */
function isBooking({ session }: Dialogue): boolean {
  return (
    session.awaiting !== undefined && ["dates", "nights", "guests", "room", "name", "confirm", "retry"].includes(session.awaiting)
  );
}

function codeOf({ text, entities }: Understood): string | undefined {
  return readCode(text) ?? entities.reservation_code;
}
