/** Work that hasn't moved for so long stands still: above a slow statement, below the deadline of a silent connection. */
const STALLED_AFTER_MS = 6_000;
/** A failure after which nothing was tried is forgotten after this long: what failed may have gone to another process. */
const FORGET_MS = 5_000;

/**
 * Whether a kind of work moves: its steps are wrapped in `step`, and `stalledMs` says for how long some have been asked for
 * while none ended well. It is what readiness looks at, since a dependency that answers a ping can still hold up all work.
 */
export class Pulse {
  readonly #now: () => number;
  #underWay = 0;
  /** When the oldest step began that none has ended well since; undefined: nothing waits. */
  #since: number | undefined;
  /** Undefined: the last step that ended was well. */
  #failedAt: number | undefined;

  /** @param now milliseconds from any origin that only grow */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Does the step and gives its outcome. */
  async step<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#underWay += 1;
    this.#since ??= this.#now();
    try {
      const result = await work();
      this.#failedAt = undefined;
      // Others that are still under way have waited for nothing before this moment.
      this.#since = this.#underWay > 1 ? this.#now() : undefined;
      return result;
    } catch (error) {
      this.#failedAt = this.#now();
      throw error;
    } finally {
      this.#underWay -= 1;
    }
  }

  /** @returns milliseconds for which something has waited and nothing moved; 0 when nothing waits */
  stalledMs(): number {
    if (this.#since === undefined) return 0;
    if (this.#underWay === 0 && !this.isFailing()) {
      this.#since = undefined;
      return 0;
    }
    return this.#now() - this.#since;
  }

  /** @returns whether the last step that ended failed, and not long ago */
  isFailing(): boolean {
    return this.#failedAt !== undefined && this.#now() - this.#failedAt <= FORGET_MS;
  }

  /** @throws when something has waited too long while nothing moved */
  check(what: string): void {
    const stalledMs = this.stalledMs();
    if (stalledMs > STALLED_AFTER_MS) throw new Error(`${what} have not moved for ${Math.round(stalledMs / 1000)} s`);
  }
}
