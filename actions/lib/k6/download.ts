import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { runChild, scrubbedEnvironment } from "../runner/child.ts";

const ATTEMPTS = 2;

/**
 * Downloads a file and keeps it only when its sha256 is the expected one.
 *
 * @throws Error naming the address; after a wrong hash it isn't tried again
 */
export async function downloadVerified(url: string, path: string, sha256: string, signal?: AbortSignal): Promise<void> {
  // Global fetch ignores proxies, this client honours them. Loaded only when something is downloaded.
  const { HttpClient } = await import("@actions/http-client");
  const client = new HttpClient("gatehouse", [], { socketTimeout: 30_000 });
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      const { message } = await client.get(url);
      if (message.statusCode !== 200) {
        message.resume();
        throw new Error(`the server answered ${message.statusCode}`);
      }
      const hash = createHash("sha256");
      const hashing = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      await pipeline(message, hashing, createWriteStream(path), signal === undefined ? {} : { signal });
      const actual = hash.digest("hex");
      if (actual !== sha256) throw new WrongHash(`expected sha256 ${sha256}, got ${actual}`);
      return;
    } catch (error) {
      await rm(path, { force: true });
      if (attempt >= ATTEMPTS || error instanceof WrongHash || signal?.aborted) {
        throw new Error(`${url}: ${(error as Error).message}`, { cause: error });
      }
    } finally {
      client.dispose();
    }
  }
}

/** Unpacks a .tar.gz or .zip beside itself with the system's `tar` or `unzip`. */
export async function unpack(archive: string, folder: string): Promise<void> {
  const [command, args] = archive.endsWith(".zip")
    ? ["unzip", ["-q", archive, "-d", folder]]
    : ["tar", ["-xzf", archive, "-C", folder]];
  const { exitCode, tail } = await runChild({
    command: command as string,
    args: args as string[],
    env: scrubbedEnvironment(),
    cwd: dirname(archive),
    output: "quiet",
  });
  if (exitCode !== 0) throw new Error(`${archive}: ${String(command)} ended with ${exitCode}: ${tail.trim()}`);
}

class WrongHash extends Error {}
