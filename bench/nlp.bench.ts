import { readFile } from "node:fs/promises";
import { containerBootstrap } from "@nlpjs/core";
import { LangEn } from "@nlpjs/lang-en";
import { LangEs } from "@nlpjs/lang-es";
import { LangPt } from "@nlpjs/lang-pt";
import { Nlp } from "@nlpjs/nlp";
import { type Classifier, classify, DEFAULT_OPTIONS, type Example, train } from "../service/nlp/classifier.ts";
import { parseLines } from "../service/nlp/evaluate.ts";
import { type Judged, measure } from "../service/nlp/evaluation.ts";
import type { Lexicon } from "../service/nlp/lexicon.ts";
import { decodeModel, encodeModel } from "../service/nlp/model.ts";
import { readData, trainModel } from "../service/nlp/training.ts";
import { type Bench, median } from "./figure.ts";

/** Folder with CLINC150's train.jsonl and val.jsonl; without it those figures are left out, with a line on stderr. */
const CLINC = process.env.CLINC150;
const ROUNDS = 5;
const FOLD = 5;

/** nlp.js's own defaults, without its line an epoch on stdout. */
const PEER_SETTINGS = {
  keepStopwords: true,
  nonefeatureValue: 1,
  nonedeltaMultiplier: 1.2,
  spellCheck: false,
  spellCheckDistance: 1,
  filterZeros: true,
  log: false,
};

type Report = Parameters<Bench["run"]>[0];
interface Spoken extends Example {
  language: string;
}

/** nlp.js with its defaults for these languages, trained on the same messages. */
async function trainPeer(examples: readonly Spoken[]): Promise<Nlp> {
  const container = await containerBootstrap();
  container.registerConfiguration("nlu-??", PEER_SETTINGS, true);
  for (const language of [LangEn, LangEs, LangPt]) container.use(language);
  container.use(Nlp);
  const nlp = container.get("nlp");
  nlp.settings.autoSave = false;
  for (const language of new Set(examples.map((example) => example.language))) nlp.addLanguage(language);
  for (const { text, intent, language } of examples) nlp.addDocument(language, text, intent ?? "None");
  await nlp.train();
  return nlp;
}

async function judgePeer(nlp: Nlp, examples: readonly Spoken[]): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const { text, intent, language } of examples) {
    const answer = await nlp.process(language, text);
    judged.push({ expected: intent, intent: answer.intent, confidence: answer.intent === "None" ? 0 : answer.score });
  }
  return judged;
}

function judgeOurs(classifier: Classifier, examples: readonly Example[]): Judged[] {
  return examples.map(({ text, intent }) => ({ expected: intent, ...pick(classify(classifier, text)) }));
}

function pick({ intent, confidence }: { intent: string; confidence: number }): { intent: string; confidence: number } {
  return { intent, confidence };
}

/** Wrong answers of ≥ 0.75, accuracy and AUROC of both on the same held-back messages. */
async function compare(report: Report, name: string, training: Spoken[], test: Spoken[], classifier: Classifier): Promise<void> {
  const ours = measure(judgeOurs(classifier, test));
  const peer = await trainPeer(training);
  const theirs = measure(await judgePeer(peer, test));
  const figure = (value: string, unit: string, mine: number | null, other: number | null) => {
    if (mine === null || other === null) return;
    report({
      name: `${name}: ${value}`,
      value: mine,
      unit,
      peer: "nlp.js",
      ...(other > 0 ? { ratio: mine / other } : {}),
      n: test.length,
    });
  };
  figure("accuracy in scope", "ratio", ours.accuracy, theirs.accuracy);
  figure("AUROC out of scope", "ratio", ours.auroc, theirs.auroc);
  figure("wrong at or above 0.75", "messages", ours.wrong_above_075, theirs.wrong_above_075);
  await timeBoth(report, name, classifier, peer, test);
}

/** Microseconds a message, ours and the peer's in turns. */
async function timeBoth(report: Report, name: string, classifier: Classifier, peer: Nlp, test: readonly Spoken[]): Promise<void> {
  const texts = test.filter(({ text }) => text.length <= 100).slice(0, 500);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { text, language } of texts) {
      const started = performance.now();
      classify(classifier, text);
      const between = performance.now();
      await peer.process(language, text);
      ours.push((between - started) * 1_000);
      theirs.push((performance.now() - between) * 1_000);
    }
  }
  ours.sort((a, b) => a - b);
  report({
    name: `${name}: a message, median`,
    value: median(ours),
    unit: "µs",
    peer: "nlp.js",
    ratio: median(ours) / median(theirs),
    n: ours.length,
  });
  report({ name: `${name}: a message, p99`, value: ours[Math.floor(ours.length * 0.99)]!, unit: "µs", n: ours.length });
}

async function hotel(report: Report): Promise<void> {
  const data = await readData();
  const builds = [1, 2, 3].map(() => {
    const started = performance.now();
    const { model } = trainModel(data);
    return { model, seconds: (performance.now() - started) / 1_000 };
  });
  report({ name: "hotel: build", value: median(builds.map(({ seconds }) => seconds)), unit: "s", n: builds.length });
  const bytes = encodeModel(builds[0]!.model);
  const loads = Array.from({ length: 9 }, () => {
    const started = performance.now();
    decodeModel(bytes, data.lexicons);
    return performance.now() - started;
  });
  report({ name: "hotel: load", value: median(loads), unit: "ms", n: loads.length });
  const test = data.examples.filter((_, at) => at % FOLD === 0);
  const training = data.examples.filter((_, at) => at % FOLD !== 0);
  await compare(
    report,
    "hotel, one message in five held back",
    training,
    test,
    trained(training, undefined, data.lexicons.hotel),
  );
}

function trained(training: readonly Example[], calibration?: readonly Example[], lexicon?: Lexicon): Classifier {
  return train(training, DEFAULT_OPTIONS, calibration, lexicon).classifier;
}

/** CLINC150: trained on train, calibrated on one half of val, measured on the other (its test split is held back elsewhere). */
async function clinc(report: Report, folder: string): Promise<void> {
  const read = async (name: string) =>
    parseLines(await readFile(`${folder}/${name}`, "utf8"), name).map((example) => ({ ...example, language: "en" }));
  const [training, val] = await Promise.all([read("train.jsonl"), read("val.jsonl")]);
  const started = performance.now();
  const classifier = trained(
    training,
    val.filter((_, at) => at % 2 === 0),
  );
  report({ name: "CLINC150: build", value: (performance.now() - started) / 1_000, unit: "s", n: 1 });
  const test = val.filter((_, at) => at % 2 === 1);
  const quality = measure(judgeOurs(classifier, test));
  for (const name of ["out_of_scope_recall_at_045", "right_at_045", "ece"] as const) {
    const value = quality[name];
    if (value !== null) report({ name: `CLINC150: ${name}`, value, unit: "ratio", n: test.length });
  }
  await compare(report, "CLINC150", training, test, classifier);
}

const bench: Bench = {
  name: "nlp",
  compares:
    "Intent classifier against nlp.js: accuracy, AUROC, confident mistakes, time; hotel data, and CLINC150 where CLINC150=<folder> is set",
  async run(report) {
    await hotel(report);
    if (CLINC) await clinc(report, CLINC);
    else
      console.error(
        "nlp: set CLINC150 to a folder with train.jsonl and val.jsonl ({text, intent} lines) for the public benchmark.",
      );
  },
};

export default bench;
