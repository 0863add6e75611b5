import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** What this process holds. */
const held = new Set<string>();

/** The longest path of a socket that every system takes, in bytes. */
const LONGEST_SOCKET_PATH = 100;
/** Looking for a holder and taking its place takes some milliseconds; a guard of this age is one whose process died in between. */
const GUARD_STALE_MS = 10_000;
const GUARD_POLL_MS = 20;
/** How exactly the start of a process is known. */
const START_TOLERANCE_MS = 2_000;

/**
 * Takes a folder for this process alone: two engines on one folder destroy its data.
 *
 * A socket in the folder is the lock. It answers as long as its process lives, also across containers that share the folder, where
 * numbers of processes mean nothing: in a container the service is number 1 at each start. Beside it a file names the process, for
 * people, for file systems without sockets, and for releases that know no socket. A number alone counts only while a process of that
 * number lives that had started before the file was written.
 *
 * @returns a function that gives the folder back
 * @throws when a living process, or this one, holds the folder
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const key = await realpath(folder);
  if (held.has(key)) throw new Error(`DATA_DIR: "${folder}" is already open in this process.`);
  held.add(key);
  try {
    // Of several that start together one looks for a holder at a time: else two could each find none and take the other's place.
    return await guarded(join(folder, "lock.starting"), () => take(folder, key));
  } catch (error) {
    held.delete(key);
    throw error;
  }
}

/** Runs work while no other process runs work under this guard: a folder, which only one can make. */
async function guarded<Result>(guard: string, work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      await mkdir(guard);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    await endStale(guard);
    await delay(GUARD_POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(guard, { recursive: true, force: true });
  }
}

/** A guard whose process died is put aside by exactly one of those who wait: a name can be changed once. */
async function endStale(guard: string): Promise<void> {
  try {
    if (Date.now() - (await stat(guard)).mtimeMs < GUARD_STALE_MS) return;
    const aside = `${guard}.${randomUUID()}`;
    await rename(guard, aside);
    await rm(aside, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

async function take(folder: string, key: string): Promise<() => Promise<void>> {
  const file = join(folder, "lock");
  const inUse = (holder: number | undefined) => {
    const by = holder === undefined ? "another process" : `process ${holder}`;
    return new Error(`DATA_DIR: "${folder}" is in use by ${by}. Stop it, or give this one a folder of its own.`);
  };
  const named = await readHolder(file);
  if (named !== undefined && named.pid !== process.pid && (await mayHaveWritten(named.pid, named.writtenAt)))
    throw inUse(named.pid);

  const way = await socketWay(folder);
  let server: Server | undefined;
  try {
    if (way !== undefined) {
      if ((await ask(way.path)) !== undefined) throw inUse(named?.pid);
      await rm(join(folder, SOCKET), { force: true });
      server = await hold(way.path);
    }
  } finally {
    await way?.close();
  }
  await writeFile(file, String(process.pid));
  return async () => {
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    await rm(join(folder, SOCKET), { force: true });
    await rm(file, { force: true });
    held.delete(key);
  };
}

const SOCKET = "lock.sock";

async function readHolder(file: string): Promise<{ pid: number; writtenAt: number } | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(file, "utf8"), stat(file)]);
    const pid = Number(text);
    return Number.isInteger(pid) && pid > 0 ? { pid, writtenAt: mtimeMs } : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** @returns whether a process of this number lives, and lived when the file was written */
async function mayHaveWritten(pid: number, writtenAt: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const startedAt = await startOf(pid);
  return startedAt === undefined || startedAt <= writtenAt + START_TOLERANCE_MS;
}

/**
 * @returns when a process started, in milliseconds since 1970; undefined where there is no /proc
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html field 22, in hundredths of a second since the machine's start
 */
async function startOf(pid: number): Promise<number | undefined> {
  try {
    const [process, machine] = await Promise.all([readFile(`/proc/${pid}/stat`, "utf8"), readFile("/proc/stat", "utf8")]);
    // The name, in parentheses, may hold blanks.
    const ticks = Number(process.slice(process.lastIndexOf(")") + 2).split(" ")[19]);
    const boot = Number(/^btime (\d+)$/m.exec(machine)?.[1]);
    return Number.isFinite(ticks) && Number.isFinite(boot) ? boot * 1000 + ticks * 10 : undefined;
  } catch {
    return undefined; // another system, or the process has just ended: then the file alone decides
  }
}

/** @returns a path of the folder's socket that is short enough; undefined where there is none */
async function socketWay(folder: string): Promise<{ path: string; close(): Promise<void> } | undefined> {
  const path = join(folder, SOCKET);
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return { path, close: async () => undefined };
  if (process.platform !== "linux") return undefined;
  const handle = await open(folder, "r");
  return { path: `/proc/self/fd/${handle.fd}/${SOCKET}`, close: () => handle.close() };
}

/** @returns the name of the living process that listens there; undefined when there is none */
function ask(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let name = "";
    const socket = connect(path);
    socket.on("data", (chunk) => {
      name += chunk;
    });
    socket.once("end", () => resolve(name));
    socket.once("error", () => resolve(undefined)); // no socket, or one of a process that is gone
  });
}

/** @returns undefined on file systems that have no sockets: then the file alone is the lock */
async function hold(path: string): Promise<Server | undefined> {
  const own = randomUUID();
  const server = createServer((socket) => socket.on("error", () => socket.destroy()).end(own)).unref();
  const failed = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once("error", resolve);
    server.listen(path, () => resolve(undefined));
  });
  if (failed !== undefined && failed.code !== "EADDRINUSE") return undefined;
  if ((await ask(path)) === own) return server;
  if (failed === undefined) server.close();
  throw new Error("DATA_DIR: another process took the folder at the same moment. Stop it, or give this one a folder of its own.");
}
