import { nightsBetween } from "../calendar.ts";
import type { Database, Sql } from "../storage/sql.ts";
import type { RoomType } from "../vocabulary.ts";
import { newCode } from "./code.ts";
import { seedDemoHotel } from "./demo-hotel.ts";
import {
  type Change,
  type HoldRequest,
  type Offer,
  type PmsAdapter,
  PmsRefusal,
  type Reservation,
  type StayQuery,
} from "./port.ts";
import { priceStay, restrictionOf, type Season } from "./price.ts";

/** For how long a room is kept for a guest who hasn't confirmed. */
export const HOLD_MINUTES = 20;
const EXCLUSION_VIOLATION = "23P01";
const UNIQUE_VIOLATION = "23505";

export interface EmbeddedPmsOptions {
  database: Database;
  tenantId: string;
  /** Fills a hotel without room types with the demo hotel. Never for a real hotel: it would sell rooms that don't exist. */
  demo: boolean;
  now?: () => Date;
}

interface TypeRow {
  code: RoomType;
  max_adults: number;
  max_guests: number;
  nightly_rate: number;
  currency: string;
}

interface ReservationRow {
  code: string;
  user_id: string;
  guest_name: string | null;
  room_type: RoomType;
  room: string;
  check_in: string;
  check_out: string;
  adults: number;
  children: number;
  status: Reservation["status"];
  held_until: Date | null;
  total: number;
  currency: string;
}

const COLUMNS = `code, user_id, guest_name, room_type, room, check_in::text, check_out::text, adults, children, status, held_until,
  total::float8, currency`;
const TYPES = "select code, max_adults, max_guests, nightly_rate::float8, currency from room_types where tenant_id = $1";
const SEASONS = `select name, first_day as "firstDay", last_day as "lastDay", factor::float8, weekdays, min_nights as "minNights", closed, priority
  from rates where tenant_id = $1`;

/** The PMS of a hotel that has none: on the service's own database. */
export function createEmbeddedPms(options: EmbeddedPmsOptions): PmsAdapter {
  const { database, tenantId, demo, now = () => new Date() } = options;
  let seeded: Promise<void> | undefined;

  const inHotel = async <Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> => {
    if (demo) {
      seeded ??= database.forTenant(tenantId, (sql) => seedDemoHotel(sql, tenantId));
      try {
        await seeded;
      } catch (error) {
        seeded = undefined;
        throw error;
      }
    }
    return database.forTenant(tenantId, work);
  };

  const ratesOf = async (sql: Sql): Promise<{ types: TypeRow[]; seasons: Season[] }> => {
    const [types, rows] = await Promise.all([
      sql<TypeRow>(`${TYPES} order by nightly_rate, code`, [tenantId]),
      sql<Season & { weekdays: number[] | null }>(SEASONS, [tenantId]),
    ]);
    return { types, seasons: rows.map((row) => ({ ...row, weekdays: row.weekdays ?? undefined })) };
  };

  /** @returns a free room, or undefined. Holds that ran out are given up first, since the constraint still counts them. */
  const findRoom = async (
    sql: Sql,
    roomType: RoomType,
    { checkIn, checkOut }: { checkIn: string; checkOut: string },
    own?: { code: string; room: string },
  ): Promise<string | undefined> => {
    // Bookings of one room type wait for each other here; the constraint would refuse the later one, this finds it a room.
    await sql("select pg_advisory_xact_lock(hashtextextended($1, 0))", [JSON.stringify([tenantId, roomType])]);
    await sql(
      `update reservations set status = 'cancelled', updated_at = $3
        where tenant_id = $1 and room_type = $2 and status = 'held' and held_until < $3
          and daterange(check_in, check_out) && daterange($4::date, $5::date)`,
      [tenantId, roomType, now(), checkIn, checkOut],
    );
    const [free] = await sql<{ number: string }>(
      `select number from rooms r
        where r.tenant_id = $1 and r.room_type = $2 and not exists (
          select 1 from reservations x
           where x.tenant_id = $1 and x.room = r.number and x.status <> 'cancelled' and x.code is distinct from $5
             and daterange(x.check_in, x.check_out) && daterange($3::date, $4::date))
        order by r.number = $6 desc, r.number limit 1`,
      [tenantId, roomType, checkIn, checkOut, own?.code ?? null, own?.room ?? ""],
    );
    return free?.number;
  };

  const find = async (sql: Sql, code: string): Promise<ReservationRow> => {
    const [row] = await sql<ReservationRow>(`select ${COLUMNS} from reservations where tenant_id = $1 and code = $2 for update`, [
      tenantId,
      code,
    ]);
    if (row === undefined) throw new PmsRefusal("NOT_FOUND", `there is no reservation ${code}`);
    return row;
  };

  const priced = async (sql: Sql, roomType: RoomType, query: StayQuery) => {
    const { types, seasons } = await ratesOf(sql);
    const type = types.find(({ code }) => code === roomType);
    if (type === undefined || !fits(type, query)) throw new PmsRefusal("INVALID", `no ${roomType} room fits these guests`);
    const restriction = restrictionOf(seasons, query.checkIn, query.checkOut);
    if (restriction !== undefined) throw new PmsRefusal("RESTRICTED", `the dates are restricted: ${restriction.code}`);
    return priceStay(type.nightly_rate, type.currency, seasons, query.checkIn, query.checkOut);
  };

  const insert = (request: HoldRequest): Promise<Reservation> =>
    inHotel(async (sql) => {
      const [before] = await sql<ReservationRow>(
        `select ${COLUMNS} from reservations where tenant_id = $1 and request_key = $2`,
        [tenantId, request.key],
      );
      if (before !== undefined) return toReservation(before);
      const total = await priced(sql, request.roomType, request);
      const room = await findRoom(sql, request.roomType, request);
      if (room === undefined) throw new PmsRefusal("SOLD_OUT", `no ${request.roomType} room is free for all these nights`);
      const [row] = await sql<ReservationRow>(
        `insert into reservations (tenant_id, code, user_id, guest_name, room_type, room, check_in, check_out, adults, children,
                                   status, held_until, total, currency, request_key)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'held', $11, $12, $13, $14)
         returning ${COLUMNS}`,
        [
          tenantId,
          newCode(),
          request.userId,
          request.guestName ?? null,
          request.roomType,
          room,
          request.checkIn,
          request.checkOut,
          request.adults,
          request.children,
          new Date(now().getTime() + HOLD_MINUTES * 60_000),
          total.amount,
          total.currency,
          request.key,
        ],
      );
      return toReservation(row!);
    });

  /** Another process took the room, the key or the code between the look and the write: look again. */
  const again = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const { code } = error as { code?: string };
        if (attempt >= 5 || (code !== EXCLUSION_VIOLATION && code !== UNIQUE_VIOLATION)) throw error;
      }
    }
  };

  return {
    roomTypes: () =>
      inHotel(async (sql) => {
        const { types } = await ratesOf(sql);
        return types.map((type) => ({
          roomType: type.code,
          maxAdults: type.max_adults,
          maxGuests: type.max_guests,
          from: { amount: type.nightly_rate, currency: type.currency },
        }));
      }),

    availability: (query) =>
      inHotel(async (sql) => {
        const [{ types, seasons }, free] = await Promise.all([
          ratesOf(sql),
          sql<{ room_type: RoomType; free: number }>(
            `select r.room_type, count(*)::int as free from rooms r
              where r.tenant_id = $1 and not exists (
                select 1 from reservations x
                 where x.tenant_id = $1 and x.room = r.number and x.code is distinct from $5
                   and (x.status = 'confirmed' or (x.status = 'held' and x.held_until >= $4))
                   and daterange(x.check_in, x.check_out) && daterange($2::date, $3::date))
              group by r.room_type`,
            [tenantId, query.checkIn, query.checkOut, now(), query.except ?? null],
          ),
        ]);
        const restriction = restrictionOf(seasons, query.checkIn, query.checkOut);
        return types
          .filter((type) => fits(type, query))
          .map(
            (type): Offer => ({
              roomType: type.code,
              available: free.find(({ room_type: roomType }) => roomType === type.code)?.free ?? 0,
              nights: nightsBetween(query.checkIn, query.checkOut),
              total: priceStay(type.nightly_rate, type.currency, seasons, query.checkIn, query.checkOut),
              restriction,
            }),
          );
      }),

    reservation: (code) =>
      inHotel(async (sql) => {
        const [row] = await sql<ReservationRow>(`select ${COLUMNS} from reservations where tenant_id = $1 and code = $2`, [
          tenantId,
          code,
        ]);
        return row === undefined ? undefined : current(toReservation(row), now());
      }),

    reservationsOf: (userId) =>
      inHotel(async (sql) => {
        const rows = await sql<ReservationRow>(
          `select ${COLUMNS} from reservations where tenant_id = $1 and user_id = $2 order by created_at desc, code limit 50`,
          [tenantId, userId],
        );
        return rows.map((row) => current(toReservation(row), now()));
      }),

    hold: (request) => again(() => insert(request)),

    confirm: (code, guestName) =>
      inHotel(async (sql) => {
        const row = await find(sql, code);
        if (row.status === "cancelled" || (row.status === "held" && row.held_until !== null && row.held_until < now())) {
          throw new PmsRefusal("HOLD_EXPIRED", `reservation ${code} is no longer held`);
        }
        const [confirmed] = await sql<ReservationRow>(
          `update reservations set status = 'confirmed', held_until = null, guest_name = coalesce($3, guest_name), updated_at = $4
            where tenant_id = $1 and code = $2 returning ${COLUMNS}`,
          [tenantId, code, guestName ?? null, now()],
        );
        return toReservation(confirmed!);
      }),

    modify: (code, change) =>
      again(() =>
        inHotel(async (sql) => {
          const row = await find(sql, code);
          const before = current(toReservation(row), now());
          if (before.status === "cancelled") throw new PmsRefusal("NOT_CHANGEABLE", `reservation ${code} is cancelled`);
          const wanted = merge(before, change);
          const moves =
            wanted.roomType !== before.roomType || wanted.checkIn !== before.checkIn || wanted.checkOut !== before.checkOut;
          const total =
            moves || wanted.adults !== before.adults || wanted.children !== before.children
              ? await priced(sql, wanted.roomType, wanted)
              : before.total;
          const room = moves ? await findRoom(sql, wanted.roomType, wanted, { code, room: row.room }) : row.room;
          if (room === undefined) throw new PmsRefusal("SOLD_OUT", `no ${wanted.roomType} room is free for all these nights`);
          const [changed] = await sql<ReservationRow>(
            `update reservations
                set room_type = $3, room = $4, check_in = $5, check_out = $6, adults = $7, children = $8, guest_name = $9,
                    total = $10, currency = $11, updated_at = $12
              where tenant_id = $1 and code = $2 returning ${COLUMNS}`,
            [
              tenantId,
              code,
              wanted.roomType,
              room,
              wanted.checkIn,
              wanted.checkOut,
              wanted.adults,
              wanted.children,
              wanted.guestName ?? null,
              total.amount,
              total.currency,
              now(),
            ],
          );
          return toReservation(changed!);
        }),
      ),

    cancel: (code) =>
      inHotel(async (sql) => {
        await find(sql, code);
        const [row] = await sql<ReservationRow>(
          `update reservations set status = 'cancelled', held_until = null, updated_at = $3
            where tenant_id = $1 and code = $2 returning ${COLUMNS}`,
          [tenantId, code, now()],
        );
        return toReservation(row!);
      }),

    ping: () => database.ping(),
  };
}

function fits(type: TypeRow, { adults, children }: { adults: number; children: number }): boolean {
  return adults <= type.max_adults && adults + children <= type.max_guests;
}

function merge(before: Reservation, change: Change) {
  return {
    roomType: change.roomType ?? before.roomType,
    checkIn: change.checkIn ?? before.checkIn,
    checkOut: change.checkOut ?? before.checkOut,
    adults: change.adults ?? before.adults,
    children: change.children ?? before.children,
    guestName: change.guestName ?? before.guestName,
  };
}

/** A hold that ran out is a cancelled one, even before anybody has written that down. */
function current(reservation: Reservation, now: Date): Reservation {
  const { status, heldUntil } = reservation;
  return status === "held" && heldUntil !== undefined && heldUntil < now
    ? { ...reservation, status: "cancelled", heldUntil: undefined }
    : reservation;
}

function toReservation(row: ReservationRow): Reservation {
  return {
    code: row.code,
    userId: row.user_id,
    guestName: row.guest_name ?? undefined,
    roomType: row.room_type,
    checkIn: row.check_in,
    checkOut: row.check_out,
    adults: row.adults,
    children: row.children,
    status: row.status,
    heldUntil: row.held_until ?? undefined,
    total: { amount: row.total, currency: row.currency },
  };
}
