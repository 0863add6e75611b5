import { type RequestHandler, Router } from "express";
import { z } from "zod";
import { readJsonBody } from "../http/json-body.ts";
import { invalid } from "../http/problem.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import { principalOf, type Role, requireAllTenants, type TokenFacts } from "./auth.ts";

const CHANNEL = "token_revocations";
const POLL_MS = 10_000;
/** More than a deployment revokes in its life; the newest count. */
const MOST = 100_000;

interface Row {
  jti: string | null;
  subject: string | null;
  issued_before: Date | null;
}

/** Tokens that were taken back. Every process knows them within milliseconds, or with its next poll when a notification is lost. */
export interface Revocations {
  isRevoked(token: TokenFacts): boolean;
  revoke(what: { jti: string } | { subject: string; issuedBefore: Date }, by: string): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createRevocations({ database, logger }: { database: Database; logger: Logger }): Revocations {
  const ids = new Set<string>();
  /** Milliseconds since 1970, by subject: what was issued before is revoked. */
  const subjects = new Map<string, number>();
  const stops: (() => Promise<void>)[] = [];
  let timer: NodeJS.Timeout | undefined;

  const load = async () => {
    const rows = await database.withoutTenant((sql) =>
      sql<Row>(`select jti, subject, issued_before from revoked_tokens order by id desc limit ${MOST}`),
    );
    for (const { jti, subject, issued_before: before } of rows) {
      if (jti !== null) ids.add(jti);
      if (subject !== null && before !== null) subjects.set(subject, Math.max(subjects.get(subject) ?? 0, before.getTime()));
    }
  };
  /** The last known ones hold meanwhile: a revocation is never taken back. */
  const loadQuietly = () => {
    load().catch((error) => logger.warn({ err: error }, "revoked tokens can't be read afresh; the last known ones hold"));
  };

  return {
    isRevoked: ({ jti, sub = "", iat }) => {
      if (jti !== undefined && ids.has(jti)) return true;
      const before = subjects.get(sub);
      return before !== undefined && (iat === undefined || iat * 1000 < before);
    },
    revoke: async (what, by) => {
      const values = "jti" in what ? [what.jti, null, null] : [null, what.subject, what.issuedBefore.toISOString()];
      await database.withoutTenant(async (sql) => {
        await sql("insert into revoked_tokens (jti, subject, issued_before, revoked_by) values ($1, $2, $3, $4)", [
          ...values,
          by.slice(0, 256),
        ]);
        await sql(`select pg_notify('${CHANNEL}', '')`);
      });
      await load();
    },
    start: async () => {
      stops.push(await database.listen(CHANNEL, loadQuietly));
      database.onReconnect(loadQuietly);
      await load();
      timer = setInterval(loadQuietly, POLL_MS);
      timer.unref();
    },
    close: async () => {
      clearInterval(timer);
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

const name = z.string().min(1).max(256);
const body = z.union(
  [z.strictObject({ jti: name }), z.strictObject({ subject: name, issued_before: z.iso.datetime({ offset: true }).optional() })],
  {
    error: 'expected {"jti": "…"}, or {"subject": "…", "issued_before"?: "2026-03-10T12:00:00Z"}',
  },
);

/**
 * `POST /admin/tokens/revoke` with `{jti}`, or with `{subject, issued_before?}` for all that a subject got before that time
 * (now, when it is absent). For admins of all hotels.
 */
export function revocationRoutes({
  revocations,
  auth,
  logger,
  now = () => new Date(),
}: {
  revocations: Pick<Revocations, "revoke">;
  auth: (role: Role) => RequestHandler;
  logger: Logger;
  now?: () => Date;
}): Router {
  const router = Router();
  router.post("/admin/tokens/revoke", auth("admin"), readJsonBody("4kb"), async (request, response) => {
    const principal = principalOf(response);
    requireAllTenants(principal, "revoke tokens");
    const parsed = body.safeParse(request.body);
    if (!parsed.success) throw invalid(parsed.error);
    const what = parsed.data;
    if ("jti" in what) await revocations.revoke(what, principal.subject);
    else {
      const issuedBefore = what.issued_before === undefined ? now() : new Date(what.issued_before);
      await revocations.revoke({ subject: what.subject, issuedBefore }, principal.subject);
    }
    logger.warn(
      { by: principal.subject, ...("jti" in what ? { jti: what.jti } : { subject: what.subject }) },
      "tokens were revoked",
    );
    response.json({ status: "ok" });
  });
  return router;
}
