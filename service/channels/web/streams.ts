import type { Response } from "express";
import { Problem } from "../../http/problem.ts";
import { createPlaces } from "../../mail/places.ts";
import type { Database } from "../../storage/sql.ts";
import type { Logger } from "../../telemetry/log.ts";
import { type History, readHistory } from "./history.ts";

const MAXIMUM_STREAMS = 2_000;
const STREAMS_A_GUEST = 4;
/** Keeps proxies from cutting the connection, and finds what a lost notification would have told. */
const HEARTBEAT_MS = 15_000;
/** Into so many parts of that time the pages' heartbeats are spread: all at once, 800 pages made every other answer wait half a second. */
const HEARTBEAT_PARTS = 60;
/** Histories read at once for no other reason than that time has passed, or notifications may have been lost. */
const PRECAUTIONS_AT_ONCE = 4;
/** A page that doesn't read is cut off at this many bytes; it comes back and reads its history. */
const UNREAD_LIMIT = 1024 * 1024;

/** Pages that are open, each with the messages that it hasn't seen. */
export interface WebStreams {
  start(): Promise<void>;
  /** Answers a request with server-sent events, until either side ends it. @throws Problem 429, 503 when there are too many */
  open(tenantId: string, userId: string, response: Response): Promise<void>;
  close(): Promise<void>;
}

interface Stream {
  response: Response;
  seen: Set<number>;
  waiting: boolean | undefined;
}

/** All streams of one guest: one read of the history serves them all. */
interface Reader {
  tenantId: string;
  userId: string;
  streams: Set<Stream>;
  reading: boolean;
  again: boolean;
  /** The part of a heartbeat's time that is this guest's. */
  part: number;
}

export function createWebStreams({ database, logger }: { database: Database; logger: Logger }): WebStreams {
  const readers = new Map<string, Reader>();
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  let unlisten: (() => Promise<void>) | undefined;
  let closed = false;

  const push = async (reader: Reader): Promise<void> => {
    reader.again = true;
    if (reader.reading) return;
    reader.reading = true;
    try {
      while (reader.again) {
        reader.again = false;
        const history = await readHistory(database, reader.tenantId, reader.userId);
        for (const stream of reader.streams) write(stream, history);
      }
    } catch (error) {
      logger.warn({ err: error, tenant_id: reader.tenantId }, "the web chat's messages could not be read; trying again");
    } finally {
      reader.reading = false;
    }
  };
  const precautions = createPlaces({ places: PRECAUTIONS_AT_ONCE });
  /** Reads as a precaution: hotels by turns, a few at once, so that whoever waits for an answer doesn't wait for these. */
  const look = (reader: Reader) => precautions.run(reader.tenantId, () => push(reader));
  let part = 0;
  const beat = () => {
    part = (part + 1) % HEARTBEAT_PARTS;
    for (const reader of readers.values()) {
      if (reader.part !== part) continue;
      for (const { response } of reader.streams) response.write(": still here\n\n");
      look(reader);
    }
  };

  /** @returns undefined also for what the database's trigger didn't write: whoever may log in there can notify with anything */
  const readerOf = (payload: string): Reader | undefined => {
    try {
      return readers.get(JSON.stringify(JSON.parse(payload))); // without the blanks of Postgres' JSON
    } catch (error) {
      logger.warn({ err: error }, "a notification of web_reply isn't JSON, and was left aside");
      return undefined;
    }
  };

  return {
    start: async () => {
      unlisten = await database.listen("web_reply", (payload) => {
        const reader = readerOf(payload);
        if (reader !== undefined) void push(reader);
      });
      database.onReconnect(() => {
        for (const reader of readers.values()) look(reader);
      });
      timer = setInterval(beat, HEARTBEAT_MS / HEARTBEAT_PARTS);
    },

    open: async (tenantId, userId, response) => {
      const key = JSON.stringify([tenantId, userId]);
      const reader = readers.get(key) ?? {
        tenantId,
        userId,
        streams: new Set(),
        reading: false,
        again: false,
        part: Math.floor(Math.random() * HEARTBEAT_PARTS),
      };
      const busy = (status: number, title: string) =>
        new Problem(status, title, "Too many open chats. Read the messages with GET instead.", [], { "Retry-After": "10" });
      if (reader.streams.size >= STREAMS_A_GUEST) throw busy(429, "Too Many Requests");
      if (count >= MAXIMUM_STREAMS || closed) throw busy(503, "Service Unavailable");
      const stream: Stream = { response, seen: new Set(), waiting: undefined };
      readers.set(key, reader);
      reader.streams.add(stream);
      count += 1;
      response.locals.longLived = true;
      response.once("close", () => {
        count -= 1;
        reader.streams.delete(stream);
        if (reader.streams.size === 0 && readers.get(key) === reader) readers.delete(key);
      });
      response.status(200).set({
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
      });
      response.flushHeaders();
      response.write("retry: 2000\n\n");
      await push(reader);
    },

    close: async () => {
      closed = true;
      clearInterval(timer);
      await unlisten?.();
      for (const { streams } of readers.values()) for (const { response } of streams) response.end();
    },
  };
}

function write(stream: Stream, history: History | undefined): void {
  const { messages = [], waiting = false } = history ?? {};
  const fresh = messages.filter(({ id }) => id === undefined || !stream.seen.has(id));
  const news = fresh.some(({ id }) => id !== undefined) || stream.waiting === undefined;
  if (!news && waiting === stream.waiting) return;
  for (const { id } of fresh) if (id !== undefined) stream.seen.add(id);
  stream.waiting = waiting;
  stream.response.write(`event: messages\ndata: ${JSON.stringify({ messages: fresh, waiting })}\n\n`);
  if (stream.response.writableLength > UNREAD_LIMIT) stream.response.destroy();
}
