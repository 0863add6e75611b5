import { readFileSync } from "node:fs";
import { connect } from "../service/storage/database.ts";
import { createDatabase, startPostgres, startRedis } from "../test/servers.ts";
import { MESSAGES_SECRET, spawnService } from "../test/service.ts";
import type { Bench, Figure } from "./figure.ts";
import { atRate, messageSender, openClient, type Sample } from "./load.ts";

const TEXTS = [
  "Hola, ¿tienen una doble para el finde?",
  "How much is a suite?",
  "Tem disponibilidade?",
  "¿A qué hora es el check-in?",
  "thanks!",
];
const GUESTS = 2_000;
/** A service that has just started compiles its code while it answers: the figures are those of one that has run for a while. */
const WARM_UP = [
  { rate: 50, seconds: 3 },
  { rate: 200, seconds: 15 },
];
const RATES = [
  { rate: 50, seconds: 20 },
  { rate: 200, seconds: 30 },
  { rate: 500, seconds: 20 },
];
/** With the warm-up and the rates 100,000 messages. */
const FLAT_MESSAGES = 80_000;
const CALLERS = 64;

type Report = (figure: Omit<Figure, "bench">) => void;

/** What is measured is the service, not the hotel's limit of 60,000 messages a minute. */
async function liftLimit(url: string): Promise<void> {
  const { pool } = await connect({ url, poolSize: 1, onError: () => undefined });
  await pool.query(`update tenants set limits = '{"messages_per_minute": 1000000}'`);
  await pool.end();
}

/** A service of its own, and what speaks to it. */
async function open(env: Record<string, string>) {
  const service = await spawnService({ LOG_LEVEL: "info", ...env });
  if (env.DATABASE_URL !== undefined) await liftLimit(env.DATABASE_URL);
  const client = openClient(service.url, 512);
  const post = messageSender(client, MESSAGES_SECRET);
  let sent = 0;
  const send = (headers = ""): Promise<Sample> => {
    sent += 1;
    const user_id = `+54911${100_000 + (sent % GUESTS)}`;
    return post(JSON.stringify({ message_id: `journey-${sent}`, user_id, text: TEXTS[sent % TEXTS.length] }), headers);
  };
  const status = `/proc/${service.process.pid}/status`;
  return {
    /** Sends and waits for the reply. */
    ask: () => send("Prefer: wait=10\r\n"),
    /** Sends as fast as `CALLERS` callers can that wait for 202 each. @returns messages a second */
    flood: async (messages: number): Promise<number> => {
      const started = performance.now();
      let left = messages;
      const caller = async () => {
        for (; left > 0; ) {
          left -= 1;
          const { status: code } = await send();
          if (code !== 202) throw new Error(`a message got ${code} in place of 202`);
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, caller));
      return messages / ((performance.now() - started) / 1000);
    },
    sent: () => sent.toLocaleString("en"),
    residentMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, "utf8"))?.[1] ?? Number.NaN) / 1024,
    close: async () => {
      client.destroy();
      await service.stop();
    },
  };
}

async function replies(report: Report, name: string, env: Record<string, string>, rates: typeof RATES): Promise<void> {
  const guests = await open(env);
  const memory = () =>
    report({ name: `resident memory after ${guests.sent()} messages, ${name}`, value: guests.residentMb(), unit: "MB", n: 1 });
  try {
    for (const { rate, seconds } of WARM_UP) await atRate(rate, seconds, guests.ask);
    for (const { rate, seconds } of rates) {
      const samples = await atRate(rate, seconds, guests.ask);
      const failed = samples.filter(({ status }) => status !== 200).length;
      if (failed > 0) throw new Error(`${failed} of ${samples.length} messages had no reply at ${rate}/s on ${name}`);
      const sorted = samples.map(({ ms }) => ms).sort((a, b) => a - b);
      for (const percent of [50, 95, 99]) {
        const value = sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))]!;
        report({ name: `reply p${percent} at ${rate}/s, ${name}`, value, unit: "ms", n: samples.length });
      }
      memory();
    }
    if (rates.length === 1) return;
    const rate = await guests.flood(FLAT_MESSAGES);
    report({ name: `accepted while it answers, ${name}`, value: rate, unit: "messages/s", n: FLAT_MESSAGES });
    memory();
  } finally {
    await guests.close();
  }
}

const bench: Bench = {
  name: "journey",
  compares:
    "p95 from message to reply at a constant rate, on Postgres and Redis and embedded; messages accepted a second; memory over 100,000 messages",
  run: async (report) => {
    const postgres = await startPostgres();
    const redis = await startRedis();
    const servers = async () => ({ DATABASE_URL: (await createDatabase(postgres.url)).url, REDIS_URL: redis.url });
    try {
      await replies(report, "postgres and redis", { ...(await servers()), WORKERS: "16" }, RATES);
      const taker = await open({ ...(await servers()), WORKERS: "0" });
      try {
        await taker.flood(5_000);
        const rate = await taker.flood(20_000);
        report({ name: "accepted by a process that only takes messages", value: rate, unit: "messages/s", n: 20_000 });
      } finally {
        await taker.close();
      }
      await replies(report, "embedded", {}, RATES.slice(0, 1));
    } finally {
      await postgres.stop();
      await redis.stop();
    }
  },
};
export default bench;
