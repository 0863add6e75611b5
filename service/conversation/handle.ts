import { addDays, dayIn } from "../calendar.ts";
import type { Conversation, HandleMessage, Told, Turn } from "../mail/message.ts";
import type { TenantModel } from "../nlp/tenant.ts";
import type { PmsClients } from "../pms/clients.ts";
import { type Pms, PmsRefusal, PmsUnavailable } from "../pms/port.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { isOpen, nextOpening } from "../tenancy/opening-hours.ts";
import type { Tenant } from "../tenancy/tenant.ts";
import { isIntent, isLanguage, type Language, OUT_OF_SCOPE } from "../vocabulary.ts";
import { eventOf, reportedAs } from "./event.ts";
import { readProfile } from "./hotel.ts";
import { topicOf } from "./intents/table.ts";
import type { Hotel, PmsCall, PmsOutcome, Step, Surroundings, Understood } from "./orchestrator/contract.ts";
import { nameSaid } from "./orchestrator/names.ts";
import { orchestrate } from "./orchestrator/orchestrate.ts";
import { MAXIMUM_BUTTONS } from "./replies/catalogue.ts";
import type { Draft, Phrase } from "./replies/phrases.ts";
import { type Rendered, render } from "./replies/render.ts";
import { wordsOf } from "./replies/words.ts";
import { readSession, type Session } from "./session.ts";
import type { TenantModels } from "./tenant-models.ts";
import type { Tickets } from "./tickets.ts";

/** The flags that a conversation honours. */
export type ConversationFlag =
  | "nlp.fallback.enhanced"
  | "features.interactive_messages"
  | "conversation.delay.enabled"
  | "reservation.enabled";

/** What understanding a message depends on. */
export interface UnderstandOptions {
  now: Date;
  timeZone: string;
  tenantLanguage: Language;
  tenantModel: TenantModel | undefined;
  conversationLanguage: Language | undefined;
  /** What the conversation is about, for messages that don't say it themselves ("el 12, somos 2"). */
  conversationIntent: string | undefined;
  /** What the agent has just asked for. */
  asked: "guests" | undefined;
  /** A person's name in the text, which is read as nothing else. */
  name: string | undefined;
}

/** What understanding answers: a classifier of any vocabulary may stand behind it, so its words are checked here. */
export interface Reading extends Omit<Understood, "language" | "intent" | "choices"> {
  language: string;
  intent: string;
  choices?: readonly { intent: string }[] | undefined;
}

export interface HandleOptions {
  understand: (text: string, options: UnderstandOptions) => Reading;
  pms: PmsClients;
  tickets: Tickets;
  /** Tells reception of tickets, and says what became of it. */
  notices: { tell(tenantId: string, keys: readonly string[]): Promise<Told> };
  flags: { isEnabled(flag: ConversationFlag, context: Record<string, unknown>): boolean };
  tenants: { get(id: string): Promise<Tenant | undefined> | Tenant | undefined };
  /** Hotels' own examples and answers. */
  tenantModels: TenantModels;
  metrics: Metrics;
  logger: Logger;
}

/** A message takes a few calls to the PMS at most; more would be a circle. */
const MAXIMUM_STEPS = 8;

/** Understands a message, asks the PMS what the orchestrator wants to know, and puts the answer into words. */
export function createHandle(options: HandleOptions): HandleMessage {
  const { understand, pms, tickets, notices, flags, tenants, tenantModels, metrics, logger } = options;

  return async ({ conversation, message, now }) => {
    const tenant = await tenants.get(conversation.tenantId);
    if (tenant === undefined) throw new Error(`there is no tenant ${conversation.tenantId}`);
    const { tenantId, userId, channel } = conversation;
    const context = { targetingKey: userId, tenant: tenantId, channel, language: conversation.language };
    const { session, problem } = readSession(conversation.state, now);
    if (problem !== undefined) {
      logger.warn({ tenant_id: tenantId, conversation_id: conversation.id, problem }, "a session could not be read; begun anew");
    }

    const tenantLanguage = tenant.languages[0] ?? "es";
    const tenantModel = tenantModels.of(tenant);
    const event = eventOf(message, session, (text) => {
      const result = understand(text, {
        now,
        timeZone: tenant.timeZone,
        tenantLanguage,
        tenantModel,
        conversationLanguage: conversation.language ?? message.language,
        conversationIntent: topicOf(session),
        asked: session.awaiting === "guests" ? "guests" : undefined,
        name: nameSaid(text, session.awaiting === "name"),
      });
      return inVocabulary(result, tenantLanguage);
    });
    const understood = event.type === "message" ? event.understood : undefined;
    // A word or two ("twin", "ok") are no reason to change the language of a conversation.
    const brief =
      session.awaiting === "name" || (message.text.trim().split(/\s+/).length <= 2 && !/[ñçãõáéíóú]/i.test(message.text));
    const known = conversation.language ?? message.language;
    const wanted = (brief ? known : undefined) ?? understood?.language ?? known ?? tenantLanguage;
    const language = tenant.languages.includes(wanted) ? wanted : tenantLanguage;
    const today = dayIn(tenant.timeZone, now);
    const around: Surroundings = {
      hotel: hotelOf(tenant, pms.isDemo(tenant), now, today, logger),
      flags: {
        enhancedFallback: flags.isEnabled("nlp.fallback.enhanced", context),
        reservations: flags.isEnabled("reservation.enabled", context),
      },
      clock: { now, today, time: wordsOf(language, today, tenant.timeZone).clock(now) },
      userId,
      channel,
      messageKey: `${channel}:${message.messageId}`,
      handedOver: conversation.handedOver,
      isSenderUnproven: message.senderUnproven,
      ownAnswer: understood === undefined ? undefined : tenantModel?.reply(understood.intent, language),
    };

    const client = pms.forTenant(tenant);
    const opened: string[] = [];
    let step: Step = orchestrate(session, event, around);
    let { draft } = step;
    let fellBack = step.fellBack;
    for (let steps = 1; ; steps++) {
      const call = await perform(step, conversation, opened);
      if (call === undefined) break;
      if (steps >= MAXIMUM_STEPS) throw new Error(`a message led to ${steps} calls to the PMS; the last was ${call.operation}`);
      const outcome = await ask(client, call);
      step = orchestrate(step.session, { type: "pms", outcome }, { ...around, handedOver: step.handedOver });
      draft = join(draft, step.draft);
      fellBack ||= step.fellBack;
    }

    if (understood !== undefined) count(tenantId, understood, fellBack);
    const reported = reportedAs(event);
    const state = { ...step.session };
    const turn: Turn = { state, language, handedOver: step.handedOver, replies: [], ...reported };
    if (draft.phrases.length === 0) return turn;

    if (state.noticeAt === undefined) {
      draft = firstReply(draft, step.handedOver);
      state.noticeAt = now.toISOString();
    }
    const told = await notices.tell(tenantId, opened);
    const words = wordsOf(language, today, tenant.timeZone, told);
    const look = {
      interactive: flags.isEnabled("features.interactive_messages", context),
      typing: flags.isEnabled("conversation.delay.enabled", context),
    };
    const rendered = renderAnew(draft, state, (each) => render(each, words, look));
    state.choices = rendered.choices;
    turn.replies = [rendered.reply];
    return turn;
  };

  /**
   * Opens the step's tickets.
   *
   * @param opened gets the keys of those tickets
   * @returns the call to the PMS that it waits for
   */
  async function perform(step: Step, conversation: Conversation, opened: string[]): Promise<PmsCall | undefined> {
    let call: PmsCall | undefined;
    for (const effect of step.effects) {
      if (effect.type === "pms") call = effect.call;
      else if (effect.type === "ticket") {
        await tickets.open(conversation, effect.key, effect.ticket);
        opened.push(effect.key);
      } else if (effect.type === "event") {
        // No reply speaks of it, so it says nothing about what reception knows.
        await tickets.open(conversation, effect.key, { kind: "booking", urgent: false, text: `${effect.kind}: ${effect.text}` });
      } else await tickets.setRoom(conversation.tenantId, effect.key, effect.room);
    }
    return call;
  }

  async function ask(client: Pms, call: PmsCall): Promise<PmsOutcome> {
    try {
      const outcome = await answerOf(client, call);
      if ("read" in outcome && outcome.read.stale) metrics.degradedAnswers.inc({ route: "conversation" });
      return outcome;
    } catch (error) {
      if (error instanceof PmsRefusal) return { call, kind: "refused", refusal: error.code };
      if (!(error instanceof PmsUnavailable)) throw error;
      logger.warn({ err: error, operation: call.operation }, "the PMS doesn't answer; the guest is told so");
      metrics.degradedAnswers.inc({ route: "conversation" });
      return { call, kind: "unavailable" };
    }
  }

  function count(tenantId: string, { intent, band, language, confidence }: Understood, fellBack: boolean): void {
    metrics.nlpMessages.inc({ intent, band, language });
    metrics.nlpTenantMessages.inc({ tenant_id: tenantId });
    metrics.nlpConfidence.observe(confidence);
    if (fellBack && band === "low") metrics.nlpFallbacks.inc({ tenant_id: tenantId });
  }
}

/** A language or an intent that the dialogue doesn't know is the hotel's language, or out of scope. */
function inVocabulary(reading: Reading, tenantLanguage: Language): Understood {
  const { language, intent, choices = [] } = reading;
  return {
    ...reading,
    language: isLanguage(language) ? language : tenantLanguage,
    intent: isIntent(intent) ? intent : OUT_OF_SCOPE,
    choices: choices.flatMap((choice) => (isIntent(choice.intent) ? [{ intent: choice.intent }] : [])),
  };
}

async function answerOf(client: Pms, call: PmsCall): Promise<PmsOutcome> {
  switch (call.operation) {
    case "availability":
      return { call, kind: "offers", read: await client.availability(call.query) };
    case "roomTypes":
      return { call, kind: "roomTypes", read: await client.roomTypes() };
    case "reservationsOf":
      // The guest is known to the orchestrator, which asks for nobody else's.
      return { call, kind: "reservations", reservations: await client.reservationsOf(call.userId) };
    case "reservation": {
      const found = await client.reservation(call.code);
      return { call, kind: "reservations", reservations: found === undefined ? [] : [found] };
    }
    case "hold":
      return { call, kind: "reservations", reservations: [await client.hold(call.request)] };
    case "confirm":
      return { call, kind: "reservations", reservations: [await client.confirm(call.code, call.guestName)] };
    case "modify":
      return { call, kind: "reservations", reservations: [await client.modify(call.code, call.change)] };
    case "cancel":
      return { call, kind: "reservations", reservations: [await client.cancel(call.code)] };
  }
}

function hotelOf(tenant: Tenant, demo: boolean, now: Date, today: string, logger: Logger): Hotel {
  const { profile, problems } = readProfile(tenant.settings, demo);
  if (problems.length > 0) {
    logger.warn({ tenant_id: tenant.id, problems }, "the hotel's profile in its settings can't be used; it is left out");
  }
  const next = nextOpening(tenant, now);
  return {
    tenantId: tenant.id,
    name: tenant.name,
    profile,
    languages: tenant.languages,
    open: isOpen(tenant, now),
    ...(next === undefined ? {} : { opens: { day: addDays(today, next.inDays), time: next.time } }),
  };
}

function join(first: Draft, second: Draft): Draft {
  const location = second.location ?? first.location;
  return {
    phrases: [...first.phrases, ...second.phrases],
    buttons: second.phrases.length > 0 ? second.buttons : first.buttons,
    ...(location === undefined ? {} : { location }),
  };
}

/** The first reply says that a machine answers, and a person is one tap away. */
function firstReply(draft: Draft, handedOver: boolean): Draft {
  const phrases: Phrase[] = [...draft.phrases, { key: "notice", parameters: {} }];
  if (handedOver || draft.buttons.includes("reception")) return { ...draft, phrases };
  // Three numbers are examples; the guest can write any other.
  const examples = draft.buttons.length === MAXIMUM_BUTTONS && draft.buttons.every((id) => /^(guests|nights):/.test(id));
  return { ...draft, phrases, buttons: [...(examples ? draft.buttons.slice(0, -1) : draft.buttons), "reception"] };
}

/**
 * A question that comes again comes in other words, and the third time with a person: a guest who is asked the same for ever has no way out.
 *
 * @param state the session; remembers the reply
 */
function renderAnew(draft: Draft, state: Session, put: (draft: Draft) => Rendered): Rendered {
  const plain = put(draft);
  const { text } = plain.reply;
  if (text !== state.lastReply) {
    state.repeated = 0;
    state.lastReply = text;
    return plain;
  }
  state.repeated += 1;
  const other = put(otherWords(draft));
  if (other.reply.text !== text || state.awaiting === undefined) return other;
  const before: Phrase = state.repeated === 1 ? { key: "ask_again", parameters: {} } : { key: "offer_person", parameters: {} };
  const buttons = state.repeated === 1 || draft.buttons.includes("reception") ? draft.buttons : [...draft.buttons, "reception"];
  return put({ ...draft, phrases: [before, ...draft.phrases], buttons });
}

/** The same reply in other words, where it has some. */
function otherWords(draft: Draft): Draft {
  const phrases = draft.phrases.map((phrase): Phrase => {
    if (!("variant" in phrase.parameters)) return phrase;
    return { ...phrase, parameters: { ...phrase.parameters, variant: phrase.parameters.variant + 1 } } as Phrase;
  });
  return { ...draft, phrases };
}
