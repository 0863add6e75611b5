import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { StringDecoder } from "node:string_decoder";
import { LogSqueezer } from "./log-squeezer.ts";

export interface ChildOptions {
  command: string;
  args: readonly string[];
  /** The whole environment of the child; see `scrubbedEnvironment`. */
  env: Readonly<Record<string, string>>;
  cwd?: string;
  /** At abort the child gets SIGINT, then SIGTERM after `graceMs`, then SIGKILL after another `graceMs`. */
  signal?: AbortSignal;
  graceMs?: number;
  /** Where the child's output goes, line by line; by default this process' stdout, wrapped in `::stop-commands::`. */
  output?: "log" | "quiet" | ((line: string) => void);
  /** Whether warnings and errors that say the same are shown a few times and then counted. */
  squeeze?: boolean;
  /** Sees every line besides. */
  onLine?: (line: string) => void;
}

export interface ChildResult {
  /** null when a signal ended the child. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** The last part of what the child wrote to stdout and stderr. */
  tail: string;
  /** Whether `signal` was aborted while the child ran. */
  cancelled: boolean;
}

const TAIL_LENGTH = 32_768;
const MAX_LINE = 16_384;

/**
 * Runs a child process to its end.
 *
 * Its output is shown but can't command the runner: between `::stop-commands::<random>` and `::<random>::` the
 * runner reads no commands, and both streams go to stdout so that none escapes the brackets. The child has its own
 * process group, so that Ctrl-C in a terminal reaches it once, through here.
 *
 * @throws Error naming the command when it can't be started
 */
export async function runChild(options: ChildOptions): Promise<ChildResult> {
  const { command, args, env, cwd, signal, graceMs = 3_000, output = "log", onLine } = options;
  const guard = randomBytes(16).toString("hex");
  const show =
    output === "log" ? (line: string) => void process.stdout.write(`${line}\n`) : output === "quiet" ? () => undefined : output;
  const squeezer = options.squeeze ? new LogSqueezer(show) : undefined;
  const write = squeezer === undefined ? show : (line: string) => squeezer.line(line);

  if (output === "log") process.stdout.write(`::stop-commands::${guard}\n`);
  try {
    return await new Promise<ChildResult>((resolve, reject) => {
      const child = spawn(command, [...args], { env: { ...env }, cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
      const timers: NodeJS.Timeout[] = [];
      let cancelled = false;
      let tail = "";

      const send = (name: NodeJS.Signals) => {
        // The child may be gone already; then there is nobody left to stop.
        if (child.exitCode === null && child.signalCode === null) child.kill(name);
      };
      const onAbort = () => {
        cancelled = true;
        send("SIGINT");
        timers.push(
          setTimeout(() => send("SIGTERM"), graceMs),
          setTimeout(() => send("SIGKILL"), 2 * graceMs),
        );
      };
      const cleanUp = () => {
        signal?.removeEventListener("abort", onAbort);
        for (const timer of timers) clearTimeout(timer);
      };

      const flush = [child.stdout, child.stderr].map((stream) =>
        readLines(stream, (line) => {
          tail = (tail === "" ? line : `${tail}\n${line}`).slice(-TAIL_LENGTH);
          write(line);
          onLine?.(line);
        }),
      );
      child.on("error", (error) => {
        cleanUp();
        reject(new Error(`${command}: could not be started: ${error.message}`, { cause: error }));
      });
      child.on("close", (exitCode, exitSignal) => {
        cleanUp();
        for (const end of flush) end();
        squeezer?.end();
        resolve({ exitCode, signal: exitSignal, tail, cancelled });
      });
      if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
    });
  } finally {
    if (output === "log") process.stdout.write(`::${guard}::\n`);
  }
}

/**
 * The little that a child needs of this environment: where programs, home and temporary files are, certificates and
 * proxies. No input, token, or secret of the job gets through.
 */
export function scrubbedEnvironment(
  extra: Readonly<Record<string, string>> = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const kept = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT"].concat(
    ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"],
    // The runner finds and ends orphans of a job by this mark.
    ["RUNNER_TRACKING_ID"],
  );
  const result: Record<string, string> = {};
  for (const name of kept) {
    const value = environment[name];
    if (value !== undefined) result[name] = value;
  }
  return { ...result, ...extra };
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  stream.on("data", (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
    // A stream without newlines must not grow in memory.
    while (rest.length > MAX_LINE) {
      onLine(rest.slice(0, MAX_LINE));
      rest = rest.slice(MAX_LINE);
    }
  });
  return () => {
    rest += decoder.end();
    if (rest !== "") onLine(rest);
    rest = "";
  };
}
