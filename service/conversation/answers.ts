import { EventEmitter } from "node:events";
import type { Database } from "../storage/sql.ts";
import type { Band, Reply } from "./turn.ts";

/** What became of one guest's message. */
export interface Answer {
  replies: Reply[];
  intent: string | null;
  confidence: number | null;
  band: Band | null;
}

/** Looks up, and waits for, the replies to a message. */
export interface Answers {
  /**
   * @returns the answer, or undefined when the message isn't handled after `timeoutMs`
   */
  wait(
    tenantId: string,
    channel: string,
    messageId: string,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Answer | undefined>;
  start(): Promise<void>;
  /** Ends every wait: who waits learns that there is no answer yet. */
  stop(): void;
}

/** The name under which a handled message is announced to the processes that wait for it. */
export function answeredPayload(tenantId: string, channel: string, messageId: string): string {
  return JSON.stringify([tenantId, channel, messageId]);
}

const BACKSTOP_MS = 500;

const FIND = `
  select o.content, i.intent, i.confidence, i.band
    from inbox b
    left join messages i on i.tenant_id = b.tenant_id and i.conversation_id = b.conversation_id and i.direction = 'in' and i.message_id = b.message_id
    left join messages o on o.tenant_id = b.tenant_id and o.conversation_id = b.conversation_id and o.direction = 'out' and o.in_reply_to = b.message_id
   where b.tenant_id = $1 and b.channel = $2 and b.message_id = $3 and b.state <> 'waiting'
   order by o.id`;

export function createAnswers({ database }: { database: Database }): Answers {
  const emitter = new EventEmitter().setMaxListeners(0);
  const stopping = new AbortController();

  const find = async (tenantId: string, channel: string, messageId: string): Promise<Answer | undefined> => {
    const rows = await database.forTenant(tenantId, (sql) =>
      sql<{ content: Reply | null; intent: string | null; confidence: number | null; band: Band | null }>(FIND, [
        tenantId,
        channel,
        messageId,
      ]),
    );
    const first = rows[0];
    if (first === undefined) return undefined;
    const { intent, confidence, band } = first;
    return { replies: rows.flatMap(({ content }) => (content === null ? [] : [content])), intent, confidence, band };
  };

  return {
    start: async () => {
      await database.listen("answered", (payload) => emitter.emit(payload));
    },
    stop: () => stopping.abort(),
    wait: async (tenantId, channel, messageId, timeoutMs, signal) => {
      const over = AbortSignal.any(signal === undefined ? [stopping.signal] : [stopping.signal, signal]);
      const event = answeredPayload(tenantId, channel, messageId);
      const deadline = performance.now() + timeoutMs;
      let wake: () => void = () => undefined;
      let announced = false;
      const onAnswered = () => {
        announced = true;
        wake();
      };
      const onAbort = () => wake();
      emitter.on(event, onAnswered);
      over.addEventListener("abort", onAbort);
      try {
        // Listening came first, so an announcement between this look and the wait isn't missed.
        for (;;) {
          announced = false;
          const answer = await find(tenantId, channel, messageId);
          const left = deadline - performance.now();
          if (answer !== undefined || left <= 0 || over.aborted) return answer;
          if (announced) continue;
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, Math.min(left, BACKSTOP_MS));
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      } finally {
        emitter.off(event, onAnswered);
        over.removeEventListener("abort", onAbort);
      }
    },
  };
}
