import pg from "pg";

/** What both databases offer for `NOTIFY`. */
export interface Listening {
  listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>>;
  onReconnect(handler: () => void): void;
  close(): Promise<void>;
}

/** One Postgres connection that listens, and comes back by itself when it is lost. */
export class Listener implements Listening {
  readonly #makeClient: () => pg.Client;
  readonly #onError: (error: Error) => void;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();
  readonly #reconnected = new Set<() => void>();
  #client: Promise<pg.Client> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(makeClient: () => pg.Client, onError: (error: Error) => void) {
    this.#makeClient = makeClient;
    this.#onError = onError;
  }

  async listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>> {
    const handlers = this.#handlers.get(channel) ?? new Set();
    handlers.add(handler);
    const first = !this.#handlers.has(channel);
    this.#handlers.set(channel, handlers);
    this.#client ??= this.#connect();
    const client = await this.#client;
    if (first) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return async () => {
      handlers.delete(handler);
    };
  }

  onReconnect(handler: () => void): void {
    this.#reconnected.add(handler);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const client = await this.#client?.catch(() => undefined);
    await client?.end();
  }

  async #connect(): Promise<pg.Client> {
    const client = this.#makeClient();
    client.on("notification", ({ channel, payload }) => {
      for (const handler of this.#handlers.get(channel) ?? []) handler(payload ?? "");
    });
    client.on("error", this.#onError);
    client.on("end", () => this.#reconnectLater(100));
    await client.connect();
    return client;
  }

  #reconnectLater(delayMs: number): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(async () => {
      try {
        const pending = this.#connect();
        const client = await pending;
        for (const channel of this.#handlers.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
        this.#client = pending;
        for (const handler of this.#reconnected) handler();
      } catch (error) {
        this.#onError(error as Error);
        this.#reconnectLater(Math.min(delayMs * 2, 5_000));
      }
    }, delayMs);
  }
}
