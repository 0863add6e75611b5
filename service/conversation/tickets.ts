import type { Conversation } from "../mail/message.ts";
import type { Database } from "../storage/sql.ts";
import type { Ticket } from "./orchestrator/contract.ts";

/** Where conversations leave work for reception. */
export interface Tickets {
  /** Opens a ticket; the same key again changes nothing. */
  open(conversation: Conversation, key: string, ticket: Ticket): Promise<void>;
  setRoom(tenantId: string, key: string, room: string): Promise<void>;
}

const LONGEST_TEXT = 2_000;

export function createTickets({ database }: { database: Database }): Tickets {
  return {
    open: async (conversation, key, { kind, urgent, text, room }) => {
      await database.forTenant(conversation.tenantId, (sql) =>
        sql(
          `insert into tickets (tenant_id, key, conversation_id, channel, user_id, kind, urgent, text, room)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (tenant_id, key) do nothing`,
          [
            conversation.tenantId,
            key,
            conversation.id,
            conversation.channel,
            conversation.userId,
            kind,
            urgent,
            text.slice(0, LONGEST_TEXT).replaceAll("\u0000", ""),
            room ?? null,
          ],
        ),
      );
    },
    setRoom: async (tenantId, key, room) => {
      await database.forTenant(tenantId, (sql) =>
        sql("update tickets set room = $3 where tenant_id = $1 and key = $2", [tenantId, key, room]),
      );
    },
  };
}
