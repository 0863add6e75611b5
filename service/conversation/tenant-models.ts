import type { Model } from "../nlp/model.ts";
import { TenantModel, tenantAdditionsSchema } from "../nlp/tenant.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Tenant } from "../tenancy/tenant.ts";

/** Hotels' own examples and answers: `nlp` in the settings of a tenant. */
export interface TenantModels {
  /** @returns undefined when the hotel has none, or none that can be used */
  of(tenant: Pick<Tenant, "id" | "settings">): TenantModel | undefined;
}

/** Makes a hotel's model when it is first needed, and again when its settings have changed. */
export function createTenantModels({ model, logger }: { model: Model; logger: Logger }): TenantModels {
  const made = new Map<string, { settings: unknown; model: TenantModel | undefined }>();

  const make = (tenantId: string, settings: unknown): TenantModel | undefined => {
    const parsed = tenantAdditionsSchema.safeParse(settings);
    if (parsed.success) return new TenantModel(model, parsed.data);
    const problems = parsed.error.issues.map(({ path, message }) => `settings.${["nlp", ...path].join(".")}: ${message}`);
    logger.warn({ tenant_id: tenantId, problems }, "the hotel's own examples and answers can't be used; they are left out");
    return undefined;
  };

  return {
    of: ({ id, settings }) => {
      if (settings.nlp === undefined) return undefined;
      // Tenancy gives the same object until the tenant is read afresh.
      const known = made.get(id);
      if (
        known !== undefined &&
        (known.settings === settings.nlp || JSON.stringify(known.settings) === JSON.stringify(settings.nlp))
      ) {
        return known.model;
      }
      const own = make(id, settings.nlp);
      made.set(id, { settings: settings.nlp, model: own });
      return own;
    },
  };
}
