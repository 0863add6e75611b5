import { randomUUID } from "node:crypto";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import { LEASE_SECONDS, Lease } from "./lease.ts";
import type { Places } from "./places.ts";
import type { Pulse } from "./pulse.ts";

/** Conversations that a look leases per place: one to handle and one that is ready, so that no place waits for a look. */
const CLAIM_AHEAD = 2;
/** A look costs as much as handling a message, so the next one comes when there is room for several: at this many per place. */
const REFILL_BELOW = 1.5;
/** The part of all that one tenant may hold while messages of others could come. */
const TENANT_SHARE = 0.5;
/** Conversations that may wait here per place for having been leased as they were stored; more wait in the database. */
const QUEUE_PER_PLACE = 512;

export interface ClaimOptions {
  database: Database;
  logger: Logger;
  pulse: Pulse;
  places: Pick<Places, "held" | "holders" | "isShared">;
  /** Places in all. */
  concurrency: number;
  queuePerPlace?: number | undefined;
  /** Is given each conversation that a look leased. */
  onLease: (lease: Lease) => void;
  /** Milliseconds from any origin that only grow. */
  monotone: () => number;
}

interface Found {
  tenant_id: string;
  conversation_id: string;
  lease_token: string;
  interrupted: boolean;
}

/**
 * Finds work for one worker in the database, and says which work needn't be found.
 *
 * Most messages never wait for a look: `reserve` gives an owner for the lease that is written as the message is stored. When this
 * process has no room, or older messages of the tenant wait, it gives none, and remembers that the database holds messages
 * that a look must find (`unclaimed`). Looks come by `NOTIFY`, once per second, and when places become free while `unclaimed`.
 *
 *     stopped ──start──▶ idle ──look──▶ looking ──look──▶ lookingAgain
 *                         ▲               │ ▲                   │
 *                         └─── it ended ──┘ └──── it ended ─────┘        stop: from each to stopped
 *
 * One look at a time: what asks for one meanwhile gets one that begins afterwards, since the one under way may have passed over
 * what has just come. A look that fails or is too late (the database gives every statement a deadline) ends like any other.
 */
export class Claims {
  readonly #options: ClaimOptions;
  readonly #owner = randomUUID();
  #state: "stopped" | "idle" | "looking" | "lookingAgain" = "stopped";
  #leases = 0;
  /** What waits in the database: perhaps something (`any`), and surely or perhaps something of these tenants. */
  readonly #unclaimed = { any: false, tenants: new Set<string>() };

  constructor(options: ClaimOptions) {
    this.#options = options;
  }

  start(): void {
    this.#state = "idle";
    this.look();
  }

  stop(): void {
    this.#state = "stopped";
  }

  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  /**
   * Reserves an owner for the lease of a conversation in which a message is about to be stored, so that it needn't be claimed later.
   *
   * @returns undefined when there is no room, or older messages of the tenant wait
   */
  reserve(tenantId: string): string | undefined {
    if (this.isStopped) return undefined;
    const { places, concurrency, queuePerPlace = QUEUE_PER_PLACE } = this.#options;
    const queue = concurrency * queuePerPlace;
    const hasRoom = places.held(tenantId) < queue * TENANT_SHARE && places.held() < queue;
    if (hasRoom && !this.#unclaimed.tenants.has(tenantId)) {
      this.#leases += 1;
      return `${this.#owner}:${this.#leases}`;
    }
    this.#unclaimed.tenants.add(tenantId);
    this.#unclaimed.any = true;
    return undefined;
  }

  /** Looks now, or once more when a look is under way. */
  look(): void {
    if (this.#state === "looking") this.#state = "lookingAgain";
    if (this.#state === "idle") void this.#lookUntilQuiet();
  }

  /** Looks when work that waits in the database would find room now. */
  refill(): void {
    const { places, concurrency } = this.#options;
    if (this.#unclaimed.any && places.held() <= concurrency * REFILL_BELOW) this.look();
  }

  async #lookUntilQuiet(): Promise<void> {
    const { logger } = this.#options;
    do {
      this.#state = "looking";
      await this.#lookOnce().catch((error) => {
        this.#unclaimed.any = true;
        logger.warn({ err: error }, "could not look for waiting messages; trying again");
      });
    } while ((this.#state as string) === "lookingAgain");
    if (!this.isStopped) this.#state = "idle";
  }

  async #lookOnce(): Promise<void> {
    const { database, pulse, places, concurrency, onLease, monotone } = this.#options;
    const ahead = concurrency * CLAIM_AHEAD;
    const room = ahead - places.held();
    if (room <= 0) {
      this.#unclaimed.any = true;
      return;
    }
    this.#unclaimed.any = false;
    const tenantsBefore = [...this.#unclaimed.tenants];
    const perTenant = places.isShared() ? ahead * TENANT_SHARE : ahead;
    const takenAt = monotone();
    const found = await pulse.step(() =>
      database.withoutTenant((sql) =>
        sql<Found>(
          "select tenant_id, conversation_id, lease_token, interrupted from claim_conversations($1, $2, $3, $4, $5)",
          [this.#owner, LEASE_SECONDS, room, places.holders(), perTenant],
          "claim-conversations",
        ),
      ),
    );
    for (const { tenant_id: tenantId, conversation_id: conversationId, lease_token: token, interrupted } of found) {
      onLease(new Lease({ tenantId, conversationId, token, interrupted, takenAt }));
    }
    if (found.length === room) {
      this.#unclaimed.any = true;
      return;
    }
    // All that waited is here now, except what a tenant has beyond its share.
    for (const tenantId of tenantsBefore) if (places.held(tenantId) < perTenant) this.#unclaimed.tenants.delete(tenantId);
    if (this.#unclaimed.tenants.size > 0 || perTenant < ahead) this.#unclaimed.any = true;
  }
}
