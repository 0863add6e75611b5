import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { z } from "zod";
import { explainFileError } from "../runner/files.ts";
import { parseTolerantly } from "./schema.ts";

/** A report that another job, or somebody else's pull request, may have written. */
export type Untrusted<Report> =
  /** `text` is what was read: whoever passes the report on writes this, and doesn't read the file again. */
  | { ok: true; report: Report; path: string; text: string }
  /** `missing`: there is no such file. The message is foreign text: escape it. */
  | { ok: false; missing: boolean; path: string; message: string };

/** Real reports are a few kB; samples travel beside them. */
export const LARGEST_REPORT_BYTES = 4 * 1024 * 1024;
const SHOWN_MISTAKES = 5;

/**
 * Reads a report without trusting it: bounded size, no link followed, its schema held (fields beyond it are left out), messages of
 * bounded length. Never throws for bad content.
 */
export async function readUntrusted<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  largestBytes = LARGEST_REPORT_BYTES,
): Promise<Untrusted<z.infer<Schema>>> {
  const refuse = (message: string, missing = false) => ({ ok: false, missing, path, message: `${path}: ${message}` }) as const;
  let text: string;
  try {
    // A link could lead to any file of this machine, and a message may quote what it reads.
    // A pipe without a writer would be waited for.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile()) return refuse("isn't a plain file.");
    const { size } = found;
    if (size > largestBytes) {
      return refuse(`has ${formatMegabytes(size)}, a report has at most ${formatMegabytes(largestBytes)}. It was not read.`);
    }
    // Read no more than was allowed, even when the file grows meanwhile.
    const buffer = Buffer.alloc(size);
    const { bytesRead } = await file.read(buffer, 0, size, 0);
    text = buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOOP") return refuse("it is a symbolic link, which isn't followed.");
    return refuse(explainFileError(error), (error as NodeJS.ErrnoException).code === "ENOENT");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`isn't JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  const result = parseTolerantly(schema, value);
  if (result.success) return { ok: true, report: result.data, path, text };
  const mistakes = result.error.issues.map((issue) =>
    `${issue.path.join(".") || "(the whole file)"}: ${issue.message}`.slice(0, 200),
  );
  const more = mistakes.length > SHOWN_MISTAKES ? `; and ${mistakes.length - SHOWN_MISTAKES} more` : "";
  return refuse(`isn't a valid report: ${mistakes.slice(0, SHOWN_MISTAKES).join("; ")}${more}.`);
}

function formatMegabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
