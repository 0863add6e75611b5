import { randomUUID } from "node:crypto";
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

/** A message as its channel knows it. */
export interface MessageKey {
  tenantId: string;
  channel: string;
  messageId: string;
}

/** Looks up, and waits for, the replies to a message. */
export interface Answers {
  /**
   * @param known whether the message may have been answered before; false saves a look
   * @returns the answer, or undefined when the message isn't handled after `timeoutMs`
   */
  wait(key: MessageKey, options: { timeoutMs: number; known: boolean; signal?: AbortSignal }): Promise<Answer | undefined>;
  /** @returns the payload of `NOTIFY answered`, by which other processes hear of an answer */
  notification(key: MessageKey): string;
  /** Tells those who wait in this process, once the answer is committed. */
  announce(key: MessageKey, answer: Answer): void;
  start(): Promise<void>;
  /** Ends every wait: who waits learns that there is no answer yet. */
  stop(): void;
}

const eventOf = ({ tenantId, channel, messageId }: MessageKey) => JSON.stringify([tenantId, channel, messageId]);

/** A notification can be missed; the longer a wait lasts the less often it looks, so that waits never become the load. */
const FIRST_LOOK_MS = 1_000;
const LAST_LOOK_MS = 8_000;

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
  const origin = randomUUID();

  const find = async ({ tenantId, channel, messageId }: MessageKey): Promise<Answer | undefined> => {
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
      await database.listen("answered", (payload) => {
        // This process' own answers are announced with what they say, which saves a look.
        if (!payload.startsWith(origin)) emitter.emit(payload.slice(origin.length));
      });
    },
    stop: () => stopping.abort(),
    notification: (key) => origin + eventOf(key),
    announce: (key, answer) => {
      emitter.emit(eventOf(key), answer);
    },
    wait: async (key, { timeoutMs, known, signal }) => {
      const event = eventOf(key);
      const over = AbortSignal.any(signal === undefined ? [stopping.signal] : [stopping.signal, signal]);
      const deadline = performance.now() + timeoutMs;
      let heard = known;
      let given: Answer | undefined;
      let wake: () => void = () => undefined;
      const onAnswered = (answer?: Answer) => {
        heard = true;
        given ??= answer;
        wake();
      };
      const onAbort = () => wake();
      emitter.on(event, onAnswered);
      over.addEventListener("abort", onAbort);
      try {
        for (let patienceMs = FIRST_LOOK_MS; ; patienceMs = Math.min(patienceMs * 2, LAST_LOOK_MS)) {
          const left = deadline - performance.now();
          if (heard || left <= 0) {
            heard = false;
            const answer = given ?? (await find(key));
            if (answer !== undefined || left <= 0) return answer;
          }
          if (over.aborted) return undefined;
          if (heard) continue; // it came while the look was under way
          await new Promise<void>((resolve) => {
            const timer = setTimeout(
              () => {
                heard = true;
                resolve();
              },
              Math.min(Math.max(left, 0), patienceMs),
            );
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
