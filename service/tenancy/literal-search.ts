/** Characters are told apart by their last bits only: a collision costs a look at a candidate that isn't one. */
const CLASSES = 64;
const MASK = CLASSES - 1;

/** Finds which of many texts stand in a string, in one pass over the string (Aho & Corasick 1975, CACM 18(6)). */
export interface LiteralSearch {
  /**
   * Calls `found` with the owner of each text that may stand in `subject`: none is missed, some may not stand there,
   * and an owner may come more than once.
   */
  scan(subject: string, found: (owner: number) => void): void;
}

/** @param literals not empty texts, each with a number of the caller's */
export function buildLiteralSearch(literals: readonly { text: string; owner: number }[]): LiteralSearch {
  const most = 1 + literals.reduce((sum, { text }) => sum + text.length, 0);
  let next = new Int32Array(Math.min(most, 1024) * CLASSES);
  let states = 1;
  const endings: { state: number; owner: number }[] = [];
  for (const { text, owner } of literals) {
    let state = 0;
    for (let index = 0; index < text.length; index += 1) {
      const edge = state * CLASSES + (text.charCodeAt(index) & MASK);
      let target = next[edge]!;
      if (target === 0) {
        if ((states + 1) * CLASSES > next.length) {
          const larger = new Int32Array(next.length * 2);
          larger.set(next);
          next = larger;
        }
        target = states;
        states += 1;
        next[edge] = target;
      }
      state = target;
    }
    endings.push({ state, owner });
  }

  // Owners by state, one list after another.
  const first = new Int32Array(states + 1);
  for (const { state } of endings) first[state + 1] = first[state + 1]! + 1;
  for (let state = 0; state < states; state += 1) first[state + 1] = first[state + 1]! + first[state]!;
  const owners = new Int32Array(endings.length);
  const filled = first.slice();
  for (const { state, owner } of endings) {
    owners[filled[state]!] = owner;
    filled[state] = filled[state]! + 1;
  }

  // Breadth first: where a state has no edge it takes that of its longest suffix, which is complete already.
  const suffix = new Int32Array(states);
  const output = new Int32Array(states);
  const queue = new Int32Array(states);
  let end = 0;
  for (let edge = 0; edge < CLASSES; edge += 1) {
    const target = next[edge]!;
    if (target !== 0) {
      queue[end] = target;
      end += 1;
    }
  }
  for (let begin = 0; begin < end; begin += 1) {
    const state = queue[begin]!;
    const fallback = suffix[state]!;
    output[state] = first[fallback + 1]! > first[fallback]! ? fallback : output[fallback]!;
    for (let edge = 0; edge < CLASSES; edge += 1) {
      const target = next[state * CLASSES + edge]!;
      const other = next[fallback * CLASSES + edge]!;
      if (target === 0) {
        next[state * CLASSES + edge] = other;
      } else {
        suffix[target] = other;
        queue[end] = target;
        end += 1;
      }
    }
  }
  /** The state itself, or its nearest suffix, that ends a text; 0: none. */
  const report = new Int32Array(states);
  for (let state = 1; state < states; state += 1) report[state] = first[state + 1]! > first[state]! ? state : output[state]!;
  const table = next.subarray(0, states * CLASSES);

  return {
    scan: (subject, found) => {
      let state = 0;
      for (let index = 0; index < subject.length; index += 1) {
        state = table[state * CLASSES + (subject.charCodeAt(index) & MASK)]!;
        for (let hit = report[state]!; hit !== 0; hit = output[hit]!) {
          for (let entry = first[hit]!; entry < first[hit + 1]!; entry += 1) found(owners[entry]!);
        }
      }
    },
  };
}
