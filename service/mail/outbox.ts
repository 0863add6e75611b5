import type { Channel } from "./channel.ts";
import { createLane, type LaneOptions, type SendingChannel } from "./lane.ts";

const POLL_MS = 1_000;

export { jitteredBackoff } from "./lane.ts";

export interface OutboxOptions extends LaneOptions {
  channels: readonly Channel[];
}

/** Sends the replies that wait in the outbox: in order within a conversation, in parallel across them. */
export interface OutboxSender {
  start(): Promise<void>;
  /** @throws when replies wait and nothing was claimed, or noted, for too long */
  check(): void;
  /** Takes nothing new, gives back what isn't being sent yet, and waits for what is. */
  stop(): Promise<void>;
}

export function createOutboxSender(options: OutboxOptions): OutboxSender {
  const lanes = options.channels
    .filter((channel) => channel.deliver !== undefined)
    .map((channel) => createLane(options, channel as SendingChannel));
  const wake = () => {
    for (const lane of lanes) lane.claim();
  };
  let timer: NodeJS.Timeout | undefined;
  let unlisten: (() => Promise<void>) | undefined;
  return {
    start: async () => {
      for (const lane of lanes) lane.open();
      unlisten = await options.database.listen("outbox", wake);
      options.database.onReconnect(wake);
      timer = setInterval(wake, POLL_MS);
      wake();
    },
    check: () => {
      for (const lane of lanes) lane.check();
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all([unlisten?.(), ...lanes.map((lane) => lane.close())]);
    },
  };
}
