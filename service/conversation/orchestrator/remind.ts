import * as booking from "./booking.ts";
import * as changes from "./changes.ts";
import { type Dialogue, shown } from "./dialogue.ts";

/** Asks again what is open. @returns whether anything was */
export function remind(d: Dialogue): boolean {
  const { session } = d;
  switch (session.awaiting) {
    case "dates":
    case "nights":
    case "guests":
      booking.askForMissing(d);
      return true;
    case "room": {
      const { checkIn, checkOut, adults, children } = session.stay;
      const [offer] = session.offers;
      if (checkIn === undefined || checkOut === undefined || adults === undefined || offer === undefined) return false;
      const stay = shown({
        code: "",
        roomType: offer.roomType,
        total: offer.total,
        checkIn,
        checkOut,
        adults,
        children: children ?? 0,
      });
      if (session.offers.length === 1) d.ask("room", "offer_one", { stay, offer }, ["book", "other_rooms", "other_dates"]);
      else
        d.ask(
          "room",
          "offers",
          { stay, offers: session.offers },
          session.offers.map(({ roomType }) => `room:${roomType}`),
        );
      return true;
    }
    case "contact":
      d.ask("contact", "ask_contact", {}, ["reception"]);
      return true;
    case "name":
      if (session.hold === undefined) return false;
      d.ask("name", "ask_name_again", {}, [`confirm:${session.hold.code}`, "change", "abort"]);
      return true;
    case "confirm":
      booking.askToConfirm(d);
      return true;
    case "change_what":
      if (session.change === undefined) d.ask("change_what", "ask_change", {});
      else changes.askWhatToChange(d);
      return true;
    case "cancel_confirm":
      if (session.cancelling === undefined) return false;
      changes.askToCancel(d);
      return true;
    default:
      return false;
  }
}
