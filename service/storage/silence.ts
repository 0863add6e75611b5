import type { Socket } from "node:net";
import type pg from "pg";

/** The database, or the way to it, stopped answering without closing the connection. What became of the last statement isn't known. */
export class SilentConnectionError extends Error {}

/** The part of its limit that a connection in use may still be silent once another one was found silent. */
const HURRIED_SHARE = 0.1;

/**
 * Ends connections of a pool from which nothing comes while somebody waits: a fail-over without a reset, a NAT that forgot them,
 * a server that hangs. Linux alone would notice after a quarter of an hour, and after no time at all while the kernel on the other
 * side still answers. The server's own `statement_timeout` is shorter, so a statement that is merely slow ends with an error of the
 * server, on a connection that lives on.
 *
 * One silent connection makes the others suspect: those that lie idle are dropped at once, and those in use get a tenth of the limit. Else a
 * pool of silent connections would cost its limit once per connection.
 */
export class SilenceWatch {
  readonly #limitMs: number;
  readonly #idle = new Set<pg.ClientBase>();
  readonly #used = new Set<pg.ClientBase>();
  /** Connections in use whose limit isn't the usual one. */
  readonly #special = new Set<pg.ClientBase>();

  /** @param limitMs milliseconds without a byte from the server after which a connection in use is ended */
  constructor(pool: pg.Pool, limitMs: number) {
    this.#limitMs = limitMs;
    pool.on("acquire", (client) => {
      this.#idle.delete(client);
      this.#used.add(client);
      // From here on, not from when it was used last.
      socketOf(client).setTimeout(limitMs);
    });
    pool.on("release", (_error, client) => {
      this.#used.delete(client);
      this.#idle.add(client);
      this.#special.delete(client);
    });
    pool.on("remove", (client) => {
      this.#idle.delete(client);
      this.#used.delete(client);
      this.#special.delete(client);
    });
  }

  /** Watches a connection that is new and already used, before its pool hands it out. */
  begin(client: pg.ClientBase): void {
    this.#used.add(client);
    const socket = socketOf(client);
    socket.setTimeout(this.#limitMs);
    socket.on("timeout", () => {
      if (this.#used.has(client)) this.#end(client);
    });
  }

  /** Gives a connection in use another limit until it is released: for a statement that is known to take long. */
  allow(client: pg.ClientBase, limitMs: number): void {
    this.#special.add(client);
    socketOf(client).setTimeout(limitMs);
  }

  #end(client: pg.ClientBase): void {
    const socket = socketOf(client);
    const seconds = (socket.timeout ?? this.#limitMs) / 1000;
    socket.destroy(new SilentConnectionError(`the database was silent for ${seconds} s, so the connection was given up`));
    for (const other of this.#idle) {
      socketOf(other).destroy(new SilentConnectionError("an idle connection was dropped, since another one was silent"));
    }
    this.#idle.clear();
    for (const other of this.#used) {
      if (other === client || this.#special.has(other)) continue;
      this.#special.add(other);
      socketOf(other).setTimeout(this.#limitMs * HURRIED_SHARE);
    }
  }
}

/** The socket under a connection, TLS or not; `pg` has no interface for it. */
export function socketOf(client: pg.ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
