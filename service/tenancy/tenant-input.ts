import { z } from "zod";
import { invalid, Problem, shown } from "../http/problem.ts";
import { LANGUAGES } from "../vocabulary.ts";
import { MAXIMUM_PATTERN_LENGTH, reviewPattern } from "./pattern.ts";
import {
  businessHoursSchema,
  DEFAULT_TENANT,
  emailAddressSchema,
  limitsSchema,
  pmsSchema,
  settingsSchema,
  tenantIdSchema,
  timeZoneSchema,
} from "./tenant.ts";

/** What an operator writes of a tenant. A field that is absent has its default. */
const documentSchema = z
  .strictObject({
    id: tenantIdSchema,
    name: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .refine((text) => !/\p{Cc}/u.test(text), "holds a control character")
      .optional(),
    pattern: z
      .string()
      .min(1)
      .max(MAXIMUM_PATTERN_LENGTH)
      .superRefine((source, context) => {
        for (const problem of reviewPattern(source).problems) context.addIssue({ code: "custom", message: problem });
      })
      .nullable()
      .default(null),
    active: z.boolean().default(true),
    priority: z.int().min(-1_000_000).max(1_000_000).default(0),
    time_zone: timeZoneSchema.default("UTC"),
    languages: z
      .array(z.enum(LANGUAGES))
      .min(1)
      .refine((languages) => new Set(languages).size === languages.length, "names a language twice")
      .default([...LANGUAGES]),
    business_hours: businessHoursSchema.nullable().default(null),
    whatsapp_phone_number_id: z
      .string()
      .regex(/^\d{1,32}$/, "expected the digits of a phone_number_id")
      .nullable()
      .default(null),
    email_address: emailAddressSchema.nullable().default(null),
    limits: limitsSchema.default({}),
    pms: pmsSchema.default({}),
    settings: settingsSchema.default({}),
  })
  .transform(({ name, ...rest }) => ({ name: name ?? rest.id, ...rest }))
  .superRefine((document, context) => {
    if (document.id !== DEFAULT_TENANT) return;
    const message = `can't be set: the tenant "${DEFAULT_TENANT}" takes the messages that no other tenant gets`;
    if (!document.active) context.addIssue({ code: "custom", path: ["active"], message });
    if (document.pattern !== null) context.addIssue({ code: "custom", path: ["pattern"], message });
  });

export type TenantDocument = z.output<typeof documentSchema>;
const FIELDS = Object.keys(documentSchema.in.shape);

/** Fields that a hotel's own admin may change. The others decide whose guests it gets, what it may use and where it calls. */
const OWN_FIELDS = new Set(["name", "time_zone", "languages", "business_hours", "settings"]);

/**
 * @returns a new tenant
 * @throws Problem 400 with every mistake
 */
export function readTenant(body: unknown): TenantDocument {
  const document = asObject(body);
  refuseMovedSettings(document);
  return check(document);
}

/**
 * Applies a JSON Merge Patch (RFC 7396) to a tenant: what is null goes back to its default.
 *
 * @param ownFieldsOnly whether the caller is the hotel itself
 * @returns the tenant as it shall be
 * @throws Problem 400 with every mistake, 403 when the hotel itself may not change a field
 */
export function patchTenant(current: TenantDocument, body: unknown, ownFieldsOnly: boolean): TenantDocument {
  const patch = asObject(body);
  if ("id" in patch && patch.id !== current.id) {
    throw invalid([
      { field: "id", message: "can't change: the hotel's data is filed under it. Make a new tenant and move its guests." },
    ]);
  }
  const foreign = Object.keys(patch).filter((field) => FIELDS.includes(field) && field !== "id" && !OWN_FIELDS.has(field));
  if (ownFieldsOnly && foreign.length > 0) {
    throw new Problem(403, "Forbidden", `A token of one tenant can change ${[...OWN_FIELDS].join(", ")} only.`, [
      ...foreign.map((field) => ({ field, message: "needs a token without a tenant" })),
    ]);
  }
  refuseMovedSettings(patch);
  return check(merge(current, patch) as Record<string, unknown>);
}

/** A hotel's address was one of the settings, which a hotel writes by itself. There it would look set and do nothing. */
function refuseMovedSettings({ settings }: Record<string, unknown>): void {
  const address = typeof settings === "object" && settings !== null && "email_address" in settings && settings.email_address;
  if (address === false || address === null) return;
  const message = `isn't a setting; write the tenant's field email_address with a token of all tenants; got ${shown(address)}`;
  throw invalid([{ field: "settings.email_address", message }], "The tenant");
}

function check(document: Record<string, unknown>): TenantDocument {
  const parsed = documentSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error, "The tenant", { given: document, known: FIELDS });
}

function asObject(body: unknown): Record<string, unknown> {
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw invalid([{ field: "body", message: `expected a JSON object; got ${shown(body)}` }]);
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const merged = new Map<string, unknown>(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, merge(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}
