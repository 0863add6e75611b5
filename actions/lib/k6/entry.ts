import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assetFolder } from "./assets.ts";

/** The part of the driver that k6 runs, as text of an import. */
export function driverModule(name: string): string {
  return JSON.stringify(join(assetFolder(), "actions", "lib", "k6", "driver", name));
}

/**
 * Writes modules that k6 is to run, readable by this user alone: they may hold secrets.
 *
 * @param modules text by name
 * @returns path of the last one
 */
export async function writeModules(folder: string, modules: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let path = folder;
  for (const [name, text] of Object.entries(modules)) {
    path = join(folder, name);
    await writeFile(path, text, { mode: 0o600 });
  }
  return path;
}

/**
 * Writes a script that is the given one with these variables in `__ENV`: all that it exports, and its own load. On a command line, where
 * k6 would take them, every user of the machine could read them; as environment k6 would take `K6_DURATION` for an option of its own.
 *
 * @param script absolute path
 * @param folder gets the script; make it one that is thrown away
 * @returns path of the script to run
 */
export async function writeEntry(script: string, env: Readonly<Record<string, string>>, folder: string): Promise<string> {
  const own = JSON.stringify(script);
  return await writeModules(folder, {
    "env.js": `export const env = ${JSON.stringify(env)};\nObject.assign(__ENV, env);\n`,
    "entry.js": `import { env } from "./env.js";
import * as script from ${own};
import { defaultWith, withVariables } from ${driverModule("plain.js")};
export * from ${own};
export const options = withVariables(script.options, env);
export default defaultWith(script, env);
`,
  });
}

/** The load that a gate asks for. */
export interface AskedLoad {
  /** Iterations started per second. */
  rps: number;
  seconds: number;
  /** Base URL of the service. */
  url: string;
}

/**
 * Writes a script that is the given one with these variables in `__ENV`, driven at the gate's rate whatever load it asks for itself, and
 * watched: each request that is sent and each answer leave a row.
 *
 * @param folder gets the script; make it one that is thrown away
 * @returns path of the script to run
 */
export async function writeDriven(
  script: string,
  env: Readonly<Record<string, string>>,
  { rps, seconds, url }: AskedLoad,
  folder: string,
): Promise<string> {
  const own = JSON.stringify(script);
  const stretches = [{ suffix: "", startMs: 0, durationMs: Math.round(seconds * 1000) }];
  const plan = { rps, stretches, env, url, versionHeader: "X-Release-Version" };
  return await writeModules(folder, {
    "plan.js": `export const plan = ${JSON.stringify(plan)};\n`,
    // Evaluated before the script: its variables are there and its HTTP functions are watched from its first line on.
    "before.js": `import { plan } from "./plan.js";
import { watchRequests } from ${driverModule("watch.js")};
Object.assign(__ENV, plan.env);
watchRequests(plan);
`,
    "entry.js": `import "./before.js";
import * as script from ${own};
import { driveAlone } from ${driverModule("alone.js")};
import { plan } from "./plan.js";
export * from ${own};
const driven = driveAlone(script, plan);
export const options = driven.options;
export const run = driven.run;
`,
  });
}
