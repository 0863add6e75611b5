import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";
import { explainFileError } from "../runner/files.ts";

/** The requests of one arm, in parallel lists, in the order of the file. */
export interface ArmSamples {
  /** Seconds; only differences mean something. */
  t: number[];
  latencyMs: number[];
  ok: boolean[];
}

export type ReadSamples =
  | { ok: true; baseline: ArmSamples; canary: ArmSamples }
  /** The message may quote foreign text. */
  | { ok: false; message: string };

/** Far above a run of minutes; a hostile file ends here. */
const MOST_LINES = 1_000_000;
/** Largest file of samples that is read or passed on, and the most that it may unpack to. */
export const LARGEST_SAMPLES_BYTES = 128 * 1024 * 1024;
const LONGEST_LINE = 64 * 1024;

/**
 * Reads the samples beside a canary report for drawing: lines `{"arm", "t", "latency_ms", "ok"}`, plain or gzipped.
 * The file may be somebody else's: its size is bounded, also unpacked, and one wrong line refuses it.
 */
export async function readArmSamples(path: string): Promise<ReadSamples> {
  const arms = { baseline: emptyArm(), canary: emptyArm() };
  let number = 0;
  try {
    await eachLine(path, (line) => {
      number++;
      if (number > MOST_LINES) throw new Refused(`more than ${MOST_LINES} requests; they are not drawn`);
      const mistake = line === "" ? undefined : addLine(arms, line);
      if (mistake !== undefined) throw new Refused(`line ${number}: ${mistake}`);
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const reason =
      code === "ELOOP"
        ? "it is a symbolic link, which isn't followed"
        : code.startsWith("Z_")
          ? "the gzip file is cut off or damaged"
          : explainFileError(error);
    return { ok: false, message: `${path}: ${reason}` };
  }
  return { ok: true, ...arms };
}

class Refused extends Error {
  override readonly name = "Refused";
}

async function eachLine(path: string, onLine: (line: string) => void): Promise<void> {
  const file = (await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)).createReadStream();
  const unpack = path.endsWith(".gz") ? createGunzip() : undefined;
  // An error of the file doesn't reach the stream that it is piped into.
  if (unpack !== undefined) file.on("error", (error) => unpack.destroy(error)).pipe(unpack);
  const decoder = new StringDecoder("utf8");
  let bytes = 0;
  let rest = "";
  try {
    for await (const chunk of (unpack ?? file) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > LARGEST_SAMPLES_BYTES)
        throw new Refused(`more than ${LARGEST_SAMPLES_BYTES / 1024 / 1024} MB unpacked; they are not drawn`);
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
      if (rest.length > LONGEST_LINE) throw new Refused("a line is longer than 64 kB");
    }
    if (rest !== "") onLine(rest);
  } finally {
    file.destroy();
    unpack?.destroy();
  }
}

function emptyArm(): ArmSamples {
  return { t: [], latencyMs: [], ok: [] };
}

function addLine(arms: { baseline: ArmSamples; canary: ArmSamples }, line: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "isn't JSON";
  }
  if (typeof value !== "object" || value === null) return "isn't an object";
  const { arm, t, latency_ms: latency, ok } = value as Record<string, unknown>;
  if (arm !== "baseline" && arm !== "canary") return 'expected "arm" to be baseline or canary';
  if (typeof t !== "number" || !Number.isFinite(t)) return 'expected "t" to be a number of seconds';
  if (typeof ok !== "boolean") return 'expected "ok" to be true or false';
  const measured = typeof latency === "number" && Number.isFinite(latency) && latency >= 0;
  if (ok && !measured) return 'expected "latency_ms" to be a number from 0 up';
  arms[arm].t.push(t);
  arms[arm].latencyMs.push(measured ? latency : Number.NaN);
  arms[arm].ok.push(ok);
  return undefined;
}
