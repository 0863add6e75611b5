import { scoresOf, softmax } from "./logistic.ts";
import type { Model } from "./model.ts";

/** What is known of a guest's language before the message is read. */
export interface LanguagePrior {
  /** Language of the conversation so far. */
  conversation?: string | undefined;
  /** Language of the hotel, for messages that tell nothing ("ok", "👍"). */
  tenant?: string | undefined;
}

/** Log-odds that the conversation's language gets ahead of the others. */
const CONVERSATION_WEIGHT = 0.8;
/** A first guess below this probability is left to what is known before. */
const SURE = 0.6;

/**
 * Language of a message: the features' own guess, with the conversation's language ahead, and the conversation's or hotel's
 * language when the message tells nothing.
 *
 * @param message its grams
 * @returns one of the model's languages
 */
export function languageOf(model: Model, message: Map<number, number>, prior: LanguagePrior): string {
  const known = (language: string | undefined) =>
    language !== undefined && model.languages.includes(language) ? language : undefined;
  const conversation = known(prior.conversation);
  const fallback = conversation ?? known(prior.tenant) ?? model.languages[0]!;
  const vector = model.classifier.vocabulary.vector(message);
  if (vector.columns.length === 0) return fallback;
  const scores = new Float32Array(model.languages.length);
  scoresOf(model.languageRegression, vector, scores);
  if (conversation) scores[model.languages.indexOf(conversation)]! += CONVERSATION_WEIGHT;
  softmax(scores);
  let best = 0;
  for (let at = 1; at < scores.length; at++) if (scores[at]! > scores[best]!) best = at;
  return scores[best]! >= SURE ? model.languages[best]! : fallback;
}
