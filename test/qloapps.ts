import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export const QLOAPPS_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456";
const CANCELED = 4;
const HOTEL = 1;
/** What QloApps refuses in a name, with an empty 500. */
const NAME = /^[^\d()<>;=+@#"{}_$%:?!,]{1,32}$/;

export interface StoredRoom {
  id: number;
  idRoom: number;
  idType: number;
  from: string;
  to: string;
  adults: number;
  children: number;
  childAges: number[];
  net: number;
  /** Its room type isn't the hotel's any more, or reception removed the line. */
  gone?: boolean;
}

/** An order, as QloApps keeps a booking. */
export interface StoredOrder {
  id: number;
  source: string;
  currency: string;
  remark: string;
  customer: number;
  state: number;
  rooms: StoredRoom[];
  /** Services that reception added, net; a PUT removes them. */
  services: number;
  cartRules: { name: string }[];
}

interface Customer {
  id: number;
  firstname: string;
  lastname: string;
  email: string;
  phone: string;
}

export type QloAppsAnswer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A QloApps 1.6.1 as its web service was recorded: it answers in the shapes that were seen, books although it says 500, replaces
 * everything at a PUT, has one customer per e-mail address, and sells a room twice to two who ask at once.
 */
export class QloApps {
  /** Rooms of its one room type. */
  readonly rooms: number;
  /** QloApps' number of that type, a night's price before tax, and the tax as a share. */
  readonly type: number;
  readonly nightNet: number;
  readonly tax: number;
  orders: StoredOrder[] = [];
  customers: Customer[] = [];
  /** Orders that the hotel has deleted. */
  deleted = new Set<number>();
  requests: string[] = [];
  /** Mails that it has sent: each booking sends four. */
  mails = 0;
  /** Answers in place of the next ones. */
  next: QloAppsAnswer[] = [];
  /** Answers in place of all. */
  always: QloAppsAnswer | undefined;
  /** Takes the next booking, or change of one, and then breaks the line before it has said so. */
  swallow = false;
  /** PHP 7.4 writes ids as text in some answers, 8.2 as numbers. */
  php: 7 | 8 = 8;
  minNights = 1;
  /** A service that is added to every night by itself, net: availability says it, a booking without a total drops it. */
  automaticService = 0;
  /** Milliseconds between its look whether a room is free and the booking: who asks in between gets the room too. */
  bookingMs = 5;
  #nextLine = 1;

  constructor(rooms = 2, { type = 5, nightNet = 100, tax = 0.2 } = {}) {
    this.rooms = rooms;
    this.type = type;
    this.nightNet = nightNet;
    this.tax = tax;
  }

  handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, "http://qlo");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    this.requests.push(`${request.method} ${url.pathname}`);
    const special = this.next.shift() ?? this.always;
    if (special !== undefined) return special(request, response);
    const key = Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString();
    const answer = this.#refuseKey(key) ?? (await this.#answer(request.method!, url, body));
    if (this.swallow && request.method !== "GET" && !url.pathname.endsWith("hotel_ari")) {
      this.swallow = false;
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { "Content-Type": answer.type ?? "application/json" }).end(answer.body);
  };

  #refuseKey(key: string) {
    const given = key.replace(/:$/, "");
    if (given === "") return { status: 401, type: "text/html", body: "401 Unauthorized" };
    if (given.length !== 32) return errors(401, [18, "Invalid authentication key format"]);
    if (given !== QLOAPPS_KEY)
      return errors(401, [20, "Authentification key is not active"], [21, "No permission for this authentication key"]);
    return undefined;
  }

  async #answer(method: string, url: URL, body: string): Promise<Answer> {
    const resource = url.pathname.replace(/^\/api\//, "");
    const filter = (name: string) => url.searchParams.get(`filter[${name}]`) ?? undefined;
    const id = Number(/\/(\d+)$/.exec(resource)?.[1]);
    if (method === "POST" && resource === "hotel_ari") return this.#availability(body);
    if (resource === "room_types")
      return say({ room_types: [{ id: this.type, id_tax_rules_group: 1, price: `${this.nightNet}.000000` }] });
    if (resource === "hotel_room_types") {
      const type = {
        id: 1,
        id_product: this.type,
        id_hotel: HOTEL,
        adults: 2,
        children: 2,
        max_adults: 2,
        max_children: 2,
        max_guests: 3,
      };
      return say({ hotel_room_types: [{ ...type, min_los: this.minNights, max_los: 0 }] });
    }
    if (resource === "configurations") return say({ configurations: [{ value: String(CANCELED), name: filter("name") }] });
    if (resource === "orders") {
      const found = this.#kept().filter(({ source }) => source === filter("source"));
      const limit = Number(url.searchParams.get("limit") ?? 1_000);
      const rows = found.map((order) => ({ id: order.id, current_state: order.state })).reverse();
      return say(list("orders", rows.slice(0, limit)));
    }
    if (resource === "order_histories" && method === "POST") return this.#changeState(body);
    if (resource === "room_bookings") return say(list("bookings", this.#lines(filter)));
    if (resource.startsWith("room_bookings/")) return method === "PUT" ? this.#putLine(id, body) : this.#line(id);
    if (resource === "bookings" && method === "GET")
      return say(
        list(
          "bookings",
          this.#kept().map((order) => ({ id: order.id })),
        ),
      );
    if (resource === "bookings" && method === "POST") return this.#book(JSON.parse(body));
    if (resource.startsWith("bookings/")) {
      const order = this.#kept().find((each) => each.id === id);
      if (method === "PUT")
        return order === undefined ? errors(400, [404, "Booking not found."]) : this.#put(order, JSON.parse(body));
      return order === undefined ? { status: 404, body: "" } : say({ booking: this.#show(order) });
    }
    return errors(401, [26, `Resource of type "${resource}" is not allowed with this authentication key`]);
  }

  #kept(): StoredOrder[] {
    return this.orders.filter(({ id }) => !this.deleted.has(id));
  }

  #free(from: string, to: string): number[] {
    const taken = new Set(
      this.#kept()
        .flatMap((order) => (order.state === CANCELED ? [] : order.rooms.filter((room) => room.from < to && room.to > from)))
        .map(({ idRoom }) => idRoom),
    );
    return Array.from({ length: this.rooms }, (_, index) => index + 1).filter((room) => !taken.has(room));
  }

  #availability(xml: string): Answer {
    const tag = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
    if (!xml.startsWith("<?xml")) return { status: 500, type: "text/html", body: "" };
    const [hotel, from, to] = [tag("id_hotel")!, tag("date_from")!, tag("date_to")!];
    if (to <= from) return errors(400, [85, 'Validation error: "Date to" must be after "date from"']);
    const head = { id_hotel: hotel, date_from: from, date_to: to, currency: "EUR" };
    if (Number(hotel) !== HOTEL) return say({ hotel_ari: head });
    const wanted = tag("id_room_type");
    const rooms = nightsOf(from, to) < this.minNights ? [] : this.#free(from, to);
    const net = (this.nightNet + this.automaticService) * nightsOf(from, to);
    const base = this.nightNet + this.automaticService;
    const available =
      rooms.length === 0 ? [] : Object.fromEntries(rooms.map((room) => [room, { id_room: room, room_num: `DR-10${room}` }]));
    const type = {
      id_room_type: this.php === 7 ? String(this.type) : this.type,
      base_price: base,
      base_price_with_tax: cents(base * (1 + this.tax)),
      total_price: net,
      total_price_with_tax: cents(net * (1 + this.tax)),
      name: "Delux Rooms",
      rooms: { available },
    };
    const types = wanted === undefined || Number(wanted) === this.type ? [type] : [];
    const answer = {
      ...head,
      total_rooms: this.rooms,
      total_available_rooms: rooms.length,
      ...(types.length > 0 ? { room_types: types } : {}),
    };
    return say(tag("date_wise_breakdown") === undefined ? { hotel_ari: answer } : { hotel_aris: [answer] });
  }

  async #book({ booking }: { booking: Request }): Promise<Answer> {
    const [stay] = booking.associations.room_types ?? [];
    const room = stay?.rooms?.[0];
    // QloApps turns PHP's warnings into errors, and goes on.
    const warnings: [number, string][] =
      stay !== undefined && room?.id_tax_rules_group === undefined && room?.total_tax === undefined
        ? [[3, '[PHP Warning #2] Undefined array key "total_tax" (WebserviceSpecificManagementBookings.php, line 504)']]
        : [];
    if (booking.currency !== "EUR") return errors(400, ...warnings, [404, "Please provide valid currency."]);
    const refused = this.#refuseCustomer(booking.associations.customer_detail ?? {}, warnings);
    if (refused !== undefined) return refused;
    if (booking.id_property === undefined) return errors(400, [404, "Hotel not found."]);
    if (stay === undefined) return errors(400, [404, "Rooms not found in the request."]);
    if (stay.id_room_type !== this.type) return errors(400, [404, "Room type not found."]);
    const [from, to] = [stay.checkin_date.slice(0, 10), stay.checkout_date.slice(0, 10)];
    const [free] = this.#free(from, to);
    if (free === undefined) return errors(400, ...warnings, [404, "Requested room(s) not available."]);
    await delay(this.bookingMs);
    const asked = booking.associations.price_details?.total_price_with_tax;
    const own = this.nightNet * nightsOf(from, to);
    // A total below its own price is a division by zero there, and a booking at its own price.
    const tooLow = asked !== undefined && cents(asked) < cents(own * (1 + this.tax));
    const net = asked === undefined || tooLow ? own : asked / (1 + this.tax);
    const order: StoredOrder = {
      id: this.orders.length + 1,
      source: booking.source ?? "",
      currency: booking.currency,
      remark: booking.remark ?? "",
      customer: this.#customer(booking.associations.customer_detail!),
      state: 1,
      rooms: [this.#newLine(free, from, to, room, net)],
      services: 0,
      cartRules: [],
    };
    this.orders.push(order);
    this.mails += 4;
    if (tooLow) return { status: 500, type: "text/html; charset=utf-8", body: "" };
    return warnings.length > 0 ? errors(500, ...warnings) : say({ booking: this.#show(order) });
  }

  #newLine(idRoom: number, from: string, to: string, room: RequestRoom | undefined, net: number): StoredRoom {
    const children = room === undefined ? 2 : (room.child_ages?.length ?? 0);
    const line = {
      id: this.#nextLine,
      idRoom,
      idType: this.type,
      from,
      to,
      adults: room?.adult ?? 2,
      children,
      childAges: room?.child_ages ?? [],
      net,
    };
    this.#nextLine += 1;
    return line;
  }

  #refuseCustomer(customer: Record<string, string>, warnings: [number, string][]): Answer | undefined {
    if (!customer.email) return errors(400, ...warnings, [404, "Customer not found."]);
    if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(customer.email))
      return { status: 200, type: "text/html; charset=utf-8", body: "Fatal error" };
    if (!customer.phone || customer.phone === "0" || !/^[+0-9. ()/-]{2,32}$/.test(customer.phone))
      return errors(400, [404, "Please provide a valid phone number."]);
    if (!NAME.test(customer.firstname ?? "") || !NAME.test(customer.lastname ?? ""))
      return { status: 500, type: "text/html; charset=utf-8", body: "" };
    return undefined;
  }

  /** One customer per address, who gets the name of whoever booked last. */
  #customer(detail: Record<string, string>): number {
    const found = this.customers.find(({ email }) => email === detail.email);
    const { firstname = "", lastname = "", email = "", phone = "" } = detail;
    if (found !== undefined) return Object.assign(found, { firstname, lastname, phone }).id;
    this.customers.push({ id: this.customers.length + 2, firstname, lastname, email, phone });
    return this.customers.at(-1)!.id;
  }

  async #put(order: StoredOrder, { booking }: { booking: Request }): Promise<Answer> {
    const { room_types: types, customer_detail: customer = {}, price_details: price } = booking.associations ?? {};
    const [stay] = types ?? [];
    if (stay === undefined) return errors(400, [404, "Rooms not found in the request."]);
    if (!customer.email) return errors(400, [404, "Customer not found."]);
    const found = this.customers.find(({ email }) => email === customer.email);
    if (found === undefined) return errors(400, [404, "Customer not found."]);
    if (!NAME.test(customer.firstname ?? "") || !NAME.test(customer.lastname ?? ""))
      return { status: 500, type: "text/html; charset=utf-8", body: "" };
    const [line] = order.rooms;
    const [from, to] = [stay.checkin_date.slice(0, 10), stay.checkout_date.slice(0, 10)];
    if (from !== line!.from || to !== line!.to || stay.id_room_type !== line!.idType) {
      // Its own room doesn't count as free.
      const [free] = this.#free(from, to);
      if (free === undefined) return errors(400, [404, "Requested room(s) not available."]);
      const asked = price?.total_price_with_tax;
      order.rooms = [
        this.#newLine(
          free,
          from,
          to,
          stay.rooms?.[0],
          asked === undefined ? this.nightNet * nightsOf(from, to) : asked / (1 + this.tax),
        ),
      ];
    }
    // What isn't sent is gone: the phone, services and discounts.
    Object.assign(found, { firstname: customer.firstname, lastname: customer.lastname, phone: customer.phone ?? "" });
    order.services = 0;
    order.cartRules = [];
    return say({ booking: this.#show(order) });
  }

  #changeState(xml: string): Answer {
    if (!xml.startsWith("<?xml")) return { status: 500, type: "text/html", body: "" };
    const order = this.#kept().find(({ id }) => id === Number(/<id_order>(\d+)</.exec(xml)?.[1]));
    if (order === undefined) return errors(400, [90, "Order not found"]);
    order.state = Number(/<id_order_state>(\d+)</.exec(xml)?.[1]);
    return {
      status: 201,
      body: JSON.stringify({ order_history: { id: "3", id_order_state: order.state, id_order: String(order.id) } }),
    };
  }

  #lines(filter: (name: string) => string | undefined) {
    const after = (text: string | undefined, mark: string) => (text?.startsWith(mark) ? text.slice(2, 12) : undefined);
    const [order, room] = [filter("id_order"), filter("id_room")];
    const [before, since] = [after(filter("date_from"), "<["), after(filter("date_to"), ">[")];
    return this.#kept()
      .filter(({ id }) => order === undefined || id === Number(order))
      .flatMap((each) => each.rooms.map((line) => ({ each, line })))
      .filter(({ line }) => room === undefined || line.idRoom === Number(room))
      .filter(({ line }) => (before === undefined || line.from < before) && (since === undefined || line.to > since))
      .map(({ each, line }) => this.#showLine(each, line));
  }

  #showLine(order: StoredOrder, room: StoredRoom) {
    const cancelled = order.state === CANCELED ? 1 : 0;
    const number = (value: number) => (this.php === 7 ? String(value) : value);
    return {
      id: number(room.id),
      id_product: number(room.idType),
      id_hotel: HOTEL,
      id_order: number(order.id),
      id_room: number(room.idRoom),
      id_status: 1,
      date_from: `${room.from} 00:00:00`,
      date_to: `${room.to} 00:00:00`,
      total_price_tax_excl: room.net.toFixed(6),
      total_price_tax_incl: cents(room.net * (1 + this.tax)).toFixed(6),
      is_refunded: cancelled,
      is_cancelled: cancelled,
      room_num: `DR-10${room.idRoom}`,
      adults: number(room.adults),
      children: number(room.children),
      child_ages: JSON.stringify(room.childAges),
    };
  }

  #line(id: number): Answer {
    const found = this.#find(id);
    if (found === undefined) return { status: 404, body: "" };
    const fields = Object.entries(this.#showLine(found.order, found.room)).map(
      ([name, value]) => `<${name}><![CDATA[${value}]]></${name}>`,
    );
    return {
      status: 200,
      type: "text/xml;charset=utf-8",
      body: `<?xml version="1.0" encoding="UTF-8"?>\n<qloapps xmlns:xlink="http://www.w3.org/1999/xlink">\n<booking>\n${fields.join("\n")}\n</booking>\n</qloapps>`,
    };
  }

  #putLine(id: number, xml: string): Answer {
    const found = this.#find(id);
    if (found === undefined) return { status: 404, body: "" };
    const tag = (name: string) =>
      new RegExp(`<${name}>(?:<!\\[CDATA\\[)?([^<\\]]*(?:\\][^<\\]]*)*?)(?:\\]\\]>)?</${name}>`).exec(xml)?.[1];
    // It takes the whole resource only.
    if (tag("id_room") === undefined || tag("date_from") === undefined) return errors(400, [41, 'parameter "id_room" required']);
    found.room.adults = Number(tag("adults"));
    found.room.children = Number(tag("children"));
    found.room.childAges = JSON.parse(tag("child_ages") || "[]");
    return this.#line(id);
  }

  #find(id: number): { order: StoredOrder; room: StoredRoom } | undefined {
    for (const order of this.#kept()) for (const room of order.rooms) if (room.id === id) return { order, room };
    return undefined;
  }

  /** A booking says neither its status nor a total with tax, and a cancelled one looks like any other. */
  #show(order: StoredOrder) {
    const customer = this.customers.find(({ id }) => id === order.customer)!;
    const net = order.rooms.reduce((sum, room) => sum + room.net, 0) + order.services;
    const number = (value: number) => (this.php === 7 ? String(value) : value);
    return {
      id: number(order.id),
      id_property: HOTEL,
      currency: order.currency,
      source: order.source,
      booking_date: "2026-11-28 06:48:49",
      id_language: 1,
      associations: {
        customer_detail: {
          id_customer: customer.id,
          firstname: customer.firstname,
          lastname: customer.lastname,
          email: customer.email,
          phone: customer.phone,
        },
        price_details: { total_paid: 0, total_price_without_tax: net, total_tax: cents(net * this.tax) },
        cart_rules: order.cartRules,
        remarks: [order.remark],
        room_types: order.rooms.map((room) => ({
          id_room_type: number(room.idType),
          checkin_date: `${room.from} 00:00:00`,
          checkout_date: `${room.to} 00:00:00`,
          total_tax: cents(room.net * this.tax),
          number_of_rooms: 1,
          name: "Delux Rooms",
          rooms: [
            {
              id_room: number(room.idRoom),
              id_hotel_booking: number(room.id),
              adults: number(room.adults),
              child: number(room.children),
              unit_price_without_tax: room.net,
              total_tax: cents(room.net * this.tax),
            },
          ],
        })),
      },
    };
  }
}

interface RequestRoom {
  adult?: number;
  child_ages?: number[];
  id_tax_rules_group?: number;
  total_tax?: number;
}
interface Request {
  id_property?: unknown;
  currency?: string;
  source?: string;
  remark?: string;
  associations: {
    customer_detail?: Record<string, string>;
    price_details?: { total_price_with_tax?: number };
    room_types?: { id_room_type: number; checkin_date: string; checkout_date: string; rooms?: RequestRoom[] }[];
  };
}
interface Answer {
  status: number;
  type?: string;
  body: string;
}

const cents = (amount: number) => Math.round(amount * 100) / 100;
const nightsOf = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 86_400_000;
const say = (value: unknown): Answer => ({ status: 200, body: JSON.stringify(value) });
const errors = (status: number, ...list: [number, string][]): Answer => ({
  status,
  body: JSON.stringify({ errors: list.map(([code, message]) => ({ code, message })) }),
});
/** PHP writes an empty list without its name. */
const list = (name: string, rows: unknown[]) => (rows.length === 0 ? [] : { [name]: rows });

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
