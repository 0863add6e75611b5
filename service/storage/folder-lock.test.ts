import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockFolder } from "./folder-lock.ts";

const MODULE = fileURLToPath(new URL("./folder-lock.ts", import.meta.url));
const children: ChildProcess[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-lock-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** Another process that holds the folder. */
async function holdElsewhere(path: string): Promise<ChildProcess> {
  const code = `const { lockFolder } = await import(${JSON.stringify(MODULE)}); await lockFolder(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  await Promise.race([
    once(child.stdout!, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("it ended without holding the folder"))),
  ]);
  return child;
}
const open = (path = folder) => lockFolder(path);
const kill = async (child: ChildProcess) => {
  child.kill("SIGKILL");
  await once(child, "exit");
};

describe("a folder", () => {
  test("opens once in a process, by whatever path, and again when it was given back", async () => {
    const giveBack = await open();
    await expect(open()).rejects.toThrow(/already open in this process/);
    const other = `${folder}-link`;
    await symlink(folder, other);
    await expect(open(other)).rejects.toThrow(/already open in this process/);
    await rm(other);
    await giveBack();
    await (await open())();
  });

  test("that another process holds is refused with its number, until that is killed", async () => {
    const holder = await holdElsewhere(folder);
    await expect(open()).rejects.toThrow(new RegExp(`in use by process ${holder.pid}\\.`));
    await kill(holder);
    await (await open())();
  });

  test("goes to one of several that start together", async () => {
    const holders = await Promise.allSettled([1, 2, 3, 4].map(() => holdElsewhere(folder)));
    expect(holders.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("is refused while its holder lives even when the file tells nothing: numbers differ between containers", async () => {
    await holdElsewhere(folder);
    for (const text of ["1", String(process.pid), "999999999", ""]) {
      await writeFile(join(folder, "lock"), text);
      // As of a file of before any process of here.
      await utimes(join(folder, "lock"), 1_000, 1_000);
      await expect(open()).rejects.toThrow(/in use by/);
    }
  });

  test.each([
    ["this process' own number", String(process.pid)],
    ["the number of nobody", "999999999"],
    ["no number", "-"],
    ["nothing", ""],
  ])("opens with a file that an earlier process left, with %s", async (_name, text) => {
    await writeFile(join(folder, "lock"), text);
    const giveBack = await open();
    expect(await readFile(join(folder, "lock"), "utf8")).toBe(String(process.pid));
    await expect(open()).rejects.toThrow(/already open/);
    await giveBack();
  });

  test("opens when the file's number has gone to a process that started later", async () => {
    await writeFile(join(folder, "lock"), String(process.ppid));
    await expect(open()).rejects.toThrow(/in use by process/); // it may be a release that knows no socket
    await utimes(join(folder, "lock"), 1_000, 1_000);
    if (process.platform === "linux") await (await open())();
  });

  test("with a path that is too long for a socket is locked all the same", async () => {
    const deep = join(folder, "a-long-name-of-a-folder".repeat(4), "another-long-name".repeat(4));
    await mkdir(deep, { recursive: true });
    const holder = await holdElsewhere(deep);
    await expect(open(deep)).rejects.toThrow(/in use by process/);
    await kill(holder);
    await (await open(deep))();
  });
});
