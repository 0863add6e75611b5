import fc from "fast-check";
import { expect, test } from "vitest";
import { INTENTS, type Intent, OUT_OF_SCOPE } from "../../vocabulary.ts";
import { DEMO_PROFILE, hotelProfile } from "../hotel.ts";
import { render } from "../replies/render.ts";
import { wordsOf } from "../replies/words.ts";
import { AWAITING, newSession, readSession, type Session } from "../session.ts";
import type { Event, PmsCall, PmsOutcome, Surroundings, Understood } from "./contract.ts";
import { orchestrate } from "./orchestrate.ts";

const NOW = new Date("2026-03-10T15:00:00Z");
const AROUND: Surroundings = {
  hotel: {
    tenantId: "t",
    name: "Hotel Rambla",
    profile: hotelProfile.parse(DEMO_PROFILE),
    open: true,
    languages: ["es", "en", "pt"],
  },
  flags: { enhancedFallback: true, reservations: true },
  clock: { now: NOW, today: "2026-03-10", time: "12:00" },
  channel: "messages",
  userId: "59899",
  messageKey: "messages:m1",
  handedOver: false,
};
const booking = {
  code: "GH-234567",
  roomType: "double" as const,
  checkIn: "2026-04-12",
  checkOut: "2026-04-15",
  adults: 2,
  children: 0,
  total: { amount: 300, currency: "USD" },
};
const said = (change: Partial<Understood>): Event => ({
  type: "message",
  understood: { text: "", language: "es", intent: "out_of_scope", confidence: 0.1, band: "low", entities: {}, ...change },
});
const sessionOf = (change: Partial<Session>): Session => ({ ...newSession(NOW), ...change });

const day = fc
  .integer({ min: -400, max: 900 })
  .map((days) => new Date(NOW.getTime() + days * 86_400_000).toISOString().slice(0, 10));
const maybe = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined });
const entities = fc.record({
  check_in: maybe(day),
  check_out: maybe(day),
  date: maybe(day),
  nights: maybe(fc.integer({ min: -3, max: 400 })),
  adults: maybe(fc.integer({ min: -1, max: 30 })),
  children: maybe(fc.integer({ min: 0, max: 10 })),
  room_type: maybe(fc.constantFrom("single" as const, "double" as const, "suite" as const)),
  time: maybe(fc.constantFrom("01:00", "13:00", "23:30")),
  reservation_code: maybe(fc.constant("GH-234567")),
  ambiguous: maybe(fc.constantFrom(["check_in"], ["adults"], [])),
});
const texts = fc.constantFrom(
  ...[
    "",
    "sí",
    "no",
    "2",
    "la doble",
    "cancelar",
    "cancelar mi reserva",
    "Ana Pérez",
    "mejor del 13",
    "asistente",
    "a las 13",
    "204",
  ],
  ...["otra noche más", "the first", "¿y la suite?", "qualquer coisa", "intentar de nuevo", "una hora", "👍", "mi reserva"],
);
const messages = fc
  .record({
    text: fc.oneof(texts, fc.string()),
    language: fc.constantFrom("es" as const, "en" as const, "pt" as const),
    intent: fc.constantFrom(...INTENTS, OUT_OF_SCOPE),
    band: fc.constantFrom("high" as const, "medium" as const, "low" as const),
    entities,
    choices: fc.constantFrom<{ intent: Intent }[]>(
      [],
      [{ intent: "ask_price" }],
      [{ intent: "ask_price" }, { intent: "ask_policies" }],
    ),
    danger: fc.constantFrom(undefined, "urgent" as const, "emergency" as const),
  })
  .map((understood): Event => said({ ...understood, confidence: 0.5 }));
const buttons = fc
  .constantFrom(
    ...[
      "room:suite",
      "book",
      "guests:2",
      "nights:3",
      "other_dates",
      "other_rooms",
      "other_guests",
      "confirm:GH-234567",
      "confirm:GH-OTHER2",
    ],
    ...[
      "abort",
      "change",
      "retry",
      "which:GH-234567",
      "cancel_yes:GH-234567",
      "cancel_no",
      "change_yes:GH-234567",
      "change_no",
      "time:13:00",
    ],
    ...["my_booking", "reception", "assistant", "yes", "no", "intent:ask_price", "intent:make_reservation"],
  )
  .map((id): Event => ({ type: "choice", id }));
const media = fc
  .constantFrom("audio" as const, "image" as const, "location" as const, "reaction" as const, "unknown" as const)
  .map((kind): Event => ({ type: "media", kind }));
const events = fc.oneof({ weight: 5, arbitrary: messages }, { weight: 3, arbitrary: buttons }, { weight: 1, arbitrary: media });

/** What a PMS could say to a call, in one of many ways. */
function outcomeOf(call: PmsCall, dice: number): PmsOutcome {
  if (dice % 5 === 0) return { call, kind: "unavailable" };
  const refusals = ["SOLD_OUT", "NOT_FOUND", "HOLD_EXPIRED", "NOT_CHANGEABLE", "RESTRICTED", "INVALID"] as const;
  if (dice % 5 === 1) return { call, kind: "refused", refusal: refusals[dice % refusals.length]! };
  const read = { asOf: NOW, stale: dice % 3 === 0 };
  if (call.operation === "availability") {
    const available = dice % 4;
    const offer = { roomType: "double" as const, available, nights: 3, total: booking.total };
    const restriction = { code: "MIN_NIGHTS" as const, minNights: 2 };
    const value = [[], [offer], [offer, { ...offer, roomType: "suite" as const }], [{ ...offer, restriction }]][dice % 4]!;
    return { call, kind: "offers", read: { ...read, value } };
  }
  if (call.operation === "roomTypes") {
    const value = dice % 2 === 0 ? [] : [{ roomType: "double" as const, maxAdults: 2, maxGuests: 3, from: booking.total }];
    return { call, kind: "roomTypes", read: { ...read, value } };
  }
  const status = (["held", "confirmed", "cancelled"] as const)[dice % 3]!;
  const one = { ...booking, userId: "59899", guestName: undefined, status, heldUntil: status === "held" ? NOW : undefined };
  const many = call.operation === "reservationsOf" || call.operation === "reservation";
  return {
    call,
    kind: "reservations",
    reservations: many && dice % 4 === 0 ? [] : many && dice % 4 === 1 ? [one, { ...one, code: "GH-765432" }] : [one],
  };
}

test("whatever a guest says or presses and whatever the PMS answers, there is one reply that isn't empty, soon", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(events, fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 })), { maxLength: 12 }),
      (turns) => {
        let session = newSession(NOW);
        let handedOver = false;
        for (const [event, dice] of turns) {
          let step = orchestrate(session, event, { ...AROUND, handedOver });
          let draft = step.draft;
          for (let calls = 0; ; calls++) {
            const call = step.effects.find((effect) => effect.type === "pms");
            if (call === undefined) break;
            expect(calls).toBeLessThan(8);
            expect(step.effects.at(-1)).toBe(call);
            const outcome = outcomeOf(call.call, dice[calls]!);
            step = orchestrate(step.session, { type: "pms", outcome }, { ...AROUND, handedOver: step.handedOver });
            draft = { ...step.draft, phrases: [...draft.phrases, ...step.draft.phrases] };
          }
          if (!(handedOver && step.handedOver)) {
            const { reply } = render(draft, wordsOf("pt", "2026-03-10", "UTC"), { interactive: true, typing: false });
            expect(reply.text.trim()).not.toBe("");
            expect(reply.text).not.toMatch(/undefined|NaN|\[object|Invalid/);
          }
          // What is stored can be read again.
          const stored = readSession(JSON.parse(JSON.stringify(step.session)), NOW);
          expect(stored.problem).toBeUndefined();
          ({ session } = stored);
          ({ handedOver } = step);
        }
      },
    ),
    { numRuns: 1_500, seed: 20260310 },
  );
});

test("a step is a function: the same arguments give the same step, and stay as they were", () => {
  fc.assert(
    fc.property(events, fc.constantFrom(...AWAITING), (event, awaiting) => {
      const session = sessionOf({ awaiting, hold: { ...booking, until: NOW.toISOString() }, stay: { checkIn: "2026-04-12" } });
      const before = structuredClone({ session, event });
      expect(orchestrate(session, event, AROUND)).toEqual(orchestrate(session, event, AROUND));
      expect({ session, event }).toEqual(before);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("nothing but a yes to what was shown confirms: no other message, button or medium does", () => {
  const held = sessionOf({ awaiting: "confirm", hold: { ...booking, until: NOW.toISOString() }, guestName: "Ana" });
  const confirms = (event: Event) =>
    orchestrate(held, event, AROUND).effects.some((effect) => effect.type === "pms" && effect.call.operation === "confirm");
  expect(confirms(said({ text: "sí", intent: "affirm", band: "high" }))).toBe(true);
  expect(confirms({ type: "choice", id: "confirm:GH-234567" })).toBe(true);
  for (const id of ["confirm:GH-OTHER2", "abort", "book", "yes", "change", "retry:x", "my_booking"].filter(
    (each) => !each.includes("x"),
  )) {
    expect(confirms({ type: "choice", id }), id).toBe(false);
  }
  for (const kind of ["image", "audio", "sticker", "reaction", "location", "document"] as const) {
    expect(confirms({ type: "media", kind }), kind).toBe(false);
  }
  for (const text of [
    "no",
    "no, gracias",
    "ok no",
    "todavía no",
    "mejor no",
    "no sé",
    "quizás",
    "cancelar",
    "espera",
    "¿cuánto era?",
  ]) {
    expect(confirms(said({ text })), text).toBe(false);
  }
});

test("to call something off is never to book, whatever the classifier thinks of it", () => {
  for (const text of [
    "cancelar mi reserva",
    "cancel my booking please",
    "quero cancelar a minha reserva",
    "anular la reserva",
    "cancelá todo",
  ]) {
    for (const intent of ["make_reservation", "check_availability", "affirm", "out_of_scope"] as const) {
      const { effects } = orchestrate(newSession(NOW), said({ text, intent, band: "high", confidence: 0.99 }), AROUND);
      expect(
        effects.map((effect) => (effect.type === "pms" ? effect.call.operation : effect.type)),
        text,
      ).toEqual(["reservationsOf"]);
    }
  }
});
