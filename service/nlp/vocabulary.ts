/** A message as the classifier sees it: columns and weights; its length is below 1 by what was never seen in training. */
export interface SparseVector {
  columns: Int32Array;
  values: Float32Array;
}

/** How a vocabulary is built. */
export interface VocabularyOptions {
  /** Grams in fewer training messages than this are treated as never seen. */
  minDocuments: number;
  /** Weight of character grams against word grams. */
  characterWeight: number;
  /** Weight of a gram that training never saw, against that of a rare one. */
  unknownWeight: number;
}

/**
 * The n-grams of the training messages with their inverse document frequencies, in an open-addressing table.
 *
 * @see Salton & Buckley, Term-weighting approaches in automatic text retrieval (1988), for sublinear TF-IDF
 */
export class Vocabulary {
  readonly hashes: Uint32Array;
  readonly idf: Float32Array;
  readonly options: VocabularyOptions;
  readonly documents: number;
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #unknownIdf: number;

  constructor(hashes: Uint32Array, idf: Float32Array, documents: number, options: VocabularyOptions) {
    this.hashes = hashes;
    this.idf = idf;
    this.documents = documents;
    this.options = options;
    this.#unknownIdf = (1 + Math.log(1 + documents)) * options.unknownWeight;
    let capacity = 16;
    while (capacity < hashes.length * 2) capacity *= 2;
    this.#mask = capacity - 1;
    this.#slots = new Int32Array(capacity).fill(-1);
    for (let column = 0; column < hashes.length; column++) {
      let slot = (hashes[column]! >>> 1) & this.#mask;
      while (this.#slots[slot]! >= 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = column;
    }
  }

  /** Counts document frequencies over messages given as their grams. */
  static build(messages: readonly Map<number, number>[], options: VocabularyOptions): Vocabulary {
    const frequencies = new Map<number, number>();
    for (const message of messages) {
      for (const hash of message.keys()) frequencies.set(hash, (frequencies.get(hash) ?? 0) + 1);
    }
    const kept = [...frequencies].filter(([, count]) => count >= options.minDocuments);
    const idf = Float32Array.from(kept, ([hash, count]) => {
      const rarity = 1 + Math.log((1 + messages.length) / (1 + count));
      return (hash & 1) === 1 ? rarity * options.characterWeight : rarity;
    });
    return new Vocabulary(
      Uint32Array.from(kept, ([hash]) => hash),
      idf,
      messages.length,
      options,
    );
  }

  get size(): number {
    return this.hashes.length;
  }

  /** Column of a gram, -1 when training never saw it. */
  column(hash: number): number {
    let slot = (hash >>> 1) & this.#mask;
    for (;;) {
      const column = this.#slots[slot]!;
      if (column < 0 || this.hashes[column] === hash) return column;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** TF-IDF vector divided by its length, where the length counts the grams never seen as well. */
  vector(message: Map<number, number>): SparseVector {
    const columns = new Int32Array(message.size);
    const values = new Float32Array(message.size);
    let size = 0;
    let square = 0;
    for (const [hash, count] of message) {
      const frequency = count === 1 ? 1 : 1 + Math.log(count);
      const column = this.column(hash);
      if (column >= 0) {
        const value = frequency * this.idf[column]!;
        columns[size] = column;
        values[size++] = value;
        square += value * value;
      } else {
        const value = frequency * this.#unknownIdf * ((hash & 1) === 1 ? this.options.characterWeight : 1);
        square += value * value;
      }
    }
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let i = 0; i < size; i++) values[i]! *= scale;
    return { columns: columns.subarray(0, size), values: values.subarray(0, size) };
  }

  /** The same vector by hash, with the grams that training never saw: for likeness of one message to another. */
  weights(message: Map<number, number>): Map<number, number> {
    const weights = new Map<number, number>();
    let square = 0;
    for (const [hash, count] of message) {
      const column = this.column(hash);
      const rarity = column >= 0 ? this.idf[column]! : this.#unknownIdf * ((hash & 1) === 1 ? this.options.characterWeight : 1);
      const value = (1 + Math.log(count)) * rarity;
      weights.set(hash, value);
      square += value * value;
    }
    for (const [hash, value] of weights) weights.set(hash, value / Math.sqrt(square));
    return weights;
  }
}
