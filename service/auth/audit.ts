import type { Response } from "express";
import { LRUCache } from "lru-cache";
import type { Database } from "../storage/sql.ts";
import { principalOf } from "./auth.ts";

/** Somebody who looks at a list again and again has read it once a minute. */
const ONCE_MS = 60_000;
const REMEMBERED = 10_000;

/** What of guests' data was read. */
export type ReadAction = "read.conversations" | "read.reservations" | "read.tickets" | "read.guest" | "read.dead_letters";

/**
 * Notes who reads guests' data of a hotel, in the hotel's audit log. It is awaited before the answer goes: what can't be noted
 * isn't shown.
 *
 * @param guest whose data; undefined for a list of all
 */
export type AuditRead = (response: Response, tenantId: string, action: ReadAction, guest?: string | undefined) => Promise<void>;

/** @param guestHash stands for a guest: an erased guest's address must not live on in the log */
export function createReadAudit({
  database,
  guestHash,
}: {
  database: Database;
  guestHash: (userId: string) => string;
}): AuditRead {
  const noted = new LRUCache<string, true>({ max: REMEMBERED, ttl: ONCE_MS });
  return async (response, tenantId, action, guest) => {
    const actor = principalOf(response).subject.slice(0, 256);
    const subject = guest === undefined ? "all" : `guest:${guestHash(guest)}`;
    const key = JSON.stringify([actor, tenantId, action, subject]);
    if (noted.has(key)) return;
    const { requestId } = response.locals;
    await database.forTenant(tenantId, (sql) =>
      sql("insert into audit_log (tenant_id, actor, action, subject, request_id) values ($1, $2, $3, $4, $5)", [
        tenantId,
        actor,
        action,
        subject,
        typeof requestId === "string" ? requestId : null,
      ]),
    );
    noted.set(key, true);
  };
}
