import { normalise } from "./normalise.ts";

const LONGEST_PHRASE = 3;
const SHORTEST_STEM = 3;

/** Words of several languages that mean the same: pool | pileta | piscina. Gives the classifier one more gram a word. */
export class Lexicon {
  readonly #words = new Map<string, number>();
  readonly #stems = new Map<string, number>();
  readonly #phraseStarts = new Set<string>();
  #longestStem = 0;

  /** Concepts of a message's words, in order; a word without one gives nothing. */
  conceptsOf(words: readonly string[]): number[] {
    const concepts: number[] = [];
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!;
      if (this.#phraseStarts.has(word)) {
        const length = this.#phraseAt(words, at, concepts);
        if (length > 0) {
          at += length - 1;
          continue;
        }
      }
      const concept = this.#words.get(word) ?? this.#stemOf(word);
      if (concept !== undefined) concepts.push(concept);
    }
    return concepts;
  }

  #phraseAt(words: readonly string[], at: number, concepts: number[]): number {
    for (let length = Math.min(LONGEST_PHRASE, words.length - at); length > 1; length--) {
      const concept = this.#words.get(words.slice(at, at + length).join(" "));
      if (concept !== undefined) {
        concepts.push(concept);
        return length;
      }
    }
    return 0;
  }

  #stemOf(word: string): number | undefined {
    for (let length = Math.min(word.length, this.#longestStem); length >= SHORTEST_STEM; length--) {
      const concept = this.#stems.get(word.slice(0, length));
      if (concept !== undefined) return concept;
    }
    return undefined;
  }

  /**
   * Reads `concept: word word* two_words` lines; `;` starts a comment.
   *
   * @param name for messages of error
   * @throws Error naming every bad line at once: no colon, word under two concepts, stem or phrase of the wrong length
   */
  static parse(content: string, name: string): Lexicon {
    const lexicon = new Lexicon();
    const problems: string[] = [];
    const owner = new Map<string, string>();
    content.split(/\r?\n/).forEach((raw, at) => {
      const line = raw.trim();
      if (line === "" || line.startsWith(";")) return;
      const [concept, words] = line.split(":", 2);
      if (words === undefined) {
        problems.push(`${name}:${at + 1}: expected "concept: word word*", got "${line}".`);
        return;
      }
      for (const word of new Set(words.trim().split(/\s+/))) {
        const taken = owner.get(word);
        if (taken !== undefined) problems.push(`${name}:${at + 1}: "${word}" stands under ${taken} and ${concept}. Keep one.`);
        else if (!lexicon.#add(word, at + 1))
          problems.push(
            `${name}:${at + 1}: "${word}" must be a plain word, a stem of three letters or a phrase of up to three words.`,
          );
        owner.set(word, concept!);
      }
    });
    if (problems.length > 0) throw new Error(problems.join("\n"));
    return lexicon;
  }

  #add(entry: string, concept: number): boolean {
    const stem = entry.endsWith("*");
    const words = (stem ? entry.slice(0, -1) : entry).split("_");
    const plain = words.join(" ");
    if (normalise(plain) !== plain || words.length > LONGEST_PHRASE) return false;
    if (stem) {
      if (words.length > 1 || plain.length < SHORTEST_STEM) return false;
      this.#stems.set(plain, concept);
      this.#longestStem = Math.max(this.#longestStem, plain.length);
      return true;
    }
    if (words.length > 1) this.#phraseStarts.add(words[0]!);
    this.#words.set(plain, concept);
    return true;
  }
}
