import { isInstead } from "./dates.ts";
import type { Token } from "./tokens.ts";
import { UNITS } from "./words.ts";

const ADULTS = /^(adult(o|os|s)?|grandes|mayores)$/;
const PEOPLE = /^(personas?|pessoas?|people|ppl|person|pax|huesped(es)?|hospedes?|guests?)$/;
const CHILDREN =
  /^(nin[oa]s?|nen[ea]s?|chic[oa]s?|hij[oa]s?|criancas?|filh[oa]s?|kids?|child(ren)?|bebes?|baby|babies|menores|menor|peques|toddlers?|infants?)$/;
const COUPLE = /^(parejas?|couples?|casa(l|is)|matrimonios?)$/;
const PARTNER =
  /^(senora|esposa|esposo|marido|novi[oa]|mujer|pareja|husband|wife|girlfriend|boyfriend|partner|namorad[oa]|gf|bf|hubby|fiancee?|companer[oa]|companheir[oa])$/;
const ME = /^(yo|mi|me|mim|eu|i|myself)$/;
const NONE = /^(sin|sem|no|without|zero)$/;
const MOST = 50;

/** Guests that a message counts; a number that is given as a whole only is `unclear`. */
export interface Guests {
  adults?: number;
  children?: number;
  /** People are counted, but not how many of them are adults. */
  unclear: boolean;
}

/**
 * Adults and children of a message.
 *
 * @param stay the message is about a stay: "para 2" counts guests
 */
export function guestsIn(tokens: readonly Token[], stay: boolean): Guests {
  let adults: number | undefined;
  let children: number | undefined;
  let people: number | undefined;
  let family = false;
  let pairs: number | undefined;
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (token.used || isInstead(tokens, at)) continue;
    const next = tokens[at + 1]?.word ?? "";
    const count = token.number ?? (token.word === "a" || token.word === "an" ? 1 : undefined);
    if (NONE.test(token.word) && CHILDREN.test(next)) children = 0;
    if (COUPLE.test(token.word) && isPair(tokens, at)) pairs ??= 2;
    if (count === undefined || count > MOST || !Number.isInteger(count)) continue;
    if (ADULTS.test(next) || tokens[at - 1]?.word === "nosotros") adults = (adults ?? 0) + count;
    else if (CHILDREN.test(next)) children = (children ?? 0) + count;
    else if (token.number !== undefined && PEOPLE.test(next)) {
      people = count;
      family ||= isFamily(tokens, at);
    } else if (token.number !== undefined && COUPLE.test(next)) pairs = 2 * count;
    else if (token.number !== undefined && isFamily(tokens, at)) {
      people = count;
      family = true;
    } else if (token.number !== undefined && isHeadCount(tokens, at, stay)) people = count;
  }
  adults ??= pairs ?? alone(tokens) ?? together(tokens);
  if (adults === undefined && people !== undefined) {
    if (family || (children !== undefined && children > 0))
      return { ...(children === undefined ? {} : { children }), unclear: true };
    adults = people;
  }
  return { ...(adults === undefined ? {} : { adults }), ...(children === undefined ? {} : { children }), unclear: false };
}

/** "una pareja", not "quarto de casal" or "mi pareja". */
function isPair(tokens: readonly Token[], at: number): boolean {
  const previous = tokens[at - 1]?.word ?? "";
  const { word } = tokens[at]!;
  if (word === "matrimonio" || word === "matrimonios") return previous === "un" || previous === "para";
  if (["de", "cama", "quarto", "mi", "my", "meu", "minha", "duplo", "suite", "apartamento"].includes(previous)) return false;
  return ["una", "um", "a", "para", "pra", "pro", "for", "la", "somos", "p"].includes(previous);
}

function isFamily(tokens: readonly Token[], at: number): boolean {
  return ["de", "of"].includes(tokens[at - 1]?.word ?? "") && /^(familia|family)$/.test(tokens[at - 2]?.word ?? "");
}

/** "somos 4", "4 of us", "para 2". */
function isHeadCount(tokens: readonly Token[], at: number, stay: boolean): boolean {
  const previous = tokens[at - 1]?.word ?? "";
  const next = tokens[at + 1]?.word ?? "";
  if (["somos", "seriamos", "seremos", "vamos", "viajamos"].includes(previous) && !UNITS.has(next)) return true;
  if (next === "of" && tokens[at + 2]?.word === "us") return true;
  if (
    (previous === "are" || previous === "were") &&
    ["we", "we are"].includes(tokens[at - (previous === "are" ? 2 : 1)]?.word ?? "")
  )
    return !UNITS.has(next);
  if (previous === "were" && at === 1 && !UNITS.has(next)) return true;
  return (
    stay &&
    ["para", "pra", "for", "p"].includes(previous) &&
    tokens[at]!.number! <= 12 &&
    !UNITS.has(next) &&
    !/^[a-z]*\/|^\d/.test(next)
  );
}

/** "voy solo", "vou sozinha", "just me". */
function alone(tokens: readonly Token[]): number | undefined {
  for (let at = 0; at < tokens.length; at++) {
    const { word } = tokens[at]!;
    const previous = tokens[at - 1]?.word ?? "";
    if (word === "sozinho" || word === "sozinha") return 1;
    if ((word === "solo" || word === "sola") && /^(voy|viajo|ire|estoy|mi|soy|viajando)$/.test(previous)) return 1;
    if (word === "me" && (previous === "just" || previous === "only") && tokens[at + 1]?.word !== "and") return 1;
    if (word === "myself" && previous === "by") return 1;
    if ((word === "yo" && previous === "solo") || (word === "eu" && previous === "so" && tokens[at + 1]?.word !== "e")) return 1;
  }
  return undefined;
}

/** "mi señora y yo", "me and my wife", "com minha esposa". */
function together(tokens: readonly Token[]): number | undefined {
  for (let at = 2; at < tokens.length; at++) {
    if (!PARTNER.test(tokens[at]!.word) || !/^(mi|my|minha|meu)$/.test(tokens[at - 1]!.word)) continue;
    const before = tokens[at - 2]!.word;
    if (/^(con|with|com)$/.test(before)) return 2;
    if (/^(y|and|e|,)$/.test(before) && ME.test(tokens[at - 3]?.word ?? "")) return 2;
  }
  for (let at = 1; at + 2 < tokens.length; at++) {
    if (PARTNER.test(tokens[at]!.word) && /^(y|and|e|,)$/.test(tokens[at + 1]!.word) && ME.test(tokens[at + 2]!.word)) return 2;
  }
  return undefined;
}
