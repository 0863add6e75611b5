import { type Calibration, calibrate, confidenceOf, type Evidence, type Outcome } from "./calibration.ts";
import { grams } from "./features.ts";
import type { Lexicon } from "./lexicon.ts";
import { fitRegression, type Regression, scoresOf, type TrainingOptions } from "./logistic.ts";
import { seeded, shuffle } from "./random.ts";
import { Vocabulary, type VocabularyOptions } from "./vocabulary.ts";

/** One labelled message; `intent: null` is out of scope. */
export interface Example {
  text: string;
  intent: string | null;
}

/** Everything that decides what a training run gives. */
export interface ClassifierOptions {
  vocabulary: VocabularyOptions;
  training: TrainingOptions;
  /** Folds of the out-of-fold calibration. */
  folds: number;
  /** Share of out-of-scope messages in real traffic, 0–1. */
  outOfScopeShare: number;
}

/** Chosen on splits of CLINC150's train and val sets and on the hotel's own messages. */
export const DEFAULT_OPTIONS: ClassifierOptions = {
  vocabulary: { minDocuments: 2, characterWeight: 0.3, unknownWeight: 1.5 },
  training: { epochs: 10, step: 0.5, decay: 0, seed: 20261121 },
  folds: 5,
  outOfScopeShare: 0.15,
};

/** A trained classifier. Immutable; its arrays are shared, never written to. */
export interface Classifier {
  intents: readonly string[];
  /** The last class of the regression is "out of scope". */
  hasOutOfScope: boolean;
  vocabulary: Vocabulary;
  regression: Regression;
  calibration: Calibration;
  /** Concepts whose grams stand beside the words' own. */
  lexicon?: Lexicon | undefined;
}

/** What the classifier says of one message. */
export interface Classification {
  /** The likeliest intent, even when the message is probably out of scope. */
  intent: string;
  /** Probability that this intent is right, 0–1; an out-of-scope message has none that is. */
  confidence: number;
  /** "Out of scope" is likelier than any intent. */
  outOfScope: boolean;
  /** The likeliest intents with their share of what all intents get, best first, at most three. */
  ranked: { intent: string; share: number }[];
}

/** One held-out message of the out-of-fold run. */
export interface HeldOut extends Outcome {
  index: number;
  intent: string;
  saidOutOfScope: boolean;
}

/**
 * Trains on labelled messages. Calibrated on `calibrationSet` when given, otherwise out of fold on the same messages.
 *
 * @returns the classifier, and the held-out messages when calibrated out of fold
 * @throws RangeError with fewer than two intents
 */
export function train(
  examples: readonly Example[],
  options: ClassifierOptions = DEFAULT_OPTIONS,
  calibrationSet?: readonly Example[],
  lexicon?: Lexicon,
): { classifier: Classifier; heldOut: HeldOut[] } {
  const intents = [...new Set(examples.flatMap((example) => (example.intent === null ? [] : [example.intent])))];
  if (intents.length < 2) throw new RangeError(`Training needs at least two intents, got ${intents.length}.`);
  const counts = examples.map((example) => grams(example.text, lexicon));
  const labels = examples.map((example) => (example.intent === null ? intents.length : intents.indexOf(example.intent)));
  const all = Int32Array.from(examples.keys());
  const core = fitOn(intents, counts, labels, all, options);
  if (calibrationSet) {
    const outcomes = calibrationSet.map((example) => outcomeOf(core, grams(example.text, lexicon), example.intent));
    return { classifier: { ...core, calibration: calibrate(outcomes, options.outOfScopeShare), lexicon }, heldOut: [] };
  }
  const heldOut = outOfFold(intents, examples, counts, labels, options);
  return { classifier: { ...core, calibration: calibrate(heldOut, options.outOfScopeShare), lexicon }, heldOut };
}

type Core = Omit<Classifier, "calibration" | "lexicon">;

function fitOn(
  intents: readonly string[],
  counts: readonly Map<number, number>[],
  labels: readonly number[],
  indices: Int32Array,
  options: ClassifierOptions,
): Core {
  const chosen = Array.from(indices, (index) => counts[index]!);
  const vocabulary = Vocabulary.build(chosen, options.vocabulary);
  const vectors = chosen.map((message) => vocabulary.vector(message));
  const chosenLabels = Array.from(indices, (index) => labels[index]!);
  const hasOutOfScope = labels.includes(intents.length);
  const classes = intents.length + (hasOutOfScope ? 1 : 0);
  return {
    intents,
    hasOutOfScope,
    vocabulary,
    regression: fitRegression(vectors, chosenLabels, vocabulary.size, classes, options.training),
  };
}

/** Folds are drawn within each class, so that every fold sees every intent. */
function outOfFold(
  intents: readonly string[],
  examples: readonly Example[],
  counts: readonly Map<number, number>[],
  labels: readonly number[],
  options: ClassifierOptions,
): HeldOut[] {
  const random = seeded(options.training.seed + 1);
  const order = shuffle(Int32Array.from(examples.keys()), random);
  const seen = new Map<number, number>();
  const foldOf = new Int32Array(examples.length);
  for (const index of order) {
    const count = seen.get(labels[index]!) ?? 0;
    seen.set(labels[index]!, count + 1);
    foldOf[index] = count % options.folds;
  }
  const heldOut: HeldOut[] = [];
  for (let fold = 0; fold < options.folds; fold++) {
    const core = fitOn(intents, counts, labels, order.filter((index) => foldOf[index] !== fold).sort(), options);
    for (const index of foldOf.keys()) {
      if (foldOf[index] === fold) heldOut.push({ index, ...outcomeOf(core, counts[index]!, examples[index]!.intent) });
    }
  }
  return heldOut.sort((a, b) => a.index - b.index);
}

function outcomeOf(core: Core, message: Map<number, number>, intent: string | null) {
  const { evidence, order, saidOutOfScope } = weigh(core, message);
  const best = core.intents[order[0]!]!;
  return { evidence, intent: best, right: best === intent, outOfScope: intent === null, saidOutOfScope };
}

/** Scores one message: the evidence, the three likeliest intents and the logits. */
function weigh(core: Core, message: Map<number, number>) {
  const { intents, regression, vocabulary, hasOutOfScope } = core;
  const vector = vocabulary.vector(message);
  const scores = new Float32Array(regression.classes);
  scoresOf(regression, vector, scores);
  let [first, second, third] = [-1, -1, -1];
  const scoreAt = (index: number) => (index < 0 ? -Infinity : scores[index]!);
  for (let c = 0; c < intents.length; c++) {
    if (scores[c]! > scoreAt(first)) [third, second, first] = [second, first, c];
    else if (scores[c]! > scoreAt(second)) [third, second] = [second, c];
    else if (scores[c]! > scoreAt(third)) third = c;
  }
  const top = scores[first]!;
  let others = 0;
  for (let c = 0; c < scores.length; c++) if (c !== first) others += Math.exp(scores[c]! - top);
  const outOfScope = hasOutOfScope ? scores[intents.length]! : top;
  let square = 0;
  for (const value of vector.values) square += value * value;
  const evidence: Evidence = {
    logOdds: -Math.log(others),
    top,
    gap: top - scores[second]!,
    aboveOutOfScope: top - outOfScope,
    known: Math.sqrt(square),
  };
  return { evidence, order: third < 0 ? [first, second] : [first, second, third], saidOutOfScope: outOfScope > top, scores };
}

/** Classifies one message. Takes time and memory in proportion to its length, which `normalise` bounds. */
export function classify(classifier: Classifier, text: string): Classification {
  return classifyGrams(classifier, grams(text, classifier.lexicon));
}

/** Classifies a message whose grams are at hand already. */
export function classifyGrams(classifier: Classifier, message: Map<number, number>): Classification {
  const { evidence, order, saidOutOfScope, scores } = weigh(classifier, message);
  let total = 0;
  for (let c = 0; c < classifier.intents.length; c++) total += Math.exp(scores[c]! - evidence.top);
  const ranked = order.map((c) => ({ intent: classifier.intents[c]!, share: Math.exp(scores[c]! - evidence.top) / total }));
  return {
    intent: ranked[0]!.intent,
    confidence: confidenceOf(classifier.calibration, evidence),
    outOfScope: saidOutOfScope,
    ranked,
  };
}
