import { z } from "zod";
import { LANGUAGES, type Language } from "../vocabulary.ts";
import { isTimeZone, type OpeningHours, openingHoursSchema } from "./opening-hours.ts";

export const DEFAULT_TENANT = "default";
const LARGEST_SETTINGS = 32_000;

export const tenantIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "expected 1 to 64 of a-z, 0-9, _ and -, a letter or digit first");
export const timeZoneSchema = z.string().refine(isTimeZone, "expected a time zone such as America/Montevideo");
export const businessHoursSchema = z.array(openingHoursSchema).max(50);

const rate = z.int().min(1).max(1_000_000);
/** Compared in small letters: mail servers take "Reservas@" and "reservas@" for one box. */
export const emailAddressSchema = z
  .string()
  .trim()
  .toLowerCase()
  .max(254, "expected at most 254 characters")
  .regex(/^[^\s<>@,;:"]+@[^\s<>@,;:"]+$/, "expected one address such as reservas@hotel.example");

/** How much a tenant and each of its guests may send; what is absent has the service's default. */
export const limitsSchema = z.strictObject({
  messages_per_minute: rate.optional(),
  guest_messages_per_minute: rate.optional(),
});
export type TenantLimits = z.infer<typeof limitsSchema>;

/** Which PMS answers for a hotel; empty: what the service is configured with. */
export const pmsSchema = z.strictObject({
  adapter: z.enum(["embedded", "http"]).optional(),
  url: z
    .string()
    .max(500)
    .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), "expected an http(s) URL")
    .refine((value) => !URL.canParse(value) || new URL(value).username + new URL(value).password === "", {
      message: "holds a password; name the variable that holds it in api_key_variable",
    })
    .optional(),
  hotel_id: z.string().min(1).max(100).optional(),
  api_key_variable: z
    .string()
    .regex(/^PMS_API_KEY(_[A-Z0-9_]{1,60})?$/, "expected the name of an environment variable that begins with PMS_API_KEY")
    .optional(),
});
export type PmsSettings = z.infer<typeof pmsSchema>;

/** Whatever else rooms keep per hotel. */
export const settingsSchema = z
  .record(z.string(), z.json())
  .refine((value) => JSON.stringify(value).length <= LARGEST_SETTINGS, `is larger than ${LARGEST_SETTINGS} characters of JSON`)
  .refine((value) => !JSON.stringify(value).includes("\\u0000"), "holds the character U+0000, which can't be stored");

/** A hotel as the service uses it. */
export interface Tenant {
  id: string;
  name: string;
  /** RE2 syntax, found in the canonical user id. */
  pattern: string | null;
  active: boolean;
  /** Of two tenants whose patterns match, the one with the higher number gets the guest. */
  priority: number;
  timeZone: string;
  /** The first one is for guests whose language isn't known yet. */
  languages: Language[];
  /** `null`: reception is always there. */
  businessHours: OpeningHours[] | null;
  whatsappPhoneNumberId: string | null;
  /** The only address that the hotel's mail comes to and goes from; in small letters. */
  emailAddress: string | null;
  limits: TenantLimits;
  pms: PmsSettings;
  settings: Record<string, unknown>;
  version: number;
}

/** A row of `tenants` as JSON; numbers of changes are counted by one and stay exact. */
export const tenantRowSchema = z.object({
  id: z.string(),
  name: z.string(),
  pattern: z.string().nullable(),
  active: z.boolean(),
  priority: z.number(),
  time_zone: z.string(),
  languages: z.array(z.enum(LANGUAGES)),
  business_hours: z.unknown(),
  whatsapp_phone_number_id: z.string().nullable(),
  email_address: z.string().nullable(),
  limits: z.unknown(),
  pms: z.unknown(),
  settings: z.unknown(),
  version: z.number(),
  change: z.number(),
});
export type TenantRow = z.infer<typeof tenantRowSchema>;

/** Columns of `TenantRow`, for a select. */
export const TENANT_COLUMNS = `id, name, pattern, active, priority, time_zone, languages, business_hours,
  whatsapp_phone_number_id, email_address, limits, pms, settings, version::float8 as version, change::float8 as change`;

/**
 * Makes a tenant of a row that somebody may have written by hand: what can't be used takes its default.
 *
 * @returns the tenant, and what was wrong with the row
 */
export function toTenant(row: TenantRow): { tenant: Tenant; problems: string[] } {
  const problems: string[] = [];
  const read = <Value>(field: keyof TenantRow, schema: z.ZodType<Value>, fallback: Value): Value => {
    const parsed = schema.safeParse(row[field]);
    if (parsed.success) return parsed.data;
    for (const { path, message } of parsed.error.issues) problems.push(`${[field, ...path].join(".")}: ${message}`);
    return fallback;
  };
  const tenant: Tenant = {
    id: row.id,
    name: row.name,
    pattern: row.pattern,
    active: row.active,
    priority: row.priority,
    timeZone: read("time_zone", timeZoneSchema, "UTC"),
    languages: row.languages,
    businessHours: row.business_hours === null ? null : read("business_hours", businessHoursSchema, []),
    whatsappPhoneNumberId: row.whatsapp_phone_number_id,
    emailAddress: row.email_address,
    limits: read("limits", limitsSchema, {}),
    pms: read("pms", pmsSchema, {}),
    settings: read("settings", settingsSchema, {}),
    version: row.version,
  };
  return { tenant, problems };
}
