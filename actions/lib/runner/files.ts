import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Writes a file whole or not at all: into a temporary neighbour, flushed to the disk, then renamed.
 *
 * @throws Error that names the file and the remedy (full disk, no permission); the former content stays, no half file is left
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  let created = false;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, "wx");
    created = true;
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    if (created) await rm(temporary, { force: true });
    throw new Error(`${path}: could not be written: ${explainFileError(error)}`, { cause: error });
  }
}

/**
 * Writes JSON with a final newline, whole or not at all.
 *
 * @throws Error when a number is NaN or infinite (JSON would turn it into null without a word)
 */
export async function writeJsonAtomically(path: string, value: unknown): Promise<void> {
  const text = JSON.stringify(
    value,
    (key, item: unknown) => {
      if (typeof item === "number" && !Number.isFinite(item))
        throw new Error(`${path}: field "${key}" is ${item}; a report holds null instead.`);
      return item;
    },
    2,
  );
  await writeFileAtomically(path, `${text}\n`);
}

/** What a file-system error means and what to do about it. */
export function explainFileError(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case "ENOSPC":
      return "the disk is full. Free some space and run again.";
    case "EFBIG":
      return "it is larger than this process may write (ulimit -f). Raise the limit and run again.";
    case "EDQUOT":
      return "the disk quota is used up. Free some space and run again.";
    case "EACCES":
    case "EPERM":
      return "permission denied. Choose a folder that this user may write to.";
    case "EROFS":
      return "the file system is read-only. Choose another folder.";
    case "ENOTDIR":
    case "EEXIST":
      return "a file stands where a folder is needed. Choose another folder.";
    case "EISDIR":
      return "a folder stands where the file should be. Choose another name.";
    case "ENOENT":
      return "no such file or folder.";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
