import { z } from "zod";
import { type Channel, DeliveryError, type Outgoing } from "../../mail/channel.ts";
import { type Graph, WINDOW_CLOSED } from "./graph.ts";
import { type Content, render, renderTemplate, type Template } from "./outgoing.ts";
import { writeReference } from "./reference.ts";

/** How long after a guest's message everything may be sent, less a minute for the way. */
const WINDOW_MS = (24 * 60 - 1) * 60 * 1000;

/** What the channel needs to know of a hotel. */
export interface WhatsAppTenant {
  whatsappPhoneNumberId: string | null | undefined;
  /** `whatsapp_template: {name, languages: {es: "es_AR"}}` is used outside the 24 hours. */
  settings: Record<string, unknown>;
}

export interface WhatsAppChannelOptions {
  graph: Graph;
  tenant: (tenantId: string) => Promise<WhatsAppTenant | undefined>;
  now?: () => Date;
}

const templateSchema = z.object({
  name: z.string().min(1).max(512),
  languages: z.object({ es: z.string().optional(), en: z.string().optional(), pt: z.string().optional() }).default({}),
});
const addressSchema = z.looseObject({
  phone_number_id: z.string().optional(),
  from: z.string().optional(),
  user_id: z.string().optional(),
});

/** Sends replies over the WhatsApp Cloud API, from the number that the guest wrote to. */
export function createWhatsAppChannel({ graph, tenant, now = () => new Date() }: WhatsAppChannelOptions): Channel {
  /** The number that the guest wrote to, or the hotel's. */
  const numberOf = async (outgoing: Outgoing) => {
    const address = addressSchema.parse(outgoing.lastIncoming?.attachment ?? {});
    const hotel = await tenant(outgoing.tenantId);
    return { address, hotel, phoneNumberId: address.phone_number_id ?? hotel?.whatsappPhoneNumberId ?? undefined };
  };

  return {
    name: "whatsapp",
    concurrency: 32,
    reserve: async (outgoing) => {
      const { phoneNumberId } = await numberOf(outgoing);
      return phoneNumberId === undefined ? 0 : graph.reserve(phoneNumberId);
    },
    deliver: async (outgoing, part) => {
      if (outgoing.reply.text.trim() === "") throw new DeliveryError("the reply has no text", { kind: "permanent" });
      const { address, hotel, phoneNumberId } = await numberOf(outgoing);
      if (phoneNumberId === undefined) {
        throw new DeliveryError(`tenant "${outgoing.tenantId}" has no whatsapp_phone_number_id: set it and replay.`, {
          kind: "permanent",
        });
      }
      const template = readTemplate(hotel?.settings ?? {});
      const open = outgoing.lastIncomingAt !== undefined && now().getTime() - outgoing.lastIncomingAt.getTime() < WINDOW_MS;
      const contents = open ? render(outgoing.reply) : [templateOrThrow(outgoing, template)];
      const content = contents[part];
      if (content === undefined) return { providerId: undefined, parts: contents.length };

      const send = (what: Content, parts: number) =>
        graph.send(phoneNumberId, {
          recipient_type: "individual",
          ...addressee(outgoing, address),
          ...what,
          biz_opaque_callback_data: writeReference({
            tenantId: outgoing.tenantId,
            outboxId: outgoing.id,
            part,
            parts,
            replays: outgoing.replays,
          }),
        });
      try {
        return { providerId: await send(content, contents.length), parts: contents.length };
      } catch (error) {
        if (!(error instanceof DeliveryError) || error.code !== WINDOW_CLOSED || content.type === "template") throw error;
        return { providerId: await send(templateOrThrow(outgoing, template), part + 1), parts: part + 1 };
      }
    },
  };
}

/** WhatsApp's own spelling of the guest's number when it is known, else the canonical one. */
function addressee(outgoing: Outgoing, address: z.infer<typeof addressSchema>): { to: string } | { recipient: string } {
  if (address.from === undefined && address.user_id !== undefined) return { recipient: address.user_id };
  return { to: address.from ?? outgoing.userId.replace(/^\+/, "") };
}

function readTemplate(settings: Record<string, unknown>): Template | undefined {
  if (settings.whatsapp_template === undefined) return undefined;
  const parsed = templateSchema.safeParse(settings.whatsapp_template);
  if (parsed.success) return parsed.data as Template;
  throw new DeliveryError(
    'settings.whatsapp_template of the tenant: expected {"name": "…", "languages": {"es": "es_AR"}}. Mend it and replay.',
    { kind: "permanent" },
  );
}

function templateOrThrow(outgoing: Outgoing, template: Template | undefined): Content {
  if (template !== undefined) return renderTemplate(outgoing.reply, template, outgoing.language);
  throw new DeliveryError(
    "the guest last wrote more than 24 hours ago, and the tenant has no settings.whatsapp_template. Set one and replay.",
    { kind: "permanent", code: WINDOW_CLOSED },
  );
}
