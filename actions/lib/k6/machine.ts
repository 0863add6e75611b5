import { readdir, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";

/** CPU time of this machine since it started, in clock ticks. */
export interface CpuTimes {
  total: number;
  stolen: number;
  /** CPU time of the load generator's processes that run. */
  generator: { processes: number; ticks: number } | undefined;
  /** Share of the machine's cores that the generator may use, 0–1. */
  allowedShare: number;
}

/** Text of a file of /proc; undefined where there is none (another system, or the process has ended). */
async function procText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ENOTDIR", "ESRCH", "EACCES", "EPERM"].includes(code)) return undefined;
    throw error;
  }
}

/** Pids of the processes whose command line holds `marker`, among the children of this one. */
async function findChildren(marker: string): Promise<string[]> {
  const tasks = await readdir("/proc/self/task").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const found: string[] = [];
  for (const task of tasks) {
    const children = (await procText(`/proc/self/task/${task}/children`)) ?? "";
    for (const pid of children.split(" ").filter((text) => text !== "")) {
      if ((await procText(`/proc/${pid}/cmdline`))?.includes(marker)) found.push(pid);
    }
  }
  return found;
}

/** CPU time of a process in clock ticks; undefined when it has ended. */
async function cpuTicks(pid: string): Promise<number | undefined> {
  const stat = await procText(`/proc/${pid}/stat`);
  // The command's name, in brackets, may hold blanks: count from behind it.
  const own = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return own === undefined ? undefined : Number(own[11]) + Number(own[12]);
}

/**
 * Cores that this process may use: what its control group allows, where that is less than the machine has.
 *
 * @param root of the control groups' file system
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max), cgroup-v1/cpu.cfs_quota_us before it
 */
export async function allowedCores(cores: number, root = "/sys/fs/cgroup"): Promise<number> {
  let allowed = cores;
  const take = (quota: string | undefined, period: string | undefined) => {
    const share = Number(quota) / Number(period);
    if (share > 0 && Number.isFinite(share)) allowed = Math.min(allowed, share);
  };
  const own = /^0::(\/.*)$/m.exec((await procText("/proc/self/cgroup")) ?? "")?.[1] ?? "/";
  for (let path = own; ; path = path.slice(0, path.lastIndexOf("/"))) {
    const [quota, period] = ((await procText(join(root, path, "cpu.max"))) ?? "").trim().split(" ");
    take(quota, period);
    if (path === "" || path === "/") break;
  }
  const [quota, period] = await Promise.all(["quota", "period"].map((name) => procText(join(root, "cpu", `cpu.cfs_${name}_us`))));
  take(quota, period);
  return allowed;
}

/**
 * CPU times of the machine and of the children whose command line holds `marker`.
 *
 * @returns undefined on systems without /proc
 */
export async function readCpuTimes(marker: string): Promise<CpuTimes | undefined> {
  const line = (await procText("/proc/stat"))?.split("\n")[0];
  if (line === undefined) return undefined;
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const ticks = (await Promise.all((await findChildren(marker)).map(cpuTicks))).filter((value) => value !== undefined);
  const cores = cpus().length;
  return {
    total: fields.reduce((sum, value) => sum + value, 0),
    stolen: fields[7] ?? 0,
    generator: ticks.length === 0 ? undefined : { processes: ticks.length, ticks: ticks.reduce((sum, value) => sum + value, 0) },
    allowedShare: (await allowedCores(cores)) / cores,
  };
}

/**
 * Shares of CPU time between two readings, 0–1: of the generator as a part of what it may use, and what the host took away as a part of
 * all.
 */
export function cpuShares(
  before: CpuTimes | undefined,
  after: CpuTimes | undefined,
): { generator: number | null; stolen: number | null } {
  if (!before || !after || after.total <= before.total) return { generator: null, stolen: null };
  const share = (ticks: number, of = 1) => Math.min(1, Math.max(0, ticks / ((after.total - before.total) * of)));
  const [first, last] = [before.generator, after.generator];
  const known = first !== undefined && last !== undefined && first.processes === last.processes;
  const generator = known ? share(last.ticks - first.ticks, after.allowedShare) : null;
  return { generator, stolen: share(after.stolen - before.stolen) };
}
