import { createHash } from "node:crypto";
import type { Calibration } from "./calibration.ts";
import type { Classifier } from "./classifier.ts";
import { DANGER_CLASSES, type DangerModel } from "./danger.ts";
import type { Lexicon } from "./lexicon.ts";
import type { Regression } from "./logistic.ts";
import { Vocabulary, type VocabularyOptions } from "./vocabulary.ts";

/** Changes when the same data would give another model: features, training or the file's shape. */
export const MODEL_VERSION = 2;
const MAGIC = "GHNLP\n";

/** Everything that understanding a message needs of what was learnt. */
export interface Model {
  classifier: Classifier;
  /** Regression over the same vocabulary, one class a language. */
  languageRegression: Regression;
  languages: readonly string[];
  /** What tells an emergency, whatever the intent. */
  danger: DangerModel;
  /** Hash of data, lexicon, options and version. */
  digest: string;
}

interface Header {
  version: number;
  digest: string;
  intents: readonly string[];
  languages: readonly string[];
  hasOutOfScope: boolean;
  documents: number;
  vocabulary: VocabularyOptions;
  calibration: Calibration;
  columns: number;
  danger: { documents: number; vocabulary: VocabularyOptions; columns: number };
}

/** The concepts that a model's grams were made with. They stand beside the data, not in the model's file. */
export interface Lexicons {
  hotel: Lexicon;
  danger: Lexicon;
}

/** Digest of everything that a model is made of. */
export function digestOf(parts: readonly string[]): string {
  const hash = createHash("sha256").update(`${MODEL_VERSION}\0`);
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

/** A model as bytes: a line of JSON, then hashes, idf and weights of the intents, of the languages and of danger, little-endian. */
export function encodeModel(model: Model): Uint8Array {
  const { classifier, languageRegression, danger } = model;
  const { vocabulary, regression } = classifier;
  const header: Header = {
    version: MODEL_VERSION,
    digest: model.digest,
    intents: classifier.intents,
    languages: model.languages,
    hasOutOfScope: classifier.hasOutOfScope,
    documents: vocabulary.documents,
    vocabulary: vocabulary.options,
    calibration: classifier.calibration,
    columns: vocabulary.size,
    danger: {
      documents: danger.vocabulary.documents,
      vocabulary: danger.vocabulary.options,
      columns: danger.vocabulary.size,
    },
  };
  let head = MAGIC + JSON.stringify(header);
  head += `${" ".repeat((4 - ((Buffer.byteLength(head) + 1) % 4)) % 4)}\n`;
  const arrays = [
    vocabulary.hashes,
    vocabulary.idf,
    regression.weights,
    regression.bias,
    languageRegression.weights,
    languageRegression.bias,
    danger.vocabulary.hashes,
    danger.vocabulary.idf,
    danger.regression.weights,
    danger.regression.bias,
  ];
  return Buffer.concat([
    Buffer.from(head),
    ...arrays.map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)),
  ]);
}

/**
 * Reads what `encodeModel` wrote.
 *
 * @throws Error when the bytes are of another version, cut or not a model
 */
export function decodeModel(bytes: Uint8Array, lexicons: Lexicons): Model {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf("\n", MAGIC.length);
  if (buffer.subarray(0, MAGIC.length).toString() !== MAGIC || end < 0)
    throw new Error("Not a model file. Run `npm run nlp:train`.");
  const header = JSON.parse(buffer.subarray(MAGIC.length, end).toString()) as Header;
  if (header.version !== MODEL_VERSION) {
    throw new Error(`The model file has version ${header.version}, expected ${MODEL_VERSION}. Run \`npm run nlp:train\`.`);
  }
  const { columns } = header;
  const classes = header.intents.length + (header.hasOutOfScope ? 1 : 0);
  const languages = header.languages.length;
  const danger = header.danger.columns;
  const lengths = [
    ...[columns, columns, columns * classes, classes, columns * languages, languages],
    ...[danger, danger, danger * DANGER_CLASSES.length, DANGER_CLASSES.length],
  ];
  const expected = end + 1 + 4 * lengths.reduce((sum, length) => sum + length, 0);
  if (buffer.byteLength !== expected) {
    throw new Error(`The model file has ${buffer.byteLength} bytes, expected ${expected}. Run \`npm run nlp:train\`.`);
  }
  const body = new Uint8Array(buffer.subarray(end + 1)).buffer;
  let at = 0;
  const spans = lengths.map((length) => {
    const start = at;
    at += length * 4;
    return { start, length };
  });
  const floats = (index: number) => new Float32Array(body, spans[index]!.start, spans[index]!.length);
  const whole = (index: number) => new Uint32Array(body, spans[index]!.start, spans[index]!.length);
  const vocabulary = new Vocabulary(whole(0), floats(1), header.documents, header.vocabulary);
  return {
    classifier: {
      intents: header.intents,
      hasOutOfScope: header.hasOutOfScope,
      vocabulary,
      regression: { classes, weights: floats(2), bias: floats(3) },
      calibration: header.calibration,
      lexicon: lexicons.hotel,
    },
    languageRegression: { classes: languages, weights: floats(4), bias: floats(5) },
    languages: header.languages,
    danger: {
      vocabulary: new Vocabulary(whole(6), floats(7), header.danger.documents, header.danger.vocabulary),
      regression: { classes: DANGER_CLASSES.length, weights: floats(8), bias: floats(9) },
      lexicon: lexicons.danger,
    },
    digest: header.digest,
  };
}
