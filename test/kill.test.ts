import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, inject, test } from "vitest";
import { connect } from "../service/storage/database.ts";
import { realK6 } from "./k6.ts";
import { createDatabase, freePort, until } from "./servers.ts";
import { type RunningService, spawnService } from "./service.ts";

const SCRIPT = fileURLToPath(new URL("./kill.k6.js", import.meta.url));
/** At 25 messages a second the embedded database shows no more in 20 kills than in 5, and takes minutes for it. */
const KILLS = { postgres: 20, embedded: 5 } as const;

interface Row {
  message_id: string;
  replies: number;
  state: string;
}

describe("kill -9 under load", () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  test.each(["postgres", "embedded"] as const)(
    "on %s every message answered with 2xx has exactly one reply",
    { timeout: 120_000 },
    async (kind) => {
      const env: Record<string, string> = {};
      if (kind === "postgres") {
        const made = await createDatabase(inject("postgresUrl"));
        cleanups.push(() => made.drop());
        env.DATABASE_URL = made.url;
      } else {
        const folder = await mkdtemp(join(tmpdir(), "gatehouse-kill-"));
        cleanups.push(() => rm(folder, { recursive: true, force: true }));
        env.DATA_DIR = folder;
      }
      const port = await freePort();
      const start = () => spawnService({ ...env, PORT: String(port) });
      let service: RunningService = await start();
      cleanups.push(() => service.kill());

      const { path } = await realK6();
      const rate = kind === "postgres" ? 80 : 25;
      const k6 = spawn(
        path,
        [
          "run",
          "--quiet",
          "--no-color",
          "--no-usage-report",
          "--include-system-env-vars=false",
          "--log-format=raw",
          "-e",
          `BASE_URL=${service.url}`,
          "-e",
          `RATE=${rate}`,
          "-e",
          "DURATION=110s",
          SCRIPT,
        ],
        {
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      cleanups.push(async () => k6.kill("SIGKILL"));
      let output = "";
      for (const stream of [k6.stdout, k6.stderr]) stream.on("data", (chunk) => (output += chunk));
      const accepted = () => new Set(output.match(/(?<=accepted )kill-\d+/g) ?? []);

      for (let kill = 0; kill < KILLS[kind]; kill += 1) {
        const before = accepted().size;
        await until(async () => expect(accepted().size).toBeGreaterThan(before + 20), 30_000);
        await service.kill();
        service = await start();
      }
      const before = accepted().size;
      await until(async () => expect(accepted().size).toBeGreaterThan(before + 20), 30_000);
      k6.kill("SIGINT");
      await once(k6, "exit");

      // Conversations that were under way when the process was killed wait until their lease runs out; here it is cut short.
      if (kind === "embedded") expect(await service.stop()).toBe(0);
      const connections = await connect({ url: env.DATABASE_URL, dataDir: env.DATA_DIR, poolSize: 1, onError: () => undefined });
      await connections.pool.query("update conversations set lease_until = null where waiting_since is not null");
      if (kind === "embedded") {
        await connections.pool.end();
        await connections.release();
        service = await start();
        await until(async () => expect(await depthOf(service.url)).toBe(0), 30_000);
        expect(await service.stop()).toBe(0);
      }
      const { pool, release } =
        kind === "embedded" ? await connect({ dataDir: env.DATA_DIR, onError: () => undefined }) : connections;
      const read = async () =>
        (
          await pool.query<Row>(
            `select b.message_id, b.state, (select count(*)::int from outbox o join messages m on m.tenant_id = o.tenant_id and m.id = o.message where m.in_reply_to = b.message_id) as replies from inbox b`,
          )
        ).rows;
      await until(async () => expect((await read()).filter(({ state }) => state === "waiting")).toEqual([]), 30_000);
      const rows = new Map((await read()).map((row) => [row.message_id, row]));
      await pool.end();
      await release();

      const ids = accepted();
      expect(ids.size).toBeGreaterThan(KILLS[kind] * 20);
      expect([...ids].filter((id) => rows.get(id)?.replies !== 1)).toEqual([]);
      expect([...rows.values()].filter(({ replies }) => replies !== 1)).toEqual([]);
    },
  );
});

async function depthOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^inbox_depth (\d+)/m.exec(text)?.[1]);
}
