import type { Intent } from "../../vocabulary.ts";
import type { Amenity, CancellationFee } from "../hotel.ts";
import { entryOf } from "../intents/table.ts";
import type { CancellationRule, Phrases, ShownReservation, ShownStay, Titles } from "./phrases.ts";
import { spokenText } from "./spoken.ts";
import { emergencyText } from "./told.ts";
import type { Words } from "./words.ts";

const AMENITY: Record<Amenity, string> = {
  wifi: "wifi",
  breakfast: "breakfast",
  parking: "parking",
  pool: "a pool",
  gym: "a gym",
  spa: "a spa",
  restaurant: "a restaurant",
  bar: "a bar",
  laundry: "laundry service",
  air_conditioning: "air conditioning",
  room_service: "room service",
  airport_transfer: "an airport transfer",
  accessible: "accessible rooms",
  elevator: "an elevator",
  crib: "cribs for babies",
};
const PAYMENT = { card: "credit or debit card", cash: "cash", transfer: "bank transfer" };
const PETS = {
  no: "We can't take pets.",
  small: "Small pets are welcome; please tell us beforehand.",
  yes: "Pets are welcome.",
};
const STATUS = { held: "not confirmed yet", confirmed: "confirmed", cancelled: "cancelled" };

const stay = (s: ShownStay, w: Words) =>
  `from ${w.day(s.checkIn)} to ${w.day(s.checkOut)} (${w.count("night", s.nights)}), ${w.guests(s.adults, s.children)}`;
const line = (r: ShownReservation, w: Words) =>
  `${r.code}: ${w.room(r.roomType)}, ${stay(r, w)}, ${w.money(r.total)}${r.status === undefined ? "" : ` — ${STATUS[r.status]}`}`;
const intentName = (intent: Intent) => entryOf(intent).name.en.toLowerCase();
/** What cancelling costs is told before the yes; what the hotel didn't say is said to be unknown. */
const terms = (rule: CancellationRule, w: Words): string => {
  if (rule.kind === "unknown") return " I don't have this hotel's cancellation terms; reception can tell you before you decide.";
  if (rule.kind === "free") return ` Cancellation is free up to ${rule.hours} hours before arrival, and you are in time.`;
  const fee =
    rule.fee === undefined ? "may cost something that I don't know: reception can tell you before you decide" : FEE(rule.fee, w);
  return ` The free period (up to ${rule.hours} hours before arrival) is over: cancelling now ${fee}.`;
};
const FEE = (fee: CancellationFee, w: Words): string =>
  fee === "first_night" ? "costs the first night" : fee === "full" ? "costs the whole stay" : `costs ${w.money(fee)}`;
const pick = (variant: number, texts: readonly [string, ...string[]]) => texts[variant % texts.length] ?? texts[0];

export const en: Phrases = {
  greeting: ({ hotel }) =>
    `Hello! I'm the virtual assistant of ${hotel}. I can tell you which rooms are free and what they cost, book, change or cancel a reservation, and answer questions about the hotel. How can I help?`,
  notice: () =>
    "I'm an automated assistant, not a person: write “reception” to talk to one. We keep this chat to serve you; write “my data” to see or delete it.",
  menu: () =>
    "I can check availability and prices, book, change or cancel a reservation, or pass you to reception. What do you need?",
  thanks: () => "Thank you! If you need anything else, just write here.",
  anything_else: () => "All right. Is there anything else I can do?",
  own_answer: ({ text }) => text,

  ask_dates: () => "Which dates? Tell me the day you arrive and the day you leave, for example “from April 12 to April 15”.",
  ask_dates_ambiguous: () =>
    "I'm not sure about the date. Could you write the month as a word? For example “from April 3 to April 5”.",
  ask_nights: ({ checkIn }, w) => `Arriving on ${w.day(checkIn)}. How many nights will you stay?`,
  ask_guests: () => "For how many people? If children come along, tell me how many.",
  ask_whole: ({ people, children }, w) =>
    `Are you ${people} in all, counting ${w.count("child", children)}, or ${w.guests(people, children)}?`,
  ask_of_whom: ({ people }) => `Of the ${people}, how many are adults and how many are children?`,
  ask_children: ({ adults }, w) =>
    `I noted ${w.count("adult", adults)}. How many children come along? If there are none, say “none”.`,
  ask_adults: ({ children }, w) => `I noted ${w.count("child", children)}. And how many adults are you?`,
  ask_adults_children: () => "How many adults and how many children would you be?",
  dates_past: ({ day }, w) => `${w.day(day)} has already passed. Which dates would you like?`,
  year_past: ({ year }) => `${year} has already passed. Which dates would you like?`,
  dates_order: () => "Check-out has to be after check-in. Which day do you arrive, and which day do you leave?",
  dates_too_long: ({ nights, maximum }) =>
    `${nights} nights is more than I can book here (up to ${maximum}). Reception makes offers for long stays; or tell me shorter dates.`,
  dates_too_far: ({ day, last }, w) =>
    `We don't sell rooms for ${w.day(day)} yet; I can look up to ${w.day(last)}. Which other dates would suit you?`,
  guests_none: () => "I need at least one guest to search. How many would you be?",
  adults_needed: () => "At least one adult has to travel. How many adults and how many children would you be?",
  party_too_large: ({ guests }) =>
    `I have no single room for ${guests} people. Reception can arrange several rooms, or tell me how many would share each one.`,
  one_room_at_a_time: () =>
    "Here I book one room at a time: we do the first and then the other. If you'd rather have them all together, I'll pass you to reception.",
  ask_change: () => "What would you like to change? Write me the dates, the guests or the room.",

  offers: ({ stay: s, offers }, w) =>
    `Yes, we have rooms ${stay(s, w)}. Total price per room:\n${offers.map((o) => `• ${w.room(o.roomType)}: ${w.money(o.total)}`).join("\n")}\nWhich one shall I book?`,
  offer_one: ({ stay: s, offer }, w) =>
    `Yes, a ${w.room(offer.roomType)} room is free ${stay(s, w)}: ${w.money(offer.total)} in total. Shall I book it?`,
  room_too_small: ({ roomType }, w) => `The ${w.room(roomType)} room is too small for all of you.`,
  room_sold_out: ({ roomType }, w) => `There is no ${w.room(roomType)} room left for those dates.`,
  just_sold_out: ({ roomType }, w) => `Sorry, the last ${w.room(roomType)} room has just been taken.`,
  sold_out: ({ stay: s }, w) => `Sorry, we are fully booked ${stay(s, w)}. Shall we try other dates?`,
  min_nights: ({ minimum }, w) => `For those dates the minimum stay is ${w.count("night", minimum)}. Which dates would suit you?`,
  dates_closed: ({ checkIn }, w) => `Nobody can check in on ${w.day(checkIn)}. Which other dates would suit you?`,
  stale: ({ asOf }, w) =>
    `(I can't reach the hotel's system right now: this is from ${w.clock(asOf)}, and I'll verify it before booking.)`,
  pms_down: (_, w) =>
    `I can't reach the hotel's system right now, so I don't know whether we have a room. ${w.passedOn}; you can also try again in a while.`,
  pms_down_held: (_, w) =>
    `I couldn't confirm the booking because the hotel's system isn't answering. ${w.passedOn}. You can try again in a moment: nothing is booked twice.`,
  pms_down_reservation: (_, w) =>
    `I can't see reservations right now because the hotel's system isn't answering. ${w.passedOn}; you can also try again in a while.`,

  held_ask_name: ({ stay: s, offer, until }, w) =>
    `I'm holding this for you until ${w.clock(until)}: ${w.room(offer.roomType)}, ${stay(s, w)}, ${w.money(offer.total)} in total. What name should the booking be under?`,
  ask_name_again: () => "What name should the booking be under? Write first and last name, or confirm and give it on arrival.",
  held_confirm: ({ stay: s, offer, guestName, until }, w) =>
    `${w.room(offer.roomType)}, ${stay(s, w)}, ${w.money(offer.total)} in total${guestName === undefined ? "" : `, under the name ${guestName}`}. I'm holding it until ${w.clock(until)}. Shall I confirm the booking?`,
  price_changed: ({ before, now }, w) => `Please note: the price changed from ${w.money(before)} to ${w.money(now)}.`,
  confirmed: ({ reservation: r, checkInFrom }, w) =>
    `Booking confirmed! Code ${r.code}. ${w.room(r.roomType)}, ${stay(r, w)}, ${w.money(r.total)} in total${r.guestName === undefined ? "" : `, under the name ${r.guestName}`}.${checkInFrom === undefined ? "" : ` Check-in is from ${checkInFrom}.`}`,
  hold_lost: () => "Time ran out, and the room is no longer held.",
  not_booked: () => "All right, nothing was booked. I can look for other dates or another room if you like.",
  not_booked_yet: () => "All right, nothing is booked yet. Say “book it” whenever you like.",
  kept_for_now: ({ until }, w) =>
    `All right, I confirm nothing yet. I'm holding the room until ${w.clock(until)}; say “confirm” whenever you like.`,
  already_confirmed: ({ code }) => `Your booking ${code} is already confirmed. Is there anything else I can do?`,
  no_other_dates: () => "I see. Shall I look for other dates or another room?",
  bookings_off: (_, w) => `Bookings in this chat are paused. ${w.passedOn}, and the answer comes here.`,

  change_what: ({ reservation }, w) =>
    `Your booking ${line(reservation, w)}. What would you like to change: dates, guests or room?`,
  change_confirm: ({ before, after }, w) =>
    `Change of booking ${before.code}:\nBefore: ${w.room(before.roomType)}, ${stay(before, w)}, ${w.money(before.total)}\nNow: ${w.room(after.roomType)}, ${stay(after, w)}, ${w.money(after.total)}\nShall I change it?`,
  change_sold_out: ({ roomType }, w) =>
    `No ${w.room(roomType)} room is free for that change. Your booking stays as it was. Would you like to try other dates or another room?`,
  change_not_possible: ({ code }) => `Booking ${code} can't be changed any more. I can pass you to reception.`,
  changed: ({ reservation }, w) => `Done, I changed your booking. ${line(reservation, w)}`,
  change_kept: ({ code }) => `All right, booking ${code} stays as it was.`,
  ask_code: () =>
    "Anyone can write an e-mail in somebody else's name. To do this I need the booking's code, which is in its confirmation (GH-…): could you write it?",
  by_reception: ({ code }, w) =>
    `Booking ${code} has begun or ends today, so I can't touch it myself: reception does. ${w.passedOn}.`,
  not_confirmed: ({ code }, w) => `The hotel's system did not confirm booking ${code}. ${w.passedOn}; you can try again.`,
  cancel_confirm: ({ reservation, rule }, w) =>
    `You are about to cancel booking ${line(reservation, w)}.${terms(rule, w)} Shall I cancel it?`,
  cancelled: ({ code }) => `Your booking ${code} is cancelled.`,
  cancel_kept: ({ code }) => `All right, I cancelled nothing. Your booking ${code} stands.`,
  no_reservation: ({ code }) =>
    code === undefined
      ? "I can't find an active booking made from this contact. If you booked some other way, reception can help."
      : `I can't find booking ${code} for this contact. Check the code, or I'll pass you to reception.`,
  which_reservation: ({ reservations }, w) =>
    `You have several bookings. Which one?\n${reservations.map((r, index) => `${index + 1}. ${line(r, w)}`).join("\n")}`,
  reservations: ({ reservations }, w) =>
    `${reservations.length === 1 ? "Your booking" : "Your bookings"}:\n${reservations.map((r) => `• ${line(r, w)}`).join("\n")}`,

  room_types: ({ roomTypes }, w) =>
    `We have:\n${roomTypes.map((t) => `• ${w.room(t.roomType)}, up to ${w.count("guest", t.maxGuests)}, from ${w.money(t.from)} a night`).join("\n")}\nTell me dates and guests for the exact price.`,
  prices: ({ roomTypes }, w) =>
    `Prices per night start at:\n${roomTypes.map((t) => `• ${w.room(t.roomType)}: ${w.money(t.from)}`).join("\n")}\nThey depend on the date. Which dates would you like the exact price for?`,
  amenities: ({ amenities }) =>
    `At the hotel you have:\n${Object.entries(amenities)
      .map(
        ([name, { free, hours }]) =>
          `• ${AMENITY[name as Amenity].replace(/^an? /, "")}${hours === undefined ? "" : ` (${hours})`}${free === true ? ", included" : free === false ? ", at extra cost" : ""}`,
      )
      .join("\n")}`,
  amenity_yes: ({ amenity, hours, free }) =>
    `Yes, we have ${AMENITY[amenity]}${hours === undefined ? "" : `, ${hours}`}${free === true ? ", free of charge" : free === false ? ", at extra cost" : ""}.`,
  location: ({ address, phone }) => `We are at ${address}.${phone === undefined ? "" : ` Phone: ${phone}.`}`,
  check_times: ({ checkInFrom, checkOutUntil, luggage }) =>
    [
      ...(checkInFrom === undefined ? [] : [`Check-in is from ${checkInFrom}.`]),
      ...(checkOutUntil === undefined ? [] : [`Check-out is until ${checkOutUntil}.`]),
      ...(luggage ? ["If you arrive earlier or leave later, we keep your luggage."] : []),
    ].join(" "),
  policies: ({ policies: p }) =>
    [
      ...(p.freeCancellationHours === undefined
        ? []
        : [`Free cancellation up to ${p.freeCancellationHours} hours before arrival.`]),
      ...(p.pets === undefined ? [] : [PETS[p.pets]]),
      ...(p.smoking === undefined
        ? []
        : [p.smoking ? "There are rooms for smokers." : "Smoking isn't allowed inside the hotel."]),
      ...(p.childrenFreeUnder === undefined ? [] : [`Children under ${p.childrenFreeUnder} stay free.`]),
    ].join(" ") || "Reception can tell you our policies.",
  payment: ({ methods, invoices }, w) =>
    `You can pay by ${w.list(methods.map((method) => PAYMENT[method]))} on arrival.${invoices ? " We make invoices: ask reception with your tax details." : ""}`,
  unknown_fact: (_, w) => `I don't have that information. ${w.passedOn}, and the answer comes here.`,
  unknown_amenity: ({ amenity }, w) =>
    `I don't know whether the hotel has ${AMENITY[amenity]}: nobody told me. ${w.passedOn}, and the answer comes here.`,
  no_rooms_known: (_, w) =>
    `I don't have this hotel's rooms in the system, so I don't know whether there is one. ${w.passedOn}, and the answer comes here.`,
  i_am_a_bot: () => "I'm an automated assistant (a program), not a person. If you prefer, you can talk to a person at reception.",
  languages: ({ foreign, spoken }, w) => spokenText(foreign, spoken, w.language),
  lost_item: (_, w) =>
    `I'm sorry that something is missing. ${w.passedOn}, in your words: if it turns up, they write to you here.`,
  early_check_in: ({ checkInFrom }, w) =>
    `${checkInFrom === undefined ? "" : `Check-in is from ${checkInFrom}. `}Coming in earlier depends on the room being ready, and reception decides. ${w.passedOn}, and the answer comes here.`,
  invoice_noted: (_, w) => `Invoice details: ${w.passedOn}.`,
  group: ({ rooms }, w) => `For ${rooms} rooms reception makes an offer for the group. ${w.passedOn}, and the answer comes here.`,
  told_otherwise: (_, w) => `I'm sorry for the mix-up about what you were told. ${w.passedOn}, and the answer comes here.`,
  ask_contact: () => "Before I hold the room I need a contact: could you leave a phone number or an e-mail address?",
  ask_contact_again: () =>
    "I couldn't read that contact. Write an e-mail address (name@example.com) or a phone number with its area code.",
  ask_again: () => "I still need this to go on:",
  offer_person: () => "I don't want to keep asking you the same: if you prefer, a person at reception goes on with you.",

  late_ask: ({ until, fee }, w) =>
    `You can ask for a late check-out until ${until} for ${w.money(fee)}, if the room stays free. What time would you leave?`,
  late_requested: ({ time, fee }, w) =>
    `Check-out at ${time} (${w.money(fee)}): ${w.passedOn}. They confirm here if the room stays free.`,
  late_too_late: ({ time, until }, w) =>
    `Here I can ask for a late check-out until ${until}. Reception has to decide about ${time}. ${w.passedOn}.`,
  late_passed_on: (_, w) => `Reception decides about a late check-out. ${w.passedOn}, and the answer comes here.`,
  service_requested: ({ room }, w) => `${room === undefined ? "" : `Room ${room}. `}${w.passedOn}.`,
  issue_reported: ({ room, urgent, phone }, w) =>
    `I'm sorry about that. ${room === undefined ? "" : `Room ${room}. `}${w.passedOn}.${urgent ? " It is marked urgent." : ""}${urgent && phone !== undefined ? ` If it can't wait, call ${phone}.` : ""}`,
  ask_room_number: () => "Which room are you in?",
  room_noted: ({ room }) => `Thank you, I noted room ${room}.`,

  handed_over_open: (_, w) =>
    `${w.passedOn}: from now on a person answers you here. Meanwhile you can write “assistant” and I'll go on.`,
  handed_over_closed: ({ opens }, w) =>
    `I've noted your message for reception, which is closed now${opens === undefined ? "" : ` and opens on ${w.day(opens.day)} at ${opens.time}`}. The answer comes here. Meanwhile you can write “assistant” and I'll go on.`,
  handed_back: () => "I'm here again. How can I help?",
  emergency: ({ phone }, w) => emergencyText("en", w.told, phone),
  data_request: (_, w) =>
    `We keep your messages, your bookings and the contact you write from. ${w.passedOn}, so that they show or delete them, as you prefer: the answer comes here.`,

  rephrase: ({ variant }) =>
    pick(variant, [
      "I didn't quite get that. Could you say it in other words?",
      "Sorry, I missed that. Could you put it differently?",
      "I'm not sure what you need. Could you explain it another way?",
    ]),
  fallback_menu: ({ variant }) =>
    pick(variant, ["Sorry, I still don't follow. This is what I can do for you:", "I'd rather not guess. Is it one of these?"]),
  fallback_person: () =>
    "I can't work out what you need and don't want to waste your time: I'm passing you to a person at reception.",
  fallback_plain: ({ variant }) =>
    pick(variant, [
      "I didn't understand your message. Could you write it differently?",
      "I still don't understand. Could you use other words?",
    ]),
  out_of_scope: ({ variant }) =>
    pick(variant, [
      "I can't help with that: I only know this hotel and your bookings.",
      "That's beyond what I know. I can help with rooms, bookings and the hotel's services.",
    ]),
  say_again: () => "I didn't understand that.",
  choose_intent: ({ first, second }) => `Which do you mean: ${intentName(first)} or ${intentName(second)}?`,
  confirm_intent: ({ intent }) => `Is this what you want: ${intentName(intent)}?`,

  audio: () => "I can't listen to voice messages yet. Could you write it? Or I can pass you to reception.",
  unreadable: () => "I can't read that kind of message. Could you write it in words?",
  image: () =>
    "I got your picture, but I can't look at it or pass it on to reception. Could you write what it shows or what you need?",
  attachment: () => "I got your file, but I can't open it or pass it on to reception. Could you write what you need?",
  attachment_again: () => "Got that one too.",
  place: () => "Thank you for the location.",
  reaction: () => "Thank you! If you need anything, just write.",
};

export const enTitles: Titles = {
  confirm: "Confirm",
  abort: "Don't book",
  change: "Change something",
  book: "Book it",
  other_dates: "Other dates",
  other_rooms: "Another room",
  other_guests: "Other guests",
  reception: "Talk to reception",
  assistant: "Back to assistant",
  retry: "Try again",
  cancel_yes: "Yes, cancel it",
  cancel_no: "No, keep it",
  change_yes: "Yes, change it",
  change_no: "No, leave it",
  yes: "Yes",
  no: "No",
  my_booking: "My booking",
};
