import { readdir, readFile } from "node:fs/promises";

/** CPU time of this machine since it started, in clock ticks. */
export interface CpuTimes {
  total: number;
  stolen: number;
  /** CPU time of the load generator. */
  generator: number | undefined;
}

/** Text of a file of /proc; undefined where there is none (another system, or the process has ended). */
async function procText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) return undefined;
    throw error;
  }
}

/** Pid of the process whose command line holds `marker`, among the children of this one. */
async function findChild(marker: string): Promise<string | undefined> {
  const tasks = await readdir("/proc/self/task").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const task of tasks) {
    const children = (await procText(`/proc/self/task/${task}/children`)) ?? "";
    for (const pid of children.split(" ").filter((text) => text !== "")) {
      if ((await procText(`/proc/${pid}/cmdline`))?.includes(marker)) return pid;
    }
  }
  return undefined;
}

/**
 * CPU times of the machine and of the child whose command line holds `marker`.
 *
 * @returns undefined on systems without /proc
 */
export async function readCpuTimes(marker: string): Promise<CpuTimes | undefined> {
  const line = (await procText("/proc/stat"))?.split("\n")[0];
  if (line === undefined) return undefined;
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const pid = await findChild(marker);
  const stat = pid === undefined ? undefined : await procText(`/proc/${pid}/stat`);
  // The command's name, in brackets, may hold blanks: count from behind it.
  const own = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    total: fields.reduce((sum, ticks) => sum + ticks, 0),
    stolen: fields[7] ?? 0,
    generator: own === undefined ? undefined : Number(own[11]) + Number(own[12]),
  };
}

/** Shares of all cores' time between two readings, 0–1. */
export function cpuShares(
  before: CpuTimes | undefined,
  after: CpuTimes | undefined,
): { generator: number | null; stolen: number | null } {
  if (!before || !after || after.total <= before.total) return { generator: null, stolen: null };
  const share = (ticks: number) => Math.min(1, Math.max(0, ticks / (after.total - before.total)));
  const generator =
    before.generator === undefined || after.generator === undefined ? null : share(after.generator - before.generator);
  return { generator, stolen: share(after.stolen - before.stolen) };
}
