/** How often a line is shown before the rest are only counted. */
const MOST_ALIKE = 3;
/** Kinds of lines that are told apart; a script may log anything. */
const MOST_KINDS = 200;

/**
 * Shows warnings and errors that say the same a few times, and counts the others: a service that is down makes k6 say so for each of
 * thousands of requests. Lines are alike when they differ in numbers only. Everything else is shown as it comes.
 */
export class LogSqueezer {
  readonly #write: (line: string) => void;
  readonly #kinds = new Map<string, { example: string; count: number }>();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  line(text: string): void {
    if (!/\blevel=(?:warning|error)\b/.test(text)) {
      this.#write(text);
      return;
    }
    const example = text.replace(/^time="[^"]*"\s*/, "");
    const kind = example.replace(/\d+/g, "#");
    const known = this.#kinds.get(kind);
    if (known === undefined && this.#kinds.size >= MOST_KINDS) {
      this.#write(text);
      return;
    }
    const count = (known?.count ?? 0) + 1;
    this.#kinds.set(kind, { example, count });
    if (count <= MOST_ALIKE) this.#write(text);
  }

  /** Says how many were not shown. */
  end(): void {
    for (const { example, count } of this.#kinds.values()) {
      if (count > MOST_ALIKE) this.#write(`… and ${count - MOST_ALIKE} more like ${example}`);
    }
    this.#kinds.clear();
  }
}
