import { z } from "zod";
import { nightsBetween } from "../calendar.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import { ROOM_TYPES, type RoomType } from "../vocabulary.ts";
import { HOLD_MINUTES } from "./embedded.ts";
import {
  type Change,
  type HoldRequest,
  type Offer,
  type PmsAdapter,
  PmsRefusal,
  type Reservation,
  type RoomTypeInfo,
  type StayQuery,
} from "./port.ts";
import { type Booking, createQloAppsHttp, STATUS } from "./qloapps-http.ts";

/** `pms_room_types` in a tenant's settings: which of QloApps' room types is which of ours, and whom it holds. */
const roomTypesSetting = z.partialRecord(
  z.enum(ROOM_TYPES),
  z.object({
    id: z.number().int().positive(),
    max_adults: z.number().int().min(1).max(20),
    max_guests: z.number().int().min(1).max(20),
  }),
);

export interface QloAppsOptions {
  url: string | undefined;
  /** The web service key. */
  apiKey: string | undefined;
  hotelId: string;
  /** Of prices without a date, which QloApps names no currency of: `pms_currency` in the tenant's settings. */
  currency: unknown;
  /** From the tenant's settings, not checked yet. */
  roomTypes: unknown;
  database: Database;
  tenantId: string;
  logger: Logger;
  now?: () => Date;
}

/** What we keep of each booking, since QloApps knows neither holds nor our guests. */
interface Link {
  request_key: string;
  user_id: string;
  external_id: string | null;
  held_until: Date | null;
}

/**
 * A hotel's QloApps through its web service (resources `hotel_ari` and `bookings`, PrestaShop's way of doing them).
 * A hold is a booking with awaited payment; when its time is over it is cancelled by the next question about rooms.
 *
 * @see https://docs.qloapps.com, "Webservice"
 * @throws at the first call when the settings can't be used, naming each mistake; for guests the PMS is then unavailable
 */
export function createQloAppsPms(options: QloAppsOptions): PmsAdapter {
  const { database, tenantId, logger, now = () => new Date() } = options;
  const settings = readSettings(options);
  /** Holds under way: one that ran out of its caller's time goes on, and who asks again waits for it too. */
  const flights = new Map<string, Promise<Reservation>>();

  const known = () => {
    if ("problems" in settings) throw new Error(`the PMS of ${tenantId} isn't configured: ${settings.problems.join(" ")}`);
    return settings;
  };
  const inTenant = <Row>(text: string, values: readonly unknown[] = []) =>
    database.forTenant(tenantId, (sql) => sql<Row>(text, [tenantId, ...values]));
  const linkOf = async (code: string): Promise<Link | undefined> => {
    const id = /^Q(\d{1,18})$/.exec(code)?.[1];
    if (id === undefined) return undefined;
    const [link] = await inTenant<Link>("select * from external_bookings where tenant_id = $1 and external_id = $2", [id]);
    return link;
  };

  const fitting = ({ adults, children }: StayQuery) =>
    known().roomTypes.filter((type) => adults <= type.maxAdults && adults + children <= type.maxGuests);

  const toReservation = (booking: Booking, link: Link): Reservation => {
    const { roomTypes } = known();
    const type = roomTypes.find(({ id }) => id === booking.roomTypeId);
    if (type === undefined)
      throw new Error(`booking ${booking.id} is of room type ${booking.roomTypeId}, which the settings don't name`);
    const expired = link.held_until !== null && link.held_until < now();
    const cancelled = booking.status === STATUS.cancelled || booking.status === STATUS.refunded || expired;
    return {
      code: `Q${booking.id}`,
      userId: link.user_id,
      guestName: booking.guestName,
      roomType: type.roomType,
      checkIn: booking.checkIn,
      checkOut: booking.checkOut,
      adults: booking.adults,
      children: booking.children,
      status: cancelled ? "cancelled" : link.held_until === null ? "confirmed" : "held",
      heldUntil: cancelled ? undefined : (link.held_until ?? undefined),
      total: booking.total,
    };
  };

  const read = async (link: Link): Promise<Reservation> => {
    if (link.external_id === null) throw new Error(`nobody knows whether the PMS took the booking ${link.request_key}`);
    const booking = await known().http.booking(link.external_id);
    if (booking === undefined) throw new PmsRefusal("NOT_FOUND", `QloApps has no booking ${link.external_id}`);
    return toReservation(booking, link);
  };

  const mustFind = async (code: string): Promise<{ link: Link; reservation: Reservation }> => {
    const link = await linkOf(code);
    if (link === undefined) throw new PmsRefusal("NOT_FOUND", `there is no reservation ${code}`);
    return { link, reservation: await read(link) };
  };

  const release = async (link: Link): Promise<void> => {
    if (link.external_id !== null) await known().http.setStatus(link.external_id, STATUS.cancelled);
  };

  /** Gives back what guests didn't confirm in time. One that can't be given back now is tried again next time. */
  const sweep = async (): Promise<void> => {
    const late = await inTenant<Link>(
      `select * from external_bookings where tenant_id = $1 and held_until < $2 and created_at > $2 - interval '7 days'
        order by held_until limit 20`,
      [now()],
    );
    for (const link of late) {
      try {
        // Whether QloApps took it was never heard: if so, our key stands in its remark.
        const id = link.external_id ?? (await known().http.findByRemark(link.request_key)) ?? null;
        await release({ ...link, external_id: id });
        await inTenant("delete from external_bookings where tenant_id = $1 and request_key = $2", [link.request_key]);
      } catch (error) {
        logger.warn(
          { err: error, tenant_id: tenantId, booking: link.external_id },
          "a hold that ran out could not be given back yet",
        );
      }
    }
  };

  const offers = async (query: StayQuery): Promise<Offer[]> => {
    const types = fitting(query);
    if (types.length === 0) return [];
    await sweep();
    const rooms = await known().http.availability(query);
    const nights = nightsBetween(query.checkIn, query.checkOut);
    return types.flatMap((type): Offer[] => {
      const found = rooms.find(({ roomTypeId }) => roomTypeId === type.id);
      // QloApps leaves out what is full, and then says no price either.
      return found === undefined
        ? [
            {
              roomType: type.roomType,
              available: 0,
              nights,
              total: { amount: 0, currency: rooms[0]?.total.currency ?? known().currency },
            },
          ]
        : [{ roomType: type.roomType, available: found.available, nights, total: found.total }];
    });
  };

  const typeOf = (roomType: RoomType, query: StayQuery) => {
    const type = fitting(query).find((each) => each.roomType === roomType);
    if (type === undefined) throw new PmsRefusal("INVALID", `no ${roomType} room fits these guests`);
    return type;
  };

  const hold = async (request: HoldRequest): Promise<Reservation> => {
    const { http } = known();
    const type = typeOf(request.roomType, request);
    const heldUntil = new Date(now().getTime() + HOLD_MINUTES * 60_000);
    const [fresh] = await inTenant<Link>(
      `insert into external_bookings (tenant_id, request_key, user_id, held_until, created_at) values ($1, $2, $3, $4, $5)
       on conflict (tenant_id, request_key) do nothing returning *`,
      [request.key, request.userId, heldUntil, now()],
    );
    // Asked for again before anybody heard of it: its time begins anew, so that it isn't given back meanwhile.
    const [link] =
      fresh === undefined
        ? await inTenant<Link>(
            `update external_bookings set held_until = case when external_id is null then $3 else held_until end
              where tenant_id = $1 and request_key = $2 returning *`,
            [request.key, heldUntil],
          )
        : [fresh];
    if (link === undefined) throw new Error(`the link of ${request.key} is gone`);
    if (link.external_id !== null) return read(link);
    // A crash may have come between QloApps' yes and our writing it down: our key stands in the booking's remark.
    let id = fresh === undefined ? await http.findByRemark(request.key) : undefined;
    if (id === undefined) {
      const offer = (await offers(request)).find(({ roomType }) => roomType === request.roomType);
      if (offer === undefined || offer.available === 0) {
        await inTenant("delete from external_bookings where tenant_id = $1 and request_key = $2", [request.key]);
        throw new PmsRefusal("SOLD_OUT", `no ${request.roomType} room is free for all these nights`);
      }
      id = await http.create({ ...request, roomTypeId: type.id, remark: request.key, total: offer.total });
    }
    await inTenant("update external_bookings set external_id = $3 where tenant_id = $1 and request_key = $2", [request.key, id]);
    return read({ ...link, external_id: id });
  };

  return {
    roomTypes: async () => {
      const { http, roomTypes } = known();
      const prices = await http.roomTypes();
      return roomTypes.flatMap(({ id, roomType, maxAdults, maxGuests }): RoomTypeInfo[] => {
        const price = prices.find(({ roomTypeId }) => roomTypeId === id)?.from;
        return price === undefined ? [] : [{ roomType, maxAdults, maxGuests, from: price }];
      });
    },

    availability: offers,

    reservation: async (code) => {
      const link = await linkOf(code);
      return link === undefined ? undefined : read(link);
    },

    reservationsOf: async (userId) => {
      const links = await inTenant<Link>(
        `select * from external_bookings where tenant_id = $1 and user_id = $2 and external_id is not null
          order by created_at desc limit 50`,
        [userId],
      );
      return Promise.all(links.map(read));
    },

    hold: (request) => {
      const { key } = request;
      const flight = flights.get(key) ?? hold(request).finally(() => flights.delete(key));
      flights.set(key, flight);
      return flight;
    },

    confirm: async (code, guestName) => {
      const { link, reservation } = await mustFind(code);
      if (reservation.status === "cancelled") throw new PmsRefusal("HOLD_EXPIRED", `reservation ${code} is no longer held`);
      const { http } = known();
      if (guestName !== undefined && guestName !== reservation.guestName) await http.rename(link.external_id!, guestName);
      await inTenant("update external_bookings set held_until = null where tenant_id = $1 and request_key = $2", [
        link.request_key,
      ]);
      return read({ ...link, held_until: null });
    },

    modify: async (code, change: Change) => {
      const { link, reservation } = await mustFind(code);
      if (reservation.status === "cancelled") throw new PmsRefusal("NOT_CHANGEABLE", `reservation ${code} is cancelled`);
      const wanted = {
        checkIn: change.checkIn ?? reservation.checkIn,
        checkOut: change.checkOut ?? reservation.checkOut,
        adults: change.adults ?? reservation.adults,
        children: change.children ?? reservation.children,
        roomType: change.roomType ?? reservation.roomType,
        guestName: change.guestName ?? reservation.guestName,
      };
      await known().http.update(link.external_id!, { ...wanted, roomTypeId: typeOf(wanted.roomType, wanted).id });
      return read(link);
    },

    cancel: async (code) => {
      const { link, reservation } = await mustFind(code);
      if (reservation.status === "cancelled") return reservation;
      await release(link);
      return { ...reservation, status: "cancelled", heldUntil: undefined };
    },

    ping: async () => {
      await known().http.roomTypes();
    },
  };
}

function readSettings({ url, apiKey, hotelId, currency, roomTypes }: QloAppsOptions) {
  const problems: string[] = [];
  const code = z
    .string()
    .regex(/^[A-Z]{3}$/)
    .safeParse(currency);
  if (!code.success)
    problems.push(`settings.pms_currency: expected a code such as "EUR", got ${JSON.stringify(currency) ?? "nothing"}.`);
  if (!/^\d{1,9}$/.test(hotelId)) problems.push(`pms.hotel_id: expected QloApps' number of the hotel, got "${hotelId}".`);
  if (url === undefined) problems.push("pms.url is missing; write the address of its QloApps.");
  if (apiKey === undefined)
    problems.push("the API key is missing; name its variable in pms.api_key_variable, or set PMS_API_KEY.");
  const parsed = roomTypesSetting.safeParse(roomTypes);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      problems.push(
        `settings.${["pms_room_types", ...path].join(".")}: ${message}; write e.g. {"double": {"id": 5, "max_adults": 2, "max_guests": 3}}.`,
      );
    }
  }
  if (problems.length > 0 || !parsed.success || !code.success || url === undefined || apiKey === undefined) return { problems };
  return {
    currency: code.data,
    http: createQloAppsHttp({ url, apiKey, hotelId, currency: code.data }),
    roomTypes: Object.entries(parsed.data).map(([roomType, { id, max_adults: maxAdults, max_guests: maxGuests }]) => ({
      roomType: roomType as RoomType,
      id,
      maxAdults,
      maxGuests,
    })),
  };
}
