/** So long after its last conversation a hotel still counts as at work. */
const AT_WORK_MS = 10_000;

/**
 * The places of one worker: how many conversations it handles at once, whose they are, and which wait for one.
 *
 * While two hotels or more are at work, one may have half of all places: so the others find a free place at once, and don't wait
 * for one of a hotel that floods. A hotel alone has them all.
 */
export interface Places {
  /** Does the work in a place of the hotel, now or as soon as there is one: in order within a hotel, hotels by turns. */
  run(tenantId: string, work: () => Promise<void>): void;
  /** Conversations of the hotel, or of all, that have a place or wait for one. */
  held(tenantId?: string): number;
  /** The hotels of these, each as often as it has one. */
  holders(): string[];
  /** Whether two hotels or more are at work. */
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
  /** The hotel that had its turn last stands last. */
  const waiting = new Map<string, (() => Promise<void>)[]>();
  let taken = 0;
  let queued = 0;
  /** The two hotels that took a place last, the newest first: enough to know whether there are two. */
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
