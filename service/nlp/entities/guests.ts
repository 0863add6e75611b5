import { isInstead } from "./dates.ts";
import type { Token } from "./tokens.ts";
import { UNITS } from "./words.ts";

const ADULTS =
  /^(adult(o|os|a|as|s)?|grandes|mayores|grownups?|man|men|woman|women|ladies|guys|hombres?|mujeres|homem|homens|mulheres|seniors?|idos[oa]s?|ancian[oa]s?)$/;
const PEOPLE = /^(personas?|pessoas?|people|ppl|persons?|pax|huesped(es)?|hospedes?|guests?|viajeros?|travell?ers?)$/;
const CHILD =
  /^(nin[oa]|nen[ea]|chic[oa]|hij[oa]|hijit[oa]|crianca|filh[oa]|kid|child|bebe|baby|menor|peque|teen|teenager|adolescente|toddler|infant|son|daughter|niet[oa]|net[oa]|sobrin[oa]|grandson|granddaughter|nephew|niece)$/;
const CHILDREN =
  /^(nin[oa]s|nen[ea]s|chic[oa]s|hij[oa]s|hijit[oa]s|criancas|filh[oa]s|kids|children|bebes|babies|menores|peques|teens|teenagers|adolescentes|toddlers|infants|sons|daughters|niet[oa]s|net[oa]s|sobrin[oa]s|grandsons|granddaughters|grandchildren|grandkids|nephews|nieces)$/;
const COUPLE = /^(parejas?|couples?|casa(l|is)|matrimonios?)$/;
/** A grown-up by relation; two of them by one word come below. */
const COMPANION =
  /^(senora|espos[oa]|marido|novi[oa]|mujer|pareja|husband|wife|girlfriend|boyfriend|partner|namorad[oa]|gf|bf|hubby|fiancee?|companer[oa]|companheir[oa]|amig[oa]|friend|buddy|mate|colega|colleague|coworker|roommate|herman[oa]|brother|sister|irmao|irma|prim[oa]|cousin|mama|papa|madre|padre|mae|pai|mother|father|mom|mum|dad|suegr[oa]|sogr[oa]|cunad[oa]|cunhad[oa]|abuel[oa]|grandmother|grandfather|grandma|grandpa|ti[oa]|uncle|aunt|jefe|boss|chefe)$/;
const COMPANIONS =
  /^(amig[oa]s|friends|buddies|mates|colegas|colleagues|coworkers|roommates|companer[oa]s|companheir[oa]s|herman[oa]s|brothers|sisters|irmaos|irmas|prim[oa]s|cousins|novi[oa]s|cunad[oa]s|cunhad[oa]s|ti[oa]s|uncles|aunts|others?|otr[oa]s|outr[oa]s)$/;
const TWO_BY_ONE_WORD = /^(padres|parents|suegros|sogros|abuelos|grandparents)$/;
const PARTNER =
  /^(senora|esposa|esposo|marido|novi[oa]|mujer|pareja|husband|wife|girlfriend|boyfriend|partner|namorad[oa]|gf|bf|hubby|fiancee?|companer[oa]|companheir[oa])$/;
const POSSESSIVE = /^(mi|mis|my|minhas?|meus?|nuestr[oa]s?|our|noss[oa]s?|her|his|their|su|sus|suas?|seus?)$/;
const ARTICLE = /^(el|la|los|las|the|o|os|as|a|an|un|una|um|uma)$/;
const BETWEEN_COUNT_AND_NOUN = /^(small|little|young|older|pequen[oa]s?|chiquit[oa]s|menores|of|de|my|mis|mi|meus|minhas|our)$/;
const ME = /^(yo|mi|me|mim|eu|i|myself)$/;
/** What stands beside "yo", "me" in an answer of a guest who comes alone. */
const ALONE_WITH_ME =
  /^(para|pra|for|solo|sola|so|just|only|nomas|one|un|uno|una|um|uma|1|persona|pessoa|person|no|mas|soy|es|its|is|.)$/;
const JOINS = /^(y|and|e|,|\+|&|plus|mas|mais)$/;
const ADDS = /^(y|and|e|\+|&|plus|mas|mais)$/;
const WITH = /^(con|with|com)$/;
const FOR = /^(para|pra|for|pro)$/;
const NONE = /^(sin|sem|no|without|zero)$/;
const YEARS = /^(anos?|anitos?|year|years|yr|yrs|yo|yrs?old)$/;
const MONTHS_OF_AGE = /^(mes|meses|month|months)$/;
const AGE_OPENER = /^(de|aged|ages|age|con|\(|entre|,)$/;
const MOST = 50;
/** From this age on a hotel counts a grown-up; the PMS may draw the line elsewhere, and says so in its price. */
const GROWN_UP = 18;

/** Guests that a message counts; what is named without saying how many is `unclear`. */
export interface Guests {
  adults?: number;
  children?: number;
  /** All together, when it wasn't said how many of them are adults. */
  people?: number;
  /** Persons are named, and not all of them could be counted as adult or child. */
  unclear: boolean;
}

/** What was counted while a message was read. */
interface Tally {
  adults: number | undefined;
  children: number | undefined;
  /** Named as a whole: "somos 4", "5 people". */
  people: number | undefined;
  /** Token of the whole, for what stands between it and the children. */
  peopleAt: number;
  childAt: number;
  family: boolean;
  pairs: number | undefined;
  companions: number;
  partner: boolean;
  /** Somebody was named without a number: "los niños", "my friends". */
  uncounted: "adults" | "children" | undefined;
  /** Ages that belong to nobody named: "a 6 year old". */
  ages: number[];
  /** One that is named without a number: "el bebé", "my son". It counts when a party is told. */
  lone: number;
  /** Children were counted by a number above one, so that ages tell of them and add nobody. */
  counted: boolean;
  /** Numbers beside nothing; `last` when nothing follows that they could count. */
  bare: { number: number; at: number; last: boolean }[];
}

/**
 * Adults and children of a message.
 *
 * @param stay the message is about a stay: "para 2" counts guests
 * @param asked the message answers "for how many?": a bare number counts guests
 */
export function guestsIn(tokens: readonly Token[], stay: boolean, asked = false): Guests {
  const tally = count(tokens, stay, asked);
  const speaker = speaks(tokens, tally, stay || asked);
  let { adults, children, people } = tally;
  const [bare] = tally.bare;
  if (adults === undefined) {
    const company = speaker === undefined || tally.companions === 0 ? undefined : speaker + tally.companions;
    adults = tally.pairs ?? company ?? aloneIn(tokens);
  }
  if (adults === undefined && people === undefined && bare !== undefined && tally.bare.length === 1) {
    // "eu e mais 3": the speaker beside them.
    if (coordinates(tokens)) adults = bare.number + 1;
    else [people, tally.peopleAt] = [bare.number, bare.at];
  }
  if (adults === undefined && people === undefined && coordinates(tokens) && (tally.lone > 0 || children !== undefined))
    adults = 1;
  const told = asked || adults !== undefined || people !== undefined;
  const young = tally.counted ? 0 : tally.ages.filter((age) => age < GROWN_UP).length;
  if (told && tally.lone + young > 0) children = (children ?? 0) + tally.lone + young;
  const all = (adults ?? 0) + (children ?? 0);
  const added = coordinates(tokens);
  const leftOver =
    tally.bare.length > 1 ||
    (adults !== undefined && !added && tally.bare.some(({ number, last }) => last && number !== adults && number !== all));
  // "2 adultos y mi suegra": is she the third, or one of the two?
  const company = (speaker ?? 0) + tally.companions;
  const strangers = asked && tally.companions > 0 && tally.pairs === undefined && (speaker === undefined || company !== adults);
  const unclear = told && (tally.uncounted !== undefined || leftOver || strangers);
  return settle({ adults, children, people, unclear }, tally, tokens);
}

/** "me and …", "… y yo": the speaker is one of those who are named. */
function coordinates(tokens: readonly Token[]): boolean {
  return tokens.some(
    ({ word }, at) =>
      ME.test(word) && word !== "mi" && (JOINS.test(tokens[at - 1]?.word ?? "") || JOINS.test(tokens[at + 1]?.word ?? "")),
  );
}

/** Decides what a whole ("somos 4") means beside adults and children. */
function settle(
  counted: Pick<Tally, "adults" | "children" | "people"> & { unclear: boolean },
  tally: Tally,
  tokens: readonly Token[],
): Guests {
  let { adults, unclear } = counted;
  const { children, people } = counted;
  const out = (): Guests => ({
    ...(adults === undefined ? {} : { adults }),
    ...(children === undefined ? {} : { children }),
    ...(people !== undefined && (adults === undefined || unclear) ? { people } : {}),
    unclear,
  });
  if (people === undefined) return out();
  if (adults !== undefined) {
    // "somos 5, 2 adultos": the other three are named too.
    if (adults + (children ?? 0) < people) unclear = true;
    return out();
  }
  const withChildren = (children !== undefined && children > 0) || tally.uncounted === "children";
  if (!tally.family && (!withChildren || people === 1 || isAddition(tokens, tally.peopleAt, tally.childAt))) adults = people;
  else unclear = true;
  return out();
}

/** "2 y un niño" adds; "4, 2 niños" and "4 con 2 niños" may count the children twice. */
function isAddition(tokens: readonly Token[], whole: number, child: number): boolean {
  if (whole < 0 || child < whole) return false;
  const between = tokens.slice(whole + 1, child).map(({ word }) => word);
  return between.some((word) => ADDS.test(word)) && !between.some((word) => WITH.test(word));
}

function count(tokens: readonly Token[], stay: boolean, asked: boolean): Tally {
  const tally: Tally = {
    adults: undefined,
    children: undefined,
    people: undefined,
    peopleAt: -1,
    childAt: -1,
    family: false,
    pairs: undefined,
    companions: 0,
    partner: false,
    uncounted: undefined,
    ages: [],
    lone: 0,
    counted: false,
    bare: [],
  };
  for (let at = 0; at < tokens.length; ) {
    if (tokens[at]!.used || isInstead(tokens, at)) at += 1;
    else at = countAt(tokens, at, tally, stay, asked);
  }
  return tally;
}

/** Takes what starts at a token into the tally. @returns the next token to read */
function countAt(tokens: readonly Token[], at: number, tally: Tally, stay: boolean, asked: boolean): number {
  const token = tokens[at]!;
  const { word } = token;
  const next = tokens[at + 1]?.word ?? "";
  if (NONE.test(word) && (CHILDREN.test(next) || CHILD.test(next))) {
    tally.children = 0;
    return at + 2;
  }
  if (COUPLE.test(word) && isPair(tokens, at, asked)) {
    tally.pairs ??= 2;
    return at + 1;
  }
  const number = token.number ?? (word === "a" || word === "an" ? 1 : undefined);
  if (number !== undefined && number <= MOST && Number.isInteger(number)) {
    const end = countedAt(tokens, at, number, tally, stay, asked);
    if (end !== undefined) return end;
  }
  return uncountedAt(tokens, at, tally) ?? at + 1;
}

/** "2 adultos", "my 3 friends", "a 6 year old", "somos 4". */
function countedAt(
  tokens: readonly Token[],
  at: number,
  number: number,
  tally: Tally,
  stay: boolean,
  asked: boolean,
): number | undefined {
  const age = ageAt(tokens, at);
  if (age !== undefined && !isAfterPerson(tokens, at)) {
    tally.ages.push(age.years);
    tally.childAt = at;
    return age.end;
  }
  if (tokens[at - 1]?.word === "de" && /^(otr[oa]|outr[oa])$/.test(tokens[at - 2]?.word ?? "")) {
    tally.ages.push(number);
    return at + 1;
  }
  // "a 6 year old", "uno de 6": one person by an age.
  const inner =
    number === 1 ? (ageAt(tokens, at + 1) ?? (tokens[at + 1]?.word === "de" ? bareAge(tokens, at + 2) : undefined)) : undefined;
  if (inner !== undefined && tokens[at + 1]?.month === undefined) {
    tally.ages.push(inner.years);
    tally.childAt = at;
    return inner.end;
  }
  let noun = at + 1;
  while (noun < at + 4 && BETWEEN_COUNT_AND_NOUN.test(tokens[noun]?.word ?? "") && !isNoun(tokens[noun]?.word ?? "")) noun += 1;
  if (tokens[noun]?.used === true || !isNoun(tokens[noun]?.word ?? "")) noun = at + 1;
  const name = tokens[noun]?.word ?? "";
  const written = tokens[at]!.number !== undefined;
  if (
    ADULTS.test(name) ||
    name === "mujer" ||
    (/^(nosotr[oa]s|nos)$/.test(tokens[at - 1]?.word ?? "") && !isNoun(name) && !UNITS.has(name))
  ) {
    tally.adults = (tally.adults ?? 0) + number;
    return isNoun(name) ? noun + 1 : at + 1;
  }
  if (CHILD.test(name) || CHILDREN.test(name)) {
    const ages = agesAfter(tokens, noun + 1);
    const grown = ages.years.filter((years) => years >= GROWN_UP).length;
    tally.children = (tally.children ?? 0) + Math.max(0, number - grown);
    tally.counted ||= number > 1;
    if (grown > 0) tally.adults = (tally.adults ?? 0) + grown;
    tally.childAt = at;
    return ages.end;
  }
  if (written && PEOPLE.test(name)) {
    putPeople(tally, number, at, isFamily(tokens, at));
    return noun + 1;
  }
  if (written && COUPLE.test(name)) {
    tally.pairs = 2 * number;
    return noun + 1;
  }
  if (COMPANION.test(name) || COMPANIONS.test(name)) {
    if (isHeadCount(tokens, at, false)) putPeople(tally, number, at, false);
    else tally.companions += number;
    return noun + 1;
  }
  if (!written) return undefined;
  if (isFamily(tokens, at)) putPeople(tally, number, at, true);
  else if (isHeadCount(tokens, at, stay || asked)) putPeople(tally, number, at, false);
  else if (asked && !UNITS.has(name) && tokens[at]!.ordinal !== true)
    tally.bare.push({ number, at, last: name === "" || JOINS.test(name) || name === "." });
  else return undefined;
  return at + 1;
}

function putPeople(tally: Tally, number: number, at: number, family: boolean): void {
  tally.people = number;
  tally.peopleAt = at;
  tally.family ||= family;
}

/** "el bebé", "my son", "kids 4, 8 and 12", "niños: 2", "my parents", "los chicos". */
function uncountedAt(tokens: readonly Token[], at: number, tally: Tally): number | undefined {
  const { word } = tokens[at]!;
  const previous = tokens[at - 1]?.word ?? "";
  const form = [":", "="].includes(tokens[at + 1]?.word ?? "") ? tokens[at + 2]?.number : undefined;
  if (ADULTS.test(word) && form !== undefined) {
    tally.adults = (tally.adults ?? 0) + form;
    return at + 3;
  }
  if (CHILDREN.test(word) || CHILD.test(word)) {
    tally.childAt = at;
    if (form !== undefined) {
      tally.children = (tally.children ?? 0) + form;
      return at + 3;
    }
    const ages = agesAfter(tokens, at + 1);
    if (CHILD.test(word)) {
      if (ages.years.some((years) => years >= GROWN_UP)) tally.companions += 1;
      else if (isNamed(previous) || ages.years.length > 0) tally.lone += 1;
      return ages.end;
    }
    if (ages.years.length > 1) {
      tally.children = (tally.children ?? 0) + ages.years.length;
      tally.counted = true;
    } else tally.uncounted = "children";
    return ages.end;
  }
  if (TWO_BY_ONE_WORD.test(word) || (word === "pais" && POSSESSIVE.test(previous))) {
    tally.companions += 2;
    return at + 1;
  }
  if (
    COMPANION.test(word) &&
    (POSSESSIVE.test(previous) || JOINS.test(previous) || (ARTICLE.test(previous) && !PARTNER.test(word)))
  ) {
    tally.companions += 1;
    tally.partner ||= PARTNER.test(word);
    return at + 1;
  }
  if (COMPANIONS.test(word) && (POSSESSIVE.test(previous) || WITH.test(previous))) {
    tally.uncounted ??= "adults";
    return at + 1;
  }
  return undefined;
}

const isNamed = (previous: string) =>
  POSSESSIVE.test(previous) || ARTICLE.test(previous) || JOINS.test(previous) || WITH.test(previous);
const isNoun = (word: string) =>
  ADULTS.test(word) ||
  PEOPLE.test(word) ||
  CHILD.test(word) ||
  CHILDREN.test(word) ||
  COUPLE.test(word) ||
  COMPANION.test(word) ||
  COMPANIONS.test(word);

/** An age with its unit: "6 year old", "6-year-old", "de 8 meses". */
function ageAt(tokens: readonly Token[], at: number): { years: number; end: number } | undefined {
  const token = tokens[at];
  if (token?.number === undefined || token.used) return undefined;
  const dash = tokens[at + 1]?.word === "-" ? 2 : 1;
  const unit = tokens[at + dash]?.word ?? "";
  const months = MONTHS_OF_AGE.test(unit);
  if (!months && !YEARS.test(unit)) return undefined;
  let end = at + dash + 1;
  const oldAt = tokens[end]?.word === "-" ? end + 1 : end;
  const old = /^(olds?|de edad)$/.test(tokens[oldAt]?.word ?? "");
  if (old) end = oldAt + 1;
  const sure = old || unit === "yo" || tokens[at - 1]?.word === "de" || /^(anitos?)$/.test(unit);
  return sure ? { years: months ? token.number / 12 : token.number, end } : undefined;
}

function bareAge(tokens: readonly Token[], at: number): { years: number; end: number } | undefined {
  const token = tokens[at];
  if (token?.number === undefined || token.used || token.number >= 100) return undefined;
  const unit = tokens[at + 1]?.word ?? "";
  if (MONTHS_OF_AGE.test(unit)) return { years: token.number / 12, end: at + 2 };
  if (YEARS.test(unit)) return { years: token.number, end: tokens[at + 2]?.word === "old" ? at + 3 : at + 2 };
  return UNITS.has(unit) || tokens[at + 1]?.month !== undefined ? undefined : { years: token.number, end: at + 1 };
}

/** The ages after a child: "de 4 y 7 años", "4, 8 and 12", "(3)". */
function agesAfter(tokens: readonly Token[], from: number): { years: number[]; end: number } {
  const years: number[] = [];
  let end = from;
  let at = from;
  let opened = false;
  while (AGE_OPENER.test(tokens[at]?.word ?? "") && at - from < 2 && tokens[at]!.word !== ",") {
    opened = true;
    at += 1;
  }
  for (;;) {
    const age = bareAge(tokens, at);
    if (age === undefined || isNoun(tokens[age.end]?.word ?? "")) break;
    years.push(age.years);
    end = age.end;
    at = end;
    while (/^(,|y|e|and|-|&|otro|outro|another|de|\))$/.test(tokens[at]?.word ?? "") && at - end < 3) at += 1;
    if (at === end) break;
  }
  // "kids 4" may count them or tell an age: only a list, or a word before it, tells ages.
  return years.length === 1 && !opened && CHILDREN.test(tokens[from - 1]?.word ?? "") ? { years: [], end: from } : { years, end };
}

const isAfterPerson = (tokens: readonly Token[], at: number) => {
  const before = tokens[at - 1]?.word === "de" ? tokens[at - 2]?.word : tokens[at - 1]?.word;
  return isNoun(before ?? "");
};

/** How many the speaker adds to the company: 1, 0 when the room is for others, undefined when that isn't said. */
function speaks(tokens: readonly Token[], tally: Tally, party: boolean): 0 | 1 | undefined {
  if (tally.companions === 0 && tally.uncounted !== "adults") return undefined;
  for (let at = 0; at < tokens.length; at += 1) {
    const { word } = tokens[at]!;
    const previous = tokens[at - 1]?.word ?? "";
    const next = tokens[at + 1]?.word ?? "";
    if (ME.test(word) && word !== "mi" && (JOINS.test(next) || JOINS.test(previous) || WITH.test(next))) return 1;
    if ((word === "mi" || word === "mim" || word === "me") && (FOR.test(previous) || (word === "mi" && ADDS.test(next))))
      return 1;
    if (WITH.test(word) && (party || tally.partner)) return 1;
  }
  return tokens.some(({ word }, at) => FOR.test(word) && POSSESSIVE.test(tokens[at + 1]?.word ?? "")) && party ? 0 : undefined;
}

/** "una pareja", not "quarto de casal" or "mi pareja". */
function isPair(tokens: readonly Token[], at: number, asked: boolean): boolean {
  const previous = tokens[at - 1]?.word ?? "";
  const { word } = tokens[at]!;
  if (word === "matrimonio" || word === "matrimonios") return previous === "un" || previous === "para";
  if (["de", "cama", "quarto", "mi", "my", "meu", "minha", "duplo", "suite", "apartamento"].includes(previous)) return false;
  if (previous === "" && (asked || WITH.test(tokens[at + 1]?.word ?? ""))) return true;
  return ["una", "um", "a", "para", "pra", "pro", "for", "la", "somos", "p"].includes(previous);
}

function isFamily(tokens: readonly Token[], at: number): boolean {
  return ["de", "of"].includes(tokens[at - 1]?.word ?? "") && /^(familia|family)$/.test(tokens[at - 2]?.word ?? "");
}

/** "somos 4", "4 of us", "para 2". */
function isHeadCount(tokens: readonly Token[], at: number, stay: boolean): boolean {
  const previous = tokens[at - 1]?.word ?? "";
  const next = tokens[at + 1]?.word ?? "";
  const counts = !UNITS.has(next) || isNoun(next);
  if (["somos", "seriamos", "seremos", "vamos", "viajamos", "iriamos"].includes(previous) && counts) return true;
  if (next === "of" && tokens[at + 2]?.word === "us") return true;
  if (
    (previous === "are" || previous === "were") &&
    ["we", "we are"].includes(tokens[at - (previous === "are" ? 2 : 1)]?.word ?? "")
  )
    return counts;
  if (previous === "were" && at === 1 && counts) return true;
  return (
    stay &&
    ["para", "pra", "for", "p"].includes(previous) &&
    (tokens[at]!.number ?? 0) <= 12 &&
    !UNITS.has(next) &&
    !/^[a-z]*\/|^\d/.test(next)
  );
}

/** "voy solo", "vou sozinha", "just me". */
function aloneIn(tokens: readonly Token[]): number | undefined {
  if (tokens.some(({ word }) => ME.test(word)) && tokens.every(({ word }) => ME.test(word) || ALONE_WITH_ME.test(word))) return 1;
  for (let at = 0; at < tokens.length; at += 1) {
    const { word } = tokens[at]!;
    const previous = tokens[at - 1]?.word ?? "";
    if (word === "both" && tokens[at + 1]?.word === "of") return 2;
    if (word === "sozinho" || word === "sozinha") return 1;
    if ((word === "solo" || word === "sola") && (tokens.length === 1 || /^(voy|viajo|ire|estoy|mi|soy|viajando)$/.test(previous)))
      return 1;
    if (word === "me" && (previous === "just" || previous === "only") && tokens[at + 1]?.word !== "and") return 1;
    if (word === "myself" && previous === "by") return 1;
    if ((word === "yo" && previous === "solo") || (word === "eu" && previous === "so" && tokens[at + 1]?.word !== "e")) return 1;
  }
  return undefined;
}
