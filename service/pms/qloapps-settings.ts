import { z } from "zod";
import { ROOM_TYPES, type RoomType } from "../vocabulary.ts";
import { createQloAppsHttp } from "./qloapps-http.ts";

/** `pms_room_types` in a tenant's settings: which of QloApps' room types is which of ours. Whom it holds QloApps says itself. */
const roomTypesSetting = z.partialRecord(
  z.enum(ROOM_TYPES),
  z.object({
    id: z.number().int().positive(),
    max_adults: z.number().int().min(1).max(20).optional(),
    max_guests: z.number().int().min(1).max(20).optional(),
  }),
);

/** What of a hotel's settings the adapter needs; not checked yet. */
export interface RawSettings {
  url: string | undefined;
  /** The web service key. */
  apiKey: string | undefined;
  hotelId: string;
  /** The shop's currency: `pms_currency` in the tenant's settings. */
  currency: unknown;
  roomTypes: unknown;
}

/** One of the hotel's room types, as its settings name it. */
export interface NamedType {
  roomType: RoomType;
  id: number;
  /** Lower than what QloApps allows, when the hotel wants it so. */
  maxAdults: number | undefined;
  maxGuests: number | undefined;
}

/** @returns the settings, or every mistake in them */
export function readSettings({ url, apiKey, hotelId, currency, roomTypes }: RawSettings) {
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
      problems.push(`settings.${["pms_room_types", ...path].join(".")}: ${message}; write e.g. {"double": {"id": 5}}.`);
    }
  }
  if (problems.length > 0 || !parsed.success || !code.success || url === undefined || apiKey === undefined) return { problems };
  const types = Object.entries(parsed.data).map(
    ([roomType, { id, max_adults: maxAdults, max_guests: maxGuests }]): NamedType => ({
      roomType: roomType as RoomType,
      id,
      maxAdults,
      maxGuests,
    }),
  );
  return { currency: code.data, http: createQloAppsHttp({ url, apiKey, hotelId, currency: code.data }), types };
}
