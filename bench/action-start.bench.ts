import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, median } from "./figure.ts";

const ROUNDS = 21;
const bundle = new URL("../actions/k6-smoke/dist/index.js", import.meta.url).pathname;

/** Milliseconds of one process from its start to its end. */
function run(script: string, cwd: string): Promise<number> {
  return new Promise((resolve) => {
    const started = performance.now();
    execFile(process.execPath, [script], { cwd, env: {} }, () => resolve(performance.now() - started));
  });
}

const bench: Bench = {
  name: "action-start",
  compares: "k6-smoke's bundle until it has told that base-url is missing, against an empty Node script",
  async run(report) {
    const folder = await mkdtemp(join(tmpdir(), "gatehouse-bench-"));
    try {
      const empty = join(folder, "empty.mjs");
      await writeFile(empty, "");
      const ours: number[] = [];
      const peer: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        ours.push(await run(bundle, folder));
        peer.push(await run(empty, folder));
      }
      report({
        name: "start",
        value: median(ours),
        unit: "ms",
        peer: "empty Node script",
        ratio: median(ours) / median(peer),
        n: ROUNDS,
      });
      report({
        name: "added by the bundle",
        value: median(ours.map((value, round) => value - peer[round]!)),
        unit: "ms",
        n: ROUNDS,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

export default bench;
