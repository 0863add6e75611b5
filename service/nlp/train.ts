import { copyFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { describeReport } from "./report.ts";
import { buildModel, readData } from "./training.ts";

/**
 * The command: trains the hotel model, prints the out-of-fold report and one line of JSON, refuses a model that misses a gate.
 *
 * @returns exit code
 */
export async function main(
  argv: readonly string[],
  print: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  try {
    const { values } = parseArgs({ args: [...argv], options: { data: { type: "string" }, out: { type: "string" } } });
    const started = performance.now();
    const data = await readData(values.data);
    const { report, path } = await buildModel(data);
    const seconds = (performance.now() - started) / 1_000;
    if (values.out) {
      await mkdir(dirname(values.out), { recursive: true });
      await copyFile(path, values.out);
    }
    for (const line of describeReport(report)) print(line);
    print(`built in ${seconds.toFixed(2)} s: ${values.out ?? path}`);
    print(JSON.stringify({ digest: data.digest, build_seconds: seconds, ...report.quality }));
    return 0;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), console.log, console.error);
}
