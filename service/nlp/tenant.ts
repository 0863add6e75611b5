import { z } from "zod";
import { INTENTS, LANGUAGES, OUT_OF_SCOPE } from "../vocabulary.ts";
import { grams } from "./features.ts";
import type { Model } from "./model.ts";

const intent = z.enum([...INTENTS, OUT_OF_SCOPE]);

/** A hotel's own additions, as they stand in its settings. */
export const tenantAdditionsSchema = z.object({
  examples: z
    .array(z.object({ text: z.string().trim().min(1).max(300), intent }))
    .max(2_000)
    .default([])
    .describe("Messages that this hotel's guests write, with what they mean here."),
  answers: z
    .partialRecord(intent, z.partialRecord(z.enum(LANGUAGES), z.string().trim().min(1).max(1_000)))
    .default({})
    .describe("This hotel's own answer to an intent, a language each."),
});
export type TenantAdditions = z.infer<typeof tenantAdditionsSchema>;

/** Likeness from which an example counts, and from which it is as good as the same message. */
const LIKE = 0.5;
const SAME = 0.9;
const CONFIDENCE = { like: 0.45, same: 0.97 } as const;

/** A hotel's own examples over the shared model. It holds this hotel's messages only; the shared model is never written to. */
export class TenantModel {
  readonly #examples = new Map<number, { example: number; weight: number }[]>();
  readonly #intents: string[];
  readonly #answers: TenantAdditions["answers"];
  readonly #model: Model;

  constructor(model: Model, additions: TenantAdditions) {
    this.#model = model;
    this.#intents = additions.examples.map((example) => example.intent);
    this.#answers = additions.answers;
    additions.examples.forEach(({ text }, example) => {
      for (const [hash, weight] of model.classifier.vocabulary.weights(grams(text, model.classifier.lexicon))) {
        const list = this.#examples.get(hash) ?? [];
        list.push({ example, weight });
        this.#examples.set(hash, list);
      }
    });
  }

  /**
   * The intent of the likest of the hotel's examples.
   *
   * @param message its grams
   * @returns undefined when none is like it; `same` when it is as good as the example itself; confidence grows with the cosine of the two, 0.45 at 0.5 to 0.97 at 0.9
   */
  answer(message: Map<number, number>): { intent: string; confidence: number; same: boolean } | undefined {
    const likeness = new Float64Array(this.#intents.length);
    for (const [hash, weight] of this.#model.classifier.vocabulary.weights(message)) {
      for (const one of this.#examples.get(hash) ?? []) likeness[one.example]! += weight * one.weight;
    }
    let best = -1;
    for (let at = 0; at < likeness.length; at++) if (likeness[at]! >= LIKE && likeness[at]! > (likeness[best] ?? 0)) best = at;
    if (best < 0) return undefined;
    const part = Math.min(1, (likeness[best]! - LIKE) / (SAME - LIKE));
    return {
      intent: this.#intents[best]!,
      confidence: CONFIDENCE.like + part * (CONFIDENCE.same - CONFIDENCE.like),
      same: part === 1,
    };
  }

  /** The hotel's own answer to an intent; undefined when it has none in this language. */
  reply(intent: string, language: string): string | undefined {
    const answers = this.#answers as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
    return answers[intent]?.[language];
  }
}
