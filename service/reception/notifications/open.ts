import type { Config } from "../../config.ts";
import { readNotificationSettings } from "./contacts.ts";
import { createNotices, type Notices, type NoticesOptions, type NoticeTenant } from "./notices.ts";
import { mailWay, type TemplateSender, webhookWay, whatsAppWay } from "./ways.ts";

interface Hotel extends NoticeTenant {
  whatsappPhoneNumberId: string | null;
  emailAddress: string | null;
}

/** Notices with the ways that the configuration opens: mail with SMTP_URL, webhooks with a secret, WhatsApp with a token. */
export function openNotices({
  config,
  tenant,
  graph,
  ...rest
}: Pick<NoticesOptions, "database" | "metrics" | "logger"> & {
  config: Config;
  tenant: (id: string) => Promise<Hotel | undefined>;
  graph: TemplateSender;
}): Notices {
  const { SMTP_URL: smtp, NOTIFY_WEBHOOK_SECRET: secret, NOTIFY_WEBHOOK_URL: url } = config;
  const origins = new Set([...config.NOTIFY_WEBHOOK_ORIGINS, ...(url === undefined ? [] : [new URL(url).origin])]);
  const ways: NoticesOptions["ways"] = {
    ...(smtp === undefined
      ? {}
      : { email: mailWay({ url: smtp, from: async (id) => config.NOTIFY_FROM ?? senderOf(await tenant(id)) }) }),
    ...(secret === undefined || origins.size === 0 ? {} : { webhook: webhookWay({ secret, origins }) }),
    ...(config.WHATSAPP_ACCESS_TOKEN === undefined
      ? {}
      : { whatsapp: whatsAppWay({ graph, sender: async (id) => numberOf(await tenant(id)) }) }),
  };
  return createNotices({ ...rest, tenant, ways, defaults: { email: config.NOTIFY_EMAIL, webhook: url } });
}

function senderOf(hotel: Hotel | undefined): string | undefined {
  return hotel?.emailAddress ?? undefined;
}

function numberOf(hotel: Hotel | undefined): { phoneNumberId: string; template: string } | undefined {
  if (hotel?.whatsappPhoneNumberId == null) return undefined;
  const { value } = readNotificationSettings(hotel.settings);
  return { phoneNumberId: hotel.whatsappPhoneNumberId, template: value.whatsapp_template };
}
