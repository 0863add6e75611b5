import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** The owner of a lock touches its file so often … */
const BEAT_MS = 2_000;
/** … and is gone when it hasn't for so long: crashed, or of before a restart of the machine, whatever process has its id now. */
const ABANDONED_MS = 15_000;
/** After so long a wait it is told what is waited for. */
const TELL_MS = 3_000;

/** How a lock is waited for. */
export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Says what is waited for, and what was found abandoned. */
  log?: (line: string) => void;
  /** Milliseconds without a sign of life after which a lock is abandoned. */
  abandonedMs?: number;
}

/**
 * Runs `work` while no other process holds the lock file. The owner touches the file as long as it lives; one that nobody touches is
 * taken over, empty or not.
 */
export async function withLock<Result>(path: string, options: LockOptions, work: () => Promise<Result>): Promise<Result> {
  const { signal, log = () => undefined, abandonedMs = ABANDONED_MS } = options;
  const since = Date.now();
  let told = false;
  while (!(await acquire(path))) {
    if (await takeAway(path, abandonedMs)) {
      log(`The lock ${path} was left behind by a process that is gone, and is taken over`);
      continue;
    }
    if (!told && Date.now() - since > TELL_MS) {
      told = true;
      log(`Waiting for another process that holds the lock ${path}`);
    }
    await sleep(200, undefined, signal === undefined ? {} : { signal });
  }
  const beat = setInterval(() => {
    const now = new Date();
    // Whoever removed the file has taken the lock; the work goes on, and removes nothing of the other's.
    utimes(path, now, now).catch(() => clearInterval(beat));
  }, BEAT_MS);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

async function acquire(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Takes an abandoned lock out of the way; gives whether it did. Of several who try, one does. */
async function takeAway(path: string, abandonedMs: number): Promise<boolean> {
  if (!(await isAbandoned(path, abandonedMs))) return false;
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  try {
    if (await isAbandoned(aside, abandonedMs)) return true;
    // Another one was faster, and this is its new lock: back with it, unless a third has taken the place.
    await link(aside, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    return false;
  } finally {
    await rm(aside, { force: true });
  }
}

/** Whether nobody has touched the lock for long, or its owner is known to be gone. */
async function isAbandoned(path: string, abandonedMs: number): Promise<boolean> {
  let text: string;
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > abandonedMs) return true;
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  if (!/^\d+$/.test(text)) return false;
  try {
    process.kill(Number(text), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
