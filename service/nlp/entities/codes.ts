const WORD = /[A-Za-zÀ-ÿ0-9#]+(?:-[A-Za-z0-9]+)*/g;
const KEYWORD =
  /^(reservas?|reservaci[oó]n|reservation|booking|bookin|rsv|c[oó]digo|code|localizador|confirmaci[oó]n|confirma[cç][aã]o|confirmation|ref|referencia|reference|pnr)$/i;
const CODE_WORD = /^(c[oó]digo|code|localizador|pnr)$/i;
const BETWEEN =
  /^(nro|n|no|num|number|n[uú]mero|es|is|de|da|do|la|el|mi|my|minha|a|o|é|e|con|with|com|code|c[oó]digo|reserva|id)$/i;
const MIXED = /^(?=[A-Za-z0-9-]*\d)(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$/;
const PLAIN_CODE = /^[A-Z]{2,6}-?\d{3,10}$/;
const NOT_A_CODE = /^(\d{1,2}(st|nd|rd|th|ro|er|h|hs|hrs|am|pm|do|a|o)|\d{1,2}h\d{2}|\d+(pax|km|m2|usd|x))$/i;
const TRIP = /^(vuelo|flight|voo)$/i;
const SHORTEST = 4;
const LONGEST = 20;

/** A reservation code as the guest wrote it, in capitals, and where it stands. */
export interface CodeMention {
  code: string;
  start: number;
  end: number;
}

/** The first reservation code of a message: letters with digits, or digits after a word such as "reserva". */
export function codeIn(text: string): CodeMention | undefined {
  const words = [...text.matchAll(WORD)].slice(0, 300);
  for (const [at, match] of words.entries()) {
    const bare = match[0].replace(/#/g, "");
    if (bare.length < SHORTEST || bare.length > LONGEST || NOT_A_CODE.test(bare)) continue;
    const previous = words[at - 1]?.[0] ?? "";
    if (TRIP.test(previous)) continue;
    const named = match[0].startsWith("#") ? "any" : nameBefore(words, at);
    if (isCode(bare, named)) {
      const start = match.index + (match[0].length - bare.length);
      return { code: bare.toUpperCase(), start: match.index, end: start + bare.length };
    }
  }
  return undefined;
}

function nameBefore(words: readonly RegExpMatchArray[], at: number): "code" | "any" | undefined {
  for (let back = at - 1; back >= 0 && back >= at - 4; back--) {
    const word = words[back]![0].replace(/#/g, "");
    if (CODE_WORD.test(word)) return "code";
    if (KEYWORD.test(word)) return "any";
    if (!BETWEEN.test(word) && word !== "") return undefined;
  }
  return undefined;
}

function isCode(word: string, named: "code" | "any" | undefined): boolean {
  if (/^\d{4}-\d{1,2}-\d{1,2}$/.test(word)) return false;
  if (PLAIN_CODE.test(word)) return true;
  if (named === undefined)
    return /^[A-Z0-9]+(-[A-Z0-9]+)*$/.test(word) && MIXED.test(word) && /\d.*\d/.test(word) && word.length >= 5;
  if (MIXED.test(word)) return true;
  if (/^\d{4,}(-\d+)*$|^\d+-\d{3,}$/.test(word)) return true;
  return named === "code" && /^[A-Z]{5,10}$/.test(word);
}
