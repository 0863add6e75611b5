import { access, chmod, constants, copyFile, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { runChild, scrubbedEnvironment } from "../runner/child.ts";
import { explainFileError } from "../runner/files.ts";
import { assetFolder } from "./assets.ts";
import { downloadVerified, unpack } from "./download.ts";
import { withLock } from "./lock.ts";
import { K6_DOWNLOADS, K6_RELEASES, PINNED_K6_VERSION, type ReleaseTable, releaseArchive } from "./releases.ts";

export interface K6Request {
  /** Wanted version without `v`. When empty any k6 ≥ 1.0 on PATH serves, else the pinned version is installed. */
  version?: string;
  /** An executable to use and nothing else. */
  path?: string;
  environment?: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal;
  /** Says what is being done, one line each. */
  log?: (line: string) => void;
  releases?: ReleaseTable;
  downloads?: string;
  /** Folder that holds tools/go.mod. */
  assets?: string;
}

export interface K6 {
  path: string;
  /** Without `v`: `2.2.0`. */
  version: string;
  source: "k6-path" | "PATH" | "tool cache" | "release" | "build";
}

/**
 * Finds k6 or installs it: the given path, else PATH, else the tool cache, else the release archive checked against
 * its committed sha256, else a build of the pinned Go module.
 *
 * @throws Error that tells what was tried, why each failed, and what can be done
 */
export async function findK6(request: K6Request = {}): Promise<K6> {
  const environment = request.environment ?? process.env;
  if (process.platform === "win32") {
    throw new Error("k6: this action runs on Linux and macOS, not on Windows. Give its job a runner such as ubuntu-latest.");
  }
  const log = request.log ?? (() => undefined);
  const wanted = request.version || PINNED_K6_VERSION;

  if (request.path) {
    const version = await k6Version(request.path);
    if (version instanceof Error)
      throw new Error(`k6-path: ${version.message}. Give the path of a k6 executable, or leave k6-path empty.`);
    return { path: request.path, version, source: "k6-path" };
  }

  const tried: string[] = [];
  const onPath = await whichK6(environment);
  if (onPath === undefined) {
    tried.push("PATH: no k6 there");
  } else {
    const version = await k6Version(onPath);
    const suits = typeof version === "string" && (version === wanted || (!request.version && Number.parseInt(version, 10) >= 1));
    if (suits) return { path: onPath, version, source: "PATH" };
    tried.push(`PATH: ${version instanceof Error ? version.message : `${onPath} is v${version}, wanted is v${wanted}`}`);
  }

  const folder = join(cacheFolder(environment), "k6", wanted, process.arch);
  const executable = join(folder, "k6");
  const cached = async (): Promise<K6 | undefined> => {
    const version = await k6Version(executable);
    return version === wanted ? { path: executable, version, source: "tool cache" } : undefined;
  };
  const hit = await cached();
  if (hit !== undefined) return hit;
  tried.push(`tool cache: no k6 v${wanted} in ${folder}`);

  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new Error(
      `k6 can't be kept in ${folder}: ${explainFileError(error)} Set GATEHOUSE_CACHE, or give the path of a k6 in k6-path.`,
      { cause: error },
    );
  }
  return withLock(join(folder, ".lock"), { signal: request.signal, log }, async () => {
    // Another process may have installed it while this one waited.
    const meanwhile = await cached();
    if (meanwhile !== undefined) return meanwhile;
    for (const [source, install] of [
      ["release", installRelease],
      ["build", buildModule],
    ] as const) {
      const work = await mkdtemp(join(folder, ".installing-"));
      try {
        const made = await install({ ...request, environment, log, version: wanted, work });
        await chmod(made, 0o755);
        const version = await k6Version(made);
        if (version !== wanted)
          throw new Error(version instanceof Error ? version.message : `it says that it is v${version}, not v${wanted}`);
        await rename(made, executable);
        return { path: executable, version, source };
      } catch (error) {
        if (request.signal?.aborted) throw error;
        tried.push(`${source}: ${(error as Error).message}`);
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    }
    throw new Error(noK6(wanted, tried));
  });
}

/** Where tools are kept: the runner's tool cache, else GATEHOUSE_CACHE, else `.cache/gatehouse` in the home folder. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>>): string {
  return (
    environment["RUNNER_TOOL_CACHE"] ||
    environment["GATEHOUSE_CACHE"] ||
    join(environment["HOME"] || homedir(), ".cache", "gatehouse")
  );
}

/** Version of a k6 executable without `v`, or the Error that says why it isn't one. */
export async function k6Version(path: string): Promise<string | Error> {
  try {
    await access(path, constants.X_OK);
  } catch {
    return new Error(`${path} isn't an executable file`);
  }
  try {
    const signal = AbortSignal.timeout(20_000);
    const { exitCode, tail } = await runChild({
      command: path,
      args: ["version"],
      env: scrubbedEnvironment(),
      output: "quiet",
      signal,
    });
    const version = /^k6(?:\.exe)? v?(\d+\.\d+\.\d+\S*)/m.exec(tail)?.[1];
    return (
      version ?? new Error(`${path} isn't k6: "version" ended with ${exitCode} and said ${JSON.stringify(tail.slice(0, 120))}`)
    );
  } catch (error) {
    return error as Error;
  }
}

interface Installation extends K6Request {
  version: string;
  environment: Readonly<Record<string, string | undefined>>;
  log: (line: string) => void;
  /** Throw-away folder on the same file system as the cache. */
  work: string;
}

async function installRelease({
  version,
  releases = K6_RELEASES,
  downloads = K6_DOWNLOADS,
  log,
  work,
  signal,
}: Installation): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const asset = releases[version]?.[platform];
  if (asset === undefined) throw new Error(`no committed sha256 for k6 v${version} on ${platform}, so nothing was downloaded`);
  const { url, folder } = releaseArchive(version, asset, downloads);
  log(`Downloading k6 v${version} from ${url}`);
  const archive = join(work, `k6-${asset.suffix}`);
  await downloadVerified(url, archive, asset.sha256, signal);
  await unpack(archive, work);
  return join(work, folder, "k6");
}

async function buildModule({ version, environment, log, work, signal, assets }: Installation): Promise<string> {
  const tools = join(assets ?? assetFolder(), "tools");
  const module = await readFile(join(tools, "go.mod"), "utf8");
  const pinned = /^\s*go\.k6\.io\/k6\/v2 v(\S+)/m.exec(module)?.[1];
  if (pinned !== version) throw new Error(`the Go module pins k6 v${pinned}, wanted is v${version}`);
  const go = (await which("go", environment)) ?? (await firstExecutable(["/usr/local/go/bin/go", "/opt/homebrew/bin/go"]));
  if (go === undefined) throw new Error("no Go on PATH");

  log(`Building k6 v${version} with Go from its pinned module (a minute or two, once)`);
  // Away from any Go workspace or vendor folder of the user.
  await Promise.all(["go.mod", "go.sum"].map((file) => copyFile(join(tools, file), join(work, file))));
  const settings = Object.fromEntries(
    Object.entries(environment).filter(([name]) => /^(GO|CGO_|XDG_CACHE)/.test(name)),
  ) as Record<string, string>;
  const limit = AbortSignal.timeout(15 * 60_000);
  const { exitCode, tail } = await runChild({
    command: go,
    args: ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", "k6", "go.k6.io/k6/v2"],
    cwd: work,
    env: scrubbedEnvironment({ ...settings, GOWORK: "off", GOFLAGS: "" }, environment),
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    output: "quiet",
  });
  if (exitCode !== 0) throw new Error(`go build ended with ${exitCode}: ${tail.trim().split("\n").slice(-3).join(" / ")}`);
  return join(work, "k6");
}

function noK6(version: string, tried: readonly string[]): string {
  return [
    `k6 v${version} was not found and could not be installed.`,
    ...tried.map((line) => `  ${line}`),
    "Do one of these:",
    "  install k6 (https://grafana.com/docs/k6/latest/set-up/install-k6/) so that it is on PATH,",
    "  give its path in k6-path,",
    `  allow downloads from ${K6_DOWNLOADS} (HTTPS_PROXY is honoured),`,
    "  or install Go, which builds it from the pinned module.",
  ].join("\n");
}

function whichK6(environment: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  return which("k6", environment);
}

function which(name: string, environment: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const folders = (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return firstExecutable(folders.map((folder) => resolve(folder, name)));
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return undefined;
}
