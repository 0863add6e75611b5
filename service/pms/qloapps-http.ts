import { z } from "zod";
import { type Money, PmsRefusal, type StayQuery } from "./port.ts";

/** QloApps' own numbers for a booking's status and its payment's. */
export const STATUS = { new: 1, completed: 2, cancelled: 3, refunded: 4 } as const;
const PAYMENT_AWAITED = 3;
/** A crash leaves at most a few bookings without a link: so many of the newest are looked through for it. */
const NEWEST = 20;
const LARGEST_ANSWER = 5_000_000;

const number = z.union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/)]).transform(Number);
const id = z.union([z.number().int(), z.string().regex(/^\d+$/)]).transform(String);
const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}/)
  .transform((text) => text.slice(0, 10));

const ariAnswer = z.object({
  hotel_aris: z
    .array(
      z.object({
        currency: z.string().regex(/^[A-Z]{3}$/),
        room_types: z
          .array(
            z.object({
              id_room_type: number,
              total_price_with_tax: number,
              rooms: z.object({ available: z.array(z.unknown()).optional() }),
            }),
          )
          .optional(),
      }),
    )
    .min(1),
});
const bookingAnswer = z.object({
  booking: z.object({
    id,
    currency: z.string().regex(/^[A-Z]{3}$/),
    booking_status: number,
    remark: z.string().nullish(),
    associations: z.object({
      customer_detail: z.object({ firstname: z.string(), lastname: z.string() }),
      price_details: z.object({ total_price_with_tax: number }),
      room_types: z
        .array(
          z.object({
            id_room_type: number,
            checkin_date: day,
            checkout_date: day,
            rooms: z.array(z.object({ adults: number, child: number })).min(1),
          }),
        )
        .min(1),
    }),
  }),
});
const bookingList = z.object({ bookings: z.array(z.object({ id })).default([]) });
const roomTypeList = z.object({ room_types: z.array(z.object({ id: number, price: number })).default([]) });
const errorAnswer = z.object({ errors: z.array(z.object({ code: z.unknown(), message: z.string() })).min(1) });

export interface Booking {
  id: string;
  roomTypeId: number;
  checkIn: string;
  checkOut: string;
  adults: number;
  children: number;
  guestName: string | undefined;
  status: number;
  remark: string | undefined;
  total: Money;
}

interface Stay extends StayQuery {
  roomTypeId: number;
  guestName?: string | undefined;
}

/** The name of a guest who gave none: QloApps wants one. */
const NO_NAME = { firstname: "Guest", lastname: "Gatehouse" };

/** Speaks QloApps' web service. Throws PmsRefusal where QloApps says that a room isn't free, else plain errors. */
export function createQloAppsHttp(options: { url: string; apiKey: string; hotelId: string; currency: string }) {
  const { url, apiKey, hotelId, currency: shopCurrency } = options;
  const base = url.replace(/\/+$/, "");
  const authorization = `Basic ${Buffer.from(`${apiKey}:`).toString("base64")}`;

  const send = async (method: "GET" | "POST" | "PUT", path: string, body?: { type: string; text: string }): Promise<unknown> => {
    const response = await fetch(`${base}/api/${path}${path.includes("?") ? "&" : "?"}io_format=JSON`, {
      method,
      redirect: "error",
      headers: {
        Authorization: authorization,
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": body.type }),
      },
      ...(body === undefined ? {} : { body: body.text }),
    });
    const text = await response.text();
    if (text.length > LARGEST_ANSWER) throw new Error(`QloApps answered ${method} ${path} with ${text.length} characters`);
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (error) {
      throw new Error(`QloApps answered ${method} ${path} with HTTP ${response.status} and no JSON: ${text.slice(0, 80)}`, {
        cause: error,
      });
    }
    const failed = errorAnswer.safeParse(answer);
    if (failed.success || !response.ok) {
      const messages = failed.success ? failed.data.errors.map(({ message }) => message).join("; ") : text.slice(0, 200);
      if (response.status < 500 && /not available|no rooms? (is |are )?available|already booked|insufficient/i.test(messages)) {
        throw new PmsRefusal("SOLD_OUT", `QloApps: ${messages}`);
      }
      if (response.status === 404) throw new PmsRefusal("NOT_FOUND", `QloApps: ${messages}`);
      throw new Error(`QloApps answered ${method} ${path} with HTTP ${response.status}: ${messages}`);
    }
    return answer;
  };

  const read = <Value>(schema: z.ZodType<Value>, answer: unknown, what: string): Value => {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
    throw new Error(`QloApps' answer about ${what} has another shape than its web service documents: ${issues}`);
  };

  const bookingOf = async (bookingId: string): Promise<Booking | undefined> => {
    let answer: unknown;
    try {
      answer = await send("GET", `bookings/${bookingId}`);
    } catch (error) {
      if (error instanceof PmsRefusal && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
    const { booking } = read(bookingAnswer, answer, `booking ${bookingId}`);
    const [stay] = booking.associations.room_types;
    const [room] = stay!.rooms;
    const { firstname, lastname } = booking.associations.customer_detail;
    const unnamed = firstname === NO_NAME.firstname && lastname === NO_NAME.lastname;
    return {
      id: booking.id,
      roomTypeId: stay!.id_room_type,
      checkIn: stay!.checkin_date,
      checkOut: stay!.checkout_date,
      adults: room!.adults,
      children: room!.child,
      guestName: unnamed ? undefined : [firstname, lastname].filter((part) => part !== "-").join(" "),
      status: booking.booking_status,
      remark: booking.remark ?? undefined,
      total: { amount: booking.associations.price_details.total_price_with_tax, currency: booking.currency },
    };
  };

  const put = (bookingId: string, booking: Record<string, unknown>) =>
    send("PUT", `bookings/${bookingId}`, json({ booking: { id: bookingId, id_property: hotelId, ...booking } }));

  return {
    availability: async ({ checkIn, checkOut, adults, children }: StayQuery) => {
      // Every value is a day or a number here, so nothing needs escaping.
      const xml = `<?xml version="1.0" encoding="UTF-8"?><qloapps><hotel_ari><id_hotel>${Number(hotelId)}</id_hotel><date_from>${checkIn}</date_from><date_to>${checkOut}</date_to><get_available_rooms>1</get_available_rooms><associations><room_occupancies><room_occupancy><adults>${adults}</adults><children>${children}</children></room_occupancy></room_occupancies></associations></hotel_ari></qloapps>`;
      const answer = await send("POST", "hotel_ari", { type: "text/xml", text: xml });
      const { hotel_aris: aris } = read(ariAnswer, answer, "availability");
      const { currency, room_types: types = [] } = aris[0]!;
      return types.map((type) => ({
        roomTypeId: type.id_room_type,
        available: type.rooms.available?.length ?? 0,
        total: { amount: round(type.total_price_with_tax), currency },
      }));
    },

    /** Prices without a date, before tax, in the shop's default currency. */
    roomTypes: async (): Promise<{ roomTypeId: number; from: Money }[]> => {
      const { room_types: types } = read(roomTypeList, await send("GET", "room_types?display=full"), "room types");
      return types.map((type) => ({ roomTypeId: type.id, from: { amount: round(type.price), currency: shopCurrency } }));
    },

    booking: bookingOf,

    findByRemark: async (remark: string): Promise<string | undefined> => {
      const { bookings } = read(bookingList, await send("GET", "bookings"), "bookings");
      const newest = bookings
        .map((booking) => Number(booking.id))
        .sort((a, b) => b - a)
        .slice(0, NEWEST);
      for (const candidate of newest) {
        const booking = await bookingOf(String(candidate));
        if (booking?.remark === remark) return booking.id;
      }
      return undefined;
    },

    create: async (stay: Stay & { remark: string; total: Money; userId: string }): Promise<string> => {
      const answer = await send(
        "POST",
        "bookings",
        json({
          booking: {
            id_property: hotelId,
            currency: stay.total.currency,
            booking_status: STATUS.new,
            payment_status: PAYMENT_AWAITED,
            source: "gatehouse",
            remark: stay.remark,
            associations: { customer_detail: customer(stay.guestName, stay.userId), room_types: [roomType(stay)] },
          },
        }),
      );
      return read(bookingAnswer, answer, "the new booking").booking.id;
    },

    update: async (bookingId: string, stay: Stay): Promise<void> => {
      await put(bookingId, { associations: { room_types: [roomType(stay)], ...name(stay.guestName) } });
    },
    rename: async (bookingId: string, guestName: string): Promise<void> => {
      await put(bookingId, { associations: name(guestName) });
    },
    setStatus: async (bookingId: string, status: number): Promise<void> => {
      await put(bookingId, { booking_status: status });
    },
  };
}

const json = (value: unknown) => ({ type: "application/json", text: JSON.stringify(value) });
const round = (amount: number) => Math.round(amount * 100) / 100;

function roomType({ roomTypeId, checkIn, checkOut, adults, children }: Stay) {
  return {
    id_room_type: roomTypeId,
    checkin_date: checkIn,
    checkout_date: checkOut,
    number_of_rooms: 1,
    rooms: [{ adults, child: children }],
  };
}

/** QloApps wants a first and a last name, an address and a number of every customer. */
function customer(guestName: string | undefined, userId: string) {
  const digits = userId.replace(/\D/g, "");
  return {
    ...split(guestName),
    email: userId.includes("@") ? userId : `${digits || "guest"}@guests.invalid`,
    phone: digits === "" ? "0" : digits,
  };
}

function name(guestName: string | undefined) {
  return guestName === undefined ? {} : { customer_detail: split(guestName) };
}

function split(guestName: string | undefined): { firstname: string; lastname: string } {
  if (guestName === undefined) return NO_NAME;
  const [first = guestName, ...rest] = guestName.split(" ");
  return { firstname: first, lastname: rest.length === 0 ? "-" : rest.join(" ") };
}
