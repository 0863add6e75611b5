import { nightsBetween } from "../../calendar.ts";
import type { Offer, Read, Reservation } from "../../pms/port.ts";
import type { CancellationRule } from "../replies/phrases.ts";
import type { Booking, Session, Stay } from "../session.ts";
import { bookingsOff, summaryOf } from "./booking.ts";
import type { Entities, PmsOutcome, Surroundings } from "./contract.ts";
import { type Dialogue, shown, toBooking } from "./dialogue.ts";
import { shifted } from "./shift.ts";
import { mergeStay, objectTo, speaksOfStay, toQuery } from "./stay.ts";

type Task = "modify" | "cancel" | "status";

/** Begins to change, cancel or show a reservation: first it must be found. */
export function begin(d: Dialogue, task: Task, entities: Entities = {}, code?: string, guestName?: string): undefined {
  const { session, around } = d;
  if (task !== "status" && !around.flags.reservations) return bookingsOff(d);
  session.task = task;
  session.cancelling = undefined;
  session.awaiting = undefined;
  session.goal = undefined;
  session.stay = {};
  session.wish = task === "modify" ? wishOf(entities) : undefined;
  session.change = undefined;
  if (task === "modify" && guestName !== undefined) session.guestName = guestName;
  if (code !== undefined) d.call({ operation: "reservation", next: task, code });
  else d.call({ operation: "reservationsOf", next: task, userId: around.userId });
}

/** Days that can be read in two ways are left out here, and asked for once the reservation is known. */
function wishOf(entities: Entities): Session["wish"] {
  const unsure = (entities.ambiguous ?? []).length > 0;
  const names = [
    "adults",
    "children",
    "room_type",
    "relative",
    "nights",
    "shift",
    "shift_departure",
    ...(unsure ? [] : ["check_in", "check_out", "date"]),
  ] as const;
  const wish: NonNullable<Session["wish"]> = {};
  for (const name of names) {
    const value = entities[name as keyof Entities];
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") wish[name] = value;
  }
  return wish;
}

export function onReservations(d: Dialogue, task: Task, all: readonly Reservation[], code?: string): undefined {
  const { around } = d;
  const own = all.filter(({ userId }) => userId === around.userId);
  const active = own.filter(({ status, checkOut }) => status !== "cancelled" && checkOut >= around.clock.today);
  if (task === "status" && own.length > 0) {
    const listed = (active.length > 0 ? active : own.slice(0, 1)).slice(0, 5);
    d.forget();
    d.say(
      "reservations",
      { reservations: listed.map((reservation) => ({ ...shown(toBooking(reservation)), status: reservation.status })) },
      active.length === 1 ? ["intent:modify_reservation", "intent:cancel_reservation"] : [],
    );
    return;
  }
  if (active.length === 0) {
    d.forget();
    d.say("no_reservation", { code }, ["reception"]);
    return;
  }
  if (active.length > 1) {
    const listed = active.slice(0, 9).map(toBooking);
    d.ask(
      "which",
      "which_reservation",
      { reservations: listed.map(shown) },
      listed.map((booking) => `which:${booking.code}`),
    );
    return;
  }
  chosen(d, task, toBooking(active[0]!));
}

/** The reservation is known. */
function chosen(d: Dialogue, task: Task, booking: Booking): undefined {
  const { session, around } = d;
  // A stay that has begun is in the hands of reception: somebody may be in the room.
  if (booking.checkIn < around.clock.today) {
    d.ticket({ kind: "booking", urgent: false, text: `${task} of a stay that has begun: ${summaryOf(booking)}` });
    d.forget();
    d.say("by_reception", { code: booking.code }, ["reception"]);
    return;
  }
  if (task === "cancel") {
    session.cancelling = booking;
    return askToCancel(d);
  }
  const wish: Entities = session.wish ?? {};
  session.wish = undefined;
  session.change = { reservation: booking, to: stayOf(booking) };
  if (wish.shift !== undefined) {
    const shift = { days: wish.shift, departure: wish.shift_departure === true };
    return change(d, shifted(booking, shift));
  }
  if (!speaksOfStay(wish)) return askWhatToChange(d);
  change(d, wish);
}

/** What cancelling costs is said before the yes. */
export function askToCancel(d: Dialogue): undefined {
  const { cancelling } = d.session;
  if (cancelling === undefined) return begin(d, "cancel");
  const rule = cancellationRule(cancelling.checkIn, d.around);
  const buttons = [`cancel_yes:${cancelling.code}`, "cancel_no", ...(rule.kind === "free" ? [] : ["reception"])];
  d.ask("cancel_confirm", "cancel_confirm", { reservation: shown(cancelling), rule }, buttons);
}

/** @returns what the hotel's terms say of cancelling now */
export function cancellationRule(checkIn: string, { hotel, clock }: Surroundings): CancellationRule {
  const { policies, checkInFrom = "00:00" } = hotel.profile;
  const hours = policies?.freeCancellationHours;
  if (hours === undefined) return { kind: "unknown" };
  const left = nightsBetween(clock.today, checkIn) * 24 + hoursOf(checkInFrom) - hoursOf(clock.time);
  return left >= hours ? { kind: "free", hours } : { kind: "late", hours, fee: policies?.cancellationFee };
}

const hoursOf = (time: string) => Number(time.slice(0, 2)) + Number(time.slice(3)) / 60;

export function askWhatToChange(d: Dialogue): undefined {
  const { change: wanted } = d.session;
  if (wanted === undefined) return begin(d, "modify");
  d.ask("change_what", "change_what", { reservation: shown(wanted.reservation) });
}

/** Takes what is to be different, and asks the PMS whether that can be. */
export function change(d: Dialogue, entities: Entities): undefined {
  const { session, around } = d;
  const wanted = session.change;
  if (wanted === undefined) return begin(d, "modify", entities);
  if (entities.ambiguous?.some((name) => name !== "time") === true) {
    d.ask("change_what", "ask_dates_ambiguous", {});
    return;
  }
  const to = mergeStay(wanted.to, entities);
  const objection = objectTo(to, around.clock.today, around.hotel.profile);
  if (objection !== undefined) {
    d.ask("change_what", objection.key, objection.parameters);
    return;
  }
  const query = toQuery(to);
  if (query === undefined) return askWhatToChange(d);
  wanted.to = to;
  d.call({ operation: "availability", next: "change", query: { ...query, except: wanted.reservation.code } });
}

export function onChangeOffers(d: Dialogue, read: Read<Offer[]>): undefined {
  const { session } = d;
  const { change: wanted } = session;
  if (wanted === undefined) return begin(d, "modify");
  const { reservation, to } = wanted;
  const roomType = to.roomType ?? reservation.roomType;
  const offer = read.value.find((each) => each.roomType === roomType);
  if (read.stale) d.say("stale", { asOf: read.asOf });
  if (offer === undefined || offer.available === 0 || offer.restriction !== undefined) {
    wanted.to = stayOf(reservation);
    if (offer?.restriction?.code === "MIN_NIGHTS")
      d.ask("change_what", "min_nights", { minimum: offer.restriction.minNights ?? 2 });
    else if (offer === undefined) d.ask("change_what", "room_too_small", { roomType });
    else d.ask("change_what", "change_sold_out", { roomType }, ["change_no", "reception"]);
    return;
  }
  wanted.total = offer.total;
  const after: Booking = {
    ...reservation,
    roomType,
    checkIn: to.checkIn ?? reservation.checkIn,
    checkOut: to.checkOut ?? reservation.checkOut,
    adults: to.adults ?? reservation.adults,
    children: to.children ?? 0,
    total: offer.total,
  };
  d.ask("change_confirm", "change_confirm", { before: shown(reservation), after: shown(after) }, [
    `change_yes:${reservation.code}`,
    "change_no",
  ]);
}

export function makeChange(d: Dialogue): undefined {
  const { change: wanted } = d.session;
  if (wanted === undefined) return begin(d, "modify");
  if (!d.mayChange("change", wanted.reservation.code)) return;
  const { checkIn, checkOut, adults, children, roomType } = wanted.to;
  d.call({
    operation: "modify",
    next: "changed",
    code: wanted.reservation.code,
    change: { checkIn, checkOut, adults, children: children ?? 0, roomType, guestName: wanted.guestName },
  });
}

export function onChanged(d: Dialogue, reservation: Reservation): undefined {
  const before = d.session.change?.reservation;
  d.forget();
  if (reservation.status === "cancelled") return d.say("change_not_possible", { code: reservation.code }, ["reception"]);
  d.event("changed", `${before === undefined ? "" : `was ${summaryOf(before)}; now `}${summaryOf(toBooking(reservation))}`);
  d.say("changed", { reservation: shown(toBooking(reservation)) });
}

export function keepAsItWas(d: Dialogue): undefined {
  const code = d.session.change?.reservation.code;
  d.forget();
  if (code === undefined) d.say("anything_else", {});
  else d.say("change_kept", { code });
}

export function makeCancellation(d: Dialogue): undefined {
  const { cancelling } = d.session;
  if (cancelling === undefined) return begin(d, "cancel");
  if (!d.mayChange("cancel", cancelling.code)) return;
  d.call({ operation: "cancel", next: "cancelled", code: cancelling.code });
}

export function onCancelled(d: Dialogue, reservation: Reservation): undefined {
  const { code, checkIn, status } = reservation;
  d.forget();
  if (status !== "cancelled") {
    d.ticket({
      kind: "booking",
      urgent: true,
      text: `the PMS didn't cancel, it answers "${status}": ${summaryOf(toBooking(reservation))}`,
    });
    return d.say("change_not_possible", { code }, ["reception"]);
  }
  const rule = cancellationRule(checkIn, d.around);
  d.event("cancelled", `${summaryOf(toBooking(reservation))}${rule.kind === "late" ? "; after the free period" : ""}`);
  if (d.session.lastBooking === reservation.code) d.session.lastBooking = undefined;
  d.say("cancelled", { code: reservation.code });
}

export function keepReservation(d: Dialogue): undefined {
  const code = d.session.cancelling?.code;
  d.forget();
  if (code === undefined) d.say("anything_else", {});
  else d.say("cancel_kept", { code });
}

/** What the PMS said about a reservation, when it wasn't yes. */
export function onChangeFailed(d: Dialogue, outcome: Extract<PmsOutcome, { kind: "refused" | "unavailable" }>): undefined {
  const { session } = d;
  const { call } = outcome;
  if (outcome.kind === "unavailable") {
    const code = session.change?.reservation.code ?? session.cancelling?.code;
    d.ticket({
      kind: "booking",
      urgent: false,
      text: `the PMS didn't answer "${call.operation}"${code === undefined ? "" : ` for ${code}`}`,
    });
    d.say("pms_down_reservation", {}, ["reception"]);
    return;
  }
  if (outcome.refusal === "SOLD_OUT" && session.change !== undefined) {
    const { reservation, to } = session.change;
    session.change.to = stayOf(reservation);
    d.ask("change_what", "change_sold_out", { roomType: to.roomType ?? reservation.roomType }, ["change_no", "reception"]);
    return;
  }
  const code = session.change?.reservation.code ?? session.cancelling?.code;
  d.forget();
  if (outcome.refusal === "NOT_FOUND" || code === undefined) d.say("no_reservation", { code }, ["reception"]);
  else d.say("change_not_possible", { code }, ["reception"]);
}

function stayOf({ checkIn, checkOut, adults, children, roomType }: Booking): Stay {
  return { checkIn, checkOut, adults, children, roomType };
}
