import { byPerson, type Reply } from "../../mail/message.ts";
import type { Database } from "../../storage/sql.ts";

/** A message as the page shows it. */
export interface ShownMessage {
  /** Grows within a conversation; absent for a message that waits to be handled. */
  id?: number;
  direction: "in" | "out";
  /** For the guest's own messages: the id that the page gave it. */
  message_id?: string;
  text: string;
  at: string;
  buttons?: Reply["buttons"];
  list?: Reply["list"];
  location?: Reply["location"];
  /** Milliseconds for which the reply is still being typed; absent for one that can be shown. */
  typing_ms?: number;
}

export interface History {
  messages: ShownMessage[];
  /** An answer is being made. */
  waiting: boolean;
}

/** Messages that a page gets at most; older ones stay with reception. */
const MAXIMUM = 100;

interface Row {
  id: string | null;
  direction: "in" | "out";
  message_id: string | null;
  text: string;
  /** `by`: the person of reception who wrote it. */
  content: Partial<Reply> & { by?: string };
  at: Date;
  /** By the database's clock, which wrote `at`: a browser's may be any. */
  age_ms: number;
}

/** @returns the newest messages of a guest, oldest first; undefined when the guest has never written */
export async function readHistory(database: Database, tenantId: string, userId: string): Promise<History | undefined> {
  return database.forTenant(tenantId, async (sql) => {
    const [conversation] = await sql<{ id: string; waiting: boolean }>(
      "select id, waiting_since is not null and not handed_over as waiting from conversations where tenant_id = $1 and channel = 'web' and user_id = $2",
      [tenantId, userId],
    );
    if (conversation === undefined) return undefined;
    const handled = await sql<Row>(
      `select * from (
         select id, direction, message_id, text, content, at,
                (extract(epoch from clock_timestamp() - at) * 1000)::float8 as age_ms
           from messages
          where tenant_id = $1 and conversation_id = $2 order by id desc limit ${MAXIMUM}) newest
        order by id`,
      [tenantId, conversation.id],
    );
    const waiting = await sql<Row>(
      `select null as id, 'in' as direction, message_id, payload ->> 'text' as text, '{}'::jsonb as content, received_at as at, 0 as age_ms
         from inbox where tenant_id = $1 and conversation_id = $2 and state = 'waiting' order by sequence limit ${MAXIMUM}`,
      [tenantId, conversation.id],
    );
    return { messages: [...handled, ...waiting].map((row) => show(row, userId)), waiting: conversation.waiting };
  });
}

function show({ id, direction, message_id, text, content, at, age_ms: ageMs }: Row, userId: string): ShownMessage {
  const shown: ShownMessage = { direction, text: content.by === undefined ? text : byPerson(text), at: at.toISOString() };
  if (id !== null) shown.id = Number(id);
  if (direction === "in") {
    if (message_id !== null) shown.message_id = message_id.slice(userId.length + 1);
    return shown;
  }
  if (content.buttons !== undefined && content.buttons !== null) shown.buttons = content.buttons;
  if (content.list !== undefined && content.list !== null) shown.list = content.list;
  if (content.location !== undefined && content.location !== null) shown.location = content.location;
  const left = (content.typingMs ?? 0) - ageMs;
  if (left > 0) shown.typing_ms = Math.ceil(left);
  return shown;
}
