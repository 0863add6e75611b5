import type { Reply } from "../../mail/message.ts";
import type { Money } from "../../pms/port.ts";
import type { Intent, Language, RoomType } from "../../vocabulary.ts";
import type { Amenity, CancellationFee, HotelProfile } from "../hotel.ts";
import type { Foreign } from "../orchestrator/foreign.ts";
import type { Words } from "./words.ts";

/** A whole stay as replies show it. */
export interface ShownStay {
  checkIn: string;
  checkOut: string;
  nights: number;
  adults: number;
  children: number;
}

export interface ShownOffer {
  roomType: RoomType;
  total: Money;
}

export interface ShownReservation extends ShownStay, ShownOffer {
  code: string;
  guestName?: string | undefined;
  status?: "held" | "confirmed" | "cancelled" | undefined;
}

export interface ShownRoomType {
  roomType: RoomType;
  maxGuests: number;
  from: Money;
}

/** What cancelling costs now, by what the hotel says of it. */
export type CancellationRule =
  | { kind: "unknown" }
  | { kind: "free"; hours: number }
  | { kind: "late"; hours: number; fee?: CancellationFee | undefined };

export type None = Record<never, never>;

/** Every reply that the agent can give, with what it is made of. The three languages are kept complete by the compiler. */
export interface PhraseParameters {
  greeting: { hotel: string };
  notice: None;
  menu: None;
  thanks: None;
  anything_else: None;
  /** In the hotel's own words, which are in the guest's language already. */
  own_answer: { text: string };

  ask_dates: None;
  ask_dates_ambiguous: None;
  ask_nights: { checkIn: string };
  ask_guests: None;
  /** "4, 2 of them children" or "4 and 2 children". */
  ask_whole: { people: number; children: number };
  ask_of_whom: { people: number };
  ask_children: { adults: number };
  ask_adults: { children: number };
  ask_adults_children: None;
  dates_past: { day: string };
  year_past: { year: number };
  dates_order: None;
  dates_too_long: { nights: number; maximum: number };
  dates_too_far: { day: string; last: string };
  guests_none: None;
  adults_needed: None;
  party_too_large: { guests: number };
  one_room_at_a_time: None;
  ask_change: None;

  offers: { stay: ShownStay; offers: ShownOffer[] };
  offer_one: { stay: ShownStay; offer: ShownOffer };
  room_too_small: { roomType: RoomType };
  room_sold_out: { roomType: RoomType };
  just_sold_out: { roomType: RoomType };
  sold_out: { stay: ShownStay };
  min_nights: { minimum: number };
  dates_closed: { checkIn: string };
  stale: { asOf: Date };
  pms_down: None;
  pms_down_held: None;
  pms_down_reservation: None;

  held_ask_name: { stay: ShownStay; offer: ShownOffer; until: Date };
  ask_name_again: None;
  held_confirm: { stay: ShownStay; offer: ShownOffer; guestName?: string | undefined; until: Date };
  price_changed: { before: Money; now: Money };
  confirmed: { reservation: ShownReservation; checkInFrom?: string | undefined };
  not_confirmed: { code: string };
  hold_lost: None;
  not_booked: None;
  not_booked_yet: None;
  kept_for_now: { until: Date };
  already_confirmed: { code: string };
  no_other_dates: None;
  bookings_off: None;

  change_what: { reservation: ShownReservation };
  change_confirm: { before: ShownReservation; after: ShownReservation };
  change_sold_out: { roomType: RoomType };
  change_not_possible: { code: string };
  changed: { reservation: ShownReservation };
  change_kept: { code: string };
  ask_code: None;
  /** The stay has begun or ends today. */
  by_reception: { code: string };
  cancel_confirm: { reservation: ShownReservation; rule: CancellationRule };
  cancelled: { code: string };
  cancel_kept: { code: string };
  no_reservation: { code?: string | undefined };
  which_reservation: { reservations: ShownReservation[] };
  reservations: { reservations: ShownReservation[] };

  room_types: { roomTypes: ShownRoomType[] };
  prices: { roomTypes: ShownRoomType[] };
  amenities: { amenities: NonNullable<HotelProfile["amenities"]> };
  amenity_yes: { amenity: Amenity; hours?: string | undefined; free?: boolean | undefined };
  location: { address: string; phone?: string | undefined };
  /** At least one of the times is known. */
  check_times: { checkInFrom?: string | undefined; checkOutUntil?: string | undefined; luggage: boolean };
  policies: { policies: NonNullable<HotelProfile["policies"]> };
  payment: { methods: ("card" | "cash" | "transfer")[]; invoices: boolean };
  unknown_fact: None;
  unknown_amenity: { amenity: Amenity };
  /** The PMS knows no room of this hotel at all: that isn't "full". */
  no_rooms_known: None;
  i_am_a_bot: None;
  /** Which languages the agent speaks, to somebody who writes another. */
  languages: { foreign: Foreign; spoken: Language[] };
  lost_item: None;
  early_check_in: { checkInFrom?: string | undefined };
  invoice_noted: None;
  group: { rooms: number };
  /** The guest was told something else by a person. */
  told_otherwise: None;
  ask_contact: None;
  ask_contact_again: None;
  /** Before a question that is asked a second time. */
  ask_again: None;
  offer_person: None;

  late_ask: { until: string; fee: Money };
  late_requested: { time: string; fee: Money };
  late_too_late: { time: string; until: string };
  late_passed_on: None;
  service_requested: { room?: string | undefined };
  issue_reported: { room?: string | undefined; urgent: boolean; phone?: string | undefined };
  ask_room_number: None;
  room_noted: { room: string };

  handed_over_open: None;
  handed_over_closed: { opens?: { day: string; time: string } | undefined };
  handed_back: None;
  emergency: { phone?: string | undefined };
  data_request: None;

  rephrase: { variant: number };
  fallback_menu: { variant: number };
  fallback_person: None;
  fallback_plain: { variant: number };
  out_of_scope: { variant: number };
  say_again: None;
  choose_intent: { first: Intent; second: Intent };
  confirm_intent: { intent: Intent };

  audio: None;
  image: None;
  attachment: None;
  attachment_again: None;
  unreadable: None;
  place: None;
  reaction: None;
}

export type PhraseKey = keyof PhraseParameters;

/** One phrase with what it is made of. */
export type Phrase = { [Key in PhraseKey]: { key: Key; parameters: PhraseParameters[Key] } }[PhraseKey];

/** What is to be said, before it is put into words. */
export interface Draft {
  phrases: Phrase[];
  /** Ids of buttons, likeliest first. */
  buttons: string[];
  location?: Reply["location"];
}

/** One language's replies. */
export type Phrases = { [Key in PhraseKey]: (parameters: PhraseParameters[Key], words: Words) => string };

/** Titles of buttons: at most 20 characters each, as WhatsApp demands. */
export type TitleKey =
  | "confirm"
  | "abort"
  | "change"
  | "book"
  | "other_dates"
  | "other_rooms"
  | "other_guests"
  | "reception"
  | "assistant"
  | "retry"
  | "cancel_yes"
  | "cancel_no"
  | "change_yes"
  | "change_no"
  | "yes"
  | "no"
  | "my_booking";

export type Titles = Record<TitleKey, string>;
/** The part of a button's id before the colon: what pressing it means. */
export type ButtonKind = TitleKey | "room" | "guests" | "nights" | "which" | "time" | "intent";
