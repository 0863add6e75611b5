import { connect, openDatabase } from "../service/storage/database.ts";
import { migrate, readMigrations } from "../service/storage/migrations.ts";
import { openDesk, play, readScripts } from "../test/conversations.ts";
import { type Bench, median } from "./figure.ts";

const bench: Bench = {
  name: "conversations",
  compares:
    "scripted conversations in three languages, as guests write them, through the real classifier, orchestrator and embedded PMS: share that ends where it should, and milliseconds a message (embedded database, no peer)",
  run: async (report) => {
    const connections = await connect({
      onError: (error) => {
        throw error;
      },
    });
    await migrate(connections.pool, await readMigrations());
    const database = openDatabase(connections);
    try {
      const desk = await openDesk({ database });
      const scripts = await readScripts();
      const perMessage: number[] = [];
      let right = 0;
      for (const [index, script] of scripts.entries()) {
        const started = performance.now();
        const { wrong } = await play(desk, database, script, `bench-${index}`);
        perMessage.push((performance.now() - started) / script.say.length);
        if (wrong.length === 0) right += 1;
      }
      report({ name: "end where they should", value: right / scripts.length, unit: "ratio", n: scripts.length });
      report({ name: "message, median of conversations", value: median(perMessage), unit: "ms", n: scripts.length });
    } finally {
      await database.close();
    }
  },
};
export default bench;
