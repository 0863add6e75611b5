import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { explainFileError } from "../runner/files.ts";
import type { InputReader } from "../runner/inputs.ts";
import { writeModules } from "./entry.ts";
import { parseHar } from "./har.ts";
import { MOST_BODY_BYTES, type PlannedRequest, parseRequests, requestsScript } from "./requests.ts";
import { secretValues } from "./secrets.ts";

/** What is sent: a k6 script of the user, or requests to paths of the URL under test. */
export type Traffic =
  | {
      kind: "script";
      /** Absolute path. */
      path: string;
    }
  | {
      kind: "requests";
      requests: readonly PlannedRequest[];
      /** Sent with every request. */
      headers: Readonly<Record<string, string>>;
    };

/** How k6 is found and what it is told, the same for each action that makes traffic. */
export interface K6Inputs {
  traffic: Traffic;
  /** Without `v`; empty means any. */
  k6Version: string;
  /** Absolute path; empty means that k6 is looked for. */
  k6Path: string;
  /** What the script sees in `__ENV` beside what the action gives. */
  env: Record<string, string>;
  /** Options of k6 besides. */
  flags: string[];
  /** Whether certificates go unchecked. */
  insecure: boolean;
}

/**
 * Reads what is sent, and how k6 is found: `requests`, `headers`, `har` and `har-methods`, `script`, `env`, `k6-version`, `k6-path`,
 * `k6-flags`, `insecure-skip-tls-verify`.
 *
 * @param base folder that relative paths start from
 * @param own variables that the action itself gives to the script, by name, with the input that sets them
 */
export function readK6Inputs(read: InputReader, base: string, own: Readonly<Record<string, string>>): K6Inputs {
  const env = read.environmentLines("env");
  for (const [name, input] of Object.entries(own)) {
    if (name in env)
      read.mistakes.push(
        `env: expected no line for ${name}, which the action gives to the script itself. Use the input ${input}.`,
      );
  }
  const insecure = read.boolean("insecure-skip-tls-verify", false);
  return {
    traffic: readTraffic(read, base),
    k6Version: readVersion(read),
    k6Path: existingFile(read, "k6-path", base, "Give the path of a k6 executable, or leave it empty.") ?? "",
    env,
    flags: [...readFlags(read), ...(insecure ? ["--insecure-skip-tls-verify"] : [])],
    insecure,
  };
}

/** Recorded requests that change nothing. */
const HAR_METHODS = "GET, HEAD";

/** Whether nothing says what is sent: then it is one GET of the URL as it is given, with its query and its last slash. */
export function sendsUrlAsGiven(read: InputReader): boolean {
  return !["script", "requests", "har"].some((name) => read.given(name));
}

function readTraffic(read: InputReader, base: string): Traffic {
  const given = ["script", "requests", "har"].filter((name) => read.given(name));
  if (given.length > 1)
    read.mistakes.push(`${given.join(", ")}: expected one of them, got ${given.length}. Leave the others out.`);
  if (read.text("har-methods", HAR_METHODS) !== HAR_METHODS && !read.given("har"))
    read.reject("har-methods", "har with it", "Give har, or leave it out.");
  const script = existingFile(read, "script", base, "Give the path of a k6 script, or leave it empty to send requests.");
  if (script !== undefined) {
    if (read.given("headers"))
      read.reject("headers", "requests, har or nothing beside it", "A script sets its own headers: give it values by env.");
    return { kind: "script", path: script };
  }
  const headers = readHeaders(read);
  if (read.given("har")) return { kind: "requests", requests: readHar(read, base), headers };
  if (sendsUrlAsGiven(read)) {
    return { kind: "requests", requests: [{ method: "GET", path: "", weight: 1, headers: {} }], headers };
  }
  const { requests, mistakes } = parseRequests(read.text("requests"), (path) => readBody(resolve(base, path)));
  read.mistakes.push(...mistakes.map((mistake) => `requests: ${mistake}`));
  return { kind: "requests", requests, headers };
}

function readBody(path: string): string {
  const { size } = statSync(path);
  if (size > MOST_BODY_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MOST_BODY_BYTES}`);
  return readFileSync(path, "utf8");
}

function readHar(read: InputReader, base: string): PlannedRequest[] {
  const path = existingFile(read, "har", base, "Give the path of a session that a browser saved as HAR.");
  const methods = read
    .text("har-methods", HAR_METHODS)
    .toUpperCase()
    .split(/[\s,]+/)
    .filter((name) => name !== "");
  const wrong = methods.filter((name) => !/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(name));
  if (wrong.length > 0)
    read.reject("har-methods", "methods of HTTP", `${wrong[0]} is none. Write for example "GET, HEAD, POST".`);
  if (path === undefined || !existsSync(path)) return [];
  try {
    return parseHar(readFileSync(path, "utf8"), methods);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    read.mistakes.push(`har: ${path}: ${code === undefined ? message : explainFileError(error)}`);
    return [];
  }
}

/** Lines `Name: value`; blank lines and lines that start with `#` are skipped. */
function readHeaders(read: InputReader): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, line] of read.raw("headers").split(/\r?\n/).entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const match = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*:\s*(.*)$/.exec(text);
    // The value may be a secret: the message doesn't show it.
    if (match === null)
      read.mistakes.push(`headers: expected "Name: value" in line ${index + 1}. Write for example "Accept: application/json".`);
    else headers[match[1]!] = match[2]!;
  }
  return headers;
}

function existingFile(read: InputReader, name: string, base: string, remedy: string): string | undefined {
  if (!read.given(name)) return undefined;
  const path = resolve(base, read.raw(name));
  if (!existsSync(path) || !statSync(path).isFile()) read.reject(name, `a file in ${base}`, remedy);
  return path;
}

function readVersion(read: InputReader): string {
  const text = read.raw("k6-version");
  if (text !== "" && !/^v?\d+\.\d+\.\d+(-[\w.]+)?$/.test(text))
    read.reject("k6-version", "a version such as 2.2.0", "Write three numbers, or leave it empty.");
  return text.replace(/^v/, "");
}

/** Options of k6 that change neither the load nor what is measured, nor what the action reads. */
const FLAGS = [
  ...["tag", "out", "user-agent", "dns", "local-ips", "max-redirects", "batch", "batch-per-host", "block-hostnames"],
  ...["blacklist-ip", "no-connection-reuse", "no-vu-connection-reuse", "discard-response-bodies", "log-output", "log-format"],
  ...["compatibility-mode", "profiling-enabled", "min-iteration-duration", "no-cookies-reset", "traces-output", "verbose"],
];

function readFlags(read: InputReader): string[] {
  const flags = read
    .text("k6-flags")
    .split(/\s+/)
    .filter((flag) => flag !== "");
  for (const flag of flags) {
    const name = /^--([a-z-]+)(=.*)?$/.exec(flag)?.[1];
    if (name === "insecure-skip-tls-verify")
      read.mistakes.push("k6-flags: --insecure-skip-tls-verify has an input of its own, which the report shows. Use that.");
    else if (name === undefined || !FLAGS.includes(name))
      read.mistakes.push(
        `k6-flags: expected options such as --dns=ttl=5s, got ${JSON.stringify(flag)}. Allowed are ${FLAGS.map((one) => `--${one}`).join(" ")}; a value is written behind "=".`,
      );
  }
  return flags;
}

/** Secret values of what is sent: of variables, and of headers. */
export function secretsOf({ env, traffic }: Pick<K6Inputs, "env" | "traffic">): string[] {
  return secretValues({ ...env, ...(traffic.kind === "requests" ? traffic.headers : {}) });
}

/**
 * The script that k6 is to run: the user's, or one that sends the requests.
 *
 * @param folder gets what is written; make it one that is thrown away
 * @returns absolute path
 */
export async function prepareScript(traffic: Traffic, folder: string): Promise<string> {
  if (traffic.kind === "script") return traffic.path;
  return await writeModules(folder, { "requests.js": requestsScript(traffic.requests, traffic.headers) });
}
