import { GrowthBook } from "@growthbook/growthbook";
import { FlagdCore } from "@openfeature/flagd-core";
import { pino } from "pino";
import { startUnleash, type Unleash } from "unleash-client";
import { createFlags } from "../service/flags/flags.ts";
import type { DeclaredFlag, Registry } from "../service/flags/registry.ts";
import { HASH } from "../service/flags/store.ts";
import { connect, openDatabase } from "../service/storage/database.ts";
import { migrate, readMigrations } from "../service/storage/migrations.ts";
import { openMemory } from "../service/storage/shared-memory.ts";
import { openRedis } from "../service/storage/shared-redis.ts";
import { createMetrics } from "../service/telemetry/metrics.ts";
import { startPostgres, startRedis } from "../test/servers.ts";
import { type Bench, median } from "./figure.ts";

const ROUNDS = 25;
const PER_ROUND = 20_000;
const MANY = 10_000;
/** One hotel's guests, of whom 5 % get the new behaviour: the rule that every system here is given. */
const TENANT = "hotel-sol";
const contexts = Array.from({ length: 1_000 }, (_, index) => ({
  targetingKey: `549110000${index}`,
  tenant: index % 2 === 0 ? TENANT : "hotel-luna",
  channel: "whatsapp",
  language: "es",
}));

const targeting = {
  if: [
    {
      and: [
        { in: [{ var: "tenant" }, [TENANT]] },
        { "!!": [{ var: "targetingKey" }] },
        { fractional: [{ cat: ["new:", { var: "targetingKey" }] }, [true, 5_000], [false, 95_000]] },
      ],
    },
    "on",
    null,
  ],
};
const flag = (value: boolean, more: Partial<DeclaredFlag> = {}): DeclaredFlag => ({
  type: "boolean",
  variants: { on: true, off: false },
  defaultVariant: value ? "on" : "off",
  offVariant: "off",
  prerequisites: [],
  owner: "bench",
  description: "A flag of a benchmark.",
  ...more,
});
const silent = pino({ level: "silent" });
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };

const bench: Bench = {
  name: "flags",
  compares:
    "evaluation of a tenant and percentage rule: ours against flagd-core bare, Unleash and GrowthBook; loading 10,000 flags",
  async run(report) {
    await evaluation(report);
    await loading(report);
  },
};
export default bench;

async function evaluation(report: Parameters<Bench["run"]>[0]): Promise<void> {
  const connections = await connect({ onError: (error) => silent.error(error) });
  await migrate(connections.pool, await readMigrations());
  const database = openDatabase(connections);
  const registry = {
    base: flag(true),
    moving: flag(true, { targeting: { if: [{ in: [{ var: "channel" }, ["whatsapp", "web"]] }, "on", "off"] } }),
    plain: flag(false, { targeting }),
    one: flag(false, { targeting, prerequisites: [{ flag: "base", value: true }] }),
    oneMoving: flag(false, { targeting, prerequisites: [{ flag: "moving", value: true }] }),
  } satisfies Registry;
  const flags = createFlags({
    database,
    shared: openMemory(),
    metrics: createMetrics({ collectDefaults: false }),
    logger: silent,
    settings: {},
    cacheTtlSeconds: 30,
    registry,
  });
  await flags.start();
  const core = new FlagdCore(undefined, quiet);
  const definition = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off", targeting };
  const { targeting: movingTargeting } = registry.moving;
  core.setConfigurations(JSON.stringify({ flags: { plain: definition, moving: { ...definition, targeting: movingTargeting } } }));
  const unleash = await unleashWith();
  const growthbook = new GrowthBook({
    features: {
      plain: {
        defaultValue: false,
        rules: [{ condition: { tenant: TENANT }, force: true, coverage: 0.05, hashAttribute: "targetingKey" }],
      },
    },
  });

  const arms: Record<string, (context: (typeof contexts)[number]) => boolean> = {
    "flagd-core bare": (context) => core.resolveBooleanEvaluation("plain", false, context, quiet).value,
    "flagd-core bare, both flags": (context) =>
      core.resolveBooleanEvaluation("moving", false, context, quiet).value &&
      core.resolveBooleanEvaluation("plain", false, context, quiet).value,
    "ours, no prerequisite": (context) => flags.isEnabled("plain", context),
    "ours, one prerequisite": (context) => flags.isEnabled("one", context),
    "ours, one prerequisite with targeting": (context) => flags.isEnabled("oneMoving", context),
    unleash: (context) => unleash.isEnabled("plain", { userId: context.targetingKey, properties: { tenant: context.tenant } }),
    growthbook: (context) => {
      growthbook.setAttributes(context);
      return growthbook.isOn("plain");
    },
  };
  const names = Object.keys(arms);
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  let on = 0;
  for (let round = -5; round < ROUNDS; round += 1) {
    // The arms take turns at being first, and share every disturbance of the machine.
    for (let step = 0; step < names.length; step += 1) {
      const name = names[(step + round + 5) % names.length]!;
      const evaluate = arms[name]!;
      const started = performance.now();
      for (let index = 0; index < PER_ROUND; index += 1) {
        if (evaluate(contexts[index % contexts.length]!)) on += 1;
      }
      if (round >= 0) times.get(name)!.push(((performance.now() - started) * 1e6) / PER_ROUND);
    }
  }
  if (on === 0) throw new Error("no arm was ever on: the rule isn't what it should be");
  const ratioTo = (name: string, peer: string) => median(times.get(name)!.map((time, round) => time / times.get(peer)![round]!));
  for (const name of names) {
    const peers = name.startsWith("ours")
      ? ["flagd-core bare", "flagd-core bare, both flags", "unleash", "growthbook"]
      : [undefined];
    for (const peer of peers) {
      const base = { name: `evaluation: ${name}`, value: median(times.get(name)!), unit: "ns", n: ROUNDS * PER_ROUND };
      report(peer === undefined ? base : { ...base, peer, ratio: ratioTo(name, peer) });
    }
  }
  growthbook.destroy();
  unleash.destroy();
  await flags.close();
  await database.close();
}

/** Unleash's client without a server: its bootstrap holds the flag. */
function unleashWith(): Promise<Unleash> {
  return startUnleash({
    appName: "bench",
    url: "http://127.0.0.1:9/api/",
    refreshInterval: 0,
    disableMetrics: true,
    skipInstanceCountWarning: true,
    bootstrap: {
      data: [
        {
          name: "plain",
          type: "release",
          enabled: true,
          project: "default",
          stale: false,
          impressionData: false,
          variants: [],
          strategies: [
            {
              name: "flexibleRollout",
              parameters: { rollout: "5", stickiness: "userId", groupId: "new" },
              constraints: [
                { contextName: "tenant", operator: "IN" as never, values: [TENANT], inverted: false, caseInsensitive: false },
              ],
            },
          ],
        } as never,
      ],
    },
  });
}

/** From a real Redis and a real Postgres, to a snapshot that answers. */
async function loading(report: Parameters<Bench["run"]>[0]): Promise<void> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const connections = await connect({ url: postgres.url, onError: (error) => silent.error(error) });
  try {
    await migrate(connections.pool, await readMigrations());
    const database = openDatabase(connections);
    const registry = Object.fromEntries(Array.from({ length: MANY }, (_, index) => [`flag-${index}`, flag(false)]));
    const text = (index: number) =>
      JSON.stringify({ defaultVariant: "off", targeting: { if: [{ in: [{ var: "tenant" }, [`hotel-${index}`]] }, "on", null] } });
    const filler = await openRedis({ url: redis.url, onError: nothing });
    await filler.atomically(
      Object.keys(registry).map((key, index) => ({ op: "hashSet" as const, key: HASH, field: key, value: text(index) })),
    );
    await filler.close();

    const times: number[] = [];
    for (let round = -1; round < 7; round += 1) {
      const shared = await openRedis({ url: redis.url, onError: nothing });
      const flags = createFlags<Registry>({
        database,
        shared,
        metrics: createMetrics({ collectDefaults: false }),
        logger: silent,
        settings: {},
        cacheTtlSeconds: 30,
        registry,
      });
      const started = performance.now();
      await flags.poll();
      const right =
        flags.isEnabled("flag-9999", { tenant: "hotel-9999" }) && !flags.isEnabled("flag-9999", { tenant: "hotel-1" });
      const took = performance.now() - started;
      if (!right) throw new Error("the snapshot doesn't hold what was stored");
      if (round >= 0) times.push(took); // the first one copies what was set by hand into Postgres
      await flags.close();
      await shared.close();
    }
    report({ name: "load 10,000 flags from Redis and Postgres", value: median(times), unit: "ms", n: times.length });
    await database.close();
  } finally {
    await Promise.all([postgres.stop(), redis.stop()]);
  }
}

function nothing(): void {
  // Benchmarks don't log.
}
