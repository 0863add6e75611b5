import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { minify } from "rolldown/utils";
import { withLock } from "../actions/lib/k6/lock.ts";
import { runChild, scrubbedEnvironment } from "../actions/lib/runner/child.ts";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** What every action that runs k6 needs beside its code: what k6 itself runs and the pinned Go module. */
const K6_ASSETS = ["actions/lib/k6/driver", "tools/go.mod", "tools/go.sum"];
/** The module whose import tells that a bundle runs k6. */
const K6_ASSET_MODULE = "actions/lib/k6/assets.ts";
/** ncc can end well and write only stubs that throw; a real bundle with @actions/core is far larger. */
const SMALLEST_BUNDLE_BYTES = 100_000;
const DIGEST_FILE = "sources.sha256";
const LICENSES = "licenses.txt";
/**
 * In the chunk that the artifact client's store loads to list blobs in Arrow's format, which nothing here does: a sixth of the client,
 * in each bundle that uploads.
 */
const UNUSED_MODULES = "node_modules/apache-arrow/";

/** Names of the actions: folders of `actions/` with an action.yml and an index.ts. */
export async function actionNames(): Promise<string[]> {
  const folders = await readdir(join(ROOT, "actions"), { withFileTypes: true });
  const names: string[] = [];
  for (const folder of folders.filter((entry) => entry.isDirectory())) {
    const files = await readdir(join(ROOT, "actions", folder.name));
    if (files.includes("action.yml") && files.includes("index.ts")) names.push(folder.name);
  }
  return names.sort();
}

/** Whether the sources of an action differ from those that its bundle was built from. */
export async function isStale(name: string): Promise<"missing" | "stale" | "fresh"> {
  const recorded = await readIfThere(join(ROOT, "actions", name, "dist", DIGEST_FILE));
  if (recorded === undefined) return "missing";
  return recorded.trim() === (await sourceDigest(name)) ? "fresh" : "stale";
}

/**
 * Builds bundles: tsc → JavaScript, ncc → one folder an action, each with its assets.
 *
 * @param into folder that gets one folder an action, named as the action
 * @throws Error with the compiler's output, or when a bundle is a stub
 */
export async function buildBundles(names: readonly string[], into: string): Promise<void> {
  await mkdir(join(ROOT, "build"), { recursive: true });
  // Inside the project, so that packages are found.
  const work = await mkdtemp(join(ROOT, "build", "bundle-"));
  try {
    const files = names.map((name) => relative(work, join(ROOT, "actions", name, "index.ts")));
    const options = { rootDir: "../..", outDir: "js", noEmit: false, removeComments: false };
    await writeFile(
      join(work, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: options, include: [], files }),
    );
    await node("typescript/bin/tsc", ["-p", work], ROOT);
    for (const name of names) {
      const target = join(into, name);
      await rm(target, { recursive: true, force: true });
      // ncc names modules by their path from the working folder: from here it is the same in every folder.
      await node(
        "@vercel/ncc/dist/ncc/cli.js",
        ["build", join(work, "js", "actions", name, "index.js"), "--no-cache", "--quiet", "-o", target, "--license", LICENSES],
        join(work, "js"),
      );
      await checkBundle(name, target);
      await shrinkBundle(target);
      for (const asset of await assetFiles(name)) await cp(join(ROOT, asset), join(target, "assets", asset));
      await writeFile(join(target, DIGEST_FILE), `${await sourceDigest(name)}\n`);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Builds bundles aside and hands over the folder; it is removed afterwards.
 *
 * @param use gets the folder that holds one folder an action
 */
export async function withBundles<Result>(names: readonly string[], use: (folder: string) => Promise<Result>): Promise<Result> {
  await mkdir(join(ROOT, "build"), { recursive: true });
  const folder = await mkdtemp(join(ROOT, "build", "dist-"));
  try {
    await buildBundles(names, folder);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Puts a built bundle in the place of the one that is committed. */
export async function replaceBundle(name: string, built: string): Promise<void> {
  const committed = join(ROOT, "actions", name, "dist");
  await rm(committed, { recursive: true, force: true });
  await rename(built, committed);
}

/** Builds the bundle of an action when its sources have changed; processes that want the same wait for each other. */
export async function ensureBundle(name: string, log: (line: string) => void): Promise<void> {
  if ((await isStale(name)) === "fresh") return;
  await mkdir(join(ROOT, "build"), { recursive: true });
  await withLock(join(ROOT, "build", `.${name}.lock`), { log }, async () => {
    const state = await isStale(name);
    if (state === "fresh") return;
    log(`actions/${name}/dist is ${state}: building it.`);
    await withBundles([name], (folder) => replaceBundle(name, join(folder, name)));
  });
}

/** Differences between two folders, one line each: missing, extra and different files. */
export async function compareFolders(expected: string, actual: string): Promise<string[]> {
  const [wanted, found] = await Promise.all([listFiles(expected), listFiles(actual)]);
  const differences: string[] = [];
  for (const file of new Set([...wanted, ...found])) {
    if (!found.includes(file)) differences.push(`${file} is missing`);
    else if (!wanted.includes(file)) differences.push(`${file} shouldn't be there`);
    else if (!(await readFile(join(expected, file))).equals(await readFile(join(actual, file))))
      differences.push(`${file} differs`);
  }
  return differences.sort();
}

/** Files of a folder, relative to it; none when the folder isn't there. */
export async function listFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function checkBundle(name: string, folder: string): Promise<void> {
  let bytes = 0;
  for (const file of (await listFiles(folder)).filter((path) => path.endsWith(".js"))) {
    const text = await readFile(join(folder, file), "utf8");
    bytes += Buffer.byteLength(text);
    if (text.includes("webpackMissingModule"))
      throw new Error(`${name}: the bundle misses a module (webpackMissingModule in ${file}). Install what it imports.`);
    if (text.includes(ROOT)) throw new Error(`${name}: the bundle holds the path of this machine (in ${file}).`);
  }
  if (bytes < SMALLEST_BUNDLE_BYTES)
    throw new Error(`${name}: the bundle has only ${bytes} bytes, so it holds stubs instead of modules.`);
}

/**
 * Makes a bundle smaller without changing what it does: everyone who uses an action downloads all of them. ncc itself minifies only
 * what is loaded at the start, a fifth of the whole.
 *
 * @throws Error when a file can't be parsed
 */
async function shrinkBundle(folder: string): Promise<void> {
  for (const file of (await listFiles(folder)).filter((path) => path.endsWith(".js"))) {
    const path = join(folder, file);
    const text = await readFile(path, "utf8");
    if (/^\d+\.index\.js$/.test(file) && text.includes(UNUSED_MODULES)) {
      await rm(path);
      continue;
    }
    const { code, errors } = await minify(file, text, { module: true });
    if (errors.length > 0) throw new Error(`${file} can't be minified: ${errors[0]!.message}`);
    await writeFile(path, code);
  }
  const licenses = join(folder, LICENSES);
  await writeFile(licenses, joinLicenses(await readFile(licenses, "utf8")));
}

/**
 * A file of licences as ncc writes it (a package's name, its licence's id, the text) with each text once, under the names of all
 * packages that have the very same.
 */
export function joinLicenses(text: string): string {
  const packages = new Map<string, string[]>();
  for (const block of text.split(/\n(?=@?[a-z0-9][\w@/.-]*\n[^\n]{2,60}\n)/)) {
    const [name = "", id = "", ...lines] = block.split("\n");
    const body = lines.join("\n").trim();
    packages.set(body, [...(packages.get(body) ?? []), `${name} (${id})`]);
  }
  return [...packages].map(([body, names]) => `${names.join("\n")}\n\n${body}\n`).join(`\n${"-".repeat(80)}\n\n`);
}

/** Digest of everything of ours that goes into a bundle. */
async function sourceDigest(name: string): Promise<string> {
  const files = [...(await sourceFiles(name)), ...(await assetFiles(name))];
  const hash = createHash("sha256");
  for (const file of files.sort()) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(ROOT, file)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** Files that lie beside the bundle of an action that runs k6. */
async function assetFiles(name: string): Promise<string[]> {
  const sources = await sourceFiles(name);
  if (!sources.includes(K6_ASSET_MODULE)) return [];
  const shared = await Promise.all(
    K6_ASSETS.map(async (asset) => {
      const inside = asset.startsWith("tools/") ? [] : await listFiles(join(ROOT, asset));
      return inside.length === 0 ? [asset] : inside.filter((file) => !file.endsWith(".test.ts")).map((file) => join(asset, file));
    }),
  );
  return shared.flat().sort();
}

/** Paths of an action's sources: its index.ts and all that it imports from here, directly or not. */
async function sourceFiles(name: string): Promise<string[]> {
  const seen = new Set<string>();
  const waiting = [`actions/${name}/index.ts`];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = await readFile(join(ROOT, file), "utf8");
    // Modules that k6 runs are text here, and import others of their kind.
    for (const [, path] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+\.(?:ts|json))"/g)) {
      waiting.push(relative(ROOT, resolve(ROOT, dirname(file), path!)));
    }
  }
  return [...seen];
}

async function node(tool: string, args: readonly string[], cwd: string): Promise<void> {
  const { exitCode, tail } = await runChild({
    command: process.execPath,
    args: [join(ROOT, "node_modules", tool), ...args],
    cwd,
    env: scrubbedEnvironment(),
    output: "quiet",
  });
  if (exitCode !== 0) throw new Error(`${tool.split("/")[0]} ended with ${exitCode}:\n${tail}`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
