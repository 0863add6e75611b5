import { z } from "zod";
import { INTENTS, OUT_OF_SCOPE, ROOM_TYPES } from "../vocabulary.ts";

/** After so long without a message a guest begins anew: half a booking of yesterday only confuses. */
export const SESSION_TTL_HOURS = 24;

const money = z.object({ amount: z.number(), currency: z.string() });
const roomType = z.enum(ROOM_TYPES);
const stay = z.object({
  checkIn: z.string().optional(),
  checkOut: z.string().optional(),
  /** Said without a day of arrival. */
  nights: z.number().optional(),
  adults: z.number().optional(),
  children: z.number().optional(),
  roomType: roomType.optional(),
});
const reservation = z.object({
  code: z.string(),
  roomType,
  checkIn: z.string(),
  checkOut: z.string(),
  adults: z.number(),
  children: z.number(),
  guestName: z.string().optional(),
  total: money,
});

/** What the agent's last reply asked for. */
export const AWAITING = [
  "dates",
  "nights",
  "guests",
  "room",
  "name",
  "confirm",
  "change_what",
  "change_confirm",
  "which",
  "cancel_confirm",
  "code",
  "late_time",
  "room_number",
  "intent",
  "retry",
  "contact",
] as const;
export type Awaiting = (typeof AWAITING)[number];
/** Questions on the side: what was asked before them stays open and is asked again after them. */
export const ON_THE_SIDE: ReadonlySet<Awaiting> = new Set(["late_time", "room_number", "intent"]);

const session = z.object({
  version: z.literal(1),
  updatedAt: z.string(),
  /** When the guest was told what becomes of the data: the notice is given once. */
  noticeAt: z.string().optional(),
  /** Whether the guest wants a price or a room. */
  goal: z.enum(["quote", "book"]).optional(),
  stay: stay.default({}),
  /** Who was named when it wasn't yet clear how many are adults and how many children. */
  party: z.object({ adults: z.number().optional(), children: z.number().optional(), people: z.number().optional() }).optional(),
  /** How the hotel can reach a guest whose channel tells nothing: an e-mail address or a phone number. */
  contact: z.string().optional(),
  /** Days that were refused, which "one day later" is said about. */
  refused: z.object({ checkIn: z.string(), checkOut: z.string() }).optional(),
  guestName: z.string().optional(),
  awaiting: z.enum(AWAITING).optional(),
  /** What was asked before a question on the side. */
  resumes: z.enum(AWAITING).optional(),
  /** Offers as they were shown, cheapest first. */
  offers: z.array(z.object({ roomType, total: money })).default([]),
  /** A room that is kept and waits for the guest's word. */
  hold: reservation.extend({ until: z.string() }).optional(),
  /** A hold that the PMS may have made although nobody heard so: asked for again under the same key, it is the same one. */
  unanswered: reservation
    .pick({ roomType: true, checkIn: true, checkOut: true, adults: true, children: true })
    .extend({ key: z.string() })
    .optional(),
  /** A reservation that is about to be changed, and into what. */
  change: z.object({ reservation, to: stay, guestName: z.string().optional(), total: money.optional() }).optional(),
  /** What is to be different, said before it was known of which reservation. */
  wish: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** A reservation that is about to be cancelled. */
  cancelling: reservation.optional(),
  /** Codes of reservations that a guest wrote whose channel proves no sender; the last ones. */
  codes: z.array(z.string()).default([]),
  /** What the list of reservations was shown for. */
  task: z.enum(["modify", "cancel", "status"]).optional(),
  lastBooking: z.string().optional(),
  /** The ticket that waits for a room number. */
  ticket: z.string().optional(),
  /** Intents that the guest chooses from. */
  asked: z.array(z.enum([...INTENTS, OUT_OF_SCOPE])).default([]),
  /** Buttons under the last reply; a guest presses one, or writes its title or its number. */
  choices: z.array(z.object({ id: z.string(), title: z.string() })).default([]),
  /** Messages in a row that were not understood. */
  misunderstood: z.number().default(0),
  /** Replies in a row of the same kind, so that none is given twice in the same words. */
  lastReply: z.string().optional(),
  /** How often in a row it was given. */
  repeated: z.number().default(0),
  mediaAt: z.string().optional(),
});

export type Session = z.infer<typeof session>;
export type Stay = z.infer<typeof stay>;
/** What a session remembers of a reservation. */
export type Booking = z.infer<typeof reservation>;

/** @returns a session without any past */
export function newSession(now: Date): Session {
  return session.parse({ version: 1, updatedAt: now.toISOString() });
}

/**
 * Reads the state of a conversation.
 *
 * @returns the session, begun anew when it is older than SESSION_TTL_HOURS; `problem` says why a state could not be used
 */
export function readSession(state: Record<string, unknown>, now: Date): { session: Session; problem?: string } {
  if (Object.keys(state).length === 0) return { session: newSession(now) };
  const parsed = session.safeParse(state);
  if (!parsed.success) {
    const problem = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
    return { session: newSession(now), problem };
  }
  const old = parsed.data;
  if (now.getTime() - Date.parse(old.updatedAt) > SESSION_TTL_HOURS * 3_600_000) {
    return { session: { ...newSession(now), noticeAt: old.noticeAt, lastBooking: old.lastBooking, lastReply: old.lastReply } };
  }
  return { session: old };
}
