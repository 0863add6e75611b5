import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { realK6 } from "../../../test/k6.ts";
import { cacheFolder, findK6 } from "./install.ts";
import { K6_RELEASES, PINNED_K6_VERSION, type ReleaseTable } from "./releases.ts";

const PLATFORM = `${process.platform}-${process.arch}`;
let folder: string;
let environment: Record<string, string>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-k6-"));
  // tar and gzip are needed, k6 and go must not be found.
  await mkdir(join(folder, "bin"));
  environment = { PATH: join(folder, "bin"), GATEHOUSE_CACHE: join(folder, "cache"), HOME: folder };
});
afterEach(() => rm(folder, { recursive: true }));

let archive: Promise<{ version: string; content: Buffer }> | undefined;

/** The real k6 packed as its release is. */
async function packK6(): Promise<{ version: string; content: Buffer }> {
  const k6 = await realK6();
  const work = await mkdtemp(join(tmpdir(), "gatehouse-release-"));
  try {
    await mkdir(join(work, `k6-v${k6.version}-test`));
    await symlink(k6.path, join(work, `k6-v${k6.version}-test`, "k6"));
    await promisify(execFile)("tar", ["-chf", join(work, "k6.tar"), "-C", work, `k6-v${k6.version}-test`]);
    return { version: k6.version, content: gzipSync(await readFile(join(work, "k6.tar")), { level: 1 }) };
  } finally {
    await rm(work, { recursive: true });
  }
}

/** Serves an archive of the real k6 as the release does. */
async function releaseServer(options: { sha256?: string } = {}) {
  archive ??= packK6();
  const { version, content } = await archive;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sha256 = options.sha256 ?? createHash("sha256").update(content).digest("hex");
  const releases: ReleaseTable = { [version]: { [PLATFORM]: { suffix: "test.tar.gz", sha256 } } };
  return {
    version,
    releases,
    asked,
    downloads: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => void server.close(),
  };
}

test("the committed hashes are of the version that the Go module pins, for every platform that Node names", async () => {
  const module = await readFile(new URL("../../../tools/go.mod", import.meta.url), "utf8");
  expect(module).toContain(`go.k6.io/k6/v2 v${PINNED_K6_VERSION}`);
  expect(Object.keys(K6_RELEASES[PINNED_K6_VERSION] ?? {}).sort()).toEqual([
    "darwin-arm64",
    "darwin-x64",
    "linux-arm64",
    "linux-x64",
  ]);
  for (const asset of Object.values(K6_RELEASES[PINNED_K6_VERSION] ?? {})) expect(asset.sha256).toMatch(/^[0-9a-f]{64}$/);
});

test("k6-path is used and nothing else", async () => {
  const k6 = await realK6();
  expect(await findK6({ path: k6.path, environment })).toEqual({ path: k6.path, version: k6.version, source: "k6-path" });
  await expect(findK6({ path: "/nowhere/k6", environment })).rejects.toThrow(/^k6-path: \/nowhere\/k6 isn't an executable file/);
  await writeFile(join(folder, "fake"), "#!/bin/sh\necho not me\n", { mode: 0o755 });
  await expect(findK6({ path: join(folder, "fake"), environment })).rejects.toThrow(/isn't k6: .*not me/);
});

test("k6 on PATH is used, unless another version was asked for", async () => {
  const k6 = await realK6();
  await symlink(k6.path, join(folder, "bin", "k6"));
  expect(await findK6({ environment })).toMatchObject({ source: "PATH", version: k6.version });
  const refused = findK6({ version: "1.0.0", environment: { ...environment, GOPROXY: "off" }, releases: {} });
  await expect(refused).rejects.toThrow(/is v2\.\d+\.\d+, wanted is v1\.0\.0/);
});

test("a release is downloaded once, checked, and then found in the cache", async () => {
  using server = await releaseServer();
  const { releases, downloads, version } = server;
  for (const tool of ["tar", "gzip"]) await symlink(await systemTool(tool), join(folder, "bin", tool));
  const request = { version, environment, releases, downloads };
  const lines: string[] = [];
  const [first, second] = await Promise.all([findK6({ ...request, log: (line) => lines.push(line) }), findK6(request)]);
  expect([first.source, second.source].sort()).toEqual(["release", "tool cache"]);
  expect(server.asked).toEqual([`/v${version}/k6-v${version}-test.tar.gz`]);
  expect(await readdir(dirname(first.path))).toEqual(["k6"]);
  expect((await findK6(request)).source).toBe("tool cache");
});

test("an archive with another hash is never unpacked, and the message tells all choices", async () => {
  using server = await releaseServer({ sha256: "0".repeat(64) });
  const { releases, downloads, version } = server;
  const error = await findK6({ version, environment, releases, downloads, assets: await withoutModule() }).catch(
    (thrown: Error) => thrown,
  );
  const message = (error as Error).message;
  expect(message).toMatch(new RegExp(`expected sha256 ${"0".repeat(64)}, got [0-9a-f]{64}`));
  for (const choice of ["on PATH", "k6-path", "allow downloads", "install Go"]) expect(message).toContain(choice);
  expect(server.asked).toHaveLength(1);
  expect(await readdir(join(folder, "cache", "k6", version, process.arch))).toEqual([]);
});

test("a platform without a committed hash is not downloaded", async () => {
  using server = await releaseServer();
  const request = {
    version: server.version,
    environment,
    releases: {},
    downloads: server.downloads,
    assets: await withoutModule(),
  };
  await expect(findK6(request)).rejects.toThrow(/no committed sha256 for k6 .* so nothing was downloaded/);
  expect(server.asked).toEqual([]);
});

test("a half-installed file in the cache is no hit", async () => {
  using server = await releaseServer();
  const path = join(folder, "cache", "k6", server.version, process.arch, "k6");
  await mkdir(dirname(path), { recursive: true });
  await copyFile(process.execPath, path);
  await chmod(path, 0o644);
  for (const tool of ["tar", "gzip"]) await symlink(await systemTool(tool), join(folder, "bin", tool));
  const { source } = await findK6({
    version: server.version,
    environment,
    releases: server.releases,
    downloads: server.downloads,
  });
  expect(source).toBe("release");
});

test("a cache folder that can't be made is told with the choices", async () => {
  await writeFile(join(folder, "cache"), "");
  await expect(findK6({ environment })).rejects.toThrow(
    /k6 can't be kept in .* a file stands where a folder is needed\. .* Set GATEHOUSE_CACHE/,
  );
});

test("the runner's tool cache comes before the user's cache folder", () => {
  expect(cacheFolder({ RUNNER_TOOL_CACHE: "/opt/tools", GATEHOUSE_CACHE: "/x", HOME: "/h" })).toBe("/opt/tools");
  expect(cacheFolder({ HOME: "/h" })).toBe("/h/.cache/gatehouse");
});

/** A folder whose Go module pins another k6, so that no build is tried. */
async function withoutModule(): Promise<string> {
  await mkdir(join(folder, "assets", "tools"), { recursive: true });
  await writeFile(join(folder, "assets", "tools", "go.mod"), "module x\nrequire (\n\tgo.k6.io/k6/v2 v0.0.1\n)\n");
  return join(folder, "assets");
}

async function systemTool(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)("sh", ["-c", `command -v ${name}`]);
  return stdout.trim();
}
