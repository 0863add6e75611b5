import { constants, createWriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { LARGEST_SAMPLES_BYTES } from "../lib/report/samples.ts";
import { explainFileError, writeFileAtomically } from "../lib/runner/files.ts";
import type { Usable } from "./search.ts";

/** What was copied, and what couldn't be. */
export interface Copies {
  files: string[];
  notes: string[];
}

/** A report to pass on. */
export interface Copied extends Usable<unknown> {
  /** Absolute path of the samples beside it, when they are to be passed on too. */
  samples?: string | undefined;
}

/**
 * Puts the reports that were used beside what was made of them. A report whose name is taken gets a folder of its own, since a
 * canary report finds its samples beside it.
 */
export async function copyReports(reports: readonly Copied[], folder: string): Promise<Copies> {
  const taken = new Set<string>();
  const copies: Copies = { files: [], notes: [] };
  for (const { path, text, samples } of reports) {
    const names = [path, ...(samples === undefined ? [] : [samples])].map((one) => basename(one));
    const place = freePlace(names, taken);
    const into = join(folder, place);
    const copy = join(into, names[0]!);
    await writeFileAtomically(copy, text);
    copies.files.push(copy);
    if (samples === undefined) continue;
    const note = await copySamples(samples, join(into, names[1]!));
    if (note === undefined) copies.files.push(join(into, names[1]!));
    else copies.notes.push(note);
  }
  return copies;
}

/** The folder itself, else the first of the folders 2, 3, … in which none of the names is taken. */
function freePlace(names: readonly string[], taken: Set<string>): string {
  for (let number = 1; ; number += 1) {
    const place = number === 1 ? "" : String(number);
    const paths = names.map((name) => join(place, name));
    if (paths.some((path) => taken.has(path))) continue;
    for (const path of paths) taken.add(path);
    return place;
  }
}

/** @returns why it was not copied, undefined when it was. Links are not followed, and no more is copied than is ever drawn. */
async function copySamples(from: string, to: string): Promise<string | undefined> {
  const name = basename(from);
  try {
    await using file = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile()) return `${name} was not kept: it isn't a plain file.`;
    if (found.size === 0) return `${name} was not kept: it is empty.`;
    if (found.size > LARGEST_SAMPLES_BYTES) {
      return `${name} was not kept: it is larger than ${LARGEST_SAMPLES_BYTES / 1024 / 1024} MB.`;
    }
    await mkdir(dirname(to), { recursive: true });
    await pipeline(
      file.createReadStream({ start: 0, end: found.size - 1, autoClose: false }),
      createWriteStream(to, { flags: "wx" }),
    );
    return undefined;
  } catch (error) {
    const link = (error as NodeJS.ErrnoException).code === "ELOOP";
    return `${name} was not kept: ${link ? "it is a symbolic link, which isn't followed." : explainFileError(error)}`;
  }
}
