import type { IncomingMessage } from "../../mail/message.ts";
import type { Danger } from "../../nlp/danger.ts";
import type { Guests } from "../../nlp/entities/guests.ts";
import type { Change, HoldRequest, Offer, Read, RefusalCode, Reservation, RoomTypeInfo, StayQuery } from "../../pms/port.ts";
import type { Band, Intent, Language, RoomType } from "../../vocabulary.ts";
import type { HotelProfile } from "../hotel.ts";
import type { Draft } from "../replies/phrases.ts";
import type { Session } from "../session.ts";

/** What a message says beside its intent; absent when not said. Dates YYYY-MM-DD, times HH:MM. */
export interface Entities {
  check_in?: string | undefined;
  check_out?: string | undefined;
  date?: string | undefined;
  time?: string | undefined;
  nights?: number | undefined;
  adults?: number | undefined;
  children?: number | undefined;
  room_type?: RoomType | undefined;
  reservation_code?: string | undefined;
  amount?: number | undefined;
  currency?: string | undefined;
  /** A year that was named and is over. */
  past_year?: number | undefined;
  /** Nights or people are said to be added to those of before. */
  relative?: boolean | undefined;
  /** Days by which a reservation is to be moved, and whether only its end is. */
  shift?: number | undefined;
  shift_departure?: boolean | undefined;
  /** Names of entities that could be read in two ways. */
  ambiguous?: readonly string[] | undefined;
}

/** A guest's message as the NLP room understood it. */
export interface Understood {
  text: string;
  language: Language;
  intent: Intent;
  /** 0–1, calibrated. */
  confidence: number;
  band: Band;
  entities: Entities;
  /** Who travels, with what is known of a party that isn't clear. */
  party?: Guests | undefined;
  /** The likeliest intents when it is unsure; one when only that one is near. */
  choices?: readonly { intent: Intent }[] | undefined;
  /** Somebody is in danger, or it can't wait. */
  danger?: Danger | undefined;
}

/** What the dialogue can do for a guest: the intents, and to show a booking, which words tell and no classifier. */
export type Wish = Intent | "my_booking";

/** A message after the words that no classifier may read differently. */
export interface Said extends Omit<Understood, "intent"> {
  intent: Wish;
}

/** What the orchestrator knows of the hotel without asking its PMS. */
export interface Hotel {
  tenantId: string;
  name: string;
  profile: HotelProfile;
  /** In which the agent answers here. */
  languages: readonly Language[];
  /** Reception answers now. */
  open: boolean;
  /** When reception opens next: the hotel's day and time; absent when open, or never. */
  opens?: { day: string; time: string } | undefined;
}

/** Flags as they stand for this guest. */
export interface FlagValues {
  /** Adaptive fallback instead of the plain one. */
  enhancedFallback: boolean;
  /** Rooms can be booked, changed and cancelled here; else reception does it. */
  reservations: boolean;
}

export interface Clock {
  now: Date;
  /** The hotel's day, YYYY-MM-DD. */
  today: string;
  /** The hotel's time of day, HH:MM. */
  time: string;
}

/** Everything of a step that isn't the session or the event. */
export interface Surroundings {
  hotel: Hotel;
  flags: FlagValues;
  clock: Clock;
  userId: string;
  /** By which channel the guest writes. */
  channel: string;
  /** Stands for the guest's message; what must happen once is keyed by it. */
  messageKey: string;
  handedOver: boolean;
  /** The channel can't tell whether the guest wrote the message: a reservation is changed only for who knows its code. */
  isSenderUnproven?: boolean | undefined;
  /** The hotel's own answer to the message's intent, in the guest's language. */
  ownAnswer?: string | undefined;
}

/** A call to the PMS; `next` says what its answer is for. */
export type PmsCall =
  | { operation: "availability"; next: "offer" | "change"; query: StayQuery }
  | { operation: "roomTypes"; next: "room_types" | "prices" | "fits" }
  | { operation: "reservationsOf"; next: "modify" | "cancel" | "status"; userId: string }
  | { operation: "reservation"; next: "modify" | "cancel" | "status"; code: string }
  | { operation: "hold"; next: "held" | "reconfirm"; request: HoldRequest }
  | { operation: "confirm"; next: "confirmed"; code: string; guestName: string | undefined }
  | { operation: "modify"; next: "changed"; code: string; change: Change }
  | { operation: "cancel"; next: "cancelled" | "not_booked" | "advance"; code: string };

/** What came of a call. */
export type PmsOutcome =
  | { call: PmsCall; kind: "refused"; refusal: RefusalCode }
  | { call: PmsCall; kind: "unavailable" }
  | { call: Extract<PmsCall, { operation: "availability" }>; kind: "offers"; read: Read<Offer[]> }
  | { call: Extract<PmsCall, { operation: "roomTypes" }>; kind: "roomTypes"; read: Read<RoomTypeInfo[]> }
  | { call: PmsCall; kind: "reservations"; reservations: Reservation[] };

export type Event =
  /** A guest's words. */
  | { type: "message"; understood: Understood }
  /** A button, pressed or written. */
  | { type: "choice"; id: string }
  /** Something without words. */
  | { type: "media"; kind: IncomingMessage["kind"] }
  | { type: "pms"; outcome: PmsOutcome };

export type TicketKind =
  | "handover"
  | "service"
  | "issue"
  | "late_checkout"
  | "booking"
  | "question"
  | "emergency"
  | "data"
  /** A message that could not be handled, a reply that could not be sent. */
  | "failed"
  | "undelivered";

/** Work for reception. */
export interface Ticket {
  kind: TicketKind;
  urgent: boolean;
  /** For reception: what the guest wants, in the guest's words where there are any. */
  text: string;
  room?: string | undefined;
}

export type Effect =
  | { type: "pms"; call: PmsCall }
  | { type: "ticket"; key: string; ticket: Ticket }
  | { type: "ticket_room"; key: string; room: string }
  /** Something happened that reception is told of; no reply speaks of it. */
  | { type: "event"; key: string; kind: "booked" | "changed" | "cancelled"; text: string };

/** What one step makes: a changed session, what is to be done, and what the guest reads. */
export interface Step {
  session: Session;
  /** Tickets in order, and at most one call to the PMS, last: its outcome is the next step's event. */
  effects: Effect[];
  /** What is to be said so far; without phrases when a person has taken over. */
  draft: Draft;
  handedOver: boolean;
  /** The message was not understood, and the reply says so. */
  fellBack: boolean;
}
