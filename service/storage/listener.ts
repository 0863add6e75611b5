import { randomBytes } from "node:crypto";
import pg from "pg";
import { SilentConnectionError, socketOf } from "./silence.ts";

/** What both databases offer for `NOTIFY`. */
export interface Listening {
  listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>>;
  onReconnect(handler: () => void): void;
  /** Whether a notification would arrive, as far as the last proof of it tells. */
  isAlive(): boolean;
  close(): Promise<void>;
}

export interface ListenerOptions {
  /** False: there is no session to listen in, so nothing is heard, and callers see changes by polling alone. */
  hears?: boolean;
  /** Makes a client that isn't connected yet. Its connection must be its own: behind a transaction pooler `LISTEN` hears nothing. */
  makeClient: () => pg.Client;
  /** Runs first on each new connection; rejects when it can't be used. */
  prepare?: (client: pg.Client) => Promise<void>;
  onError: (error: Error) => void;
  /** How often the listener notifies itself. */
  heartbeatMs?: number;
  /** How long that notification may take. */
  patienceMs?: number;
}

const HEARTBEAT_MS = 30_000;
const PATIENCE_MS = 10_000;
const GOODBYE_MS = 1_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * One Postgres connection that listens, and comes back by itself when it is lost. It sends a notification to itself now and then:
 * a connection that is silent looks like one on which nothing happens, so only a notification that arrives proves that it listens.
 */
export class Listener implements Listening {
  readonly #options: Required<ListenerOptions>;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();
  readonly #reconnected = new Set<() => void>();
  /** Its own, so that nobody else's notification counts as proof. */
  readonly #heartbeatChannel = `gatehouse_listener_${randomBytes(8).toString("hex")}`;
  #client: Promise<pg.Client> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #isAlive = false;
  #wasConnected = false;
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = {
      hears: true,
      prepare: async () => undefined,
      heartbeatMs: HEARTBEAT_MS,
      patienceMs: PATIENCE_MS,
      ...options,
    };
  }

  async listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>> {
    if (!this.#options.hears) return async () => undefined;
    const handlers = this.#handlers.get(channel) ?? new Set();
    handlers.add(handler);
    const first = !this.#handlers.has(channel);
    this.#handlers.set(channel, handlers);
    this.#client ??= this.#connect();
    const client = await this.#client.catch((error) => {
      if (!this.#wasConnected) throw error;
    });
    // A connection that fails now comes back, and listens to this channel too.
    if (first && client !== undefined) {
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`).catch((error) => this.#giveUp(client, error));
    }
    return async () => {
      handlers.delete(handler);
    };
  }

  onReconnect(handler: () => void): void {
    this.#reconnected.add(handler);
  }

  isAlive(): boolean {
    return this.#isAlive;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#heartbeat);
    clearTimeout(this.#patience);
    const client = await this.#client?.catch(() => undefined);
    if (client === undefined) return;
    // A server that is silent doesn't say goodbye.
    const late = setTimeout(() => socketOf(client).destroy(), GOODBYE_MS);
    await client.end();
    clearTimeout(late);
  }

  async #connect(): Promise<pg.Client> {
    const client = this.#options.makeClient();
    client.on("notification", ({ channel, payload = "" }) => {
      if (channel === this.#heartbeatChannel) this.#heard(client);
      else for (const handler of this.#handlers.get(channel) ?? []) this.#tell(handler, payload);
    });
    client.on("error", this.#options.onError);
    await client.connect();
    try {
      await this.#options.prepare(client);
      for (const channel of [this.#heartbeatChannel, ...this.#handlers.keys()]) {
        await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      }
    } catch (error) {
      socketOf(client).destroy();
      throw error;
    }
    if (this.#closed) {
      await client.end();
      throw new Error("the listener was closed");
    }
    client.once("end", () => {
      this.#isAlive = false;
      clearTimeout(this.#heartbeat);
      clearTimeout(this.#patience);
      this.#reconnectLater(FIRST_RETRY_MS);
    });
    this.#isAlive = true;
    this.#wasConnected = true;
    this.#beat(client);
    return client;
  }

  /** Anyone who can log in to the database can notify, with any payload: what a handler makes of it must not end the process. */
  #tell(handler: (payload: string) => void, payload: string): void {
    try {
      handler(payload);
    } catch (error) {
      this.#options.onError(error as Error);
    }
  }

  #beat(client: pg.Client): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(
      () => this.#giveUp(client, new SilentConnectionError("the listening connection didn't hear itself, so it was given up")),
      this.#options.patienceMs,
    ).unref();
    client.query("select pg_notify($1, '')", [this.#heartbeatChannel]).catch((error) => this.#giveUp(client, error));
  }

  /** Its end makes the listener connect again. */
  #giveUp(client: pg.Client, error: Error): void {
    this.#isAlive = false;
    socketOf(client).destroy(error);
  }

  #heard(client: pg.Client): void {
    clearTimeout(this.#patience);
    clearTimeout(this.#heartbeat);
    if (!this.#closed) this.#heartbeat = setTimeout(() => this.#beat(client), this.#options.heartbeatMs).unref();
  }

  #reconnectLater(delayMs: number): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(async () => {
      try {
        this.#client = this.#connect();
        await this.#client;
        for (const handler of this.#reconnected) this.#tell(handler, "");
      } catch (error) {
        if (this.#closed) return;
        this.#options.onError(error as Error);
        this.#reconnectLater(Math.min(delayMs * 2, LONGEST_RETRY_MS));
      }
    }, delayMs);
  }
}
