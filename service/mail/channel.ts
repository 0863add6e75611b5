import type { Language } from "../vocabulary.ts";
import type { IncomingMessage, Reply } from "./message.ts";

/** A reply on its way to a guest. */
export interface Outgoing {
  /** Id of the outbox row: the same id is the same message, however often it is tried. */
  id: string;
  /** How often an operator has sent it back from the dead letters. */
  replays: number;
  tenantId: string;
  conversationId: string;
  channel: string;
  /** The guest's address in canonical form. */
  userId: string;
  language: Language | undefined;
  reply: Reply;
  /** Somebody of reception wrote it, not the agent. */
  byPerson: boolean;
  /** Failed attempts before this one. */
  attempts: number;
  /** The guest's message that is answered, or the last one when a person of reception writes. */
  lastIncoming: IncomingMessage | undefined;
  /** When the guest last wrote. */
  lastIncomingAt: Date | undefined;
}

/** One part of a reply that the provider took. */
export interface Delivered {
  /** The provider's id of the message. */
  providerId: string | undefined;
  /** How many parts this reply has on this channel; at least 1. */
  parts: number;
}

/**
 * A way to reach guests. What comes in goes through a router of the channel's own into the inbox; what goes out comes
 * from the outbox through `deliver`. A channel whose guests fetch their replies is `pulled` and has no `deliver`.
 */
export interface Channel {
  /** Also of its variants: `messages` is the channel of `messages:anything`. */
  readonly name: string;
  readonly pulled?: boolean;
  /** Replies sent at once by one process. */
  readonly concurrency?: number;
  /** For a channel that limits what a number sends: takes a turn of the reply's number. @returns milliseconds until that turn */
  reserve?(outgoing: Outgoing): Promise<number>;
  /**
   * Sends one part of a reply; the outbox asks for the next when this one is noted.
   *
   * @param part  0 for the first
   * @throws DeliveryError when it failed; any other error counts as one that may pass
   */
  deliver?(outgoing: Outgoing, part: number): Promise<Delivered>;
  close?(): Promise<void>;
}

/** A label value that a caller can't multiply: `messages:anything` counts as `messages`. */
export function channelLabel(channel: string): string {
  return channel.split(":", 1)[0]!;
}

/**
 * @returns whether the guests of a channel, or of its variant, fetch their replies; a channel that isn't there counts as one that
 *   sends, so that its replies are seen to wait
 */
export function pulledAmong(channels: readonly Pick<Channel, "name" | "pulled">[]): (channel: string) => boolean {
  const pulled = new Set(channels.filter((channel) => channel.pulled === true).map(({ name }) => name));
  return (channel) => pulled.has(channelLabel(channel));
}

export interface DeliveryErrorOptions {
  /**
   * `permanent`: trying again can't help · `temporary`: the provider has not taken it · `unknown`: it may have taken it,
   * and the next attempt should leave time for its confirmation.
   */
  kind: "permanent" | "temporary" | "unknown";
  /** The provider's own code. */
  code?: string | undefined;
  retryAfterSeconds?: number | undefined;
  cause?: unknown;
}

/** Why a reply wasn't delivered. Its message is kept and shown to operators: it holds no secret and no guest's text. */
export class DeliveryError extends Error {
  readonly kind: DeliveryErrorOptions["kind"];
  readonly code: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, { kind, code, retryAfterSeconds, cause }: DeliveryErrorOptions) {
    super(message, { cause });
    this.name = "DeliveryError";
    this.kind = kind;
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** What a provider tells later about a message that it took. */
export type DeliveryStatus = "sent" | "delivered" | "read" | "failed";
