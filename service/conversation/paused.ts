import type { HandleMessage } from "../mail/message.ts";
import type { Tenant } from "../tenancy/tenant.ts";

/**
 * Keeps quiet for hotels that aren't active: what their guests write is kept, and waits for a person of the hotel. Nobody else
 * answers in the hotel's place.
 */
export function quietWhilePaused(
  handle: HandleMessage,
  tenants: { get(id: string): Promise<Pick<Tenant, "active" | "languages"> | undefined> },
): HandleMessage {
  return async (input) => {
    const { conversation, message } = input;
    const tenant = await tenants.get(conversation.tenantId);
    if (tenant === undefined || tenant.active) return handle(input);
    return {
      state: conversation.state,
      language: conversation.language ?? message.language ?? tenant.languages[0] ?? "es",
      handedOver: true,
      replies: [],
      intent: "out_of_scope",
      confidence: 0,
      band: "low",
    };
  };
}
