import { type FileHandle, open } from "node:fs/promises";
import { RecordSplitter } from "../../lib/k6/csv.ts";

/** Reads a CSV file that another process is still writing: each call gives the whole records that came since the last. */
export class RecordFollower {
  readonly #path: string;
  readonly #splitter = new RecordSplitter();
  readonly #buffer = Buffer.alloc(1 << 20);
  #file: FileHandle | undefined;
  #position = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Records that are complete by now, in order; none while the file isn't there.
   *
   * @param onRecord gets the record and the number of its first line
   */
  async read(onRecord: (record: string, line: number) => void): Promise<void> {
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
      this.#splitter.push(this.#buffer.subarray(0, bytesRead), onRecord);
    }
  }

  /** Whether the file ends within a record. */
  get cutOff(): boolean {
    return this.#splitter.cutOff;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
