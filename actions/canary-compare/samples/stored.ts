import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { writeFileAtomically } from "../../lib/runner/files.ts";
import { readSamplesFile } from "./file.ts";
import { ARMS, Recording } from "./recording.ts";

const pack = promisify(gzip);

/** Both arms as NDJSON, the same lines that the action reads as `samples`. */
export function samplesText(arms: { baseline: Recording; canary: Recording }): string {
  const lines: string[] = [];
  for (const arm of ARMS) {
    const { t, latencyMs, ok, route, length } = arms[arm];
    for (let i = 0; i < length; i++) {
      const ms = latencyMs[i]!;
      lines.push(JSON.stringify({ arm, t: t[i], latency_ms: Number.isNaN(ms) ? null : ms, ok: ok[i], route: route[i] }));
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** `sha256:<hex>` of the stored samples, unpacked. */
export function samplesDigest(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** Writes stored samples, gzipped, whole or not at all. */
export async function writeSamples(path: string, text: string): Promise<void> {
  await writeFileAtomically(path, await pack(text));
}

/**
 * Reads stored samples back.
 *
 * @throws Error when the file is missing, damaged, or isn't the one whose digest is given
 */
export async function readStoredSamples(path: string, digest: string): Promise<{ baseline: Recording; canary: Recording }> {
  const arms = { baseline: new Recording(), canary: new Recording() };
  const { faults } = await readSamplesFile(path, arms);
  const unreadable = faults.filter((fault) => fault.code !== "STALE_DATA");
  if (unreadable.length > 0) throw new Error(unreadable.map((fault) => fault.message).join("\n"));
  const actual = samplesDigest(samplesText(arms));
  if (actual !== digest) throw new Error(`${path}: is not what the report was made from: ${actual}, expected ${digest}.`);
  return arms;
}
