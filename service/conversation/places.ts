/** So long after its last conversation a hotel still counts as at work. */
const AT_WORK_MS = 10_000;

/** The places of one worker: how many conversations it handles at once, and whose they are. */
export interface Places {
  /** Places nobody has. */
  free(): number;
  /** The hotels that have a place now, each as often as it has one. */
  held(): string[];
  /**
   * The most places that one hotel may have. While two hotels or more are at work it is half of all: so the others find a free
   * place at once, and don't wait for one of a hotel that floods. A hotel alone has them all.
   */
  most(): number;
  take(tenantId: string): void;
  giveBack(tenantId: string): void;
}

/** @param clock milliseconds from any origin that only grow */
export function createPlaces(all: number, clock: () => number = () => performance.now()): Places {
  const counts = new Map<string, number>();
  let taken = 0;
  /** The two hotels that took a place last, the newest first: enough to know whether there are two. */
  let latest: { tenantId: string; at: number }[] = [];

  return {
    free: () => all - taken,
    held: () => [...counts].flatMap(([tenantId, count]) => Array.from({ length: count }, () => tenantId)),
    most: () => {
      const second = latest[1];
      return second !== undefined && clock() - second.at < AT_WORK_MS ? Math.ceil(all / 2) : all;
    },
    take: (tenantId) => {
      taken += 1;
      counts.set(tenantId, (counts.get(tenantId) ?? 0) + 1);
      latest = [{ tenantId, at: clock() }, ...latest.filter((one) => one.tenantId !== tenantId)].slice(0, 2);
    },
    giveBack: (tenantId) => {
      const count = counts.get(tenantId) ?? 0;
      if (count === 0) throw new Error(`places: ${tenantId} has none to give back`);
      taken -= 1;
      if (count === 1) counts.delete(tenantId);
      else counts.set(tenantId, count - 1);
    },
  };
}
