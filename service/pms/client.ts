import type { Shared } from "../storage/shared.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createPmsCache } from "./cache.ts";
import type { Pms, PmsAdapter } from "./port.ts";
import { createGuard, type ResilienceOptions } from "./resilience.ts";

export interface PmsClientOptions extends Omit<ResilienceOptions, "tenantId" | "metrics"> {
  adapter: PmsAdapter;
  tenantId: string;
  shared: Shared;
  metrics: Metrics;
  logger: Logger;
  now?: () => Date;
}

/** One hotel's PMS with time-outs, breaker, retries and cache around its adapter. Made once, for the hotel's lifetime. */
export function createPmsClient(options: PmsClientOptions): Pms {
  const { adapter, tenantId, shared, metrics, logger, now = () => new Date() } = options;
  const guard = createGuard(options);
  const cache = createPmsCache({ shared, tenantId, metrics, logger, now });

  /** What changes rooms makes what was read about them old, also when nobody knows whether it happened. */
  const write = async <Result>(
    operation: "hold" | "confirm" | "modify" | "cancel",
    call: () => Promise<Result>,
  ): Promise<Result> => {
    try {
      return await guard(operation, call);
    } finally {
      await cache.invalidate();
    }
  };

  return {
    roomTypes: () => cache.read("roomTypes", [], () => guard("roomTypes", () => adapter.roomTypes())),
    availability: (query) =>
      cache.read("availability", [query.checkIn, query.checkOut, query.adults, query.children, query.except ?? null], () =>
        guard("availability", () => adapter.availability(query)),
      ),
    reservation: (code) => guard("reservation", () => adapter.reservation(code)),
    reservationsOf: (userId) => guard("reservationsOf", () => adapter.reservationsOf(userId)),
    hold: (request) => write("hold", () => adapter.hold(request)),
    confirm: (code, guestName) => write("confirm", () => adapter.confirm(code, guestName)),
    modify: (code, change) => write("modify", () => adapter.modify(code, change)),
    cancel: (code) => write("cancel", () => adapter.cancel(code)),
    ping: () => guard("ping", () => adapter.ping()),
    invalidate: () => cache.invalidate(),
  };
}
