import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Takes a folder for this process alone: two engines on one folder destroy its data.
 * A lock left by a process that is gone is taken over.
 *
 * @returns a function that gives the folder back
 * @throws when a living process holds the folder, with its number
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "lock");
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = Number(await readFile(path, "utf8").catch(() => "0"));
      if (holder > 0 && holder !== process.pid && isAlive(holder)) {
        throw new Error(`DATA_DIR: "${folder}" is in use by process ${holder}. Stop it, or give this one a folder of its own.`);
      }
      if (holder === process.pid) throw new Error(`DATA_DIR: "${folder}" is already open in this process.`);
      await rm(path, { force: true });
    }
  }
  throw new Error(`DATA_DIR: could not lock "${folder}": another process took it at the same moment. Start again.`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
