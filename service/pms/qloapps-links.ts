import type { Database, Sql } from "../storage/sql.ts";
import type { RoomType } from "../vocabulary.ts";
import { newCode } from "./code.ts";
import type { HoldRequest, Money, StayQuery } from "./port.ts";

/** What we keep of each hold and booking; the states stand in the migration that made the columns. */
export interface Link {
  request_key: string;
  code: string;
  user_id: string;
  external_id: string | null;
  held_until: Date | null;
  room_type: RoomType;
  check_in: string;
  check_out: string;
  adults: number;
  children: number;
  guest_name: string | null;
  total: number;
  currency: string;
  booking_since: Date | null;
  cancelled_at: Date | null;
}

const COLUMNS = `request_key, code, user_id, external_id, held_until, room_type, check_in::text, check_out::text, adults, children, guest_name,
  total::float8, currency, booking_since, cancelled_at`;
/** A booking is sent by one process at a time, for longer than QloApps is waited for. */
const LEASE_SECONDS = 60;

/** The links of one hotel: all SQL of the adapter. */
export function createLinks({ database, tenantId, now }: { database: Database; tenantId: string; now: () => Date }) {
  const run = <Row>(text: string, values: readonly unknown[] = []) =>
    database.forTenant(tenantId, (sql) => sql<Row>(text, [tenantId, ...values]));
  const one = async (text: string, values: readonly unknown[]) => (await run<Link>(text, values))[0];

  /** Holds that touch these nights, and bookings made since `since`: what an answer read at `since` doesn't know. */
  const taken = async (
    sql: Sql,
    roomType: RoomType,
    { checkIn, checkOut }: StayQuery,
    since: Date,
    key: string,
  ): Promise<number> => {
    const [row] = await sql<{ count: string }>(
      `select count(*) from external_bookings
        where tenant_id = $1 and room_type = $2 and check_in < $4 and check_out > $3 and cancelled_at is null and request_key <> $7
          and ((external_id is null and (held_until > $5 or booking_since is not null)) or booked_at > $6)`,
      [tenantId, roomType, checkIn, checkOut, now(), since, key],
    );
    return Number(row!.count);
  };

  return {
    byCode: (code: string) => one(`select ${COLUMNS} from external_bookings where tenant_id = $1 and code = $2`, [code]),
    byKey: (key: string) => one(`select ${COLUMNS} from external_bookings where tenant_id = $1 and request_key = $2`, [key]),
    ofGuest: (userId: string) =>
      run<Link>(
        `select ${COLUMNS} from external_bookings
          where tenant_id = $1 and user_id = $2 and code is not null order by created_at desc limit 50`,
        [userId],
      ),
    /** Bookings that were sent, and nobody heard what became of them. */
    unheard: (olderThan: Date) =>
      run<Link>(
        `select ${COLUMNS} from external_bookings
          where tenant_id = $1 and external_id is null and cancelled_at is null and booking_since < $2
            and (lease_until is null or lease_until < now()) order by booking_since limit 20`,
        [olderThan],
      ),
    taken: (roomType: RoomType, query: StayQuery, since: Date) =>
      database.forTenant(tenantId, (sql) => taken(sql, roomType, query, since, "")),

    /**
     * Keeps a room, unless our guests' holds take all that were free: the hotel's holds are made one after another.
     *
     * @param free rooms that the PMS had at `readAt`
     * @returns the hold; undefined when no room is left
     */
    hold: (request: HoldRequest, { free, readAt, total, until }: { free: number; readAt: Date; total: Money; until: Date }) =>
      database.forTenant(tenantId, async (sql): Promise<Link | undefined> => {
        await sql("select pg_advisory_xact_lock(hashtextextended('external_holds:' || $1, 0))", [tenantId]);
        const [known] = await sql<Link>(`select ${COLUMNS} from external_bookings where tenant_id = $1 and request_key = $2`, [
          tenantId,
          request.key,
        ]);
        if (known !== undefined && (known.external_id !== null || known.booking_since !== null || known.cancelled_at !== null))
          return known;
        if ((await taken(sql, request.roomType, request, readAt, request.key)) >= free) return undefined;
        const [made] = await sql<Link>(
          `insert into external_bookings (tenant_id, request_key, code, user_id, held_until, created_at, room_type, check_in, check_out, adults,
                                          children, guest_name, total, currency)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
           on conflict (tenant_id, request_key) do update set held_until = excluded.held_until, total = excluded.total, currency = excluded.currency
           returning ${COLUMNS}`,
          [
            tenantId,
            request.key,
            newCode(),
            request.userId,
            until,
            now(),
            request.roomType,
            request.checkIn,
            request.checkOut,
            request.adults,
            request.children,
            request.guestName ?? null,
            total.amount,
            total.currency,
          ],
        );
        return made;
      }),

    /** Takes a hold that still stands to be booked now. @returns undefined when its time is over, or another process books it */
    claim: (key: string, guestName: string | undefined) =>
      one(
        `update external_bookings
            set booking_since = coalesce(booking_since, $3), lease_until = now() + make_interval(secs => $5), guest_name = coalesce($4, guest_name)
          where tenant_id = $1 and request_key = $2 and external_id is null and cancelled_at is null
            and (held_until >= $3 or booking_since is not null) and (lease_until is null or lease_until < now())
         returning ${COLUMNS}`,
        [key, now(), guestName ?? null, LEASE_SECONDS],
      ),
    /** The PMS has it under this number. The first number stays. */
    booked: (key: string, externalId: string, total: Money) =>
      one(
        `update external_bookings set external_id = coalesce(external_id, $3), held_until = null, lease_until = null, booked_at = $4,
                total = $5, currency = $6
          where tenant_id = $1 and request_key = $2 returning ${COLUMNS}`,
        [key, externalId, now(), total.amount, total.currency],
      ),
    /** What was sent was refused, or never came to anything: the hold is as it was. */
    notBooked: (key: string, options: { release: boolean }) =>
      run(
        `update external_bookings set booking_since = null, lease_until = null, cancelled_at = case when $3 then $4::timestamptz end
          where tenant_id = $1 and request_key = $2 and external_id is null`,
        [key, options.release, now()],
      ),
    /** Nobody knows what became of it: whoever asks next looks first. */
    unknown: (key: string) =>
      run("update external_bookings set lease_until = null where tenant_id = $1 and request_key = $2", [key]),
    cancelled: (key: string) =>
      run("update external_bookings set cancelled_at = $3, lease_until = null where tenant_id = $1 and request_key = $2", [
        key,
        now(),
      ]),
    changed: (key: string, stay: StayQuery & { roomType: RoomType; guestName: string | undefined }) =>
      run(
        `update external_bookings set room_type = $3, check_in = $4, check_out = $5, adults = $6, children = $7, guest_name = coalesce($8, guest_name)
          where tenant_id = $1 and request_key = $2`,
        [key, stay.roomType, stay.checkIn, stay.checkOut, stay.adults, stay.children, stay.guestName ?? null],
      ),
  };
}
