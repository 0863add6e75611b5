import { invalid, Problem } from "../http/problem.ts";
import type { Database, Sql } from "../storage/sql.ts";
import type { TenantDocument } from "./tenant-input.ts";

/** A tenant as the admin API shows it. */
export type StoredTenant = TenantDocument & { created_at: Date; updated_at: Date; version: number };

/** Who changes something, for the audit log. */
export interface Actor {
  subject: string;
  requestId: string | undefined;
}

export interface AuditEntry {
  at: Date;
  actor: string;
  action: string;
  subject: string;
  before: unknown;
  after: unknown;
  request_id: string | null;
}

const FIELDS = [
  "id",
  "name",
  "pattern",
  "active",
  "priority",
  "time_zone",
  "languages",
  "business_hours",
  "whatsapp_phone_number_id",
  "email_address",
  "limits",
  "pms",
  "settings",
] as const satisfies (keyof TenantDocument)[];
const UNIQUE_FIELDS = ["whatsapp_phone_number_id", "email_address"] as const;
const JSON_FIELDS = new Set<string>(["business_hours", "limits", "pms", "settings"]);
const COLUMNS = `${FIELDS.join(", ")}, created_at, updated_at, version::float8 as version`;

export interface ListOptions {
  /** Part of the id or the name, in any case. */
  search?: string | undefined;
  after?: string | undefined;
  limit: number;
  active?: boolean | undefined;
  tenant?: string | undefined;
}

/** @returns tenants in the order of their ids, behind `after`; of one tenant only when `tenant` is given */
export function listTenants(database: Database, { search, after, limit, active, tenant }: ListOptions): Promise<StoredTenant[]> {
  const work = (sql: Sql) =>
    sql<StoredTenant>(
      `select ${COLUMNS} from tenants
        where id collate "C" > $1
          and ($2::text is null or strpos(lower(id), lower($2)) > 0 or strpos(lower(name), lower($2)) > 0)
          and ($3::boolean is null or active = $3)
        order by id collate "C" limit $4`,
      [after ?? "", search ?? null, active ?? null, limit],
    );
  return tenant === undefined ? database.withoutTenant(work) : database.forTenant(tenant, work);
}

export async function readStoredTenant(database: Database, id: string): Promise<StoredTenant> {
  const [row] = await database.forTenant(id, (sql) => sql<StoredTenant>(`select ${COLUMNS} from tenants where id = $1`, [id]));
  if (row === undefined) throw unknown(id);
  return row;
}

/** @throws Problem 409 when the id or the number is taken */
export function insertTenant(database: Database, document: TenantDocument, actor: Actor): Promise<StoredTenant> {
  return explaining(() =>
    database.forTenant(document.id, async (sql) => {
      const [row] = await sql<StoredTenant>(
        `insert into tenants (${FIELDS.join(", ")}) values (${FIELDS.map((_, index) => `$${index + 1}`).join(", ")}) returning ${COLUMNS}`,
        values(document),
      );
      await audit(sql, actor, "tenant.create", document.id, null, row!);
      return row!;
    }),
  );
}

/**
 * @param change makes the new document of the one that is stored, which nobody else changes meanwhile
 * @param version the only version that may be changed; absent: any
 * @throws Problem 404, 412 when the version is another, 409 when the number is taken, and what `change` throws
 */
export function updateTenant(
  database: Database,
  id: string,
  change: (current: TenantDocument) => TenantDocument,
  version: number | undefined,
  actor: Actor,
): Promise<StoredTenant> {
  return explaining(() =>
    database.forTenant(id, async (sql) => {
      const [before] = await sql<StoredTenant>(`select ${COLUMNS} from tenants where id = $1 for update`, [id]);
      if (before === undefined) throw unknown(id);
      if (version !== undefined && version !== before.version) {
        throw new Problem(
          412,
          "Precondition Failed",
          `The tenant is at version ${before.version}, not ${version}. Read it again, then change it.`,
        );
      }
      const { created_at: _, updated_at: __, version: ___, ...current } = before;
      const document = change(current);
      const assignments = FIELDS.slice(1).map((field, index) => `${field} = $${index + 2}`);
      const [after] = await sql<StoredTenant>(
        `update tenants set ${assignments.join(", ")} where id = $1 returning ${COLUMNS}`,
        values(document),
      );
      await audit(sql, actor, "tenant.update", id, before, after!);
      return after!;
    }),
  );
}

/** A hotel of years has millions of rows. */
const ERASE_TIMEOUT_MS = 600_000;

/**
 * Deletes a tenant and all of its data but the audit log.
 *
 * @param force also when guests are in the middle of something
 * @throws Problem 404, 409 when it has open conversations
 */
export function deleteTenant(database: Database, id: string, force: boolean, actor: Actor): Promise<void> {
  const erase = async (sql: Sql): Promise<void> => {
    const [before] = await sql<StoredTenant>(`select ${COLUMNS} from tenants where id = $1 for update`, [id]);
    if (before === undefined) throw unknown(id);
    const [open] = await sql<{ count: number }>(
      `select count(*)::int as count from conversations c
        where waiting_since is not null or handed_over or updated_at > now() - interval '24 hours'
           or exists (select from outbox o where o.tenant_id = c.tenant_id and o.conversation_id = c.id and o.state = 'pending')`,
    );
    if (!force && open!.count > 0) {
      throw new Problem(
        409,
        "Conflict",
        `The tenant has ${open!.count} open ${open!.count === 1 ? "conversation" : "conversations"}: a message or reply waits, reception answers, or a guest wrote in the last 24 hours. Set "active" to false and wait, or delete it with ?force.`,
      );
    }
    await audit(sql, actor, "tenant.delete", id, before, null);
    await sql("select erase_tenant()");
    await sql("delete from tenants where id = $1", [id]);
  };
  return database.forTenant(id, erase, { timeoutMs: ERASE_TIMEOUT_MS });
}

/** @returns who changed what of a tenant, the last change first; also of one that was deleted */
export function readAudit(database: Database, tenantId: string, limit: number): Promise<AuditEntry[]> {
  return database.forTenant(tenantId, (sql) =>
    sql<AuditEntry>("select at, actor, action, subject, before, after, request_id from audit_log order by id desc limit $1", [
      limit,
    ]),
  );
}

async function audit(
  sql: Sql,
  actor: Actor,
  action: string,
  tenantId: string,
  before: StoredTenant | null,
  after: StoredTenant | null,
) {
  await sql(
    "insert into audit_log (tenant_id, actor, action, subject, before, after, request_id) values ($1, $2, $3, $1, $4, $5, $6)",
    [tenantId, actor.subject.slice(0, 256), action, json(before), json(after), actor.requestId ?? null],
  );
}

const json = (value: unknown) => (value === null ? null : JSON.stringify(value));

const values = (document: TenantDocument): unknown[] =>
  FIELDS.map((field) => (JSON_FIELDS.has(field) ? json(document[field]) : document[field]));

const unknown = (id: string) => new Problem(404, "Not Found", `There is no tenant "${id.slice(0, 100)}".`);

/** Turns what the database refuses into an answer that says what to do. */
async function explaining<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { code, constraint, message } = error as { code?: string; constraint?: string; message: string };
    if (code === "23505") {
      const field = UNIQUE_FIELDS.find((name) => constraint === `tenants_${name}_key`) ?? "id";
      throw new Problem(409, "Conflict", `Another tenant has this ${field}.`, [{ field, message: "is taken by another tenant" }]);
    }
    if (code === "22023" && /time zone/.test(message)) {
      throw invalid([
        { field: "time_zone", message: "the database doesn't know this time zone; expected one such as America/Montevideo" },
      ]);
    }
    throw error;
  }
}
