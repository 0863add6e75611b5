import { type ChildProcess, fork } from "node:child_process";
import { pino } from "pino";
import { quantile } from "../actions/lib/judge/quantiles.ts";
import { connect } from "../service/storage/database.ts";
import { migrate, readMigrations } from "../service/storage/migrations.ts";
import { startPostgres, startRedis } from "../test/servers.ts";
import type { Bench } from "./figure.ts";
import { FLAG, openFlags, type Seen } from "./flag-process.ts";

const PROCESSES = 4;
const CHANGES = 1_000;
const RESTARTS = 10;
/** A change that a process hasn't seen after this long counts as missed. */
const PATIENCE_MS = 10_000;

const bench: Bench = {
  name: "flag-propagation",
  compares:
    "time from a change to the last of 4 processes that has it, over 1,000 changes, Redis restarted empty 10 times meanwhile",
  async run(report) {
    const postgres = await startPostgres();
    let redis = await startRedis();
    const { port, url } = redis;
    const owner = await connect({ url: postgres.url, poolSize: 1, onError: () => undefined });
    await migrate(owner.pool, await readMigrations());
    await owner.listener.close();
    await owner.pool.end();

    const followers = Array.from({ length: PROCESSES }, () => follow(postgres.url, url));
    const admin = await openFlags(postgres.url, url);
    try {
      await Promise.all(followers.map(({ reach }) => reach(0)));
      const quiet: number[] = [];
      const restarting: number[] = [];
      let missed = 0;
      let restart: Promise<void> | undefined;
      for (let change = 1; change <= CHANGES; change += 1) {
        if (change % (CHANGES / RESTARTS) === CHANGES / RESTARTS / 2) {
          await restart;
          restart = redis
            .stop()
            .then(() => startRedis(port))
            .then((next) => {
              redis = next;
              restart = undefined;
            });
        }
        const meanwhile = restart !== undefined;
        const startedNs = process.hrtime.bigint();
        await admin.flags.change({
          flag: FLAG,
          text: JSON.stringify({ variants: { now: change }, defaultVariant: "now" }),
          by: "bench",
        });
        const seen = await Promise.all(followers.map(({ reach }) => reach(change)));
        missed += seen.filter((one) => one === undefined).length;
        const last = Math.max(...seen.map((one) => (one === undefined ? PATIENCE_MS : Number(one - startedNs) / 1e6)));
        (meanwhile ? restarting : quiet).push(last);
      }
      await restart;
      const all = [...quiet, ...restarting];
      report({ name: "change to all of 4 processes, p50", value: quantile(all, 0.5)!, unit: "ms", n: all.length });
      report({ name: "change to all of 4 processes, p99", value: quantile(all, 0.99)!, unit: "ms", n: all.length });
      report({ name: "the same while Redis restarts, p50", value: quantile(restarting, 0.5)!, unit: "ms", n: restarting.length });
      report({
        name: "the same while Redis restarts, largest",
        value: Math.max(...restarting),
        unit: "ms",
        n: restarting.length,
      });
      report({ name: "missed by a process", value: missed, unit: "changes", n: CHANGES * PROCESSES });
    } finally {
      await Promise.all(followers.map(({ stop }) => stop()));
      await admin.close();
      await redis.stop();
      await postgres.stop();
    }
  },
};
export default bench;

/** One process that follows the flags, and when it had which value. */
function follow(databaseUrl: string, redisUrl: string) {
  const child: ChildProcess = fork(new URL("flag-process.ts", import.meta.url), [databaseUrl, redisUrl], { stdio: "inherit" });
  const log = pino({ level: "warn" });
  child.on("error", (error) => log.error(error));
  let latest: { value: number; atNs: bigint } | undefined;
  let waiting: { value: number; resolve: (atNs: bigint | undefined) => void } | undefined;
  child.on("message", ({ value, atNs }: Seen) => {
    latest = { value, atNs: BigInt(atNs) };
    if (waiting === undefined || value < waiting.value) return;
    waiting.resolve(latest.atNs);
    waiting = undefined;
  });
  return {
    /** When the process had this value, or `undefined` when it hasn't after `PATIENCE_MS`. */
    reach: (value: number): Promise<bigint | undefined> => {
      if (latest !== undefined && latest.value >= value) return Promise.resolve(latest.atNs);
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
        waiting = {
          value,
          resolve: (atNs) => {
            clearTimeout(timer);
            resolve(atNs);
          },
        };
      });
    },
    stop: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.disconnect();
      await gone;
    },
  };
}
