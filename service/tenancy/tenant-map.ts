import { type Rule, RuleSet } from "./matcher.ts";
import type { PatternError } from "./pattern.ts";
import { DEFAULT_TENANT, type Tenant, type TenantRow, toTenant } from "./tenant.ts";

/** What the table of tenants says of changes after a number. */
export interface Changes {
  /** Which database they are of. */
  identity: string;
  /** The number of the last change that is contained. */
  change: number;
  rows: TenantRow[];
  /** Ids that went. A row of the same id with a higher change number was made after. */
  deleted: { id: string; change: number }[];
  /** The rows are all there are. */
  full?: boolean;
}

/** All tenants, in memory, with the ways to find one. Kept up by applying changes. */
export class TenantMap {
  /** The last change that was applied. */
  change = 0;
  /** The database whose changes these are; `undefined` before the first. */
  identity: string | undefined;
  private readonly tenants = new Map<string, Tenant>();
  private readonly byNumber = new Map<string, Tenant>();
  private readonly byEmail = new Map<string, Tenant>();
  private readonly rules: RuleSet;
  /** What is wrong with rows, by tenant. */
  private readonly wrong = new Map<string, string[]>();

  /** @param onQuarantine called when the number of tenants in quarantine changes, with what was found last */
  constructor(onQuarantine: (count: number, found: { id: string; problems: string[] }) => void) {
    this.onQuarantine = onQuarantine;
    this.rules = new RuleSet((rule, error) => this.quarantinePattern(rule, error));
  }
  private readonly onQuarantine: (count: number, found: { id: string; problems: string[] }) => void;

  apply({ identity, change, rows, deleted, full = false }: Changes): void {
    this.identity = identity;
    if (full) {
      for (const id of [...this.tenants.keys()]) this.remove(id);
      this.change = 0;
    }
    const written = new Map(rows.map((row) => [row.id, row.change]));
    for (const { id, change: deletedAt } of deleted) {
      if ((written.get(id) ?? 0) < deletedAt) this.remove(id);
    }
    // Numbers are unique in the table, but two tenants may swap theirs: first all go, then all come.
    for (const { id } of rows) this.remove(id);
    for (const row of rows) this.add(row);
    this.change = Math.max(this.change, change);
  }

  get(id: string): Tenant | undefined {
    return this.tenants.get(id);
  }

  get size(): number {
    return this.tenants.size;
  }

  /** @returns the tenant that has this WhatsApp number, active or not: a paused hotel's guests are no other hotel's */
  withNumber(phoneNumberId: string): Tenant | undefined {
    return this.byNumber.get(phoneNumberId);
  }

  /** @returns the tenant that has this e-mail address, active or not */
  withEmail(address: string): Tenant | undefined {
    return this.byEmail.get(address.toLowerCase());
  }

  /** @returns the active tenant whose pattern gets this guest */
  withPattern(canonicalUserId: string): Tenant | undefined {
    const rule = this.rules.match(canonicalUserId);
    return rule === undefined ? undefined : this.tenants.get(rule.id);
  }

  /** @returns every active tenant whose pattern matches, the one that gets the guest first */
  allWithPattern(canonicalUserId: string): Tenant[] {
    return this.rules.matchAll(canonicalUserId).flatMap(({ id }) => this.tenants.get(id) ?? []);
  }

  /** @returns every active tenant that has a pattern */
  withAnyPattern(): Tenant[] {
    return [...this.tenants.values()].filter(isRouted);
  }

  problemsOf(id: string): readonly string[] {
    return this.wrong.get(id) ?? [];
  }

  get quarantined(): number {
    return this.wrong.size;
  }

  /** Finds patterns that can't be used before a guest comes near them. */
  checkPatterns(pause: () => Promise<void>): Promise<void> {
    return this.rules.checkAll(pause);
  }

  private add(row: TenantRow): void {
    const { tenant, problems } = toTenant(row);
    this.tenants.set(tenant.id, tenant);
    if (problems.length > 0) this.quarantine(tenant.id, problems);
    if (tenant.whatsappPhoneNumberId !== null) this.byNumber.set(tenant.whatsappPhoneNumberId, tenant);
    if (tenant.emailAddress !== null) this.byEmail.set(tenant.emailAddress, tenant);
    if (isRouted(tenant)) this.rules.set({ id: tenant.id, pattern: tenant.pattern, priority: tenant.priority });
  }

  private remove(id: string): void {
    const old = this.tenants.get(id);
    if (old === undefined) return;
    this.tenants.delete(id);
    this.rules.delete(id);
    if (old.whatsappPhoneNumberId !== null && this.byNumber.get(old.whatsappPhoneNumberId) === old) {
      this.byNumber.delete(old.whatsappPhoneNumberId);
    }
    if (old.emailAddress !== null && this.byEmail.get(old.emailAddress) === old) this.byEmail.delete(old.emailAddress);
    if (this.wrong.delete(id)) this.onQuarantine(this.wrong.size, { id, problems: [] });
  }

  private quarantinePattern(rule: Rule, error: PatternError): void {
    this.quarantine(rule.id, [...(this.wrong.get(rule.id) ?? []), `pattern: ${error.message}; it matches nobody`]);
  }

  private quarantine(id: string, problems: string[]): void {
    this.wrong.set(id, problems);
    this.onQuarantine(this.wrong.size, { id, problems });
  }
}

function isRouted(tenant: Tenant): tenant is Tenant & { pattern: string } {
  return tenant.active && tenant.pattern !== null && tenant.id !== DEFAULT_TENANT;
}
