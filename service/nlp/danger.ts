import { plainOf } from "./entities/tokens.ts";
import type { Lexicon } from "./lexicon.ts";
import { type Regression, scoresOf } from "./logistic.ts";
import { MAX_CHARACTERS, normalise } from "./normalise.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * How bad it is. `emergency`: somebody is or may be in danger, a person must be told now, at any hour. `urgent`: it can't wait for
 * long, and nobody's life hangs on it.
 */
export type Danger = "emergency" | "urgent";

/** Classes of the regression over messages, in this order. */
export const DANGER_CLASSES = ["emergency", "harmless"] as const;

/** What was learnt about danger: a regression of two classes over words, characters, concepts and pairs of concepts. */
export interface DangerModel {
  vocabulary: Vocabulary;
  regression: Regression;
  /** Concepts of danger in the three languages. */
  lexicon: Lexicon;
}

/**
 * Probability from which a message is an emergency by what was learnt, and the one that is enough beside a word of danger: what was learnt
 * only takes such a word back where it is sure ("my work is on fire"). Chosen on messages that the model wasn't trained on: a message that
 * is missed is worse than one that rings for nothing.
 */
export const ALONE = 0.4;
export const BESIDE_A_WORD = 0.045;

/** One alternative per line, as `plainOf` writes words; the three languages stand together. */
const alternatives = (lines: string) =>
  new RegExp(
    `(?<![a-z0-9])(?:${lines
      .trim()
      .split(/\s*\n\s*/)
      .join("|")})(?![a-z0-9])`,
  );

/** Words that name an emergency by themselves. */
const EMERGENCY = alternatives(`
  emergenc(?:y|ies|ia|ias)
  urgencias? medicas?
  incendi(?:o|os|ando)
  (?:se )?(?:esta )?prend(?:e|io|iendo) fuego
  (?:hay|ha) fuego
  tem fogo
  (?:is|on|are) (?:a )?fire
  (?:pegando|pegou) fogo
  agarro fuego
  caught fire
  (?:there is|theres) a fire
  ambulanc(?:ia|ias|e)
  socorro
  auxilio
  infartos?
  heart attack
  ataque (?:al corazon|cardiaco)
  cardiac arrest
  (?:paro cardiaco|parada cardiaca)
  (?:se )?desmay(?:o|e|ad[oa]s?|ando)
  desmai(?:ou|ei|ad[oa]s?)
  fainted
  unconscious
  inconscientes?
  (?:no|nao) (?:esta |puede |consegue |puedo |consigo )?respira(?:r|ndo)?
  (?:not|isnt|stopped|cant) breath(?:e|ing)
  (?:me|nos) (?:robaron|asaltaron)
  (?:was|were|been|being|got) (?:robbed|mugged|raped|attacked)
  robbed
  (?:fui|fomos|fuimos) (?:roubad|assaltad|asaltad|robad)[oa]s?
  (?:fuga|escape|olor|perdida) (?:de|a) gas
  huele a gas
  (?:vazamento|cheiro|escape) de gas
  gas leak
  (?:smell of|smells? like|smells? of|smell|leaking) gas
  (?:hay|sale|veo|huele a|olor a|mucho) humo
  (?:tem|saindo|sai|cheiro de|muita) fumaca
  smoke (?:in|from|coming|everywhere)
  (?:smell of|smell|see|seeing|lots of|full of|there is|theres) smoke
  chispas
  sparks
  (?:encerrad|atrapad)[oa]s? en
  pres[oa]s? no elevador
  (?:locked in|trapped)
  stuck in (?:the )?(?:elevator|lift)
  locked out
  (?:no puedo entrar|cant get in)(?! (?:a|al|en|to|into) (?:(?:la|el|su|tu|the|my|your) )?(?:web|website|pagina|sitio|link|app|cuenta|account|wifi))
`);

/** Words of what can't wait. A room that is wanted urgently is still a booking: the dialogue asks what else was said. */
const URGENT = alternatives(`
  urgen(?:te|tes|t|tly|cia|cias|temente)
  me urge
  ya mismo
  ahora mismo
  inund\\w+
  flood\\w*
  alaga(?:d\\w+|ndo)
  sin luz
  no hay luz
  sem luz
  no power
  humo
  smoke(?![ -]free)
  fumaca
  encerrad[oa]s?
`);

/** Names of things that hold a word of danger and are none. */
const NO_DANGER = alternatives(`
  (?:salidas?|saidas?|luz|luces|luzes|numeros?|telefonos?|telefones?|contactos?|contatos?|planes|plan|plano|puerta|porta|escalera|escada|caso|boton|botao) (?:de|del|em caso de|en caso de) (?:emergencias?|incendio)
  emergency (?:exits?|lights?|numbers?|contacts?|plan|plans|doors?|stairs|button|phone)
  (?:in case of|in the event of) (?:an? )?(?:emergency|fire)
  en caso de (?:emergencia|incendio|fuego)
  em caso de (?:emergencia|incendio|fogo)
  (?:family|work) emergency
  emergency at work
  emergencia (?:familiar|en el trabajo|no trabalho|laboral)
  emergencia na familia
  (?:alarma|alarme|detector|detectores) de (?:incendio|humo|fumaca)
  (?:smoke|fire) (?:detectors?|alarms?)
  smoke free
  (?:con|sin|com|sem) gas
`);

/** The grade that a message's words alone give, without what was learnt; names such as "emergency exit" don't count. */
export function dangerWords(text: string): Danger | undefined {
  const plain = plainOf(text.slice(0, MAX_CHARACTERS)).replace(new RegExp(NO_DANGER, "g"), " ");
  if (EMERGENCY.test(plain)) return "emergency";
  return URGENT.test(plain) ? "urgent" : undefined;
}

/**
 * What a danger model learns from: a message's grams, its concepts of danger, and each two of them wherever they stand.
 *
 * @param message grams of the message (`grams`), which are left as they are
 */
export function dangerGrams(text: string, message: ReadonlyMap<number, number>, lexicon: Lexicon): Map<number, number> {
  const counts = new Map(message);
  const concepts = [...new Set(lexicon.conceptsOf(normalise(text).split(" ")))].sort((a, b) => a - b).slice(0, MOST_CONCEPTS);
  concepts.forEach((concept, at) => {
    counts.set(gramOf(concept + 1), 1);
    for (const other of concepts.slice(at + 1)) counts.set(gramOf((concept + 1) * 4096 + other + 1), 1);
  });
  return counts;
}

/** Concepts of one message that are looked at: a message with more is no call for help. */
const MOST_CONCEPTS = 14;
const SEED = 0x7d3a51c9;

/** A word gram (lowest bit 0) that no word has: its seed is danger's own. MurmurHash3's finaliser. */
function gramOf(value: number): number {
  let hash = Math.imul(value ^ SEED, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) & ~1) >>> 0;
}

/** Probability that a message tells of an emergency, 0–1, by what was learnt alone. */
export function dangerProbability(model: DangerModel, text: string, message: ReadonlyMap<number, number>): number {
  const scores = new Float32Array(DANGER_CLASSES.length);
  scoresOf(model.regression, model.vocabulary.vector(dangerGrams(text, message, model.lexicon)), scores);
  return 1 / (1 + Math.exp(scores[1]! - scores[0]!));
}

/**
 * Whether a message tells of danger: by a word of danger, unless what was learnt is sure that the sentence is harmless ("tuve una emergencia
 * familiar y tengo que cancelar"), or by what was learnt alone.
 *
 * @param message grams of the message
 */
export function dangerIn(model: DangerModel, text: string, message: ReadonlyMap<number, number>): Danger | undefined {
  const said = dangerWords(text);
  const probability = dangerProbability(model, text, message);
  if (probability >= (said === "emergency" ? BESIDE_A_WORD : ALONE)) return "emergency";
  return said === undefined ? undefined : "urgent";
}
