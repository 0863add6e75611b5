import { nightsBetween } from "../../calendar.ts";
import type { Reply } from "../../mail/message.ts";
import type { Reservation } from "../../pms/port.ts";
import type { Phrase, PhraseKey, PhraseParameters, ShownReservation } from "../replies/phrases.ts";
import type { Awaiting, Booking, Session } from "../session.ts";
import type { Effect, PmsCall, Step, Surroundings, Ticket } from "./contract.ts";

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
    this.session.awaiting = awaiting;
    this.say(key, parameters, buttons);
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
    session.awaiting = undefined;
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
