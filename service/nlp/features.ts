import type { Lexicon } from "./lexicon.ts";
import { normalise } from "./normalise.ts";

/** Lengths of the n-grams: words 1–2, characters 3–5 inside a word with a blank on both sides. */
const CHARACTER_GRAMS = { shortest: 3, longest: 5 } as const;
const PRIME = 0x01000193;
const WORD_SEED = 0x811c9dc5;
const PAIR_SEED = 0x3c6ef372;
const CHARACTER_SEED = 0x1b873593;
const CONCEPT_SEED = 0x2545f491;
const CONCEPT_PAIR_SEED = 0x5f356495;
const LENGTH_SEED = 0x7feb352d;
const BLANK = 32;
const LONGEST_WORD = 40;

/** Final mixing of a 32-bit hash (MurmurHash3's finaliser), so that near strings land far apart. */
function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Hashes of a message's n-grams with how often each occurs.
 *
 * @param text    as the guest wrote it
 * @param lexicon adds a gram for each concept and for each two that follow each other
 * @returns hash (32 bits, the lowest bit tells: 0 word gram, 1 character gram) → count, in order of appearance
 */
export function grams(text: string, lexicon?: Lexicon): Map<number, number> {
  const counts = new Map<number, number>();
  const plain = normalise(text);
  const end = plain.length;
  let previous = WORD_SEED;
  let start = 0;
  let words = 0;
  while (start < end) {
    let stop = plain.indexOf(" ", start);
    if (stop < 0) stop = end;
    let word = WORD_SEED;
    let pair = Math.imul(previous ^ PAIR_SEED, PRIME);
    for (let i = start; i < stop; i++) {
      const code = plain.charCodeAt(i);
      word = Math.imul(word ^ code, PRIME);
      pair = Math.imul(pair ^ code, PRIME);
    }
    add(counts, wordGram(word));
    add(counts, wordGram(pair));
    addCharacters(counts, plain, start, Math.min(stop, start + LONGEST_WORD));
    previous = word;
    start = stop + 1;
    words++;
  }
  if (words > 0) add(counts, wordGram(Math.imul(LENGTH_SEED ^ (words < 4 ? words : words < 7 ? 4 : words < 12 ? 5 : 6), PRIME)));
  if (lexicon && words > 0) addConcepts(counts, lexicon.conceptsOf(plain.split(" ")));
  return counts;
}

function addConcepts(counts: Map<number, number>, concepts: readonly number[]): void {
  let previous = CONCEPT_PAIR_SEED;
  for (const concept of concepts) {
    add(counts, wordGram(Math.imul(CONCEPT_SEED ^ concept, PRIME)));
    add(counts, wordGram(Math.imul(Math.imul(previous, PRIME) ^ concept, PRIME)));
    previous = Math.imul(CONCEPT_PAIR_SEED ^ concept, PRIME);
  }
}

function wordGram(hash: number): number {
  return (mix(hash) & ~1) >>> 0;
}

function addCharacters(counts: Map<number, number>, plain: string, start: number, stop: number): void {
  for (let from = start - 1; from + CHARACTER_GRAMS.shortest <= stop + 1; from++) {
    let hash = CHARACTER_SEED;
    const limit = Math.min(from + CHARACTER_GRAMS.longest, stop + 1);
    for (let i = from; i < limit; i++) {
      hash = Math.imul(hash ^ (i < start || i >= stop ? BLANK : plain.charCodeAt(i)), PRIME);
      if (i - from + 1 >= CHARACTER_GRAMS.shortest) add(counts, (mix(hash) | 1) >>> 0);
    }
  }
}

function add(counts: Map<number, number>, hash: number): void {
  counts.set(hash, (counts.get(hash) ?? 0) + 1);
}
