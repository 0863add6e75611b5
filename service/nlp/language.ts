import { scoresOf, softmax } from "./logistic.ts";
import type { Model } from "./model.ts";
import { MAX_CHARACTERS } from "./normalise.ts";

/** What is known of a guest's language before the message is read. */
export interface LanguagePrior {
  /** Language of the conversation so far. */
  conversation?: string | undefined;
  /** Language of the hotel, for messages that tell nothing ("ok", "👍"). */
  tenant?: string | undefined;
}

/** Log-odds that the conversation's language, or else the hotel's, gets ahead of the others. */
const CONVERSATION_WEIGHT = 1;
const TENANT_WEIGHT = 0.3;
/** A guess below this probability, with what is known before counted in, is left to what is known before. */
const SURE = 0.45;
/** Letters and signs that only one of the languages writes, and the log-odds that they are worth. */
const TELLING: readonly (readonly [string, RegExp])[] = [
  ["es", /[ñ¿¡]/i],
  ["pt", /[ãõçâêôà]/i],
];
const TELLING_WEIGHT = 2;

/**
 * Language of a message: the features' own guess, with the conversation's language ahead, and the conversation's or hotel's
 * language when the message tells nothing.
 *
 * @param text    as the guest wrote it
 * @param message its grams
 * @returns one of the model's languages
 */
export function languageOf(model: Model, text: string, message: Map<number, number>, prior: LanguagePrior): string {
  const known = (language: string | undefined) =>
    language !== undefined && model.languages.includes(language) ? language : undefined;
  const conversation = known(prior.conversation);
  const tenant = known(prior.tenant);
  const fallback = conversation ?? tenant ?? model.languages[0]!;
  const vector = model.classifier.vocabulary.vector(message);
  const start = text.slice(0, MAX_CHARACTERS).normalize("NFC");
  if (vector.columns.length === 0 || !/\p{L}/u.test(start)) return fallback;
  const scores = new Float32Array(model.languages.length);
  scoresOf(model.languageRegression, vector, scores);
  const lift = (language: string, weight: number) => {
    const at = model.languages.indexOf(language);
    if (at >= 0) scores[at]! += weight;
  };
  if (conversation) lift(conversation, CONVERSATION_WEIGHT);
  else if (tenant) lift(tenant, TENANT_WEIGHT);
  for (const [language, signs] of TELLING) if (signs.test(start)) lift(language, TELLING_WEIGHT);
  softmax(scores);
  let best = 0;
  for (let at = 1; at < scores.length; at++) if (scores[at]! > scores[best]!) best = at;
  return scores[best]! >= SURE ? model.languages[best]! : fallback;
}
