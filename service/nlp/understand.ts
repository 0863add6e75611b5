import { type Band, OUT_OF_SCOPE } from "../vocabulary.ts";
import { bandOf, MEDIUM } from "./bands.ts";
import { type Classification, classifyGrams } from "./classifier.ts";
import { type Danger, dangerIn } from "./danger.ts";
import { type Entities, readingIn } from "./entities/entities.ts";
import type { Guests } from "./entities/guests.ts";
import { grams } from "./features.ts";
import { languageOf } from "./language.ts";
import type { Model } from "./model.ts";
import type { TenantModel } from "./tenant.ts";
import { openModel } from "./training.ts";

/** What is known before a message is read. */
export interface Context {
  now: Date;
  /** IANA name of the hotel's time zone. */
  timeZone: string;
  tenantLanguage?: string | undefined;
  conversationLanguage?: string | undefined;
  /** What the conversation is about: decides how a lone day is read when the message itself doesn't say ("el 12, somos 2"). */
  conversationIntent?: string | undefined;
  /** What the agent has just asked for. */
  asked?: "guests" | undefined;
  /** A person's name in the text, which is read as nothing else. */
  name?: string | undefined;
  /** The hotel's own examples. */
  tenantModel?: TenantModel | undefined;
}

/** One message, understood. */
export interface Understanding {
  text: string;
  language: string;
  /** `out_of_scope` when nothing that the agent does is likely. */
  intent: string;
  /** Probability that acting on the intent is right, 0–1. */
  confidence: number;
  band: Band;
  entities: Entities;
  /** Who travels, with what is known of a party that isn't clear. */
  party: Guests;
  /** What to ask in the medium band: one intent to confirm, or two to choose from when they are close. Empty in the other bands. */
  choices: { intent: string; confidence: number }[];
  /** Someone is in danger, or it can't wait: a person is told at any hour. */
  danger: Danger | undefined;
}

/** The second intent is offered as well when it gets at least this part of what the first gets. */
const CLOSE = 0.4;

/**
 * Understands one message. Pure; time and memory are bounded whatever the text.
 *
 * @throws RangeError when the time zone is unknown
 */
export function understandWith(model: Model, text: string, context: Context): Understanding {
  const message = grams(text, model.classifier.lexicon);
  const language = languageOf(model, text, message, {
    conversation: context.conversationLanguage,
    tenant: context.tenantLanguage,
  });
  const { intent, confidence, ranked } = answerOf(model, message, context.tenantModel);
  const band = bandOf(confidence);
  const topic = band === "low" || !aboutSomething(intent) ? (context.conversationIntent ?? intent) : intent;
  const { now, timeZone, asked, name } = context;
  const { entities, party } = readingIn(text, { now, timeZone, language, intent: topic, asked, name });
  return {
    text,
    language,
    intent,
    confidence,
    band,
    entities,
    party,
    choices: band === "medium" ? choicesOf(ranked, confidence) : [],
    danger: dangerIn(model.danger, text, message),
  };
}

type Answer = Pick<Classification, "intent" | "confidence" | "ranked">;

function answerOf(model: Model, message: Map<number, number>, tenantModel: TenantModel | undefined): Answer {
  if (message.size === 0) return { intent: OUT_OF_SCOPE, confidence: 0, ranked: [] };
  const own = classifyGrams(model.classifier, message);
  const tenant = tenantModel?.answer(message);
  if (tenant && (tenant.same || tenant.confidence > own.confidence)) {
    if (tenant.intent === OUT_OF_SCOPE)
      return { intent: OUT_OF_SCOPE, confidence: Math.min(own.confidence, 1 - tenant.confidence), ranked: own.ranked };
    const ranked = [{ intent: tenant.intent, share: 1 }, ...own.ranked.filter(({ intent }) => intent !== tenant.intent)];
    return { intent: tenant.intent, confidence: tenant.confidence, ranked };
  }
  return own.outOfScope && own.confidence < MEDIUM ? { ...own, intent: OUT_OF_SCOPE } : own;
}

function aboutSomething(intent: string): boolean {
  return !["affirm", "deny", "greeting", "goodbye_thanks", OUT_OF_SCOPE].includes(intent);
}

function choicesOf(ranked: Answer["ranked"], confidence: number): Understanding["choices"] {
  const [first, second] = ranked;
  if (!first) return [];
  const choices = [{ intent: first.intent, confidence }];
  if (second && second.share >= CLOSE * first.share)
    choices.push({ intent: second.intent, confidence: confidence * Math.min(1, second.share / first.share) });
  return choices;
}

/** An opened model, ready for messages. */
export interface Understander {
  readonly model: Model;
  understand(text: string, context: Context): Understanding;
}

/** Binds a model: the hotel's own, or a candidate that runs in shadow. */
export function understanderOf(model: Model): Understander {
  return { model, understand: (text, context) => understandWith(model, text, context) };
}

/**
 * Opens the hotel model: from the cache in some ten milliseconds, trained first when data or code changed (some seconds).
 *
 * @throws RefusedModel when it must be trained and misses a gate
 */
export async function openUnderstander(options: { dataFolder?: string; cacheFolder?: string } = {}): Promise<Understander> {
  return understanderOf(await openModel(options));
}
