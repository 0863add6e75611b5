import type { Session } from "../session.ts";
import type { Said } from "./contract.ts";
import type { Dialogue } from "./dialogue.ts";
import { readNumber, readNumbers } from "./reading.ts";

/** A party that was named in part: what is missing is asked for, and nobody who was named is forgotten. */
export type Party = NonNullable<Session["party"]>;

const ALL_ADULTS = /\b(tod[oa]s|all|only|solo|so|apenas) (somos |of us |are |we are )?(adult[oa]?s?|grandes|mayores|grown ups)\b/;
const NO_CHILDREN = /^(no|nop|nope|nao|ningun[oa]?|ninguem|nenhum[oa]?|none|nobody|cero|zero|0|sin|sem|without)\b/;
const WITHIN =
  /\b(en total|in total|in all|altogether|no total|ao todo|total|contando|counting|incluid[oa]s?|included|including|incluindo|con (el|la|los|las)|com (o|a|os|as))\b/;
const NOUN = /[a-z]{3,}/;

/** @returns whether a message names people whom it doesn't count as adults or children */
export function isUnclear({ party, entities }: Said): boolean {
  return party?.unclear === true || entities.ambiguous?.some((name) => name === "adults" || name === "children") === true;
}

/** Asks for what is missing of the party, showing what was understood. */
export function askWho(d: Dialogue, party: Party): undefined {
  const { adults, children, people } = party;
  d.session.party = party;
  if (people !== undefined && children !== undefined && adults === undefined)
    return d.ask("guests", "ask_whole", { people, children });
  if (people !== undefined) return d.ask("guests", "ask_of_whom", { people });
  if (adults !== undefined) return d.ask("guests", "ask_children", { adults });
  if (children !== undefined) return d.ask("guests", "ask_adults", { children });
  return d.ask("guests", "ask_adults_children", {});
}

/**
 * Reads an answer about a party that was named in part.
 *
 * @returns the party as it is now known; undefined when the words say nothing of it
 */
export function completeParty(party: Party, said: Said, words: string): Party | undefined {
  const { people } = party;
  const given = said.party;
  if (ALL_ADULTS.test(words)) return whole({ ...party, adults: people ?? party.adults, children: 0 });
  if (people !== undefined && party.children !== undefined && party.adults === undefined) {
    if (WITHIN.test(words)) return whole({ adults: people - party.children, children: party.children });
  }
  const numbers = readNumbers(words);
  if (
    people !== undefined &&
    numbers.length === 2 &&
    numbers[0]! + numbers[1]! === people &&
    !NOUN.test(words.replace(/\band\b/g, ""))
  )
    return { adults: numbers[0]!, children: numbers[1]! };
  const bare =
    given?.adults !== undefined &&
    given.children === undefined &&
    readNumber(words) === given.adults &&
    !/adult|grand|mayor|senior/.test(words);
  if (bare || (given?.adults === undefined && given?.children === undefined)) {
    const number = bare
      ? given.adults
      : NO_CHILDREN.test(words) && (party.adults !== undefined || people !== undefined)
        ? 0
        : undefined;
    if (number === undefined) return undefined;
    if (party.adults !== undefined) return whole({ ...party, children: number });
    if (number === 0) return whole({ ...party, adults: people, children: 0 });
    return whole({ ...party, adults: number });
  }
  return whole({ people, adults: given.adults ?? party.adults, children: given.children ?? party.children });
}

/** Fills what follows from a whole: 5 in all, 2 of them adults, are 3 children. */
function whole({ people, adults, children }: Party): Party {
  if (people === undefined) return { adults, children };
  if (adults !== undefined && children === undefined && adults <= people) return { adults, children: people - adults };
  if (children !== undefined && adults === undefined && children <= people) return { adults: people - children, children };
  return { adults, children, people };
}
