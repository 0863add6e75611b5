import { expect, test } from "vitest";
import { INTENTS, LANGUAGES, OUT_OF_SCOPE, ROOM_TYPES } from "../../vocabulary.ts";
import { AMENITIES } from "../hotel.ts";
import { WISHES } from "../intents/table.ts";
import { isButton, MAXIMUM_TITLE, PHRASES, phraseText, TITLES, titleOf } from "./catalogue.ts";
import type { Phrase, PhraseKey, PhraseParameters, ShownReservation } from "./phrases.ts";
import { render } from "./render.ts";
import { wordsOf } from "./words.ts";

const stay = { checkIn: "2026-04-12", checkOut: "2026-04-15", nights: 3, adults: 2, children: 1 };
const offer = { roomType: "double" as const, total: { amount: 312.5, currency: "USD" } };
const reservation: ShownReservation = { ...stay, ...offer, code: "GH-234567", guestName: "Ana Pérez", status: "confirmed" };
const none = [{}];
const variants = [{ variant: 0 }, { variant: 1 }, { variant: 2 }, { variant: 25 }];
const roomTypes = ROOM_TYPES.map((roomType) => ({ roomType, maxGuests: 2, from: { amount: 100, currency: "USD" } }));
const at = new Date("2026-03-10T15:00:00Z");

/** What each phrase is tried with; the compiler demands one entry for every key. */
const SAMPLES: { [Key in PhraseKey]: PhraseParameters[Key][] } = {
  greeting: [{ hotel: "Hotel Rambla" }],
  notice: none,
  menu: none,
  thanks: none,
  anything_else: none,
  own_answer: [{ text: "Rambla 815." }],
  ask_dates: none,
  ask_dates_ambiguous: none,
  ask_nights: [{ checkIn: "2026-04-12" }],
  ask_guests: none,
  ask_whole: [
    { people: 4, children: 2 },
    { people: 2, children: 1 },
  ],
  ask_of_whom: [{ people: 5 }],
  ask_children: [{ adults: 1 }, { adults: 2 }],
  ask_adults: [{ children: 1 }, { children: 3 }],
  ask_adults_children: none,
  dates_past: [{ day: "2026-03-01" }],
  year_past: [{ year: 2024 }],
  dates_order: none,
  dates_too_long: [{ nights: 40, maximum: 30 }],
  dates_too_far: [{ day: "2029-01-01", last: "2027-09-01" }],
  guests_none: none,
  adults_needed: none,
  party_too_large: [{ guests: 12 }],
  one_room_at_a_time: none,
  ask_change: none,
  offers: [{ stay, offers: [offer, { ...offer, roomType: "suite" }] }],
  offer_one: [{ stay, offer }],
  room_too_small: ROOM_TYPES.map((roomType) => ({ roomType })),
  room_sold_out: [{ roomType: "suite" }],
  just_sold_out: [{ roomType: "suite" }],
  sold_out: [{ stay }],
  min_nights: [{ minimum: 2 }, { minimum: 1 }],
  dates_closed: [{ checkIn: "2026-12-25" }],
  stale: [{ asOf: at }],
  pms_down: none,
  pms_down_held: none,
  pms_down_reservation: none,
  held_ask_name: [{ stay, offer, until: at }],
  ask_name_again: none,
  held_confirm: [
    { stay, offer, until: at },
    { stay, offer, until: at, guestName: "Ana Pérez" },
  ],
  price_changed: [{ before: offer.total, now: { amount: 400, currency: "USD" } }],
  confirmed: [
    { reservation, checkInFrom: "15:00" },
    { reservation: { ...reservation, guestName: undefined }, checkInFrom: "15:00" },
  ],
  not_confirmed: [{ code: "GH-234567" }],
  hold_lost: none,
  not_booked: none,
  not_booked_yet: none,
  kept_for_now: [{ until: at }],
  already_confirmed: [{ code: "GH-234567" }],
  no_other_dates: none,
  bookings_off: none,
  change_what: [{ reservation }],
  change_confirm: [{ before: reservation, after: { ...reservation, nights: 1, adults: 1, children: 0 } }],
  change_sold_out: [{ roomType: "suite" }],
  change_not_possible: [{ code: "GH-234567" }],
  changed: [{ reservation }],
  change_kept: [{ code: "GH-234567" }],
  ask_code: none,
  by_reception: [{ code: "GH-234567" }],
  cancel_confirm: [
    { reservation, rule: { kind: "unknown" } },
    { reservation, rule: { kind: "free", hours: 48 } },
    { reservation, rule: { kind: "late", hours: 48 } },
    ...(["first_night", "full", { amount: 50, currency: "USD" }] as const).map((fee) => ({
      reservation,
      rule: { kind: "late" as const, hours: 48, fee },
    })),
  ],
  cancelled: [{ code: "GH-234567" }],
  cancel_kept: [{ code: "GH-234567" }],
  no_reservation: [{}, { code: "GH-234567" }],
  which_reservation: [{ reservations: [reservation, reservation] }],
  reservations: (["held", "confirmed", "cancelled"] as const).map((status) => ({ reservations: [{ ...reservation, status }] })),
  room_types: [{ roomTypes }],
  prices: [{ roomTypes }],
  amenities: [{ amenities: { wifi: { free: true }, pool: { hours: "08:00–20:00" }, laundry: { free: false }, gym: {} } }],
  amenity_yes: AMENITIES.flatMap((amenity) => [
    { amenity },
    { amenity, hours: "08:00–20:00", free: true },
    { amenity, free: false },
  ]),
  location: [{ address: "Rambla 815" }, { address: "Rambla 815", phone: "+598 2710" }],
  check_times: [
    { checkInFrom: "15:00", checkOutUntil: "11:00", luggage: true },
    { checkInFrom: "15:00", luggage: false },
  ],
  policies: [
    { policies: {} },
    ...(["no", "small", "yes"] as const).map((pets) => ({
      policies: { pets, smoking: true, childrenFreeUnder: 4, freeCancellationHours: 48 },
    })),
    { policies: { smoking: false } },
  ],
  payment: [
    { methods: ["card"], invoices: false },
    { methods: ["card", "cash", "transfer"], invoices: true },
  ],
  unknown_fact: none,
  unknown_amenity: AMENITIES.map((amenity) => ({ amenity })),
  no_rooms_known: none,
  i_am_a_bot: none,
  languages: (["other", "fr", "de", "it"] as const).map((foreign) => ({ foreign, spoken: [...LANGUAGES] })),
  lost_item: none,
  early_check_in: [{}, { checkInFrom: "15:00" }],
  invoice_noted: none,
  group: [{ rooms: 10 }],
  told_otherwise: none,
  ask_contact: none,
  ask_contact_again: none,
  ask_again: none,
  offer_person: none,
  late_ask: [{ until: "14:00", fee: { amount: 30, currency: "USD" } }],
  late_requested: [{ time: "13:00", fee: { amount: 30, currency: "USD" } }],
  late_too_late: [{ time: "18:00", until: "14:00" }],
  late_passed_on: none,
  service_requested: [{}, { room: "204" }],
  issue_reported: [{ urgent: false }, { urgent: true, room: "204" }, { urgent: true, phone: "911" }],
  ask_room_number: none,
  room_noted: [{ room: "204" }],
  handed_over_open: none,
  handed_over_closed: [{}, { opens: { day: "2026-03-11", time: "09:00" } }],
  handed_back: none,
  emergency: [{}, { phone: "911" }, { phone: "+598 2710" }],
  data_request: none,
  rephrase: variants,
  fallback_menu: variants,
  fallback_person: none,
  fallback_plain: variants,
  out_of_scope: variants,
  say_again: none,
  choose_intent: [{ first: "ask_price", second: "ask_policies" }],
  confirm_intent: ([...INTENTS, OUT_OF_SCOPE] as const).map((intent) => ({ intent })),
  audio: none,
  image: none,
  attachment: none,
  attachment_again: none,
  unreadable: none,
  place: none,
  reaction: none,
};
const KEYS = Object.keys(SAMPLES) as PhraseKey[];

test.each(LANGUAGES)("every phrase in %s says something, and shows no hole", (language) => {
  expect(Object.keys(PHRASES[language]).toSorted()).toEqual(KEYS.toSorted());
  const words = wordsOf(language, "2026-03-10", "America/Montevideo");
  for (const key of KEYS) {
    for (const parameters of SAMPLES[key]) {
      const text = phraseText({ key, parameters } as Phrase, words);
      expect(text.trim(), key).not.toBe("");
      expect(text, key).not.toMatch(/undefined|null|NaN|\[object|Invalid|\$\{|check_availability|ask_/);
      expect(text.length, key).toBeLessThanOrEqual(1_024);
    }
  }
});

test("no phrase is the same in two languages, except where nothing differs", () => {
  for (const key of KEYS.filter((each) => each !== "own_answer")) {
    const texts = LANGUAGES.map((language) =>
      phraseText({ key, parameters: SAMPLES[key][0] } as Phrase, wordsOf(language, "2026-03-10", "America/Montevideo")),
    );
    expect(new Set(texts).size, `${key}: ${texts[0]}`).toBe(3);
  }
});

test("fallbacks have other words for the second time", () => {
  for (const language of LANGUAGES) {
    const words = wordsOf(language, "2026-03-10", "UTC");
    for (const key of ["rephrase", "fallback_menu", "fallback_plain", "out_of_scope"] as const) {
      const [first, second] = [0, 1].map((variant) => phraseText({ key, parameters: { variant } }, words));
      expect(first).not.toBe(second);
    }
  }
});

test("titles of buttons fit in every language, are all different, and ids are told from words", () => {
  const ids = [
    ...Object.keys(TITLES.es).filter((id) => !["confirm", "cancel_yes", "change_yes"].includes(id)),
    ...["confirm", "cancel_yes", "change_yes", "which"].map((id) => `${id}:GH-234567`),
    ...ROOM_TYPES.map((type) => `room:${type}`),
    ...WISHES.map((intent) => `intent:${intent}`),
    "guests:1",
    "guests:12",
    "nights:1",
    "nights:30",
    "time:13:00",
  ];
  for (const language of LANGUAGES) {
    const words = wordsOf(language, "2026-03-10", "UTC");
    for (const id of ids) {
      const title = titleOf(id, words);
      expect(title.length, `${language} ${id} ${title}`).toBeGreaterThan(0);
      expect([...title].length, `${language} ${id} ${title}`).toBeLessThanOrEqual(MAXIMUM_TITLE);
      expect(isButton(id), id).toBe(true);
    }
    expect(new Set(Object.values(TITLES[language])).size).toBe(Object.keys(TITLES[language]).length);
  }
  for (const id of ["room:penthouse", "hello", "__proto__", "intent:toString", "guests:x", "confirm", "x".repeat(200)]) {
    expect(isButton(id), id).toBe(false);
  }
});

test("amounts and dates are written as each language does; another year is named", () => {
  const texts = LANGUAGES.map((language) => {
    const words = wordsOf(language, "2026-03-10", "America/Montevideo");
    return [
      words.money({ amount: 1234.5, currency: "USD" }),
      words.day("2026-04-12"),
      words.day("2027-01-02"),
      words.guests(1, 2),
    ];
  });
  expect(texts).toEqual([
    ["USD 1.234,50", "dom 12 de abril", "sáb 2 de enero de 2027", "1 adulto y 2 niños"],
    ["USD 1,234.50", "Sun April 12", "Sat January 2 2027", "1 adult and 2 children"],
    ["USD 1.234,50", "dom 12 de abril", "sáb 2 de janeiro de 2027", "1 adulto e 2 crianças"],
  ]);
});

test("without buttons the choices are numbered lines of the text", () => {
  const words = wordsOf("en", "2026-03-10", "UTC");
  const draft = { phrases: [{ key: "menu" as const, parameters: {} }], buttons: ["book", "reception"] };
  const plain = render(draft, words, { interactive: false, typing: false });
  expect(plain.reply).toEqual({ text: expect.stringContaining("1) Book it\n2) Talk to reception") });
  expect(plain.choices.map(({ id }) => id)).toEqual(["book", "reception"]);
  const rich = render(draft, words, { interactive: true, typing: true });
  expect(rich.reply.buttons).toHaveLength(2);
  expect(rich.reply.typingMs).toBeGreaterThan(0);
});
