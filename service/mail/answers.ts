import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Database } from "../storage/sql.ts";
import type { Band } from "../vocabulary.ts";
import type { Reply } from "./message.ts";

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

export interface WaitOptions {
  timeoutMs: number;
  /** Whether the message may have been answered before; false saves a look. */
  known: boolean;
  /** Is given a function that ends the wait, for when nobody is there any more to hear the answer. */
  onCancel?: (cancel: () => void) => void;
}

/** Looks up, and waits for, the replies to a message. */
export interface Answers {
  /**
   * @returns the answer, or undefined when the message isn't handled after `timeoutMs`
   */
  wait(key: MessageKey, options: WaitOptions): Promise<Answer | undefined>;
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
/**
 * The first look at a message that had been stored before comes sooner: another process may be handling it, and a process doesn't
 * notify others of answers to messages that it took in itself.
 */
const FIRST_LOOK_AGAIN_MS = 100;
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
  const cancels = new Set<() => void>();
  let stopping = false;
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
    stop: () => {
      stopping = true;
      for (const cancel of cancels) cancel();
    },
    notification: (key) => origin + eventOf(key),
    announce: (key, answer) => {
      emitter.emit(eventOf(key), answer);
    },
    wait: async (key, { timeoutMs, known, onCancel }) => {
      const event = eventOf(key);
      let over = stopping;
      const deadline = performance.now() + timeoutMs;
      let heard = known;
      let given: Answer | undefined;
      let wake: () => void = () => undefined;
      const onAnswered = (answer?: Answer) => {
        heard = true;
        given ??= answer;
        wake();
      };
      // No AbortSignal: aborting one makes an error with its stack, for every request that ends.
      const cancel = () => {
        over = true;
        wake();
      };
      emitter.on(event, onAnswered);
      cancels.add(cancel);
      onCancel?.(cancel);
      try {
        for (
          let patienceMs = known ? FIRST_LOOK_AGAIN_MS : FIRST_LOOK_MS;
          ;
          patienceMs = Math.min(patienceMs * 2, LAST_LOOK_MS)
        ) {
          const left = deadline - performance.now();
          if (heard || left <= 0) {
            heard = false;
            const answer = given ?? (await find(key));
            if (answer !== undefined || left <= 0) return answer;
          }
          if (over) return undefined;
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
        cancels.delete(cancel);
      }
    },
  };
}
