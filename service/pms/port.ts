import type { RoomType } from "../vocabulary.ts";

/** An amount in the currency's main unit, rounded to two places. */
export interface Money {
  amount: number;
  /** ISO 4217. */
  currency: string;
}

/** What a hotel rents. */
export interface RoomTypeInfo {
  roomType: RoomType;
  maxAdults: number;
  maxGuests: number;
  /** Lowest rate of a night outside of every season. */
  from: Money;
}

/** Nights from `checkIn` to `checkOut`, as YYYY-MM-DD in the hotel's time zone. */
export interface StayQuery {
  checkIn: string;
  checkOut: string;
  adults: number;
  children: number;
  /** A reservation that counts as free: the one that is about to be changed. */
  except?: string | undefined;
}

/** Why rooms that are free can't be taken for these dates. */
export interface Restriction {
  code: "MIN_NIGHTS" | "CLOSED";
  minNights?: number | undefined;
}

/** One room type for one stay. */
export interface Offer {
  roomType: RoomType;
  /** Free rooms for the whole stay; 0 is sold out. */
  available: number;
  nights: number;
  total: Money;
  restriction?: Restriction | undefined;
}

export type ReservationStatus = "held" | "confirmed" | "cancelled";

export interface Reservation {
  code: string;
  userId: string;
  guestName: string | undefined;
  roomType: RoomType;
  checkIn: string;
  checkOut: string;
  adults: number;
  children: number;
  status: ReservationStatus;
  /** Until when a held room is kept. */
  heldUntil: Date | undefined;
  total: Money;
}

export interface HoldRequest extends StayQuery {
  /** The same key is the same hold: made of the guest's message. */
  key: string;
  userId: string;
  roomType: RoomType;
  guestName?: string | undefined;
}

/** What may change of a reservation; absent stays as it is. */
export interface Change {
  checkIn?: string | undefined;
  checkOut?: string | undefined;
  adults?: number | undefined;
  children?: number | undefined;
  roomType?: RoomType | undefined;
  guestName?: string | undefined;
}

/**
 * One hotel's PMS as an adapter speaks to it. Every method may throw `PmsRefusal` (the PMS answered: no) or anything
 * else (the PMS didn't answer); the client around it turns the latter into `PmsUnavailable`.
 */
export interface PmsAdapter {
  roomTypes(): Promise<RoomTypeInfo[]>;
  /** @returns one offer for each room type that fits the guests, sold out ones too; empty: no room is large enough */
  availability(query: StayQuery): Promise<Offer[]>;
  reservation(code: string): Promise<Reservation | undefined>;
  /** @returns newest first, cancelled ones too, at most 50 */
  reservationsOf(userId: string): Promise<Reservation[]>;
  hold(request: HoldRequest): Promise<Reservation>;
  /** Confirming what is confirmed is no mistake. Refused with HOLD_EXPIRED when the room is no longer kept. */
  confirm(code: string, guestName: string | undefined): Promise<Reservation>;
  modify(code: string, change: Change): Promise<Reservation>;
  /** Cancelling what is cancelled is no mistake. */
  cancel(code: string): Promise<Reservation>;
  /** Rejects when the PMS can't answer. */
  ping(): Promise<void>;
}

export type PmsOperation = keyof PmsAdapter;

/** What a read answered, and how old that is. */
export interface Read<Value> {
  value: Value;
  /** When the PMS said so. */
  asOf: Date;
  /** The PMS doesn't answer now: this is its last word, which may be outdated. */
  stale: boolean;
}

/** One hotel's PMS as the conversation sees it. Throws `PmsRefusal` or `PmsUnavailable` and nothing else. */
export interface Pms extends Omit<PmsAdapter, "roomTypes" | "availability"> {
  roomTypes(): Promise<Read<RoomTypeInfo[]>>;
  availability(query: StayQuery): Promise<Read<Offer[]>>;
  /** The hotel's PMS says that something changed there: nothing cached is believed any more. */
  invalidate(): Promise<void>;
}

export type RefusalCode = "SOLD_OUT" | "NOT_FOUND" | "HOLD_EXPIRED" | "NOT_CHANGEABLE" | "RESTRICTED" | "INVALID";

/** The PMS answered, and the answer is no. It says nothing against the PMS's health. */
export class PmsRefusal extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.name = "PmsRefusal";
    this.code = code;
  }
}

/** Nobody knows what the PMS would say. Never to be told as "sold out". */
export class PmsUnavailable extends Error {
  constructor(operation: string, cause: unknown) {
    super(`the PMS could not answer "${operation}": ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "PmsUnavailable";
  }
}
