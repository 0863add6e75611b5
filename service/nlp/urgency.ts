import { plainOf } from "./entities/tokens.ts";
import { MAX_CHARACTERS } from "./normalise.ts";

/** Words of danger in the three languages, as `plainOf` writes them. */
const URGENT =
  /\b(emergenc(?:y|ia|ies|ias)|urgen(?:te|t|tly|cia|temente)|incendio|(?:hay|tem) fogo|hay fuego|(?:on|a) fire|(?:olor|cheiro|escape|fuga|vazamento) (?:a|de) gas|(?:smell of|smells? like|leaking) gas|gas leak|ambulanc(?:e|ia)|socorro|desmayo|desmaiou|desmayad[oa]|fainted|unconscious|infarto|heart attack|no respira|nao respira|not breathing|me robaron|fui assaltad[oa]|(?:was|been) robbed|me urge)\b/;

/** A guest says that there is an emergency or that something can't wait. */
export function isUrgent(text: string): boolean {
  return URGENT.test(plainOf(text.slice(0, MAX_CHARACTERS)));
}
