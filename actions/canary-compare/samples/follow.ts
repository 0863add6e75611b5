import { type FileHandle, open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";

/** Reads a file that another process is still writing: each call gives the whole lines that came since the last. */
export class LineFollower {
  readonly #path: string;
  readonly #decoder = new StringDecoder("utf8");
  readonly #buffer = Buffer.alloc(1 << 20);
  #file: FileHandle | undefined;
  #position = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Lines that are complete by now, in order; none while the file isn't there. */
  async read(onLine: (line: string) => void): Promise<void> {
    try {
      this.#file ??= await open(this.#path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, this.#buffer.length, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      const lines = (this.#rest + this.#decoder.write(this.#buffer.subarray(0, bytesRead))).split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) if (line !== "") onLine(line);
    }
  }

  /** Whether the file ends within a line. */
  get cutOff(): boolean {
    return this.#rest !== "";
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
