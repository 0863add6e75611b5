import type { RoomType } from "../../vocabulary.ts";
import { isInstead } from "./dates.ts";
import type { Token } from "./tokens.ts";
import { wordTable } from "./words.ts";

const BY_WORD = wordTable<RoomType>({
  single: "single",
  singles: "single",
  sencilla: "single",
  individual: "single",
  individuales: "single",
  solteiro: "single",
  double: "double",
  doubles: "double",
  doble: "double",
  dobles: "double",
  matrimonial: "double",
  matrimoniales: "double",
  duplo: "double",
  duplos: "double",
  dupla: "double",
  king: "double",
  queen: "double",
  twin: "twin",
  twins: "twin",
  triple: "triple",
  triples: "triple",
  triplo: "triple",
  triplos: "triple",
  tripla: "triple",
  suite: "suite",
  suites: "suite",
  familiar: "family",
  familiares: "family",
});
const ROOM = /^(habitacion(es)?|cuartos?|quartos?|rooms?|apartamentos?|hab|suites?|una|um|uma|un|a|la|o)$/;
const BEDS = /^(camas?|beds?)$/;
const SEPARATE = /^(individuales|separadas|simples|single|singles|twin|solteiro|individuais)$/;

/** The kinds of room that a message asks for, without those that it turns down or comes from ("de doble a triple"). */
export function roomTypesIn(tokens: readonly Token[]): RoomType[] {
  const found: { type: RoomType; at: number }[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const type = twinBeds(tokens, at) ?? typeAt(tokens, at);
    if (!type) continue;
    if (!turnedDown(tokens, at)) found.push({ type, at });
    if (type === "twin")
      while (
        at + 1 < tokens.length &&
        (BEDS.test(tokens[at + 1]!.word) || SEPARATE.test(tokens[at + 1]!.word) || tokens[at + 1]!.word === "de")
      )
        at++;
  }
  const [first, second] = found;
  if (first && second && found.length === 2 && isExchange(tokens, first.at, second.at)) return [second.type];
  const types = [...new Set(found.map(({ type }) => type))];
  return types.length === 2 && types.includes("suite") && types.includes("family") ? ["family"] : types;
}

function typeAt(tokens: readonly Token[], at: number): RoomType | undefined {
  const { word } = tokens[at]!;
  const previous = tokens[at - 1]?.word ?? "";
  const next = tokens[at + 1]?.word ?? "";
  if (
    word === "casal" &&
    (previous === "de" || ROOM.test(previous) === (previous !== "um" && previous !== "a" && previous !== "o"))
  ) {
    return previous === "de" || /^(quartos?|apartamentos?|suites?)$/.test(previous) ? "double" : undefined;
  }
  if (word === "matrimonio" && previous === "de") return "double";
  if (word === "simple" && ROOM.test(previous)) return "single";
  if (
    (word === "familia" || word === "family") &&
    (/^(quartos?|habitacion|cuarto|apartamento)$/.test(previous) || /^(rooms?|suites?|cabin)$/.test(next))
  )
    return "family";
  if (word === "double" && next === "check") return undefined;
  return BY_WORD.get(word);
}

/** "dos camas", "two beds", "duas camas de solteiro". */
function twinBeds(tokens: readonly Token[], at: number): RoomType | undefined {
  const token = tokens[at]!;
  if (token.number === 2) {
    const beds =
      BEDS.test(tokens[at + 1]?.word ?? "") ||
      (SEPARATE.test(tokens[at + 1]?.word ?? "") && BEDS.test(tokens[at + 2]?.word ?? ""));
    return beds ? "twin" : undefined;
  }
  if (/^(camas|beds)$/.test(token.word)) {
    const next = tokens[at + 1]?.word === "de" ? tokens[at + 2] : tokens[at + 1];
    return SEPARATE.test(next?.word ?? "") ? "twin" : undefined;
  }
  return /^(single|twin|separate)$/.test(token.word) && tokens[at + 1]?.word === "beds" ? "twin" : undefined;
}

function turnedDown(tokens: readonly Token[], at: number): boolean {
  for (let back = at; back > 0 && back > at - 3; back--) {
    if (isInstead(tokens, back)) return true;
    if (!ROOM.test(tokens[back - 1]!.word)) return false;
  }
  return false;
}

function isExchange(tokens: readonly Token[], first: number, second: number): boolean {
  const before = tokens
    .slice(Math.max(0, first - 3), first)
    .some(({ word }) => word === "de" || word === "from" || word === "do");
  const between = tokens.slice(first + 1, second).some(({ word }) => ["a", "to", "pra", "para", "por", "for"].includes(word));
  const either = tokens.slice(first + 1, second).some(({ word }) => ["o", "or", "ou", "y", "and", "e"].includes(word));
  return before && between && !either;
}
