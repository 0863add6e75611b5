import { plainOf } from "./entities/tokens.ts";
import { MAX_CHARACTERS } from "./normalise.ts";

/** `emergency`: somebody or the house is in danger. `urgent`: it can't wait, whatever it is. */
export type Danger = "emergency" | "urgent";

/** One alternative a line, as `plainOf` writes words; the three languages stand together. */
const alternatives = (lines: string) =>
  new RegExp(
    `(?<![a-z0-9])(?:${lines
      .trim()
      .split(/\s*\n\s*/)
      .join("|")})(?![a-z0-9])`,
  );

const EMERGENCY = alternatives(`
  emergenc(?:y|ies|ia|ias)
  urgencias? medicas?
  incendios?
  (?:se )?(?:esta )?prend(?:e|io|iendo) fuego
  hay fuego
  tem fogo
  (?:is|on|are) (?:a )?fire
  pegando fogo
  (?:there is|theres) a fire
  ambulanc(?:ia|ias|e)
  socorro
  auxilio
  infartos?
  heart attack
  (?:se )?desmay(?:o|e|ad[oa]s?)
  desmai(?:ou|ei|ad[oa]s?)
  fainted
  unconscious
  inconscientes?
  (?:no|nao) (?:esta |puede |consegue )?respira(?:r|ndo)?
  (?:not|isnt|stopped|cant) breath(?:e|ing)
  (?:me|nos) robaron
  (?:was|been|being|got) robbed
  robbed
  fui (?:roubad|assaltad)[oa]
  (?:fuga|escape|olor|perdida) (?:de|a) gas
  (?:vazamento|cheiro|escape) de gas
  gas leak
  (?:smell of|smells? like|smell|leaking) gas
  (?:hay|sale|veo|huele a|olor a|mucho) humo
  (?:tem|saindo|cheiro de|muita) fumaca
  smoke (?:in|from|coming|everywhere)
  (?:smell of|smell|see|seeing|lots of|full of|there is|theres) smoke
  chispas
  sparks
  (?:encerrad|atrapad)[oa]s? en
  pres[oa]s? no elevador
  (?:locked in|trapped)
  stuck in (?:the )?(?:elevator|lift)
  locked out
  (?:no puedo entrar|cant get in)(?! (?:a|en|to|into) (?:la|el|su|tu|the|my|your) (?:web|website|pagina|sitio|link|app|cuenta|account))
`);
const URGENT = alternatives(`
  urgen(?:te|tes|t|tly|cia|cias|temente)
  me urge
  ya mismo
  ahora mismo
  inund\\w+
  flood\\w*
  alagad\\w+
  sin luz
  no hay luz
  sem luz
  no power
  humo
  smoke(?![ -]free)
  fumaca
  encerrad[oa]s?
`);

/** @returns how much a message can't wait, by its words alone; undefined when none of them says so */
export function dangerOf(text: string): Danger | undefined {
  const plain = plainOf(text.slice(0, MAX_CHARACTERS));
  if (EMERGENCY.test(plain)) return "emergency";
  return URGENT.test(plain) ? "urgent" : undefined;
}
