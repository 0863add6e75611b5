import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { downloadVerified, unpack } from "../actions/lib/k6/download.ts";

const run = promisify(execFile);
/** As in tools/go.mod. */
const VERSION = "1.7.12";
const RELEASE_SHA256: Readonly<Record<string, string>> = {
  linux_amd64: "8aca8db96f1b94770f1b0d72b6dddcb1ebb8123cb3712530b08cc387b349a3d8",
};

/**
 * The real actionlint: on PATH, in the cache, built from the pinned Go module, or downloaded and checked.
 *
 * @throws Error that says what was tried and what to install
 */
export async function findActionlint(): Promise<string> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (isExecutable(join(folder, "actionlint"))) return join(folder, "actionlint");
  }
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gatehouse", `actionlint-${VERSION}`);
  const path = join(folder, "actionlint");
  if (isExecutable(path)) return path;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, "work-"));
  const failures: string[] = [];
  try {
    for (const make of [build, download]) {
      try {
        await make(work);
        await rename(join(work, "actionlint"), path);
        return path;
      } catch (error) {
        failures.push((error as Error).message.trim().split("\n").at(-1) ?? "");
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  throw new Error(`actionlint isn't installed (${failures.join("; ")}). Put actionlint ${VERSION} or Go on PATH.`);
}

async function build(folder: string): Promise<void> {
  const args = [
    "build",
    "-mod=readonly",
    "-trimpath",
    "-o",
    join(folder, "actionlint"),
    "github.com/rhysd/actionlint/cmd/actionlint",
  ];
  await run("go", args, { cwd: fileURLToPath(new URL("../tools/", import.meta.url)) });
}

async function download(folder: string): Promise<void> {
  const platform = `${process.platform}_${process.arch === "x64" ? "amd64" : process.arch}`;
  const expected = RELEASE_SHA256[platform];
  if (expected === undefined) throw new Error(`no release with a known hash for ${platform}`);
  const url = `https://github.com/rhysd/actionlint/releases/download/v${VERSION}/actionlint_${VERSION}_${platform}.tar.gz`;
  const archive = join(folder, "archive.tar.gz");
  await downloadVerified(url, archive, expected);
  await unpack(archive, folder);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
