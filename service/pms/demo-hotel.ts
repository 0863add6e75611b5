import type { Sql } from "../storage/sql.ts";

/** A hotel to try things with: 46 rooms of six types, in US dollars, with the seasons of the River Plate's coast. */
export const DEMO_ROOM_TYPES = [
  { code: "single", rooms: 6, floor: 1, maxAdults: 1, maxGuests: 1, rate: 70 },
  { code: "double", rooms: 14, floor: 2, maxAdults: 2, maxGuests: 3, rate: 100 },
  { code: "twin", rooms: 10, floor: 3, maxAdults: 2, maxGuests: 3, rate: 104 },
  { code: "triple", rooms: 6, floor: 4, maxAdults: 3, maxGuests: 4, rate: 140 },
  { code: "family", rooms: 6, floor: 5, maxAdults: 4, maxGuests: 6, rate: 190 },
  { code: "suite", rooms: 4, floor: 6, maxAdults: 2, maxGuests: 4, rate: 240 },
] as const;

export const DEMO_SEASONS = [
  { name: "weekend", firstDay: "01-01", lastDay: "12-31", factor: 1.1, weekdays: [5, 6], minNights: 1, priority: 1 },
  { name: "summer", firstDay: "12-15", lastDay: "02-28", factor: 1.35, weekdays: null, minNights: 1, priority: 2 },
  { name: "new year", firstDay: "12-30", lastDay: "01-01", factor: 1.8, weekdays: null, minNights: 2, priority: 3 },
] as const;

/** Fills a tenant that has no room types with the demo hotel. Running it again, or twice at once, changes nothing. */
export async function seedDemoHotel(sql: Sql, tenantId: string): Promise<void> {
  const there = await sql("select 1 from room_types where tenant_id = $1 limit 1", [tenantId]);
  if (there.length > 0) return;
  for (const type of DEMO_ROOM_TYPES) {
    await sql(
      `insert into room_types (tenant_id, code, max_adults, max_guests, nightly_rate, currency)
       values ($1, $2, $3, $4, $5, 'USD') on conflict do nothing`,
      [tenantId, type.code, type.maxAdults, type.maxGuests, type.rate],
    );
    const numbers = Array.from({ length: type.rooms }, (_, index) => `${type.floor}${String(index + 1).padStart(2, "0")}`);
    await sql("insert into rooms (tenant_id, number, room_type) select $1, unnest($2::text[]), $3 on conflict do nothing", [
      tenantId,
      numbers,
      type.code,
    ]);
  }
  for (const { name, firstDay, lastDay, factor, weekdays, minNights, priority } of DEMO_SEASONS) {
    await sql(
      `insert into rates (tenant_id, name, first_day, last_day, factor, weekdays, min_nights, priority)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
      [tenantId, name, firstDay, lastDay, factor, weekdays, minNights, priority],
    );
  }
}
