import type { Said } from "./contract.ts";
import type { Dialogue } from "./dialogue.ts";
import { plain, readRoomNumber, readTime } from "./reading.ts";
import { remind } from "./remind.ts";

/** Hands the conversation to reception, and says when somebody will be there. */
export function toPerson(d: Dialogue, text: string): undefined {
  const { open, opens } = d.around.hotel;
  d.handOver({ kind: "handover", urgent: false, text });
  if (open) d.say("handed_over_open", {}, ["assistant"]);
  else d.say("handed_over_closed", { opens }, ["assistant"]);
}

/** At any hour, and even while a person has taken over. */
export function emergency(d: Dialogue, text: string): undefined {
  d.handOver({ kind: "emergency", urgent: true, text });
  const { emergencyPhone, phone } = d.around.hotel.profile;
  d.say("emergency", { phone: emergencyPhone ?? phone }, []);
}

/** The guest is back with the agent. */
export function backToAgent(d: Dialogue): undefined {
  d.handedOver = false;
  d.session.misunderstood = 0;
  d.say("handed_back", {}, ["intent:check_availability", "my_booking", "reception"]);
}

export function dataRequest(d: Dialogue, text: string): undefined {
  d.ticket({ kind: "data", urgent: false, text });
  d.say("data_request", {});
}

/** Something is broken, or something is wanted: a ticket at once, the room number when it wasn't said. */
export function report(d: Dialogue, kind: "issue" | "service", { text, danger }: Pick<Said, "text" | "danger">): undefined {
  const words = plain(text);
  const room = readRoomNumber(words);
  const urgent = kind === "issue" && danger !== undefined;
  const key = d.ticket({ kind, urgent, text, ...(room === undefined ? {} : { room }) });
  if (kind === "issue") d.say("issue_reported", { room, urgent, phone: d.around.hotel.profile.phone });
  else d.say("service_requested", { room });
  if (room !== undefined) {
    remind(d);
    return;
  }
  d.session.ticket = key;
  d.ask("room_number", "ask_room_number", {});
}

/** @returns whether the words were the room number that was asked for */
export function takeRoomNumber(d: Dialogue, words: string): boolean {
  const room = readRoomNumber(words);
  const { ticket } = d.session;
  if (room === undefined || ticket === undefined) return false;
  d.ticketRoom(ticket, room);
  d.session.ticket = undefined;
  d.say("room_noted", { room });
  d.resume();
  remind(d);
  return true;
}

/** A late check-out is a wish: reception knows whether the room is needed. */
export function lateCheckOut(d: Dialogue, { text, entities }: Pick<Said, "text" | "entities">): undefined {
  const terms = d.around.hotel.profile.lateCheckOut;
  const time = entities.time ?? (d.session.awaiting === "late_time" ? readTime(plain(text)) : undefined);
  if (terms === undefined) {
    d.ticket({ kind: "late_checkout", urgent: false, text });
    d.say("late_passed_on", {});
    if (d.session.awaiting === "late_time") d.resume();
    remind(d);
    return;
  }
  if (time === undefined) {
    d.ask(
      "late_time",
      "late_ask",
      terms,
      lateTimes(d).map((each) => `time:${each}`),
    );
    return;
  }
  if (d.session.awaiting === "late_time") d.resume();
  d.ticket({ kind: "late_checkout", urgent: false, text: `check-out at ${time}: ${text}` });
  if (time <= terms.until) d.say("late_requested", { time, fee: terms.fee });
  else d.say("late_too_late", { time, until: terms.until });
  remind(d);
}

function lateTimes(d: Dialogue): string[] {
  const { checkOutUntil, lateCheckOut: terms } = d.around.hotel.profile;
  const last = Number(terms?.until.slice(0, 2) ?? 0);
  const first = checkOutUntil === undefined ? last - 1 : Number(checkOutUntil.slice(0, 2)) + 1;
  return Array.from(
    { length: Math.max(0, last - first + 1) },
    (_, index) => `${String(first + index).padStart(2, "0")}:00`,
  ).slice(-3);
}
