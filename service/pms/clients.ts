import type { Shared } from "../storage/shared.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createPmsClient } from "./client.ts";
import { createEmbeddedPms } from "./embedded.ts";
import type { Pms, PmsAdapter } from "./port.ts";
import { createQloAppsPms } from "./qloapps.ts";

/** What of a tenant decides which PMS answers for it. */
export interface PmsTenant {
  id: string;
  pms: {
    adapter?: "embedded" | "http" | undefined;
    url?: string | undefined;
    hotel_id?: string | undefined;
    api_key_variable?: string | undefined;
  };
  settings: Record<string, unknown>;
}

export interface PmsClientsOptions {
  database: Database;
  shared: Shared;
  metrics: Metrics;
  logger: Logger;
  /** Of the configuration: where hotels' PMS is when their settings don't say; absent: the embedded PMS. */
  defaultUrl?: string | undefined;
  defaultApiKey?: string | undefined;
  /** Hotels without rooms of their own in the embedded PMS are the demo hotel. Off in production, and in a database of one's own unless asked for. */
  demo: boolean;
  /** Environment variables, for the API keys that tenants name. */
  env: Record<string, string | undefined>;
  now?: (() => Date) | undefined;
}

export interface PmsClients {
  /** @returns the tenant's client: the same one until its settings change */
  forTenant(tenant: PmsTenant): Pms;
  /** Asks whether the tenant's PMS answers, past the breaker of its guests' calls. @throws when it doesn't */
  probe(tenant: PmsTenant): Promise<void>;
  /** @returns whether the tenant is the demo hotel where its settings are silent */
  isDemo(tenant: PmsTenant): boolean;
}

/** How long a booking in a hotel's own PMS is waited for. */
const BOOKING_TIMEOUT_MS = 12_000;

/** Makes one client for each hotel and keeps it, with its breaker and what it learned. */
export function createPmsClients(options: PmsClientsOptions): PmsClients {
  const { database, shared, metrics, logger, defaultUrl, defaultApiKey, demo, env, now } = options;
  const clients = new Map<string, { settings: string; adapter: PmsAdapter; pms: Pms }>();

  const isEmbedded = ({ pms }: PmsTenant) =>
    pms.adapter === "embedded" || (pms.adapter === undefined && pms.url === undefined && defaultUrl === undefined);

  const adapterOf = (tenant: PmsTenant): PmsAdapter => {
    const clock = now === undefined ? {} : { now };
    if (isEmbedded(tenant)) return createEmbeddedPms({ database, tenantId: tenant.id, demo, ...clock });
    const { url = defaultUrl, hotel_id: hotelId = "1", api_key_variable: variable } = tenant.pms;
    return createQloAppsPms({
      url,
      apiKey: variable === undefined ? defaultApiKey : env[variable],
      hotelId,
      currency: tenant.settings.pms_currency,
      roomTypes: tenant.settings.pms_room_types,
      database,
      tenantId: tenant.id,
      logger,
      ...clock,
    });
  };

  const clientOf = (tenant: PmsTenant) => {
    const settings = JSON.stringify([tenant.pms, tenant.settings.pms_room_types ?? null, tenant.settings.pms_currency ?? null]);
    const known = clients.get(tenant.id);
    if (known !== undefined && known.settings === settings) return known;
    const adapter = adapterOf(tenant);
    const pms = createPmsClient({
      adapter,
      tenantId: tenant.id,
      shared,
      metrics,
      logger,
      // A booking there sends four mails before it answers.
      ...(isEmbedded(tenant) ? {} : { writeTimeoutMs: BOOKING_TIMEOUT_MS }),
      ...(now === undefined ? {} : { now }),
    });
    const client = { settings, adapter, pms };
    clients.set(tenant.id, client);
    return client;
  };

  return {
    forTenant: (tenant) => clientOf(tenant).pms,
    probe: (tenant) => clientOf(tenant).adapter.ping(),
    isDemo: (tenant) => demo && isEmbedded(tenant),
  };
}
