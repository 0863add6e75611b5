import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { BudgetReading } from "../lib/prometheus/budget.ts";
import { timeSchema } from "../lib/report/run.ts";
import { temporaryFolder } from "../lib/runner/context.ts";
import { writeJsonAtomically } from "../lib/runner/files.ts";
import { say } from "../lib/runner/log.ts";

/** Another job wrote it, so it is checked like any foreign file. */
const readingSchema = z.strictObject({
  remaining: z.number().max(1),
  burnRate: z.number().nonnegative().nullable(),
  sampledAt: timeSchema,
  askedAt: timeSchema,
});

export interface CacheOptions {
  /** What the answer depends on. */
  question: readonly string[];
  ttlSeconds: number;
  /** A cached answer whose sample has become older than this is of no use. */
  maxAgeSeconds: number;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Milliseconds for a look into the cache across jobs; asking Prometheus is quicker than waiting longer. */
const SHARED_TIMEOUT_MS = 5_000;

/**
 * Keeps the last known answer: in a file of the job's temporary folder, and across jobs in GitHub's cache when the
 * run has one. Only known answers are kept. A cache that fails costs nothing but the answer.
 */
export class BudgetCache {
  readonly #options: CacheOptions;
  readonly #key: string;
  readonly #path: string;

  constructor(options: CacheOptions) {
    this.#options = options;
    const hash = createHash("sha256").update(JSON.stringify(options.question)).digest("hex").slice(0, 16);
    this.#key = `gatehouse-error-budget-1-${hash}-`;
    this.#path = join(temporaryFolder(options.environment), "gatehouse", `error-budget-${hash}.json`);
  }

  /** The cached answer, undefined when there is none that is young enough. */
  async read(now: Date): Promise<BudgetReading | undefined> {
    if (this.#options.ttlSeconds === 0) return undefined;
    const own = await this.#readFile(now);
    if (own !== undefined || !this.#sharedAvailable()) return own;
    await this.#shared("read", async (cache) => {
      const limits = { timeoutInMs: SHARED_TIMEOUT_MS, segmentTimeoutInMs: SHARED_TIMEOUT_MS };
      await cache.restoreCache([this.#path], `${this.#key}${now.getTime()}`, [this.#key], limits);
    });
    return this.#readFile(now);
  }

  async write(reading: BudgetReading): Promise<void> {
    if (this.#options.ttlSeconds === 0) return;
    await writeJsonAtomically(this.#path, reading);
    if (!this.#sharedAvailable()) return;
    // Keys are written once: the time makes each answer its own, and the newest with the prefix is found.
    await this.#shared("written", (cache) => cache.saveCache([this.#path], `${this.#key}${Date.parse(reading.askedAt)}`));
  }

  async #readFile(now: Date): Promise<BudgetReading | undefined> {
    const text = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") say(`The cached budget can't be read: ${error.message}`);
      return undefined;
    });
    if (text === undefined) return undefined;
    const parsed = readingSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      say("The cached budget isn't one; Prometheus is asked.");
      return undefined;
    }
    const askedAgo = (now.getTime() - Date.parse(parsed.data.askedAt)) / 1000;
    const sampledAgo = (now.getTime() - Date.parse(parsed.data.sampledAt)) / 1000;
    const fresh = askedAgo >= 0 && askedAgo <= this.#options.ttlSeconds && sampledAgo <= this.#options.maxAgeSeconds;
    return fresh ? parsed.data : undefined;
  }

  /** Loading @actions/cache costs 100 ms: only where the runner names a cache service. */
  #sharedAvailable(): boolean {
    const { ACTIONS_RUNTIME_TOKEN: token, ACTIONS_CACHE_URL: old, ACTIONS_RESULTS_URL: current } = this.#options.environment;
    return Boolean(token && (old || current) && this.#options.environment["GITHUB_ACTIONS"] === "true");
  }

  async #shared(verb: string, use: (cache: typeof import("@actions/cache")) => Promise<unknown>): Promise<void> {
    try {
      const cache = await import("@actions/cache");
      if (cache.isFeatureAvailable()) await use(cache);
    } catch (error) {
      say(`The cache across jobs could not be ${verb}: ${(error as Error).message}`);
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Half a file or a foreign one: the schema refuses undefined.
    return undefined;
  }
}
