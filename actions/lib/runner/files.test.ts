import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { explainFileError, writeFileAtomically, writeJsonAtomically } from "./files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a file is written with its folders and replaces the former one", async () => {
  const path = join(folder, "a", "b", "report.json");
  await writeJsonAtomically(path, { a: 1 });
  await writeJsonAtomically(path, { a: 2 });
  expect(await readFile(path, "utf8")).toBe('{\n  "a": 2\n}\n');
  expect(await readdir(join(folder, "a", "b"))).toEqual(["report.json"]);
});

test("a write that fails half-way leaves the former file and no rest", async () => {
  const path = join(folder, "report.json");
  await writeFile(path, "former");
  const script = `
    import { writeFileAtomically } from ${JSON.stringify(new URL("./files.ts", import.meta.url).href)};
    await writeFileAtomically(${JSON.stringify(path)}, "x".repeat(1_000_000)).catch((error) => console.log(error.message));`;
  const { stdout } = await promisify(execFile)("sh", [
    "-c",
    `ulimit -f 100 && exec "$0" --input-type=module -e "$1"`,
    process.execPath,
    script,
  ]);
  expect(stdout).toContain(`${path}: could not be written: it is larger than this process may write`);
  expect(await readFile(path, "utf8")).toBe("former");
  expect(await readdir(folder)).toEqual(["report.json"]);
});

test("a full disk is named with its remedy", () => {
  expect(explainFileError(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" }))).toBe(
    "the disk is full. Free some space and run again.",
  );
});

test("a file in the place of a folder is named", async () => {
  await writeFile(join(folder, "reports"), "");
  await expect(writeFileAtomically(join(folder, "reports", "x.json"), "{}")).rejects.toThrow(
    /a file stands where a folder is needed/,
  );
});

test("NaN never gets into a report", async () => {
  await expect(writeJsonAtomically(join(folder, "r.json"), { p95_ms: Number.NaN })).rejects.toThrow(/field "p95_ms" is NaN/);
  expect(await readdir(folder)).toEqual([]);
});
