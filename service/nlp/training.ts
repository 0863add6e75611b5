import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { LANGUAGES } from "../vocabulary.ts";
import { DEFAULT_OPTIONS, train } from "./classifier.ts";
import { DANGER_OPTIONS, type DangerExample, parseDanger, trainDanger } from "./danger-training.ts";
import { type HotelExample, parseExamples } from "./examples.ts";
import { grams } from "./features.ts";
import { Lexicon } from "./lexicon.ts";
import { fitRegression } from "./logistic.ts";
import { decodeModel, digestOf, encodeModel, type Lexicons, type Model } from "./model.ts";
import { describeReport, type Report, reportOf } from "./report.ts";

/** The project's own data. */
export const DATA_FOLDER = fileURLToPath(new URL("./data/", import.meta.url));
/** Where trained models are kept, by digest; not in the repository. */
export const CACHE_FOLDER = fileURLToPath(new URL("../../.cache/nlp/", import.meta.url));

/** Epochs of the language regression: three classes that are easy to tell apart. */
const LANGUAGE_EPOCHS = 8;

/** Training data of the hotel model as read from its folder. */
export interface Data {
  examples: HotelExample[];
  danger: DangerExample[];
  lexicons: Lexicons;
  digest: string;
}

/**
 * Reads `es.txt`, `en.txt`, `pt.txt` and `concepts.txt`, and the same four of the folder `danger`.
 *
 * @throws Error naming every bad line of every file at once
 */
export async function readData(folder: string = DATA_FOLDER): Promise<Data> {
  const files = [...LANGUAGES.map((language) => `${language}.txt`), "concepts.txt"];
  const names = [...files, ...files.map((name) => `danger/${name}`)];
  const contents = await Promise.all(names.map((name) => readFile(`${folder}/${name}`, "utf8")));
  const problems: string[] = [];
  const attempt = <T>(parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const examples = LANGUAGES.flatMap((language, at) => attempt(() => parseExamples(contents[at]!, language, names[at]!)) ?? []);
  const half = files.length;
  const danger = LANGUAGES.flatMap((_, at) => attempt(() => parseDanger(contents[half + at]!, names[half + at]!)) ?? []);
  const [hotel, alarming] = [half - 1, names.length - 1].map((at) => attempt(() => Lexicon.parse(contents[at]!, names[at]!)));
  if (hotel === undefined || alarming === undefined || problems.length > 0) throw new Error(problems.join("\n"));
  const options = [JSON.stringify(DEFAULT_OPTIONS), String(LANGUAGE_EPOCHS), JSON.stringify(DANGER_OPTIONS)];
  return { examples, danger, lexicons: { hotel, danger: alarming }, digest: digestOf([...contents, ...options]) };
}

/** Trains the hotel model; deterministic for the same data. The report tells whether it passes the gates. */
export function trainModel({ examples, danger, lexicons, digest }: Data): { model: Model; report: Report } {
  const { classifier, heldOut } = train(examples, DEFAULT_OPTIONS, undefined, lexicons.hotel);
  const vectors = examples.map(({ text }) => classifier.vocabulary.vector(grams(text, lexicons.hotel)));
  const labels = examples.map(({ language }) => LANGUAGES.indexOf(language));
  const training = { ...DEFAULT_OPTIONS.training, epochs: LANGUAGE_EPOCHS };
  const languageRegression = fitRegression(vectors, labels, classifier.vocabulary.size, LANGUAGES.length, training);
  const alarm = trainDanger(
    danger,
    examples.map(({ text }) => text),
    lexicons,
  );
  const model: Model = { classifier, languageRegression, languages: LANGUAGES, danger: alarm, digest };
  return { model, report: reportOf(classifier, heldOut, examples, DEFAULT_OPTIONS.outOfScopeShare) };
}

/** The model was refused; the message holds the missed gates and the report. */
export class RefusedModel extends Error {
  readonly report: Report;
  constructor(report: Report) {
    super(["The model is refused:", ...report.failures.map((failure) => `- ${failure}`), ...describeReport(report)].join("\n"));
    this.name = "RefusedModel";
    this.report = report;
  }
}

/**
 * Trains and writes a model. The file appears whole or not at all, so processes may do this at the same time.
 *
 * @throws RefusedModel when the model misses a gate; nothing is written then
 */
export async function buildModel(
  data: Data,
  cacheFolder: string = CACHE_FOLDER,
): Promise<{ model: Model; report: Report; path: string }> {
  const { model, report } = trainModel(data);
  if (report.failures.length > 0) throw new RefusedModel(report);
  return { model, report, path: await writeModel(model, cacheFolder) };
}

async function writeModel(model: Model, cacheFolder: string): Promise<string> {
  await mkdir(cacheFolder, { recursive: true });
  const path = `${cacheFolder}/${modelFile(model.digest)}`;
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, encodeModel(model));
  await rename(temporary, path);
  for (const file of await readdir(cacheFolder)) {
    if (/^hotel-[0-9a-f]{16}\.bin$/.test(file) && file !== modelFile(model.digest))
      await rm(`${cacheFolder}/${file}`, { force: true });
  }
  return path;
}

/**
 * The hotel model: read from the cache when it was trained on exactly this data, otherwise trained (some seconds) and cached.
 *
 * @throws RefusedModel when it must be trained and misses a gate
 */
export async function openModel(options: { dataFolder?: string; cacheFolder?: string } = {}): Promise<Model> {
  const data = await readData(options.dataFolder);
  const cacheFolder = options.cacheFolder ?? CACHE_FOLDER;
  const cached = await readModel(`${cacheFolder}/${modelFile(data.digest)}`, data.lexicons);
  if (cached?.digest === data.digest) return cached;
  const { model, report } = trainModel(data);
  if (report.failures.length > 0) throw new RefusedModel(report);
  await writeModel(model, cacheFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === undefined) throw error;
    process.emitWarning(`The model can't be kept in ${cacheFolder} (${String(error)}): it is trained at every start.`);
  });
  return model;
}

/**
 * A candidate model by path, to run in shadow beside the model in use.
 *
 * @param path a file that `npm run nlp:train -- --out` wrote
 * @throws Error when the file is missing, cut or of another version
 */
export async function openCandidate(path: string, dataFolder: string = DATA_FOLDER): Promise<Model> {
  const [bytes, { lexicons }] = await Promise.all([readFile(path), readData(dataFolder)]);
  return decodeModel(bytes, lexicons);
}

function modelFile(digest: string): string {
  return `hotel-${digest.slice(0, 16)}.bin`;
}

/** A cached model; undefined when there is none or it is broken, which training again repairs. */
async function readModel(path: string, lexicons: Lexicons): Promise<Model | undefined> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  try {
    return decodeModel(bytes, lexicons);
  } catch (error) {
    process.emitWarning(`${path}: ${error instanceof Error ? error.message : String(error)} It is trained again.`);
    return undefined;
  }
}
