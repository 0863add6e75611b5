import { createHash } from "node:crypto";
import { z } from "zod";
import { type Money, PmsRefusal, type StayQuery } from "./port.ts";

const LARGEST_ANSWER = 5_000_000;
/** Reading is quick there; a booking sends four mails before it answers. */
const READ_MS = 10_000;
const WRITE_MS = 25_000;
/** So many of our newest orders are looked through for a booking whose answer was lost. */
const NEWEST = 20;
/** What our orders are known by. */
const SOURCE = "gatehouse";
const NEW = 1;
const PAYMENT_AWAITED = 3;
/** PrestaShop's number of the state "Canceled" where the shop doesn't tell its own. */
const CANCELED = 4;
/** QloApps wants an age of each child, and guests tell a number of children: an age at which every hotel knows a child. */
const CHILD_AGE = 8;
const LONGEST_NAME = 32;

const number = z.union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/)]).transform(Number);
const id = z.union([z.number().int(), z.string().regex(/^\d+$/)]).transform(String);
const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}/)
  .transform((text) => text.slice(0, 10));
const currencyCode = z.string().regex(/^[A-Z]{3}$/);

/** PHP writes an empty list, and an object without members, as `[]`. */
const listOf = <Row extends z.ZodType>(name: string, row: Row) =>
  z.preprocess(
    (value) => (Array.isArray(value) && value.length === 0 ? { [name]: [] } : value),
    z.object({ [name]: z.array(row) }).transform((value) => value[name] as z.infer<Row>[]),
  );
const countOf = z
  .union([z.array(z.unknown()), z.record(z.string(), z.unknown())])
  .transform((value) => Object.keys(value).length);

const ariAnswer = z.object({
  hotel_ari: z.object({
    currency: currencyCode,
    room_types: z
      .array(
        z.object({
          id_room_type: number,
          base_price_with_tax: number,
          total_price_with_tax: number,
          rooms: z.object({ available: countOf.optional() }),
        }),
      )
      .optional(),
  }),
});
const bookingAnswer = z.object({
  booking: z.object({
    id,
    currency: currencyCode,
    associations: z.object({
      customer_detail: z.object({ firstname: z.string(), lastname: z.string(), email: z.string(), phone: z.string().nullish() }),
      price_details: z.object({ total_price_without_tax: number, total_tax: number }),
      cart_rules: z.array(z.unknown()).default([]),
      remarks: z.array(z.string()).default([]),
      room_types: z
        .array(
          z.object({
            id_room_type: number,
            checkin_date: day,
            checkout_date: day,
            rooms: z.array(z.object({ id_room: id, id_hotel_booking: id, adults: number, child: number })).min(1),
          }),
        )
        .default([]),
    }),
  }),
});
const roomTypeList = listOf("room_types", z.object({ id: number, id_tax_rules_group: number.default(0) }));
const hotelRoomTypeList = listOf(
  "hotel_room_types",
  z.object({ id_product: number, id_hotel: number, max_adults: number, max_guests: number, min_los: number.default(1) }),
);
const orderList = listOf("orders", z.object({ id }));
const bookingList = listOf("bookings", z.object({ id }));
const flag = z.union([z.number(), z.string()]).transform((value) => Number(value) === 1);
const lineList = listOf(
  "bookings",
  z.object({
    id: number,
    id_order: id,
    id_product: number,
    id_room: id,
    date_from: day,
    date_to: day,
    is_cancelled: flag,
    is_refunded: flag,
    adults: number,
    children: number,
    total_price_tax_incl: number,
  }),
);
const configurationList = listOf("configurations", z.object({ value: number }));
const errorAnswer = z.object({ errors: z.array(z.object({ code: z.unknown(), message: z.string() })).min(1) });

/** A booking as the resource `bookings` tells it: without its status, which only its rooms know. */
export interface Booking {
  id: string;
  roomTypeId: number;
  checkIn: string;
  checkOut: string;
  adults: number;
  children: number;
  guestName: string | undefined;
  email: string;
  phone: string;
  remarks: string[];
  roomId: string;
  /** Of its room's line; the lowest of two that have one room keeps it. */
  lineId: number;
  rooms: number;
  hasDiscounts: boolean;
  total: Money;
}

/** A room of an order for some nights, as `room_bookings` tells it. */
export interface Line {
  id: number;
  orderId: string;
  cancelled: boolean;
  total: number;
}

/** Whom a booking is for. */
export interface Guest {
  userId: string;
  name: string | undefined;
}

/** What a booking is to be. */
export interface NewBooking extends StayQuery {
  roomTypeId: number;
  taxGroup: number;
  guest: Guest;
  /** For people, and with the key by which the booking is found when its answer was lost. */
  remark: string;
  total: Money;
}

/** The name of a guest who gave none: QloApps wants one. */
const NO_NAME = { firstname: "Guest", lastname: "Gatehouse" };

/**
 * Speaks QloApps' web service as it is (1.6.1, seen on PHP 7.4 and 8.2), which isn't always as it documents itself.
 *
 * @throws PmsRefusal where QloApps says that a room isn't free; plain errors for all that isn't an answer
 */
export function createQloAppsHttp(options: { url: string; apiKey: string; hotelId: string; currency: string }) {
  const { apiKey, hotelId, currency: shopCurrency } = options;
  const base = options.url.replace(/\/+$/, "");
  const authorization = `Basic ${Buffer.from(`${apiKey}:`).toString("base64")}`;
  let canceledState: number | undefined;

  /** Sends a request and gives back what was answered, whatever it is; a redirect would carry the key elsewhere. */
  const exchange = async (method: Method, path: string, body?: Body): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${base}/api/${path}`, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(method === "GET" ? READ_MS : WRITE_MS),
      headers: { Authorization: authorization, ...(body === undefined ? {} : { "Content-Type": body.type }) },
      ...(body === undefined ? {} : { body: body.text }),
    });
    return { status: response.status, text: await bounded(response, `${method} ${path}`) };
  };

  /** As `exchange`, for JSON. @returns undefined for a resource that isn't there: 404 with nothing in it */
  const send = async (method: Method, path: string, body?: Body): Promise<unknown> => {
    const { status, text } = await exchange(method, `${path}${path.includes("?") ? "&" : "?"}io_format=JSON`, body);
    if (status === 404 && text.trim() === "") return undefined;
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (error) {
      throw new Error(`QloApps answered ${method} ${path} with HTTP ${status} and no JSON: ${text.slice(0, 80)}`, {
        cause: error,
      });
    }
    const failed = errorAnswer.safeParse(answer);
    if (failed.success || status >= 400) {
      const messages = failed.success ? failed.data.errors.map(({ message }) => message).join("; ") : text.slice(0, 200);
      if (status < 500 && /not available|no rooms? (is |are )?available|already booked|insufficient/i.test(messages))
        throw new PmsRefusal("SOLD_OUT", `QloApps: ${messages}`);
      if (status === 404) return undefined;
      throw new Error(`QloApps answered ${method} ${path} with HTTP ${status}: ${messages}`);
    }
    return answer;
  };

  const read = <Value>(schema: z.ZodType<Value>, answer: unknown, what: string): Value => {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
    throw new Error(`QloApps' answer about ${what} has another shape than its web service had when it was recorded: ${issues}`);
  };

  const booking = async (bookingId: string): Promise<Booking | undefined> => {
    const answer = await send("GET", `bookings/${bookingId}`);
    return answer === undefined ? undefined : toBooking(read(bookingAnswer, answer, `booking ${bookingId}`));
  };

  const lines = async (query: string): Promise<Line[]> => {
    const rows = read(lineList, await send("GET", `room_bookings?${query}&display=full`), "booked rooms");
    return rows.map((row) => ({
      id: row.id,
      orderId: row.id_order,
      cancelled: row.is_cancelled || row.is_refunded,
      total: row.total_price_tax_incl,
    }));
  };

  /** Ids of orders that may be ours, newest first; of all orders where the key may not read `orders`. */
  const newestOrders = async (): Promise<string[]> => {
    try {
      const query = `orders?filter[source]=${SOURCE}&display=[id]&sort=[id_DESC]&limit=${NEWEST}`;
      return read(orderList, await send("GET", query), "our orders").map((order) => order.id);
    } catch {
      const all = read(bookingList, await send("GET", "bookings"), "bookings");
      return all
        .map((each) => Number(each.id))
        .sort((a, b) => b - a)
        .slice(0, NEWEST)
        .map(String);
    }
  };

  return {
    /** @throws Error when the hotel or a type that is asked for isn't there: that is no sold-out room */
    availability: async ({ checkIn, checkOut, adults, children }: StayQuery) => {
      // Every value is a day or a number here, so nothing needs escaping.
      const xml = `<?xml version="1.0" encoding="UTF-8"?><qloapps><hotel_ari><id_hotel>${Number(hotelId)}</id_hotel><date_from>${checkIn}</date_from><date_to>${checkOut}</date_to><get_available_rooms>1</get_available_rooms><associations><room_occupancies><room_occupancy><adults>${adults}</adults><children>${children}</children></room_occupancy></room_occupancies></associations></hotel_ari></qloapps>`;
      const answer = await send("POST", "hotel_ari", { type: "text/xml", text: xml });
      const { currency, room_types: types } = read(ariAnswer, answer, "availability").hotel_ari;
      if (types === undefined || types.length === 0)
        throw new Error(`QloApps has no room types for hotel ${hotelId}: is pms.hotel_id right?`);
      return types.map((type) => ({
        roomTypeId: type.id_room_type,
        available: type.rooms.available ?? 0,
        total: { amount: round(type.total_price_with_tax), currency },
        /** Of one night, with tax. */
        night: { amount: round(type.base_price_with_tax), currency },
      }));
    },

    /** Group of tax rules by room type: a booking without it is made and answered 500. */
    taxGroups: async (): Promise<Map<number, number>> => {
      const types = read(roomTypeList, await send("GET", "room_types?display=[id,price,id_tax_rules_group]"), "room types");
      return new Map(types.map((type) => [type.id, type.id_tax_rules_group]));
    },

    /** What the hotel's room types hold, and the fewest nights that they are sold for. */
    capacities: async () => {
      const rows = read(hotelRoomTypeList, await send("GET", "hotel_room_types?display=full"), "the hotel's room types");
      return new Map(
        rows
          .filter((row) => row.id_hotel === Number(hotelId))
          .map((row) => [row.id_product, { maxAdults: row.max_adults, maxGuests: row.max_guests, minNights: row.min_los }]),
      );
    },

    booking,
    /** The rooms of one order: what knows whether it is cancelled. */
    linesOf: (orderId: string) => lines(`filter[id_order]=${Number(orderId)}`),
    /** Everybody's bookings of one room that touch these nights. */
    linesOfRoom: (roomId: string, checkIn: string, checkOut: string) =>
      lines(
        `filter[id_room]=${Number(roomId)}&filter[date_from]=${encodeURIComponent(`<[${checkOut}]`)}&filter[date_to]=${encodeURIComponent(`>[${checkIn}]`)}`,
      ),

    /** @returns the order in whose remark a key stands */
    findByRemark: async (key: string): Promise<string | undefined> => {
      for (const candidate of await newestOrders()) {
        const found = await booking(candidate);
        if (found?.remarks.some((remark) => remark.includes(key))) return found.id;
      }
      return undefined;
    },

    create: async (stay: NewBooking): Promise<Booking> => {
      const answer = await send(
        "POST",
        "bookings",
        json({
          booking: {
            id_property: hotelId,
            currency: stay.total.currency,
            booking_status: NEW,
            payment_status: PAYMENT_AWAITED,
            source: SOURCE,
            remark: stay.remark,
            associations: {
              customer_detail: customerOf(stay.guest),
              price_details: { total_price_with_tax: stay.total.amount },
              room_types: [roomTypeOf(stay)],
            },
          },
        }),
      );
      return toBooking(read(bookingAnswer, answer, "the new booking"));
    },

    /** Other nights, room type or name: QloApps replaces the whole booking, so all of it is sent again. */
    replace: async (current: Booking, stay: NewBooking): Promise<Booking> => {
      const { firstname, lastname } = namesOf(stay.guest.name);
      const answer = await send(
        "PUT",
        `bookings/${current.id}`,
        json({
          booking: {
            id: current.id,
            id_property: hotelId,
            associations: {
              customer_detail: { firstname, lastname, email: current.email, phone: current.phone },
              price_details: { total_price_with_tax: stay.total.amount },
              room_types: [roomTypeOf(stay)],
            },
          },
        }),
      );
      return toBooking(read(bookingAnswer, answer, `the changed booking ${current.id}`));
    },

    /** Other guests in the same room: only the room's own resource takes them, whole, as XML. */
    setGuests: async (lineId: number, { adults, children }: Pick<StayQuery, "adults" | "children">): Promise<void> => {
      const path = `room_bookings/${lineId}`;
      const current = await exchange("GET", path);
      if (current.status !== 200 || !current.text.includes("<id_room>"))
        throw new Error(`QloApps answered GET ${path} with HTTP ${current.status}`);
      const values = { adults, children, child_ages: JSON.stringify(agesOf(children)) };
      let text = current.text;
      for (const [name, value] of Object.entries(values))
        text = text.replace(
          new RegExp(`<${name}(?: [^>]*)?(?:/>|>[\\s\\S]*?</${name}>)`),
          `<${name}><![CDATA[${value}]]></${name}>`,
        );
      const changed = await exchange("PUT", path, { type: "text/xml", text });
      if (changed.status !== 200)
        throw new Error(`QloApps answered PUT ${path} with HTTP ${changed.status}: ${changed.text.slice(0, 200)}`);
    },

    /** Cancels an order and touches nothing else of it: its customer, price and services stay. */
    cancel: async (orderId: string): Promise<void> => {
      if (canceledState === undefined) {
        const [row] = read(
          configurationList,
          await send("GET", "configurations?filter[name]=PS_OS_CANCELED&display=[name,value]"),
          "the state of cancelled orders",
        );
        canceledState = row?.value ?? CANCELED;
      }
      const text = `<?xml version="1.0" encoding="UTF-8"?><qloapps><order_history><id_order>${Number(orderId)}</id_order><id_order_state>${canceledState}</id_order_state></order_history></qloapps>`;
      await send("POST", "order_histories", { type: "text/xml", text });
    },

    currency: shopCurrency,
  };
}

/** QloApps' web service, as the adapter uses it. */
export type QloAppsHttp = ReturnType<typeof createQloAppsHttp>;

type Method = "GET" | "POST" | "PUT";
interface Body {
  type: string;
  text: string;
}

/** Reads an answer while it is small enough, and hangs up otherwise: one hotel's PMS must not fill everybody's memory. */
async function bounded(response: Response, what: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > LARGEST_ANSWER) throw new Error(`QloApps answered ${what} with more than ${LARGEST_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function toBooking({ booking }: z.infer<typeof bookingAnswer>): Booking {
  const { customer_detail: customer, price_details: price, room_types: types, remarks, cart_rules: rules } = booking.associations;
  const [stay] = types;
  const [room] = stay?.rooms ?? [];
  if (stay === undefined || room === undefined) throw new Error(`booking ${booking.id} has no room`);
  const unnamed = customer.firstname === NO_NAME.firstname && customer.lastname === NO_NAME.lastname;
  return {
    id: booking.id,
    roomTypeId: stay.id_room_type,
    checkIn: stay.checkin_date,
    checkOut: stay.checkout_date,
    adults: room.adults,
    children: room.child,
    guestName: unnamed ? undefined : [customer.firstname, customer.lastname].filter((part) => part !== "-").join(" "),
    email: customer.email,
    phone: customer.phone ?? "",
    remarks,
    roomId: room.id_room,
    lineId: Number(room.id_hotel_booking),
    rooms: types.reduce((sum, type) => sum + type.rooms.length, 0),
    hasDiscounts: rules.length > 0,
    total: { amount: round(price.total_price_without_tax + price.total_tax), currency: booking.currency },
  };
}

const json = (value: unknown): Body => ({ type: "application/json", text: JSON.stringify(value) });
const round = (amount: number) => Math.round(amount * 100) / 100;
const agesOf = (children: number) => new Array<number>(children).fill(CHILD_AGE);

/** 1.6.1 reads `adult`, 1.7.0 `adults`; children without ages count as none. */
function roomTypeOf({ roomTypeId, checkIn, checkOut, adults, children, taxGroup }: NewBooking) {
  const tax = taxGroup > 0 ? { id_tax_rules_group: taxGroup } : { total_tax: 0 };
  return {
    id_room_type: roomTypeId,
    checkin_date: checkIn,
    checkout_date: checkOut,
    number_of_rooms: 1,
    rooms: [{ adult: adults, adults, child: children, child_ages: agesOf(children), ...tax }],
  };
}

/**
 * QloApps finds its customer by the address, and renames whoever has it: so each of our guests has an address of their own, made of the
 * whole user id. A phone number is the guest's, or digits of the same hash: "0" and none are refused.
 */
function customerOf({ userId, name }: Guest) {
  const hash = createHash("sha256").update(userId).digest("hex");
  const digits = userId.includes("@") ? "" : userId.replace(/\D/g, "");
  const isPhone = /^\+?[\d\s().-]+$/.test(userId) && digits.length >= 6 && digits.length <= 15;
  return {
    ...namesOf(name),
    email: /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(userId) ? userId : `${hash.slice(0, 24)}@guests.invalid`,
    phone: isPhone ? digits : `000${(BigInt(`0x${hash.slice(0, 12)}`) % 1_000_000_000n).toString().padStart(9, "0")}`,
  };
}

/** What QloApps takes as a name: no digits, none of its forbidden characters, at most 32 letters each. It dies of anything else. */
function namesOf(name: string | undefined): { firstname: string; lastname: string } {
  const [first, ...rest] = (name ?? "")
    .replace(/[\d()<>;=+@#"{}_$%:?!,\p{C}]/gu, " ")
    .split(/\s+/)
    .filter((part) => part !== "");
  if (first === undefined) return NO_NAME;
  return { firstname: cut(first), lastname: rest.length === 0 ? "-" : cut(rest.join(" ")) };
}

function cut(text: string): string {
  return [...text].slice(0, LONGEST_NAME).join("").trim();
}
