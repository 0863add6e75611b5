import { debug, setFailed } from "@actions/core";

/**
 * Runs an action: its `main` gives the exit code, or throws what was wrong. The process ends when its work has ended, never by
 * `process.exit`, so that output and files are whole.
 */
export async function runAction(main: () => Promise<0 | 1>): Promise<void> {
  try {
    const exitCode = await main();
    if (exitCode !== 0) process.exitCode = exitCode;
  } catch (error) {
    setFailed(error instanceof Error ? error.message : String(error));
    if (error instanceof Error && error.stack !== undefined) debug(error.stack);
  }
}
