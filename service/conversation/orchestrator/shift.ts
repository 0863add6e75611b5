import { addDays } from "../../calendar.ts";
import { NUMBERS } from "../../nlp/entities/words.ts";

/** A stay that is moved by days: "one day later", "un día antes", "no dia seguinte". */
export interface Shift {
  days: number;
  /** Only the day of departure moves: "leave one day later". */
  departure: boolean;
}

/** @returns the stay's days, moved */
export function shifted(
  { checkIn, checkOut }: { checkIn: string; checkOut: string },
  { days, departure }: Shift,
): { check_in: string; check_out: string } {
  return { check_in: departure ? checkIn : addDays(checkIn, days), check_out: addDays(checkOut, days) };
}

const COUNT = `(\\d{1,2}|${[...NUMBERS.keys()].filter((word) => word.length > 1).join("|")}|a|an|one)`;
const UNIT = "(dias?|days?|noches?|nights?|noites?|semanas?|weeks?)";
const BY = new RegExp(`\\b${COUNT} ${UNIT}`);
const LATER = new RegExp(`\\b${COUNT} ${UNIT} (mas tarde|despues|later|after|depois|mais tarde|mas adelante|adelante)\\b`);
const EARLIER = new RegExp(
  `\\b${COUNT} ${UNIT} (antes|before|earlier|sooner|mais cedo|mas temprano|previo|anterior)\\b(?! (de|da|do|of|the|arriv\\w+|check|llegada|my|mi|la|el))`,
);
const NEXT =
  /\b(the (next|following) day|(el |al |o |no )?dia (siguiente|seguinte)|(la|a|na) noche siguiente|day after( that)?$)\b/;
const PREVIOUS = /\b(the day before|(el |o |no )?dia anterior|la noche anterior)\b(?! (de|da|do|of|arriv\w+|my|mi))/;
const PUT_OFF =
  /\b(atras\w+|postpon\w+|pospon\w+|poster\w+|push\w*|delay\w*|adi[ae]\w*|corr(er|amos|elo|erlo|ernos)|mov(er|e|amos|elo|erlo) (it )?(back )?(by )?)\b/;
const BRING_FORWARD = /\b(adelant\w+|anticip\w+|antecip\w+|bring (it )?forward|move (it )?(up|forward))\b/;
const DEPARTURE =
  /\b(leave|leaving|check ?out|salir|salimos|salgo|irnos|irme|nos vamos|me voy|salida|saida|sair|saimos|ir embora|volver|volvemos|depart\w*|stay until|quedarnos|quedarme|ficar)\b/;

/**
 * @param words a message in plain letters
 * @returns by how many days a stay is to be moved; undefined when the message moves none
 */
export function readShift(words: string): Shift | undefined {
  const days = daysOf(words);
  return days === undefined || days === 0 ? undefined : { days, departure: DEPARTURE.test(words) };
}

function daysOf(words: string): number | undefined {
  const later = LATER.exec(words);
  if (later !== null) return countOf(later);
  const earlier = EARLIER.exec(words);
  if (earlier !== null) return -countOf(earlier);
  if (NEXT.test(words)) return 1;
  if (PREVIOUS.test(words)) return -1;
  const by = BY.exec(words);
  if (by === null) return undefined;
  if (BRING_FORWARD.test(words)) return -countOf(by);
  return PUT_OFF.test(words) ? countOf(by) : undefined;
}

function countOf([, count = "", unit = ""]: RegExpExecArray): number {
  const number = /^\d+$/.test(count) ? Number(count) : (NUMBERS.get(count) ?? 1);
  return /^(semana|week)/.test(unit) ? 7 * number : number;
}
