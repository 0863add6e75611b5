import type { Told } from "../../mail/message.ts";
import type { Money } from "../../pms/port.ts";
import type { Language, RoomType } from "../../vocabulary.ts";
import { PASSED_ON } from "./told.ts";

const LOCALES: Record<Language, string> = { es: "es-UY", en: "en-US", pt: "pt-BR" };

export const ROOM_NAMES: Record<Language, Record<RoomType, string>> = {
  es: {
    single: "Individual",
    double: "Doble",
    twin: "Doble twin",
    triple: "Triple",
    suite: "Suite",
    family: "Familiar",
  },
  en: { single: "Single", double: "Double", twin: "Twin", triple: "Triple", suite: "Suite", family: "Family" },
  pt: { single: "Individual", double: "Casal", twin: "Duplo solteiro", triple: "Triplo", suite: "Suíte", family: "Família" },
};

const UNITS: Record<Language, Record<"night" | "adult" | "child" | "guest", [string, string]>> = {
  es: { night: ["noche", "noches"], adult: ["adulto", "adultos"], child: ["niño", "niños"], guest: ["persona", "personas"] },
  en: { night: ["night", "nights"], adult: ["adult", "adults"], child: ["child", "children"], guest: ["guest", "guests"] },
  pt: {
    night: ["noite", "noites"],
    adult: ["adulto", "adultos"],
    child: ["criança", "crianças"],
    guest: ["pessoa", "pessoas"],
  },
};
const AND: Record<Language, string> = { es: " y ", en: " and ", pt: " e " };

// Making a format costs a hundred times more than using it.
const numbers = (digits: number): Record<Language, Intl.NumberFormat> => {
  const made = (language: Language) =>
    new Intl.NumberFormat(LOCALES[language], { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return { es: made("es"), en: made("en"), pt: made("pt") };
};
const WHOLE = numbers(0);
const CENTS = numbers(2);

/** How dates, money and counts are written in one language. */
export interface Words {
  language: Language;
  room(roomType: RoomType): string;
  /** "dom 12 de abril"; with the year when it isn't this one. */
  day(day: string): string;
  money(money: Money): string;
  count(unit: "night" | "adult" | "child" | "guest", count: number): string;
  guests(adults: number, children: number): string;
  /** "14:05" in the hotel's time zone. */
  clock(instant: Date): string;
  list(items: readonly string[]): string;
  /** What became of telling reception. */
  told: Told;
  /** A clause that says it: "I've told reception", or that it is noted. */
  passedOn: string;
}

/**
 * @param today the hotel's day, YYYY-MM-DD
 * @param timeZone the hotel's, IANA
 * @param told     what became of telling reception of this reply's tickets
 */
export function wordsOf(language: Language, today: string, timeZone: string, told: Told = "unreachable"): Words {
  const locale = LOCALES[language];
  const count: Words["count"] = (unit, number) => `${number} ${UNITS[language][unit][number === 1 ? 0 : 1]}`;
  const list: Words["list"] = (items) =>
    items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")}${AND[language]}${items.at(-1)}`;
  return {
    language,
    room: (roomType) => ROOM_NAMES[language][roomType],
    day: (day) =>
      format(locale, {
        timeZone: "UTC",
        weekday: "short",
        day: "numeric",
        month: "long",
        ...(day.slice(0, 4) === today.slice(0, 4) ? {} : { year: "numeric" }),
      })
        .format(new Date(`${day}T00:00:00Z`))
        .replace(/[.,]/g, ""),
    money: ({ amount, currency }) => `${currency} ${(Number.isInteger(amount) ? WHOLE : CENTS)[language].format(amount)}`,
    count,
    guests: (adults, children) => list([count("adult", adults), ...(children > 0 ? [count("child", children)] : [])]),
    clock: (instant) => format(locale, { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(instant),
    list,
    told,
    passedOn: PASSED_ON[language][told],
  };
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making a format costs more than a whole reply, so each is made once. */
function format(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([locale, options]);
  let made = formats.get(key);
  if (made === undefined) {
    if (formats.size > 1000) formats.clear();
    made = new Intl.DateTimeFormat(locale, options);
    formats.set(key, made);
  }
  return made;
}
