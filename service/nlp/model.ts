import { createHash } from "node:crypto";
import type { Calibration } from "./calibration.ts";
import type { Classifier } from "./classifier.ts";
import type { Lexicon } from "./lexicon.ts";
import type { Regression } from "./logistic.ts";
import { Vocabulary, type VocabularyOptions } from "./vocabulary.ts";

/** Changes when the same data would give another model: features, training or the file's shape. */
export const MODEL_VERSION = 1;
const MAGIC = "GHNLP\n";

/** Everything that understanding a message needs of what was learnt. */
export interface Model {
  classifier: Classifier;
  /** Regression over the same vocabulary, one class a language. */
  languageRegression: Regression;
  languages: readonly string[];
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
}

/** Digest of everything that a model is made of. */
export function digestOf(parts: readonly string[]): string {
  const hash = createHash("sha256").update(`${MODEL_VERSION}\0`);
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

/** A model as bytes: a line of JSON, then hashes, idf and weights, little-endian, in that order. */
export function encodeModel(model: Model): Uint8Array {
  const { classifier, languageRegression } = model;
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
export function decodeModel(bytes: Uint8Array, lexicon: Lexicon): Model {
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
  const lengths = [columns, columns, columns * classes, classes, columns * languages, languages];
  const expected = end + 1 + 4 * lengths.reduce((sum, length) => sum + length, 0);
  if (buffer.byteLength !== expected) {
    throw new Error(`The model file has ${buffer.byteLength} bytes, expected ${expected}. Run \`npm run nlp:train\`.`);
  }
  const body = new Uint8Array(buffer.subarray(end + 1)).buffer;
  let at = 0;
  const [hashes, idf, weights, bias, languageWeights, languageBias] = lengths.map((length) => {
    const start = at;
    at += length * 4;
    return { start, length };
  });
  const floats = (span: { start: number; length: number } | undefined) => new Float32Array(body, span!.start, span!.length);
  const vocabulary = new Vocabulary(
    new Uint32Array(body, hashes!.start, hashes!.length),
    floats(idf),
    header.documents,
    header.vocabulary,
  );
  return {
    classifier: {
      intents: header.intents,
      hasOutOfScope: header.hasOutOfScope,
      vocabulary,
      regression: { classes, weights: floats(weights), bias: floats(bias) },
      calibration: header.calibration,
      lexicon,
    },
    languageRegression: { classes: languages, weights: floats(languageWeights), bias: floats(languageBias) },
    languages: header.languages,
    digest: header.digest,
  };
}
