import { debug, setFailed } from "@actions/core";
import { noteEnd, noteStart } from "./gates.ts";

/**
 * Runs an action: its `main` gives the exit code, or throws what was wrong. The process ends when its work has ended, never by
 * `process.exit`, so that output and files are whole.
 *
 * @param gate kind of report that the action makes, when it is a gate: publish-summary then misses a report that doesn't come
 */
export async function runAction(main: () => Promise<0 | 1>, gate?: string): Promise<void> {
  let failure: string | undefined;
  if (gate !== undefined) await noteStart(gate);
  try {
    const exitCode = await main();
    if (exitCode !== 0) process.exitCode = exitCode;
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
    setFailed(failure);
    if (error instanceof Error && error.stack !== undefined) debug(error.stack);
  }
  if (gate !== undefined) await noteEnd(gate, failure);
}
