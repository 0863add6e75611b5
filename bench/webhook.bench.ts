import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connect } from "../service/storage/database.ts";
import { migrate, readMigrations } from "../service/storage/migrations.ts";
import { createDatabase, startPostgres } from "../test/servers.ts";
import { type Bench, median } from "./figure.ts";
import { type Client, messageSender, openClient } from "./load.ts";

const ROUNDS = 9;
const REQUESTS = 2_000;
const CONCURRENCY = 16;
const SERVER = fileURLToPath(new URL("./webhook-server.ts", import.meta.url));

const bench: Bench = {
  name: "webhook",
  compares:
    "CPU of POST /webhooks/messages (verified, parsed; then stored in Postgres too) with a bare Express JSON POST, rounds interleaved",
  run: async (report) => {
    const postgres = await startPostgres();
    const { url } = await createDatabase(postgres.url);
    const owner = await connect({ url, poolSize: 1, onError: () => undefined });
    await migrate(owner.pool, await readMigrations());
    await owner.pool.end();
    const modes = ["bare", "verify", "insert"] as const;
    const servers: { child: ChildProcess; client: Client }[] = [];
    try {
      for (const mode of modes) {
        const child = fork(SERVER, [mode], { env: { ...process.env, DATABASE_URL: url } });
        const [{ port }] = (await once(child, "message")) as [{ port: number }];
        servers.push({ child, client: openClient(`http://127.0.0.1:${port}`, CONCURRENCY) });
      }
      const cpu = async (child: ChildProcess): Promise<number> => {
        child.send("cpu");
        const [{ cpuMicroseconds }] = (await once(child, "message")) as [{ cpuMicroseconds: number }];
        return cpuMicroseconds;
      };
      const costs: number[][] = modes.map(() => []);
      let id = 0;
      for (let round = -1; round < ROUNDS; round += 1) {
        for (const [index, { child, client }] of servers.entries()) {
          const before = await cpu(child);
          const send = messageSender(client, "development-messages-secret");
          let sent = 0;
          await Promise.all(
            Array.from({ length: CONCURRENCY }, async () => {
              while (sent < REQUESTS) {
                sent += 1;
                id += 1;
                const body = JSON.stringify({
                  message_id: `bench-${id}`,
                  user_id: `+54911${id % 1000}`,
                  text: "Hola, ¿tienen una doble para el finde?",
                });
                const { status } = await send(body);
                if (status !== 202) throw new Error(`the ${modes[index]} server answered ${status}`);
              }
            }),
          );
          // The first round warms up.
          if (round >= 0) costs[index]!.push(((await cpu(child)) - before) / REQUESTS);
        }
      }
      const [bare, verify, insert] = costs as [number[], number[], number[]];
      const ratio = (ours: number[]) => median(ours.map((value, round) => value / bare[round]!));
      report({ name: "bare express", value: median(bare), unit: "us CPU/request", n: ROUNDS });
      report({
        name: "before the insert",
        value: median(verify),
        unit: "us CPU/request",
        peer: "bare express",
        ratio: ratio(verify),
        n: ROUNDS,
      });
      report({
        name: "with the insert",
        value: median(insert),
        unit: "us CPU/request",
        peer: "bare express",
        ratio: ratio(insert),
        n: ROUNDS,
      });
    } finally {
      for (const { child, client } of servers) {
        client.destroy();
        child.disconnect();
      }
      await postgres.stop();
    }
  },
};
export default bench;
