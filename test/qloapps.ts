import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const QLOAPPS_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456";
/** Of the one room type, a night. */
const PRICE = 120;

export interface StoredBooking {
  id: number;
  currency: string;
  booking_status: number;
  remark: string;
  associations: {
    customer_detail: Record<string, string>;
    price_details: { total_price_with_tax: number };
    room_types: {
      id_room_type: number;
      checkin_date: string;
      checkout_date: string;
      rooms: { adults: number; child: number }[];
    }[];
  };
}

export type QloAppsAnswer = (request: IncomingMessage, response: ServerResponse) => void;

/** A QloApps that takes only what its web service documents: key as user, XML for hotel_ari, required fields of bookings. */
export class QloApps {
  /** Rooms of its one room type. */
  readonly rooms: number;
  bookings: StoredBooking[] = [];
  requests: string[] = [];
  /** Answers in place of the next ones. */
  next: QloAppsAnswer[] = [];
  /** Answers in place of all. */
  always: QloAppsAnswer | undefined;
  /** Takes the next booking, or change of one, and then breaks the line before it has said so. */
  swallow = false;

  constructor(rooms = 2) {
    this.rooms = rooms;
  }

  handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, "http://qlo");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    this.requests.push(`${request.method} ${url.pathname}`);
    const send = (status: number, value: unknown) => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    };
    const refuse = (status: number, message: string) => send(status, { errors: [{ code: status, message }] });
    /** Of what has been done. */
    const say = (status: number, value: unknown) => {
      if (!this.swallow) return send(status, value);
      this.swallow = false;
      request.socket.destroy();
    };
    const special = this.next.shift() ?? this.always;
    if (special !== undefined) return special(request, response);
    if (request.headers.authorization !== `Basic ${Buffer.from(`${QLOAPPS_KEY}:`).toString("base64")}`)
      return refuse(401, "Invalid authentication key");
    if (url.searchParams.get("io_format") !== "JSON") return refuse(400, "this stand-in answers JSON only");

    if (request.method === "POST" && url.pathname === "/api/hotel_ari") {
      const tag = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(body)?.[1];
      if (!body.startsWith("<?xml") || tag("id_hotel") !== "1") return refuse(400, "id_hotel is required");
      const [from, to] = [tag("date_from")!, tag("date_to")!];
      if (!/^\d{4}-\d{2}-\d{2}$/.test(from) || to <= from) return refuse(400, "Invalid date range");
      const free = this.rooms - this.taken(from, to).length;
      const nights = (Date.parse(to) - Date.parse(from)) / 86_400_000;
      const type = {
        id_room_type: "5",
        total_price_with_tax: PRICE * nights,
        rooms: { available: Array.from({ length: free }, (_, index) => ({ id_room: String(index + 1) })) },
      };
      return send(200, { hotel_aris: [{ id_hotel: "1", currency: "EUR", ...(free > 0 ? { room_types: [type] } : {}) }] });
    }
    if (request.method === "GET" && url.pathname === "/api/room_types") {
      return send(200, {
        room_types: [
          { id: 5, price: "100.000000" },
          { id: 9, price: "1" },
        ],
      });
    }
    if (request.method === "GET" && url.pathname === "/api/bookings") {
      return send(200, { bookings: this.bookings.map(({ id }) => ({ id })) });
    }
    const id = /^\/api\/bookings\/(\d+)$/.exec(url.pathname)?.[1];
    const stored = this.bookings.find((booking) => String(booking.id) === id);
    if (request.method === "GET" && id !== undefined) {
      return stored === undefined ? refuse(404, "Booking not found") : send(200, { booking: stored });
    }
    if (url.pathname === "/api/bookings" && request.method === "POST") {
      const { booking } = JSON.parse(body);
      const missing = ["id_property", "booking_status", "payment_status"].filter((field) => booking[field] === undefined);
      const customer = booking.associations?.customer_detail ?? {};
      missing.push(...["firstname", "lastname", "email", "phone"].filter((field) => !customer[field]));
      if (missing.length > 0) return refuse(400, `missing: ${missing.join(", ")}`);
      const [stay] = booking.associations.room_types;
      if (this.taken(stay.checkin_date, stay.checkout_date).length >= this.rooms)
        return refuse(400, "Room is not available for the dates");
      const made = this.store({ ...booking, id: 100 + this.bookings.length });
      this.bookings.push(made);
      return say(201, { booking: made });
    }
    if (request.method === "PUT" && stored !== undefined) {
      const { booking } = JSON.parse(body);
      if (String(booking.id) !== id) return refuse(400, "the id in the body differs");
      const merged = { ...stored, ...booking, id: stored.id, associations: { ...stored.associations, ...booking.associations } };
      merged.associations.customer_detail = { ...stored.associations.customer_detail, ...booking.associations?.customer_detail };
      const [stay] = merged.associations.room_types;
      const others = this.taken(stay.checkin_date, stay.checkout_date).filter((other) => other !== stored);
      if (others.length >= this.rooms) return refuse(400, "Room is not available for the dates");
      Object.assign(stored, this.store(merged));
      return say(200, { booking: stored });
    }
    return refuse(404, `there is no ${request.method} ${url.pathname}`);
  };

  private taken(from: string, to: string): StoredBooking[] {
    return this.bookings.filter(
      ({ booking_status: status, associations: { room_types: types } }) =>
        status < 3 && types[0]!.checkin_date.slice(0, 10) < to && types[0]!.checkout_date.slice(0, 10) > from,
    );
  }

  private store(booking: StoredBooking): StoredBooking {
    const [stay] = booking.associations.room_types;
    const nights = (Date.parse(stay!.checkout_date.slice(0, 10)) - Date.parse(stay!.checkin_date.slice(0, 10))) / 86_400_000;
    const room_types = [
      {
        ...stay!,
        checkin_date: `${stay!.checkin_date.slice(0, 10)} 00:00:00`,
        checkout_date: `${stay!.checkout_date.slice(0, 10)} 00:00:00`,
      },
    ];
    return {
      ...booking,
      associations: { ...booking.associations, room_types, price_details: { total_price_with_tax: PRICE * nights } },
    };
  }
}

/** Puts a stand-in on a free loopback port, or on one where it was before. */
export async function serveQloApps(qloApps: { handle: QloApps["handle"] }, port = 0) {
  const server = createServer((request, response) => void qloApps.handle(request, response));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An answer whatever was asked, such as a proxy's page. */
export function answering(status: number, type: string, text: string): QloAppsAnswer {
  return (_request, response) => {
    response.writeHead(status, { "Content-Type": type }).end(text);
  };
}
