/** A tenant counts as active for this long after its last piece of work. */
const AT_WORK_MS = 10_000;

/**
 * How many pieces of work run at once, which tenant each belongs to, and which wait for a place. Workers use it for conversations
 * per tenant, senders for replies per line.
 *
 * While two tenants or more are active, one of them gets at most half of the places: so the other one finds a free place at once.
 * A tenant alone gets all. Tried, and not kept:
 * 1. No shares, tenants by turns: a tenant whose calls take long fills every place before another one comes. `places.test.ts`, "a
 *    hotel whose messages take for ever", fails.
 * 2. A fixed share for each known tenant: a tenant alone, which is the usual case, would have a part of its process only.
 * 3. Places divided by the number of active tenants: with many, each gets one place, and one slow call stops the tenant.
 * With halves, a neighbour at ten times its quota moves another tenant's p95 by 4 %: `npm run bench -- tenants`.
 */
export interface Places {
  /** Does the work in a place, now or as soon as one is free: in order within a tenant, tenants by turns. */
  run(tenantId: string, work: () => Promise<void>): void;
  /** Pieces of work of the tenant, or of all tenants, that have a place or wait for one. */
  held(tenantId?: string): number;
  /** The tenant of each of these pieces, so one tenant stands here several times. */
  holders(): string[];
  /** Whether two tenants or more are active. */
  isShared(): boolean;
  /** Fulfils when nothing is under way any more. */
  idle(): Promise<void>;
}

export interface PlacesOptions {
  places: number;
  /** Told each time that a piece of work has ended. */
  onEnd?: () => void;
  /** Told of work that rejected. */
  onError?: (error: Error) => void;
  /** Milliseconds from any origin that only grow. */
  clock?: () => number;
}

export function createPlaces(options: PlacesOptions): Places {
  const { places, onEnd = () => undefined, onError = () => undefined, clock = () => performance.now() } = options;
  const running = new Map<string, number>();
  /** The tenant that had its turn last stands last. */
  const waiting = new Map<string, (() => Promise<void>)[]>();
  let taken = 0;
  let queued = 0;
  /** The two tenants that asked for a place last, the newest first: enough to know whether two are active. */
  let latest: { tenantId: string; at: number }[] = [];
  let whenIdle: (() => void)[] = [];

  const isShared = () => {
    const second = latest[1];
    return second !== undefined && clock() - second.at < AT_WORK_MS;
  };
  const mayTake = (tenantId: string) =>
    taken < places && (running.get(tenantId) ?? 0) < (isShared() ? Math.ceil(places / 2) : places);

  const begin = (tenantId: string, work: () => Promise<void>): void => {
    taken += 1;
    running.set(tenantId, (running.get(tenantId) ?? 0) + 1);
    void work()
      .catch(onError)
      .finally(() => {
        taken -= 1;
        const left = running.get(tenantId)! - 1;
        if (left === 0) running.delete(tenantId);
        else running.set(tenantId, left);
        next();
        onEnd();
        if (taken === 0 && queued === 0) {
          for (const resolve of whenIdle) resolve();
          whenIdle = [];
        }
      });
  };

  /** Fills what is free. */
  const next = (): void => {
    for (const [tenantId, works] of waiting) {
      if (taken >= places) return;
      if (!mayTake(tenantId)) continue;
      const work = works.shift()!;
      queued -= 1;
      waiting.delete(tenantId);
      if (works.length > 0) waiting.set(tenantId, works);
      begin(tenantId, work);
    }
  };

  return {
    run: (tenantId, work) => {
      if (latest[0]?.tenantId === tenantId) latest[0].at = clock();
      else latest = [{ tenantId, at: clock() }, ...latest.filter((one) => one.tenantId !== tenantId)].slice(0, 2);
      if (mayTake(tenantId)) {
        begin(tenantId, work);
        return;
      }
      queued += 1;
      const works = waiting.get(tenantId);
      if (works === undefined) waiting.set(tenantId, [work]);
      else works.push(work);
    },
    held: (tenantId) =>
      tenantId === undefined ? taken + queued : (running.get(tenantId) ?? 0) + (waiting.get(tenantId)?.length ?? 0),
    holders: () => {
      const names: string[] = [];
      for (const [tenantId, count] of running) for (let one = 0; one < count; one += 1) names.push(tenantId);
      for (const [tenantId, works] of waiting) for (const _ of works) names.push(tenantId);
      return names;
    },
    isShared,
    idle: () =>
      taken === 0 && queued === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            whenIdle.push(resolve);
          }),
  };
}
