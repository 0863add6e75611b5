import { nightsBetween } from "../../calendar.ts";
import type { Reply } from "../../mail/message.ts";
import type { Reservation } from "../../pms/port.ts";
import type { Phrase, PhraseKey, PhraseParameters, ShownReservation } from "../replies/phrases.ts";
import { type Awaiting, type Booking, ON_THE_SIDE, type Session } from "../session.ts";
import type { Effect, PmsCall, Step, Surroundings, Ticket } from "./contract.ts";

const MOST_CODES = 5;

/**
 * One step under way: it works on its own copy of the session and collects what is to be said and done. Nothing outside
 * of it changes, so the step as a whole is a function of its arguments.
 */
export class Dialogue {
  readonly session: Session;
  readonly around: Surroundings;
  handedOver: boolean;
  fellBack = false;
  private readonly effects: Effect[] = [];
  private readonly phrases: Phrase[] = [];
  private buttons: string[] = [];
  private location: Reply["location"];
  private tickets = 0;

  constructor(session: Session, around: Surroundings) {
    // A session is JSON, and the way over its text costs a fifth of a structured clone.
    this.session = JSON.parse(JSON.stringify(session)) as Session;
    this.around = around;
    this.handedOver = around.handedOver;
  }

  /** Adds a phrase to the reply. Buttons given later take the place of earlier ones. */
  say<Key extends PhraseKey>(key: Key, parameters: PhraseParameters[Key], buttons?: readonly string[]): undefined {
    this.phrases.push({ key, parameters } as Phrase);
    if (buttons !== undefined) this.buttons = [...buttons];
  }

  /** Says a question and remembers that its answer is awaited. */
  ask<Key extends PhraseKey>(
    awaiting: Awaiting,
    key: Key,
    parameters: PhraseParameters[Key],
    buttons: readonly string[] = [],
  ): undefined {
    const { session } = this;
    if (!ON_THE_SIDE.has(awaiting)) session.resumes = undefined;
    else if (session.awaiting !== undefined && !ON_THE_SIDE.has(session.awaiting)) session.resumes = session.awaiting;
    session.awaiting = awaiting;
    this.say(key, parameters, buttons);
  }

  /** Remembers that the guest wrote the code of a reservation, where that is what proves the guest. */
  noteCode(code: string | undefined): undefined {
    if (code === undefined || this.around.isSenderUnproven !== true) return;
    this.session.codes = [...this.session.codes.filter((known) => known !== code), code].slice(-MOST_CODES);
  }

  /** @returns whether the guest may change this reservation; if not, its code has been asked for, and it is changed when that comes */
  mayChange(task: "change" | "cancel", code: string): boolean {
    if (this.isProvenFor(code)) return true;
    this.ask("code", "ask_code", {}, [`${task}_yes:${code}`, `${task}_no`]);
    return false;
  }

  isProvenFor(code: string): boolean {
    return this.around.isSenderUnproven !== true || this.session.codes.includes(code);
  }

  /** A question on the side is answered: what was asked before it is open again. */
  resume(): undefined {
    this.session.awaiting = this.session.resumes;
    this.session.resumes = undefined;
  }

  showPlace(location: NonNullable<Reply["location"]>): undefined {
    this.location = location;
  }

  /** Ends the step: the outcome of the call is the next step's event. */
  call(call: PmsCall): undefined {
    this.effects.push({ type: "pms", call });
  }

  /** @returns the ticket's key */
  ticket(ticket: Ticket): string {
    this.tickets += 1;
    const key = `${this.around.messageKey}:${ticket.kind}${this.tickets > 1 ? `:${this.tickets}` : ""}`;
    this.effects.push({ type: "ticket", key, ticket });
    return key;
  }

  /** Reception is told that a booking was made, changed or cancelled. */
  event(kind: "booked" | "changed" | "cancelled", text: string): undefined {
    this.effects.push({ type: "event", key: `${this.around.messageKey}:${kind}`, kind, text });
  }

  /** Adds a button to those of the reply, if it isn't there. */
  offer(button: string): undefined {
    if (!this.buttons.includes(button)) this.buttons.push(button);
  }

  ticketRoom(key: string, room: string): undefined {
    this.effects.push({ type: "ticket_room", key, room });
  }

  /** A person goes on from here; what was half done stays as it is for when the agent is back. */
  handOver(ticket: Ticket): undefined {
    this.ticket(ticket);
    this.handedOver = true;
  }

  /** Nothing is awaited any more, and nothing half done is remembered. */
  forget(): undefined {
    const { session } = this;
    session.goal = undefined;
    session.stay = {};
    session.party = undefined;
    session.refused = undefined;
    session.awaiting = undefined;
    session.resumes = undefined;
    session.offers = [];
    session.hold = undefined;
    session.change = undefined;
    session.wish = undefined;
    session.cancelling = undefined;
    session.task = undefined;
    session.asked = [];
    session.ticket = undefined;
  }

  get saidSomething(): boolean {
    return this.phrases.length > 0;
  }

  finish(): Step {
    const { location } = this;
    return {
      session: this.session,
      effects: this.effects,
      draft: { phrases: this.phrases, buttons: this.buttons, ...(location === undefined ? {} : { location }) },
      handedOver: this.handedOver,
      fellBack: this.fellBack,
    };
  }
}

export function toBooking(reservation: Reservation): Booking {
  const { code, roomType, checkIn, checkOut, adults, children, total, guestName } = reservation;
  return { code, roomType, checkIn, checkOut, adults, children, total, ...(guestName === undefined ? {} : { guestName }) };
}

export function shown(booking: Booking): ShownReservation {
  return { ...booking, nights: nightsBetween(booking.checkIn, booking.checkOut) };
}
