import { addDays, nightsBetween } from "../calendar.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { RoomType } from "../vocabulary.ts";
import { HOLD_MINUTES } from "./embedded.ts";
import {
  type Change,
  type HoldRequest,
  type Money,
  type Offer,
  type PmsAdapter,
  PmsRefusal,
  type Reservation,
  type RoomTypeInfo,
  type StayQuery,
} from "./port.ts";
import type { Booking, NewBooking, QloAppsHttp } from "./qloapps-http.ts";
import { createLinks, type Link } from "./qloapps-links.ts";
import { type NamedType, type RawSettings, readSettings } from "./qloapps-settings.ts";

export interface QloAppsOptions extends RawSettings {
  database: Database;
  tenantId: string;
  logger: Logger;
  now?: () => Date;
}

/** Capacities and tax groups change rarely; a booking asks for them all the same when they are this old. */
const CATALOGUE_MS = 5 * 60_000;
/** A booking whose answer was lost is looked for from then on, and given up after the second. */
const UNHEARD_MS = 60_000;
const GIVEN_UP_MS = 15 * 60_000;
/** From how many days ahead prices "from" are: of a night that hotels sell. */
const TYPICAL_DAYS = 30;

interface Type extends NamedType {
  maxAdults: number;
  maxGuests: number;
  minNights: number;
  taxGroup: number;
}

/**
 * A hotel's QloApps through its web service.
 *
 * A hold is kept here, not there, and booked in one request at the guest's yes, with the guest's name. Held there it would be an order
 * with four mails, seen by reception as any other, for everybody who only looked; a later PUT of the name would wipe what reception
 * added; and an order that runs out would stay booked until somebody asks for rooms. The price is that the website may sell the last
 * room meanwhile: then the guest reads so at the yes.
 *
 * QloApps sells one room twice to two who ask at once, so after each booking it is asked who else has that room: the lowest line keeps
 * it. Whatever a booking answered, it is looked for by the key in its remark before anybody says anything of it.
 *
 * @throws at the first call when the settings can't be used, naming each mistake; for guests the PMS is then unavailable
 */
export function createQloAppsPms(options: QloAppsOptions): PmsAdapter {
  const { now = () => new Date() } = options;
  return new QloAppsPms({ ...options, now });
}

class QloAppsPms implements PmsAdapter {
  readonly #settings: ReturnType<typeof readSettings>;
  readonly #links: ReturnType<typeof createLinks>;
  readonly #options: QloAppsOptions & { now: () => Date };
  #catalogue: { types: Type[]; at: number } | undefined;

  constructor(options: QloAppsOptions & { now: () => Date }) {
    this.#options = options;
    this.#settings = readSettings(options);
    this.#links = createLinks(options);
  }

  get #known() {
    if ("problems" in this.#settings)
      throw new Error(`the PMS of ${this.#options.tenantId} isn't configured: ${this.#settings.problems.join(" ")}`);
    return this.#settings;
  }

  /** The hotel's types as its settings name them, with what QloApps says of each. A type that it lacks is a mistake, not a sold-out room. */
  async #types(): Promise<Type[]> {
    const { http, types } = this.#known;
    const at = this.#options.now().getTime();
    if (this.#catalogue !== undefined && Math.abs(at - this.#catalogue.at) < CATALOGUE_MS) return this.#catalogue.types;
    const [capacities, taxGroups] = await Promise.all([http.capacities(), http.taxGroups()]);
    const known = types.map((type): Type => {
      const capacity = capacities.get(type.id);
      const taxGroup = taxGroups.get(type.id);
      if (capacity === undefined || taxGroup === undefined)
        throw new Error(`settings.pms_room_types.${type.roomType}.id: QloApps has no room type ${type.id} in this hotel.`);
      const { maxAdults, maxGuests, minNights } = capacity;
      return {
        ...type,
        maxAdults: Math.min(type.maxAdults ?? maxAdults, maxAdults),
        maxGuests: Math.min(type.maxGuests ?? maxGuests, maxGuests),
        minNights,
        taxGroup,
      };
    });
    this.#catalogue = { types: known, at };
    return known;
  }

  async #fitting({ adults, children }: StayQuery): Promise<Type[]> {
    return (await this.#types()).filter((type) => adults <= type.maxAdults && adults + children <= type.maxGuests);
  }

  async #typeOf(roomType: RoomType, query: StayQuery): Promise<Type> {
    const type = (await this.#fitting(query)).find((each) => each.roomType === roomType);
    if (type === undefined) throw new PmsRefusal("INVALID", `no ${roomType} room fits these guests`);
    return type;
  }

  async roomTypes(): Promise<RoomTypeInfo[]> {
    const { http } = this.#known;
    const from = addDays(this.#options.now().toISOString().slice(0, 10), TYPICAL_DAYS);
    const [types, rooms] = await Promise.all([
      this.#types(),
      http.availability({ checkIn: from, checkOut: addDays(from, 1), adults: 1, children: 0 }),
    ]);
    return types.flatMap(({ id, roomType, maxAdults, maxGuests }): RoomTypeInfo[] => {
      const night = rooms.find(({ roomTypeId }) => roomTypeId === id)?.night;
      return night === undefined ? [] : [{ roomType, maxAdults, maxGuests, from: night }];
    });
  }

  async availability(query: StayQuery): Promise<Offer[]> {
    await this.#settleUnheard();
    const types = await this.#fitting(query);
    if (types.length === 0) return [];
    const readAt = this.#options.now();
    const rooms = await this.#known.http.availability(query);
    return Promise.all(types.map((type) => this.#offerOf(type, query, rooms, readAt)));
  }

  async #offerOf(
    type: Type,
    query: StayQuery,
    rooms: Awaited<ReturnType<QloAppsHttp["availability"]>>,
    readAt: Date,
  ): Promise<Offer> {
    const found = rooms.find(({ roomTypeId }) => roomTypeId === type.id);
    if (found === undefined)
      throw new Error(`QloApps doesn't list room type ${type.id} (${type.roomType}) any more: look at settings.pms_room_types`);
    const nights = nightsBetween(query.checkIn, query.checkOut);
    const held = await this.#links.taken(type.roomType, query, readAt);
    const offer: Offer = { roomType: type.roomType, available: Math.max(0, found.available - held), nights, total: found.total };
    // Too short a stay shows there as no room at all.
    return nights < type.minNights ? { ...offer, restriction: { code: "MIN_NIGHTS", minNights: type.minNights } } : offer;
  }

  async reservation(code: string): Promise<Reservation | undefined> {
    const link = await this.#links.byCode(code);
    return link === undefined ? undefined : this.#read(link);
  }

  async reservationsOf(userId: string): Promise<Reservation[]> {
    const links = await this.#links.ofGuest(userId);
    const read = await Promise.allSettled(links.map((link) => this.#read(link)));
    const reservations: Reservation[] = [];
    for (const [at, result] of read.entries()) {
      if (result.status === "fulfilled") reservations.push(result.value);
      // One that can't be read doesn't hide the others.
      else
        this.#options.logger.warn(
          { err: result.reason, tenant_id: this.#options.tenantId, booking: links[at]!.code },
          "a booking can't be read from the PMS; the guest's others are shown",
        );
    }
    const failed = read.find((result) => result.status === "rejected");
    if (reservations.length === 0 && failed !== undefined) throw failed.reason;
    return reservations;
  }

  async hold(request: HoldRequest): Promise<Reservation> {
    const known = await this.#links.byKey(request.key);
    if (known !== undefined && (known.external_id !== null || known.booking_since !== null || known.cancelled_at !== null))
      return this.#read(known);
    const type = await this.#typeOf(request.roomType, request);
    const readAt = this.#options.now();
    const rooms = await this.#known.http.availability(request);
    const found = rooms.find(({ roomTypeId }) => roomTypeId === type.id);
    if (found === undefined)
      throw new Error(`QloApps doesn't list room type ${type.id} any more: look at settings.pms_room_types`);
    if (nightsBetween(request.checkIn, request.checkOut) < type.minNights)
      throw new PmsRefusal("RESTRICTED", `${request.roomType} rooms are sold for ${type.minNights} nights and more`);
    const until = new Date(this.#options.now().getTime() + HOLD_MINUTES * 60_000);
    const link = await this.#links.hold(request, { free: found.available, readAt, total: found.total, until });
    if (link === undefined) throw new PmsRefusal("SOLD_OUT", `no ${request.roomType} room is free for all these nights`);
    return this.#read(link);
  }

  async confirm(code: string, guestName: string | undefined): Promise<Reservation> {
    const link = await this.#mustFind(code);
    if (link.cancelled_at !== null) throw new PmsRefusal("HOLD_EXPIRED", `reservation ${code} is no longer held`);
    if (link.external_id !== null) return this.#read(link);
    const claimed = await this.#links.claim(link.request_key, guestName);
    if (claimed === undefined) return this.#confirmedElsewhere(link);
    const again = link.booking_since !== null;
    try {
      const id = await this.#book(claimed, again);
      return this.#read(
        (await this.#links.booked(claimed.request_key, id, { amount: claimed.total, currency: claimed.currency }))!,
      );
    } catch (error) {
      if (error instanceof PmsRefusal) await this.#links.notBooked(claimed.request_key, { release: error.code !== "INVALID" });
      else await this.#links.unknown(claimed.request_key);
      throw error;
    }
  }

  /** The hold's time is over, or another process is booking it now. */
  async #confirmedElsewhere(link: Link): Promise<Reservation> {
    const current = await this.#links.byKey(link.request_key);
    if (current === undefined || current.external_id !== null) return this.#read(current ?? link);
    if (current.booking_since === null) throw new PmsRefusal("HOLD_EXPIRED", `reservation ${link.code} is no longer held`);
    throw new Error(`reservation ${link.code} is being booked: ask again in a moment`);
  }

  /**
   * Books what was held. Whatever QloApps answered, the key in the remark tells whether it booked.
   *
   * @param again it was sent before, and its answer was lost
   * @returns QloApps' number of the order
   */
  async #book(link: Link, again: boolean): Promise<string> {
    const { http } = this.#known;
    if (again) {
      const found = await http.findByRemark(link.request_key);
      if (found !== undefined) return found;
    }
    const query = { checkIn: link.check_in, checkOut: link.check_out, adults: link.adults, children: link.children };
    const type = await this.#typeOf(link.room_type, query);
    const offer = (await http.availability(query)).find(({ roomTypeId }) => roomTypeId === type.id);
    if (offer === undefined || offer.available === 0)
      throw new PmsRefusal("SOLD_OUT", `no ${link.room_type} room is free any more`);
    // The guest said yes to one price: another one is asked about anew.
    if (offer.total.amount !== link.total)
      throw new PmsRefusal("HOLD_EXPIRED", `the price of reservation ${link.code} has changed`);
    let booking: Booking;
    try {
      booking = await http.create(this.#toBook(link, type, offer.total));
    } catch (error) {
      const found = await http.findByRemark(link.request_key);
      const made = found === undefined ? undefined : await http.booking(found);
      if (made === undefined) throw error;
      booking = made;
    }
    await this.#winRoom(booking);
    return booking.id;
  }

  #toBook(link: Link, type: Type, total: Money): NewBooking {
    const channel = link.request_key.split(":")[0] ?? "";
    return {
      checkIn: link.check_in,
      checkOut: link.check_out,
      adults: link.adults,
      children: link.children,
      roomTypeId: type.id,
      taxGroup: type.taxGroup,
      guest: { userId: link.user_id, name: link.guest_name ?? undefined },
      remark: `Gatehouse ${link.code}, ${channel}: ${link.user_id} (${link.request_key})`,
      total,
    };
  }

  /** Of two bookings of one room QloApps keeps both: the one that came first has it, and the other is cancelled by whoever made it. */
  async #winRoom(booking: Booking): Promise<void> {
    const lines = await this.#known.http.linesOfRoom(booking.roomId, booking.checkIn, booking.checkOut);
    const first = Math.min(...lines.filter(({ cancelled }) => !cancelled).map((line) => line.id));
    if (first >= booking.lineId) return;
    await this.#known.http.cancel(booking.id);
    throw new PmsRefusal("SOLD_OUT", "somebody else got the last room at the same moment");
  }

  async modify(code: string, change: Change): Promise<Reservation> {
    const link = await this.#mustFind(code);
    const reservation = await this.#read(link);
    if (reservation.status === "cancelled") throw new PmsRefusal("NOT_CHANGEABLE", `reservation ${code} is cancelled`);
    if (link.external_id === null) throw new PmsRefusal("NOT_CHANGEABLE", `reservation ${code} isn't confirmed yet`);
    const wanted = {
      checkIn: change.checkIn ?? reservation.checkIn,
      checkOut: change.checkOut ?? reservation.checkOut,
      adults: change.adults ?? reservation.adults,
      children: change.children ?? reservation.children,
      roomType: change.roomType ?? reservation.roomType,
      guestName: change.guestName ?? reservation.guestName,
    };
    const type = await this.#typeOf(wanted.roomType, wanted);
    const { checkIn, checkOut, roomType, guestName, adults, children } = wanted;
    const sameRoom = checkIn === reservation.checkIn && checkOut === reservation.checkOut && roomType === reservation.roomType;
    const booking = await this.#mustRead(link.external_id);
    if (!sameRoom || guestName !== reservation.guestName) await this.#replace(booking, link, { ...wanted, type, sameRoom });
    if (adults !== reservation.adults || children !== reservation.children) {
      const current = await this.#mustRead(link.external_id);
      await this.#known.http.setGuests(current.lineId, { adults, children });
    }
    const after = await this.#read(link);
    const differs = (["checkIn", "checkOut", "adults", "children", "roomType"] as const).filter(
      (field) => after[field] !== wanted[field],
    );
    if (differs.length > 0)
      throw new Error(`QloApps said yes to a change of ${code}, and ${differs.join(", ")} is another than was asked for`);
    await this.#links.changed(link.request_key, wanted);
    return after;
  }

  /** QloApps replaces the whole booking: what reception added to it would be lost, so then reception changes it. */
  async #replace(
    booking: Booking,
    link: Link,
    wanted: StayQuery & { type: Type; guestName: string | undefined; sameRoom: boolean },
  ): Promise<void> {
    const { http } = this.#known;
    const lines = (await http.linesOf(booking.id)).filter(({ cancelled }) => !cancelled);
    const rooms = lines.reduce((sum, line) => sum + line.total, 0);
    if (booking.hasDiscounts || booking.rooms !== 1 || Math.abs(rooms - booking.total.amount) > 0.01)
      throw new PmsRefusal("NOT_CHANGEABLE", `reservation ${link.code} has services, discounts or rooms that reception added`);
    const total = wanted.sameRoom
      ? booking.total
      : (await http.availability(wanted)).find(({ roomTypeId, available }) => roomTypeId === wanted.type.id && available > 0)
          ?.total;
    if (total === undefined) throw new PmsRefusal("SOLD_OUT", `no ${wanted.type.roomType} room is free for all these nights`);
    const asked = this.#toBook(link, wanted.type, total);
    const changed = await http.replace(booking, { ...asked, ...wanted, guest: { userId: link.user_id, name: wanted.guestName } });
    if (!wanted.sameRoom) await this.#winRoom(changed);
  }

  async cancel(code: string): Promise<Reservation> {
    const link = await this.#mustFind(code);
    if (link.external_id === null && link.booking_since === null) {
      await this.#links.cancelled(link.request_key);
      return { ...(await this.#read(link)), status: "cancelled", heldUntil: undefined };
    }
    const reservation = await this.#read(link);
    if (reservation.status === "cancelled") return reservation;
    const { http } = this.#known;
    const id = link.external_id ?? (await http.findByRemark(link.request_key));
    if (id === undefined) throw new Error(`nobody knows yet whether the PMS took the booking ${code}`);
    await http.cancel(id);
    const lines = await http.linesOf(id);
    if (lines.length === 0 || lines.some(({ cancelled }) => !cancelled))
      throw new Error(`QloApps said yes to the cancellation of ${code}, and it still stands`);
    await this.#links.cancelled(link.request_key);
    return { ...reservation, status: "cancelled", heldUntil: undefined };
  }

  async ping(): Promise<void> {
    await this.#known.http.capacities();
  }

  async #mustFind(code: string): Promise<Link> {
    const link = await this.#links.byCode(code);
    if (link === undefined) throw new PmsRefusal("NOT_FOUND", `there is no reservation ${code}`);
    return link;
  }

  async #mustRead(id: string): Promise<Booking> {
    const booking = await this.#known.http.booking(id);
    if (booking === undefined) throw new PmsRefusal("NOT_FOUND", `QloApps has no booking ${id}`);
    return booking;
  }

  /** A link as a reservation: of what isn't booked yet we know all, of what is QloApps does. */
  async #read(link: Link): Promise<Reservation> {
    if (link.external_id === null) {
      const stands = link.cancelled_at === null && link.held_until !== null && link.held_until >= this.#options.now();
      const status = stands || (link.booking_since !== null && link.cancelled_at === null) ? "held" : "cancelled";
      return { ...fromLink(link), status, heldUntil: status === "held" ? (link.held_until ?? undefined) : undefined };
    }
    const { http } = this.#known;
    const [booking, lines, types] = await Promise.all([
      http.booking(link.external_id),
      http.linesOf(link.external_id),
      this.#types(),
    ]);
    // Whoever deleted the order in QloApps has cancelled it.
    if (booking === undefined || link.cancelled_at !== null || lines.every(({ cancelled }) => cancelled))
      return { ...fromLink(link), status: "cancelled", heldUntil: undefined };
    const type = types.find(({ id }) => id === booking.roomTypeId);
    return {
      code: link.code,
      userId: link.user_id,
      guestName: booking.guestName,
      // Reception may have moved it to a type that the settings don't name: the guest's own word for it stays.
      roomType: type?.roomType ?? link.room_type,
      checkIn: booking.checkIn,
      checkOut: booking.checkOut,
      adults: booking.adults,
      children: booking.children,
      status: link.held_until === null ? "confirmed" : "held",
      heldUntil: link.held_until ?? undefined,
      total: booking.total,
    };
  }

  /** Looks for bookings whose answer was lost: QloApps has them, or they never came to anything. */
  async #settleUnheard(): Promise<void> {
    const at = this.#options.now().getTime();
    for (const link of await this.#links.unheard(new Date(at - UNHEARD_MS))) {
      try {
        const id = await this.#known.http.findByRemark(link.request_key);
        if (id !== undefined) await this.#links.booked(link.request_key, id, { amount: link.total, currency: link.currency });
        else if (at - link.booking_since!.getTime() > GIVEN_UP_MS)
          await this.#links.notBooked(link.request_key, { release: true });
      } catch (error) {
        this.#options.logger.warn(
          { err: error, tenant_id: this.#options.tenantId, booking: link.code },
          "what became of a booking isn't known yet",
        );
      }
    }
  }
}

function fromLink(link: Link): Omit<Reservation, "status" | "heldUntil"> {
  return {
    code: link.code,
    userId: link.user_id,
    guestName: link.guest_name ?? undefined,
    roomType: link.room_type,
    checkIn: link.check_in,
    checkOut: link.check_out,
    adults: link.adults,
    children: link.children,
    total: { amount: link.total, currency: link.currency },
  };
}
