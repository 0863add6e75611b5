import type pg from "pg";
import { APP_ROLE } from "../service/storage/connections.ts";

/** Tables that belong to no tenant, and why that leaks nothing. Every other table needs tenant_id. */
const WITHOUT_TENANT: Record<string, string> = {
  schema_migrations: "versions of the schema; the service can't read it",
  tenants: "its rows are the tenants; a policy of its own is tested below",
  tenant_map: "one number",
  tenant_deletions: "ids of tenants that are gone",
  dispatch_turns: "whose turn it is; only the dispatcher reads it",
  revoked_tokens: "tokens of administrators, which may be for all tenants",
  flag_overrides: "flags are shared by all tenants",
  flag_version: "one number",
  flag_changes: "flags are shared by all tenants",
};

/** A table with tenant_id. */
export interface TableRow {
  oid: number;
  name: string;
  rls: boolean;
  forced: boolean;
  owner: string;
}

/** @returns tables with tenant_id, and the names of the others */
export async function tablesOf(pool: pg.Pool): Promise<{ isolated: TableRow[]; others: string[] }> {
  const { rows } = await pool.query<TableRow & { isolated: boolean }>(
    `select c.oid, c.relname as name, c.relrowsecurity as rls, c.relforcerowsecurity as forced, pg_get_userbyid(c.relowner) as owner,
            exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) as isolated
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'm', 'f') order by c.relname`,
  );
  return {
    isolated: rows.filter(({ isolated }) => isolated),
    others: rows.filter(({ isolated }) => !isolated).map(({ name }) => name),
  };
}

/** @returns what the catalogue says against the isolation of tenants, one sentence a gap */
export async function findGaps(pool: pg.Pool): Promise<string[]> {
  const gaps: string[] = [];
  const { isolated, others } = await tablesOf(pool);
  for (const name of others) {
    if (!(name in WITHOUT_TENANT)) gaps.push(`${name} has no tenant_id; add it, or a reason to WITHOUT_TENANT`);
  }
  for (const { oid, name, rls, forced, owner } of isolated) {
    if (!rls) gaps.push(`${name}: row-level security isn't enabled; call isolate_tenants('${name}')`);
    if (!forced) gaps.push(`${name}: row-level security isn't forced on the owner`);
    if (owner === APP_ROLE) gaps.push(`${name}: belongs to ${APP_ROLE}`);

    const policies = await pool.query(
      `select polname, polcmd, polpermissive, pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as checking,
              array(select case when r = 0 then 'public' else pg_get_userbyid(r)::text end from unnest(polroles) r) as roles
         from pg_policy where polrelid = $1`,
      [oid],
    );
    const condition = /^\(tenant_id = \( SELECT current_tenant\(\) AS current_tenant\)\)$/;
    const own = policies.rows.find(({ polname }) => polname === "tenant_isolation");
    if (own === undefined || own.polcmd !== "*" || !condition.test(own.using) || !condition.test(own.checking)) {
      gaps.push(`${name}: lacks the policy tenant_isolation for every command`);
    }
    for (const { polname, polpermissive, roles } of policies.rows) {
      // Permissive policies add up, so one more for the service would open the table.
      if (
        polname !== "tenant_isolation" &&
        polpermissive &&
        roles.some((role: string) => role === "public" || role === APP_ROLE)
      ) {
        gaps.push(`${name}: the policy ${polname} lets the service see more`);
      }
    }

    const { rows: column } = await pool.query(
      "select attnotnull from pg_attribute where attrelid = $1 and attname = 'tenant_id'",
      [oid],
    );
    if (!column[0].attnotnull) gaps.push(`${name}: tenant_id may be null`);
    const { rows: indexes } = await pool.query(
      `select i.relname as name, (select attname from pg_attribute where attrelid = x.indrelid and attnum = x.indkey[0]) as first
         from pg_index x join pg_class i on i.oid = x.indexrelid
        where x.indrelid = $1 and (x.indisunique or x.indisexclusion)`,
      [oid],
    );
    if (indexes.length === 0) gaps.push(`${name}: has no key`);
    for (const index of indexes) {
      // A key over all tenants tells one what another has, and can't be distributed.
      if (index.first !== "tenant_id") gaps.push(`${name}: the key ${index.name} doesn't start with tenant_id`);
    }
    const { rows: keys } = await pool.query(
      `select conname, confrelid::regclass::text as target,
              (select attname from pg_attribute where attrelid = conrelid and attnum = conkey[1]) as first,
              (select attname from pg_attribute where attrelid = confrelid and attnum = confkey[1]) as target_first
         from pg_constraint where conrelid = $1 and contype = 'f'`,
      [oid],
    );
    for (const key of keys) {
      const wanted = key.target === "tenants" ? "id" : "tenant_id";
      if (key.first !== "tenant_id" || key.target_first !== wanted)
        gaps.push(`${name}: the foreign key ${key.conname} may point into another tenant`);
    }
    const { rows: rights } = await pool.query(
      "select privilege from unnest(array['TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege where has_table_privilege($1, $2::oid, privilege)",
      [APP_ROLE, oid],
    );
    for (const { privilege } of rights)
      gaps.push(`${name}: ${APP_ROLE} has ${privilege}, which row-level security doesn't hold back`);
  }

  const { rows: roles } = await pool.query(
    `select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcanlogin,
            array(select pg_get_userbyid(roleid)::text from pg_auth_members where member = r.oid) as member_of,
            (select count(*)::int from pg_class where relowner = r.oid) as owned
       from pg_roles r where rolname like 'gatehouse\\_%'`,
  );
  for (const role of roles) {
    if (role.rolsuper || role.rolbypassrls || role.rolcreaterole) gaps.push(`${role.rolname} can bypass row-level security`);
    if (role.owned > 0) gaps.push(`${role.rolname} owns ${role.owned} relations`);
    if (role.rolname === APP_ROLE && role.member_of.length > 0) gaps.push(`${APP_ROLE} is a member of ${role.member_of}`);
    if (role.rolname !== APP_ROLE && role.rolcanlogin) gaps.push(`${role.rolname} can log in`);
  }
  const { rows: views } = await pool.query(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'
        and not coalesce('security_invoker=true' = any (reloptions), false)`,
  );
  for (const { relname } of views) gaps.push(`the view ${relname} reads with its owner's rights; make it security_invoker`);
  const { rows: functions } = await pool.query(
    `select proname, rolname, rolsuper or rolbypassrls as powerful, rolcanlogin, proconfig,
            has_function_privilege('public', p.oid, 'execute') as open
       from pg_proc p join pg_roles r on r.oid = proowner
      where pronamespace = 'public'::regnamespace and prosecdef`,
  );
  for (const one of functions) {
    if (one.powerful || one.rolcanlogin || one.rolname === APP_ROLE)
      gaps.push(`the function ${one.proname} runs as ${one.rolname}; give it to a role that sees what it needs only`);
    if (one.open) gaps.push(`the function ${one.proname} can be called by everybody`);
    if (!one.proconfig?.some((setting: string) => setting.startsWith("search_path=")))
      gaps.push(`the function ${one.proname} has no search_path of its own`);
  }
  return gaps;
}

interface Column {
  name: string;
  type: string;
  required: boolean;
  generated: boolean;
  checks: string;
}

/** Makes the smallest row that a table takes, from its catalogue, so that a new table is tested without anybody's help. */
export async function sampleRow(pool: Pick<pg.PoolClient, "query">, { oid }: TableRow): Promise<Record<string, unknown>> {
  const { rows } = await pool.query<Column>(
    `select a.attname as name, format_type(a.atttypid, null) as type, a.attnotnull and not a.atthasdef as required, a.attidentity <> '' or a.attgenerated <> '' as generated,
            coalesce((select string_agg(pg_get_constraintdef(c.oid), ' ') from pg_constraint c
                       where c.conrelid = a.attrelid and c.contype = 'c' and c.conkey = array[a.attnum]), '') as checks
       from pg_attribute a where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [oid],
  );
  const row: Record<string, unknown> = {};
  for (const [index, { name, type, required, generated, checks }] of rows.entries()) {
    if (generated || !required || name === "tenant_id") continue;
    if (type === "text") row[name] = /ARRAY\['([^']+)'/.exec(checks)?.[1] ?? sampleText(checks);
    else if (/int|numeric|real|double/.test(type)) row[name] = 1;
    // Later columns have later days, as in check_in and check_out.
    else if (type === "date" || type.startsWith("timestamp")) row[name] = `2030-01-${String(1 + index).padStart(2, "0")}`;
    else if (type === "uuid") row[name] = "00000000-0000-4000-8000-000000000001";
    else if (type === "boolean") row[name] = true;
    else if (type === "jsonb" || type === "json") row[name] = "{}";
    else if (type.endsWith("[]")) row[name] = "{}";
    else throw new Error(`isolation test: no sample for ${name} of type ${type}; teach sampleRow`);
  }
  return row;
}

function sampleText(checks: string): string {
  const pattern = /~ '([^']+)'/.exec(checks)?.[1];
  const candidates = ["sample", "01-01", "USD", "ABCD1234", "1"];
  return pattern === undefined ? "sample" : (candidates.find((text) => new RegExp(pattern).test(text)) ?? "sample");
}
