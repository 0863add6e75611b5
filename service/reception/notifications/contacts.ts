import { z } from "zod";
import { canonicalUserId } from "../../tenancy/user-id.ts";

const MOST_CONTACTS = 10;
const address = z.email("expected an e-mail address").max(254);
const number = z
  .string()
  .regex(/^\+?[0-9 ()-]{6,24}$/, "expected a phone number with its country, such as +598 99 123 456")
  .transform(canonicalUserId);

const people = {
  email: z.array(address).max(MOST_CONTACTS).default([]).describe("Addresses that get a mail for each notice."),
  whatsapp: z.array(number).max(MOST_CONTACTS).default([]).describe("Staff's numbers that get the template `whatsapp_template`."),
  webhook: z
    .url({ protocol: /^https?$/, error: "expected an http(s) URL" })
    .optional()
    .describe("POSTed to, signed; its origin must be one of NOTIFY_WEBHOOK_ORIGINS."),
};

/** Who is told, as `settings.notifications` of a hotel: {@link people}, the template, and who is told when nobody takes it. */
export const notificationSettings = z.strictObject({
  ...people,
  whatsapp_template: z
    .string()
    .regex(/^[a-z0-9_]{1,512}$/, "expected the name of an approved template: a-z, 0-9 and _")
    .default("gatehouse_notice")
    .describe("Approved template with three parameters: what it is, the hotel, the text."),
  escalate_after_minutes: z
    .int()
    .min(1)
    .max(1_440)
    .default(10)
    .describe("Hand-overs and emergencies that nobody takes for so long are told again, to `escalate` too."),
  escalate: z.strictObject(people).optional().describe("People who are told besides when nobody takes it."),
});
export type NotificationSettings = z.infer<typeof notificationSettings>;

/** Ways to reach somebody; each list may be empty. */
export interface Contacts {
  email: readonly string[];
  whatsapp: readonly string[];
  webhook?: string | undefined;
}

/** Contacts that hotels without their own have: the operator's. */
export interface DefaultContacts {
  email: readonly string[];
  webhook: string | undefined;
}

/** Who is told of a step: the hotel's people, else the operator's; from the first escalation on both, and `escalate`. */
export function contactsOf(settings: NotificationSettings, defaults: DefaultContacts, step: number): Contacts[] {
  const own: Contacts = settings;
  const operator: Contacts = { ...defaults, whatsapp: [] };
  const hasOwn = isReachable(own);
  if (step === 0) return [hasOwn ? own : operator].filter(isReachable);
  return [own, ...(settings.escalate === undefined ? [] : [settings.escalate]), operator].filter(isReachable);
}

function isReachable({ email, whatsapp, webhook }: Contacts): boolean {
  return email.length + whatsapp.length > 0 || webhook !== undefined;
}

/** `settings.notifications` of a tenant; what can't be read counts as not set, with the problems beside it. */
export function readNotificationSettings(settings: Record<string, unknown>): {
  value: NotificationSettings;
  problems: string[];
} {
  const parsed = notificationSettings.safeParse(settings.notifications ?? {});
  if (parsed.success) return { value: parsed.data, problems: [] };
  const problems = parsed.error.issues.map(({ path, message }) => `settings.notifications.${path.join(".")}: ${message}`);
  return { value: notificationSettings.parse({}), problems };
}
