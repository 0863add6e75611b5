import type { Band, Language } from "../vocabulary.ts";

/**
 * What became of telling reception: somebody's mail server, webhook or phone has it · it is on its way and nobody has it yet · the hotel
 * has nobody to be told. Only the first lets the agent say "I told reception".
 */
export type Told = "acknowledged" | "pending" | "unreachable";

/** A guest's message as a channel hands it over, whatever the channel. */
export interface IncomingMessage {
  channel: string;
  /** The channel's own id of the message: the same id is the same message. */
  messageId: string;
  /** The guest's address in canonical form. */
  userId: string;
  kind:
    | "text"
    | "button"
    | "list"
    | "audio"
    | "image"
    | "video"
    | "document"
    | "sticker"
    | "location"
    | "contacts"
    | "reaction"
    | "unknown";
  /** What the guest wrote, or the title of the button pressed; empty for a message without text. */
  text: string;
  /** Id of the button or list row pressed. */
  buttonId?: string | undefined;
  language?: Language | undefined;
  /** The channel can't tell whether the guest wrote this: anybody can send mail under any name. Absent: it can. */
  senderUnproven?: boolean | undefined;
  /** ISO 8601, as the channel says. */
  sentAt?: string | undefined;
  /** Channel-specific rest, kept for reception (media ids, places). */
  attachment?: Record<string, unknown> | undefined;
}

/** One message to a guest. `text` is never empty. */
export interface Reply {
  text: string;
  /** At most 3, titles of at most 20 characters. */
  buttons?: { id: string; title: string }[] | undefined;
  /** All choices when there are more than 3; a channel with lists sends it instead of the buttons. Titles as of buttons. */
  list?: { button: string; rows: { id: string; title: string; description?: string | undefined }[] } | undefined;
  location?: { latitude: number; longitude: number; name: string; address: string } | undefined;
  /** For how long a channel may show that somebody types before it sends this; absent: not at all. */
  typingMs?: number | undefined;
}

/** @returns what a person of reception wrote as the guest reads it: never to be taken for what the machine writes */
export function byPerson(text: string): string {
  return `👤 ${text}`;
}

/** What the agent knows of a conversation when a message comes. */
export interface Conversation {
  tenantId: string;
  id: string;
  channel: string;
  userId: string;
  language: Language | undefined;
  /** The orchestrator's own state with its version; `{}` at the beginning. */
  state: Record<string, unknown>;
  /** A person of reception answers; the agent keeps quiet. */
  handedOver: boolean;
}

/** What handling one message makes of the conversation. Written in one transaction with the replies. */
export interface Turn {
  state: Record<string, unknown>;
  language: Language;
  handedOver: boolean;
  /** In order. Empty only when a person has taken over. */
  replies: Reply[];
  intent: string;
  /** 0–1, calibrated. */
  confidence: number;
  band: Band;
}

/**
 * Handles one message. Calls to the PMS happen here, outside of any transaction; what must happen once carries an
 * idempotency key made of the message's id, since a crash before the commit means that the message is handled again.
 */
export type HandleMessage = (input: {
  conversation: Conversation;
  message: IncomingMessage;
  receivedAt: Date;
  now: Date;
}) => Promise<Turn>;
