import { readFileSync } from "node:fs";
import { createDatabase, startPostgres, startRedis } from "../test/servers.ts";
import { MESSAGES_SECRET, spawnService } from "../test/service.ts";
import type { Bench } from "./figure.ts";
import { atRate, messageSender, openClient } from "./load.ts";

const TEXTS = [
  "Hola, ¿tienen una doble para el finde?",
  "How much is a suite?",
  "Tem disponibilidade?",
  "¿A qué hora es el check-in?",
  "thanks!",
];
const SECONDS = 20;
const FLAT_MESSAGES = 10_000;

const bench: Bench = {
  name: "journey",
  compares:
    "p95 from message to reply at a constant rate, on Postgres and Redis and embedded; messages accepted a second; memory after 10,000 messages",
  run: async (report) => {
    const postgres = await startPostgres();
    const redis = await startRedis();
    const { url: DATABASE_URL } = await createDatabase(postgres.url);
    const cases = [
      {
        name: "postgres and redis",
        env: { DATABASE_URL, REDIS_URL: redis.url, DATABASE_POOL_SIZE: "20", WORKERS: "16" },
        // 10,000 messages come before the last rate.
        rates: [50, 200, 500],
      },
      { name: "embedded", env: {}, rates: [50] },
    ];
    try {
      for (const { name, env, rates } of cases) {
        const service = await spawnService({ ...env, LOG_LEVEL: "info" });
        const client = openClient(service.url, 512);
        const post = messageSender(client, MESSAGES_SECRET);
        let id = 0;
        const send =
          (headers = "") =>
          () => {
            id += 1;
            const user_id = `+54911${100_000 + (id % 2_000)}`;
            return post(JSON.stringify({ message_id: `journey-${id}`, user_id, text: TEXTS[id % TEXTS.length] }), headers);
          };
        const resident = () =>
          Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.process.pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;
        try {
          await atRate(50, 3, send("Prefer: wait=5\r\n"));
          for (const rate of rates) {
            const samples = await atRate(rate, rate === 200 ? 45 : SECONDS, send("Prefer: wait=10\r\n"));
            const failed = samples.filter(({ status }) => status !== 200).length;
            if (failed > 0) throw new Error(`${failed} of ${samples.length} messages had no reply at ${rate}/s on ${name}`);
            const sorted = samples.map(({ ms }) => ms).sort((a, b) => a - b);
            const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
            report({ name: `reply p50 at ${rate}/s, ${name}`, value: quantile(0.5), unit: "ms", n: samples.length });
            report({ name: `reply p95 at ${rate}/s, ${name}`, value: quantile(0.95), unit: "ms", n: samples.length });
            report({
              name: `resident memory after ${id.toLocaleString("en")} messages, ${name}`,
              value: resident(),
              unit: "MB",
              n: 1,
            });
          }
          if (name !== "embedded") {
            const started = performance.now();
            let left = FLAT_MESSAGES;
            const accept = send();
            await Promise.all(
              Array.from({ length: 64 }, async () => {
                while (left > 0) {
                  left -= 1;
                  await accept();
                }
              }),
            );
            report({
              name: `accepted, ${name}`,
              value: FLAT_MESSAGES / ((performance.now() - started) / 1000),
              unit: "messages/s",
              n: FLAT_MESSAGES,
            });
            report({
              name: `resident memory after ${id.toLocaleString("en")} messages, ${name}`,
              value: resident(),
              unit: "MB",
              n: 1,
            });
          }
        } finally {
          client.destroy();
          await service.stop();
        }
      }
    } finally {
      await postgres.stop();
      await redis.stop();
    }
  },
};
export default bench;
