import { setTimeout as delay } from "node:timers/promises";
import type { Told } from "../../mail/message.ts";
import type { Database, Sql } from "../../storage/sql.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Language } from "../../vocabulary.ts";
import {
  type Contacts,
  contactsOf,
  type DefaultContacts,
  type NotificationSettings,
  readNotificationSettings,
} from "./contacts.ts";
import type { Notice } from "./notice.ts";
import type { Way } from "./ways.ts";

/*
 * The life of a notice (column `state` of `notices`; the ticket's insert makes it, by a trigger):
 *
 *   pending       nobody has acknowledged it. Whoever handles the guest's message tells it at once (`tell`); after 5 s, or when
 *                 that attempt failed, any process does (`claim_notices`), later and later, for a day.
 *   acknowledged  a mail server, a webhook or WhatsApp took it. When nobody takes the hand-over or the ticket until
 *                 `escalate_at`, a notice of the next step is made, to more people.
 *   failed        a day has passed. The gauge of pending notices and its alert have told an operator long before.
 *
 * A lease (`lease_until`) keeps two processes from telling the same notice; one that ended is free again when its lease runs out.
 */

/** Guests wait for their answer while reception is told: then they read that it isn't sure yet. */
const PATIENCE_MS = 3_000;
/** Longer than any way takes for one notice. */
const LEASE_SECONDS = 30;
const POLL_MS = 2_000;
/** Notices that one claim leases. */
const MOST = 20;
/** Seconds until the next attempt, by the number of attempts before; then the last, until a day is over. */
const WAITS = [5, 15, 60, 300, 900];
const DAY_MS = 86_400_000;
/** Steps in which a hand-over that nobody takes is told. */
const MOST_STEPS = 3;
/** Emergencies don't wait for the hotel's minutes. */
const EMERGENCY_MINUTES = 3;
const ESCALATING: ReadonlySet<string> = new Set(["emergency", "handover"]);

/** What a hotel is to notices. */
export interface NoticeTenant {
  name: string;
  languages: readonly Language[];
  settings: Record<string, unknown>;
}

export interface NoticesOptions {
  database: Database;
  tenant: (id: string) => Promise<NoticeTenant | undefined>;
  ways: { email?: Way<readonly string[]>; webhook?: Way<string>; whatsapp?: Way<readonly string[]> };
  defaults: DefaultContacts;
  metrics: Metrics;
  logger: Logger;
  patienceMs?: number;
  pollMs?: number;
}

/** Tells reception. */
export interface Notices {
  /**
   * Tells of tickets now, and waits some seconds for somebody to take the notices.
   *
   * @param keys of tickets that were opened just now
   * @returns the worst of them: `unreachable` when the hotel has nobody to be told, `pending` when nobody has taken it yet
   */
  tell(tenantId: string, keys: readonly string[]): Promise<Told>;
  start(): void;
  stop(): Promise<void>;
}

interface Row extends Record<string, unknown> {
  id: string;
  subject: string;
  step: number;
  state: "pending" | "acknowledged" | "failed";
  attempts: number;
  created_at: Date;
  ticket_key: string;
  ticket_state: "open" | "done";
  kind: string;
  urgent: boolean;
  text: string;
  room: string | null;
  channel: string;
  user_id: string;
  conversation_id: string;
}

const COLUMNS = `n.id, n.subject, n.step, n.state, n.attempts, n.created_at, n.ticket_key, t.state as ticket_state,
  t.kind, t.urgent, t.text, t.room, t.channel, t.user_id, t.conversation_id`;

export function createNotices(options: NoticesOptions): Notices {
  const { database, metrics, logger, patienceMs = PATIENCE_MS, pollMs = POLL_MS } = options;
  const stopped = new AbortController();
  let loop: Promise<void> | undefined;
  /** Attempts that go on after the guest was answered. */
  const running = new Set<Promise<unknown>>();

  /** Attempts one leased notice and notes what came of it. @returns whether somebody took it */
  async function attempt(tenantId: string, row: Row, hotel: NoticeTenant, settings: NotificationSettings): Promise<boolean> {
    const notice = noticeOf(tenantId, row, hotel);
    const contacts = contactsOf(settings, options.defaults, row.step);
    const { takenBy, errors } = await send(notice, contacts);
    const wait = WAITS[Math.min(row.attempts, WAITS.length - 1)]!;
    const late = Date.now() - row.created_at.getTime() > DAY_MS;
    const minutes = row.kind === "emergency" ? EMERGENCY_MINUTES : settings.escalate_after_minutes;
    const escalates = ESCALATING.has(row.kind) && row.step + 1 < MOST_STEPS && row.subject === row.ticket_key;
    const error = contacts.length === 0 ? "the hotel has nobody to be told: set settings.notifications" : errors.join("; ");
    await database.forTenant(tenantId, (sql) =>
      takenBy.length > 0
        ? sql(
            `update notices set state = 'acknowledged', acknowledged_at = now(), acknowledged_by = $3, attempts = attempts + 1,
                    lease_until = null, error = null, escalate_at = case when $4 then now() + make_interval(mins => $5) end
              where tenant_id = $1 and id = $2 and state = 'pending'`,
            [tenantId, row.id, takenBy.join(" "), escalates, minutes],
          )
        : sql(
            `update notices set state = $3, attempts = attempts + 1, lease_until = null, error = $4,
                    next_attempt_at = now() + make_interval(secs => $5)
              where tenant_id = $1 and id = $2 and state = 'pending'`,
            [tenantId, row.id, late ? "failed" : "pending", error.slice(0, 500), wait],
          ),
    );
    if (takenBy.length === 0)
      logger.warn(
        { tenant_id: tenantId, notice_id: row.id, kind: row.kind, attempts: row.attempts + 1, problem: error },
        "reception could not be told; it is tried again",
      );
    return takenBy.length > 0;
  }

  async function send(notice: Notice, contacts: readonly Contacts[]): Promise<{ takenBy: string[]; errors: string[] }> {
    const { ways } = options;
    const tries = contacts.flatMap(({ email, whatsapp, webhook }) => [
      ...(email.length === 0 ? [] : [one("email", ways.email, "SMTP_URL isn't set", (way) => way.send(notice, email))]),
      ...(whatsapp.length === 0
        ? []
        : [one("whatsapp", ways.whatsapp, "WhatsApp isn't set up", (way) => way.send(notice, whatsapp))]),
      ...(webhook === undefined
        ? []
        : [one("webhook", ways.webhook, "NOTIFY_WEBHOOK_ORIGINS isn't set", (way) => way.send(notice, webhook))]),
    ]);
    const results = await Promise.all(tries);
    return {
      takenBy: [...new Set(results.flatMap(({ name, error }) => (error === undefined ? [name] : [])))],
      errors: results.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`])),
    };
  }

  async function one<W>(name: string, way: W | undefined, missing: string, use: (way: W) => Promise<void>) {
    let error: string | undefined;
    if (way === undefined) error = missing;
    else {
      try {
        await use(way);
      } catch (thrown) {
        error = thrown instanceof Error ? thrown.message : String(thrown);
      }
    }
    metrics.notifications.inc({ channel: name, result: error === undefined ? "acknowledged" : "failed" });
    return { name, error };
  }

  async function settingsOf(tenantId: string): Promise<{ hotel: NoticeTenant; settings: NotificationSettings } | undefined> {
    const hotel = await options.tenant(tenantId);
    if (hotel === undefined) return undefined;
    const { value, problems } = readNotificationSettings(hotel.settings);
    if (problems.length > 0)
      logger.warn({ tenant_id: tenantId, problems }, "settings.notifications can't be used; the operator is told instead");
    return { hotel, settings: value };
  }

  async function tell(tenantId: string, keys: readonly string[]): Promise<Told> {
    if (keys.length === 0) return "acknowledged";
    const found = await settingsOf(tenantId);
    if (found === undefined) return "unreachable";
    if (contactsOf(found.settings, options.defaults, 0).length === 0) return "unreachable";
    const rows = await database.forTenant(tenantId, async (sql) => {
      await sql(
        `update notices set lease_until = now() + make_interval(secs => $3)
          where tenant_id = $1 and ticket_key = any($2) and step = 0 and state = 'pending' and (lease_until is null or lease_until < now())`,
        [tenantId, keys, LEASE_SECONDS],
      );
      return sql<Row & { mine: boolean }>(
        `select ${COLUMNS}, n.lease_until = now() + make_interval(secs => $3) as mine from notices n
           join tickets t on t.tenant_id = n.tenant_id and t.key = n.ticket_key
          where n.tenant_id = $1 and n.ticket_key = any($2) and n.step = 0`,
        [tenantId, keys, LEASE_SECONDS],
      );
    });
    const attempts = rows.flatMap((row) => (row.mine ? [track(attempt(tenantId, row, found.hotel, found.settings))] : []));
    const others = rows.filter(({ mine }) => !mine).every(({ state }) => state === "acknowledged");
    const late = delay(patienceMs, false, { ref: false });
    const taken = await Promise.race([Promise.all(attempts).then((all) => all.every(Boolean)), late]);
    return taken && others && rows.length >= keys.length ? "acknowledged" : "pending";
  }

  /** An attempt that fails for want of a database is made again when its lease has run out. */
  function track(work: Promise<boolean>): Promise<boolean> {
    const safe = work.catch((error: unknown) => {
      logger.warn({ err: error }, "what came of a notice could not be noted; it is told again");
      return false;
    });
    running.add(safe);
    safe.finally(() => running.delete(safe));
    return safe;
  }

  async function work(tenantId: string, id: string): Promise<void> {
    const found = await settingsOf(tenantId);
    const [row] = await database.forTenant(tenantId, (sql) =>
      sql<Row>(
        `select ${COLUMNS} from notices n join tickets t on t.tenant_id = n.tenant_id and t.key = n.ticket_key
          where n.tenant_id = $1 and n.id = $2`,
        [tenantId, id],
      ),
    );
    if (row === undefined || found === undefined) return;
    if (row.state === "pending") await attempt(tenantId, row, found.hotel, found.settings);
    else await database.forTenant(tenantId, (sql) => escalate(sql, tenantId, row));
  }

  async function runLoop(): Promise<void> {
    while (!stopped.signal.aborted) {
      let claimed = 0;
      try {
        const due = await database.withoutTenant((sql) =>
          sql<{ tenant_id: string; id: string }>("select tenant_id, id from claim_notices($1, $2)", [LEASE_SECONDS, MOST]),
        );
        claimed = due.length;
        await Promise.all(due.map(({ tenant_id, id }) => track(work(tenant_id, id).then(() => true))));
      } catch (error) {
        logger.warn({ err: error }, "notices could not be claimed; it is tried again");
      }
      if (claimed < MOST) await delay(pollMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
    }
  }

  return {
    tell,
    start: () => {
      loop ??= runLoop();
    },
    stop: async () => {
      stopped.abort();
      await loop;
      await Promise.all(running);
      for (const way of Object.values(options.ways)) way?.close();
    },
  };
}

function noticeOf(tenantId: string, row: Row, hotel: NoticeTenant): Notice {
  return {
    id: row.id,
    tenantId,
    hotel: hotel.name,
    kind: row.kind,
    urgent: row.urgent,
    text: row.text,
    room: row.room ?? undefined,
    channel: row.channel,
    userId: row.user_id,
    conversationId: row.conversation_id,
    step: row.step,
    createdAt: row.created_at,
    language: hotel.languages[0] ?? "en",
  };
}

/** Makes the next step of a notice whose ticket nobody closed and whose guest no person has answered since. */
async function escalate(sql: Sql, tenantId: string, row: Row): Promise<void> {
  const [person] = await sql(
    `select 1 from messages where tenant_id = $1 and conversation_id = $2 and direction = 'out' and content ? 'by' and at >= $3 limit 1`,
    [tenantId, row.conversation_id, row.created_at],
  );
  const [conversation] = await sql<{ handed_over: boolean }>(
    "select handed_over from conversations where tenant_id = $1 and id = $2",
    [tenantId, row.conversation_id],
  );
  const taken = row.ticket_state === "done" || person !== undefined || conversation?.handed_over !== true;
  await sql("update notices set escalate_at = null, lease_until = null where tenant_id = $1 and id = $2", [tenantId, row.id]);
  if (taken) return;
  await sql(
    `insert into notices (tenant_id, subject, step, ticket_key, next_attempt_at) values ($1, $2, $3, $4, now()) on conflict do nothing`,
    [tenantId, row.subject, row.step + 1, row.ticket_key],
  );
}
