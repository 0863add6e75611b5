import { confidenceOf } from "./calibration.ts";
import type { Classifier, Example, HeldOut } from "./classifier.ts";
import { type Judged, measure, type Quality } from "./evaluation.ts";

/** What a model must reach on messages that it was not trained on, or the build refuses it. */
export const GATES = { precisionAbove075: 0.95, inScopeBelow045: 0.08, ece: 0.05 } as const;

/** Out-of-fold quality of a model with the numbers an editor of the data needs. */
export interface Report {
  quality: Quality;
  intents: { intent: string; messages: number; precision: number | null; recall: number | null }[];
  /** Most frequent mistakes of confidence ≥ 0.45, out-of-scope messages included. */
  confusions: { expected: string; got: string; count: number; sample: string }[];
  /** One sentence for each gate that is missed. */
  failures: string[];
}

const MOST_CONFUSIONS = 15;

/** Judges the out-of-fold answers of a training run, out-of-scope messages weighted to `share`. */
export function reportOf(
  classifier: Classifier,
  heldOut: readonly HeldOut[],
  examples: readonly Example[],
  share: number,
): Report {
  const judged: Judged[] = heldOut.map((one) => ({
    expected: examples[one.index]!.intent,
    intent: one.intent,
    confidence: confidenceOf(classifier.calibration, one.evidence),
  }));
  const quality = measure(judged, share);
  return {
    quality,
    intents: intentsOf(classifier, judged),
    confusions: confusionsOf(judged, heldOut, examples),
    failures: failuresOf(quality),
  };
}

/** One sentence for each gate that a quality misses; a value that could not be measured misses its gate. */
export function failuresOf(quality: Quality): string[] {
  const failures: string[] = [];
  const show = (value: number | null) => (value === null ? "not measured" : value.toFixed(4));
  const { precision_above_075: precision, in_scope_below_045: below, ece } = quality;
  if (!(precision !== null && precision >= GATES.precisionAbove075)) {
    failures.push(
      `precision above 0.75 is ${show(precision)} < ${GATES.precisionAbove075}: add examples of the confusions below.`,
    );
  }
  if (!(below !== null && below <= GATES.inScopeBelow045)) {
    failures.push(
      `in-scope messages below 0.45 are ${show(below)} > ${GATES.inScopeBelow045}: add varied examples of the intents of low recall.`,
    );
  }
  if (!(ece !== null && ece <= GATES.ece)) {
    failures.push(
      `ECE is ${show(ece)} > ${GATES.ece}: the confidences don't mean what they say; check for examples written twice.`,
    );
  }
  return failures;
}

function intentsOf(classifier: Classifier, judged: readonly Judged[]): Report["intents"] {
  return classifier.intents.map((intent) => {
    const expected = judged.filter((one) => one.expected === intent);
    const said = judged.filter((one) => one.intent === intent && one.confidence >= 0.45);
    const right = expected.filter((one) => one.intent === intent && one.confidence >= 0.45).length;
    return {
      intent,
      messages: expected.length,
      precision: said.length > 0 ? right / said.length : null,
      recall: expected.length > 0 ? right / expected.length : null,
    };
  });
}

function confusionsOf(
  judged: readonly Judged[],
  heldOut: readonly HeldOut[],
  examples: readonly Example[],
): Report["confusions"] {
  const counts = new Map<string, Report["confusions"][number]>();
  judged.forEach(({ expected, intent, confidence }, at) => {
    if (expected === intent || confidence < 0.45) return;
    const key = `${expected} ${intent}`;
    const found = counts.get(key) ?? {
      expected: expected ?? "out_of_scope",
      got: intent,
      count: 0,
      sample: examples[heldOut[at]!.index]!.text,
    };
    found.count++;
    counts.set(key, found);
  });
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, MOST_CONFUSIONS);
}

/** The report for people. */
export function describeReport(report: Report): string[] {
  const { quality } = report;
  const percent = (value: number | null) => (value === null ? "     –" : `${(value * 100).toFixed(1).padStart(5)} %`);
  const band = (name: "high" | "medium" | "low") =>
    `  ${name.padEnd(8)} ${percent(quality.bands[name].share)} of messages, ${percent(quality.bands[name].precision)} right`;
  return [
    `out of fold: ${quality.in_scope} messages in scope, ${quality.out_of_scope} out of scope (weighted to their share)`,
    `  accuracy in scope           ${percent(quality.accuracy)}`,
    `  precision above 0.75        ${percent(quality.precision_above_075)}   gate ≥ ${GATES.precisionAbove075 * 100} %`,
    `  in scope below 0.45         ${percent(quality.in_scope_below_045)}   gate ≤ ${GATES.inScopeBelow045 * 100} %`,
    `  ECE                         ${quality.ece === null ? "–" : quality.ece.toFixed(4).padStart(7)}   gate ≤ ${GATES.ece}`,
    `  out-of-scope recall at 0.45 ${percent(quality.out_of_scope_recall_at_045)}`,
    `  AUROC                       ${quality.auroc === null ? "–" : quality.auroc.toFixed(4).padStart(7)}`,
    "bands",
    band("high"),
    band("medium"),
    band("low"),
    "intent                 messages  precision  recall   (at 0.45)",
    ...report.intents.map(
      ({ intent, messages, precision, recall }) =>
        `  ${intent.padEnd(21)} ${String(messages).padStart(6)}   ${percent(precision)}  ${percent(recall)}`,
    ),
    "most frequent confusions",
    ...report.confusions.map(
      ({ expected, got, count, sample }) => `  ${String(count).padStart(3)} × ${expected} → ${got}   "${sample}"`,
    ),
  ];
}
