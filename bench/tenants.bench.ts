import { connect, openDatabase } from "../service/storage/database.ts";
import { migrate, readMigrations } from "../service/storage/migrations.ts";
import { openMemory } from "../service/storage/shared-memory.ts";
import type { Database } from "../service/storage/sql.ts";
import { createLogger } from "../service/telemetry/log.ts";
import { createMetrics } from "../service/telemetry/metrics.ts";
import { RuleSet } from "../service/tenancy/matcher.ts";
import { createTenancy } from "../service/tenancy/tenancy.ts";
import { createDatabase, startPostgres } from "../test/servers.ts";
import { type Bench, median } from "./figure.ts";
import { measureNeighbours } from "./neighbours.ts";

const ROUNDS = 15;
const IDS = 2_000;
/** Short blocks: most of them run without the machine taking the processor away, and the median is of those. */
const BLOCK = 200;
const BLOCKS = 150;

/** Patterns as hotels have them: number ranges, countries with a choice, e-mail domains. */
function patternOf(number: number): string {
  if (number % 10 === 0) return `@hotel-${number}\\.example\\.com$`;
  if (number % 10 === 1) return `^(?:\\+598|\\+5982)${1_000_000 + number}`;
  return `^\\+549${1_000_000 + number}[0-9]{2,4}$`;
}
const hitOf = (number: number) =>
  number % 10 === 0
    ? `ana@hotel-${number}.example.com`
    : number % 10 === 1
      ? `598${1_000_000 + number}1`
      : `549${1_000_000 + number}123`;
const missOf = (number: number) => (number % 10 === 0 ? `ana@inn-${number}.example.org` : `5521${90_000_000 + number}`);

/** @returns µs a call */
function time(calls: number, work: (call: number) => unknown): number {
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) work(call);
  return ((performance.now() - start) / calls) * 1000;
}

async function measureMatching(report: Parameters<Bench["run"]>[0]) {
  const sizes = [1_000, 10_000].map((size) => {
    const set = new RuleSet();
    for (let number = 0; number < size; number += 1) set.set({ id: `hotel-${number}`, pattern: patternOf(number), priority: 0 });
    // The native loop sees both spellings of a number, as the rule set does.
    const native = Array.from({ length: size }, (_, number) => new RegExp(patternOf(number)));
    const loop = (id: string) => native.findIndex((pattern) => pattern.test(id) || pattern.test(`+${id}`));
    return { size, set, loop, hit: [] as number[], miss: [] as number[], loopHit: [] as number[], loopMiss: [] as number[] };
  });
  for (const { size, set } of sizes) {
    // JavaScript's engine compiles an expression at its second use: all hotels have had their first guests.
    for (let number = 0; number < 3 * size; number += 1) set.match(hitOf(number % size));
  }
  for (let round = -2; round < BLOCKS; round += 1) {
    for (const one of sizes) {
      const step = (call: number) => ((call + (round + 2) * BLOCK) * 7919) % one.size;
      const hit = time(BLOCK, (call) => {
        if (one.set.match(hitOf(step(call))) === undefined) throw new Error("a guest lost its hotel");
      });
      const miss = time(BLOCK, (call) => one.set.match(missOf(step(call))));
      const loopHit = time(2, (call) => one.loop(hitOf(step(call))));
      const loopMiss = time(2, (call) => one.loop(missOf(step(call))));
      if (round < 0) continue;
      one.hit.push(hit);
      one.miss.push(miss);
      one.loopHit.push(loopHit);
      one.loopMiss.push(loopMiss);
    }
  }
  // Making the id is part of the measured loop and of both arms; what it takes alone is taken off ours.
  const making = median(Array.from({ length: BLOCKS }, () => time(BLOCK, (call) => hitOf(call))));
  for (const { size, hit, miss, loopHit, loopMiss } of sizes) {
    const peer = "native RegExp loop";
    const [ourHit, ourMiss] = [median(hit) - making, median(miss) - making];
    report({ name: `match-hit-${size}`, value: ourHit, unit: "µs", peer, ratio: ourHit / median(loopHit), n: BLOCKS * BLOCK });
    report({
      name: `match-miss-${size}`,
      value: ourMiss,
      unit: "µs",
      peer,
      ratio: ourMiss / median(loopMiss),
      n: BLOCKS * BLOCK,
    });
  }
}

async function measureResolution(database: Database, report: Parameters<Bench["run"]>[0]) {
  const tenancy = createTenancy({
    database,
    shared: openMemory(),
    metrics: createMetrics({ collectDefaults: false }),
    logger: createLogger("silent", "bench"),
    cacheTtlSeconds: 60,
    guestHash: () => "guest",
  });
  await tenancy.start();
  try {
    const ids = Array.from({ length: IDS }, (_, number) => hitOf(number));
    const map = new Map(ids.map((id) => [id, { id }]));
    const lookUp = async (id: string) => ({ tenant: map.get(id), result: "pattern" });
    const ours: number[] = [];
    const peers: number[] = [];
    for (let round = -3; round < ROUNDS * 3; round += 1) {
      let start = performance.now();
      for (const userId of ids) await tenancy.resolve({ userId });
      const ourTime = ((performance.now() - start) / IDS) * 1000;
      start = performance.now();
      for (const userId of ids) await lookUp(userId);
      const peerTime = ((performance.now() - start) / IDS) * 1000;
      if (round < 0) continue;
      ours.push(ourTime);
      peers.push(peerTime);
    }
    const value = median(ours);
    report({
      name: "resolve-cached",
      value,
      unit: "µs",
      peer: "async Map look-up",
      ratio: value / median(peers),
      n: ours.length * IDS,
    });
  } finally {
    await tenancy.close();
  }
}

async function measureRowSecurity(database: Database, report: Parameters<Bench["run"]>[0]) {
  const calls = 200;
  const protectedRead = (call: number) =>
    database.forTenant(`hotel-${call % 50}`, (sql) =>
      sql("select id, state from conversations where tenant_id = $1 and channel = 'x' and user_id = $2", [
        `hotel-${call % 50}`,
        `guest-${call % 100}`,
      ]),
    );
  const plainRead = (call: number) =>
    database.withoutTenant((sql) =>
      sql("select id, state from plain_conversations where tenant_id = $1 and channel = 'x' and user_id = $2", [
        `hotel-${call % 50}`,
        `guest-${call % 100}`,
      ]),
    );
  const ours: number[] = [];
  const peers: number[] = [];
  for (let round = -3; round < ROUNDS * 2; round += 1) {
    const pair: number[] = [];
    for (const read of round % 2 === 0 ? [protectedRead, plainRead] : [plainRead, protectedRead]) {
      const start = performance.now();
      for (let call = 0; call < calls; call += 1) {
        if ((await read(call)).length !== 1) throw new Error("the row isn't there");
      }
      pair.push(((performance.now() - start) / calls) * 1000);
    }
    if (round < 0) continue;
    if (round % 2 !== 0) pair.reverse();
    ours.push(pair[0]!);
    peers.push(pair[1]!);
  }
  const value = median(ours);
  const ratio = median(ours.map((one, round) => one / peers[round]!));
  report({
    name: "row-security-read",
    value,
    unit: "µs",
    peer: "same transaction without tenant and policy",
    ratio,
    n: ours.length * calls,
  });
}

const bench: Bench = {
  name: "tenants",
  compares:
    "10,000 patterns against a loop of native RegExps; cached resolution against a Map; a read under row-level security against one without; a tenant's p95 beside a noisy neighbour against alone",
  run: async (report) => {
    await measureMatching(report);
    const postgres = await startPostgres();
    try {
      const { url } = await createDatabase(postgres.url);
      const owner = await connect({ url, poolSize: 2, onError: () => undefined });
      await migrate(owner.pool, await readMigrations());
      await owner.pool.query(
        `insert into tenants (id, name, pattern)
         select 'hotel-' || n, 'Hotel', case when n % 10 = 0 then '@hotel-' || n || '\\.example\\.com$'
                when n % 10 = 1 then '^(?:\\+598|\\+5982)' || (1000000 + n) else '^\\+549' || (1000000 + n) || '[0-9]{2,4}$' end
           from generate_series(0, 9999) n`,
      );
      await owner.pool.query(
        `insert into conversations (tenant_id, channel, user_id)
         select 'hotel-' || t, 'x', 'guest-' || g from generate_series(0, 49) t, generate_series(0, 99) g`,
      );
      await owner.pool.query("create table plain_conversations (like conversations including all)");
      await owner.pool.query("insert into plain_conversations select * from conversations");
      await owner.pool.query("grant select on plain_conversations to gatehouse_app");
      await owner.pool.query("vacuum analyze");
      const database = openDatabase(await connect({ url, poolSize: 20, onError: () => undefined }));
      try {
        await measureResolution(database, report);
        await measureRowSecurity(database, report);
        await measureNeighbours({ database, pool: owner.pool, report });
      } finally {
        await database.close();
        await owner.pool.end();
      }
    } finally {
      await postgres.stop();
    }
  },
};
export default bench;
