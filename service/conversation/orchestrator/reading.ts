import { isDay } from "../../calendar.ts";
import { NUMBERS } from "../../nlp/entities/words.ts";
import { ROOM_TYPES, type RoomType } from "../../vocabulary.ts";
import type { Amenity } from "../hotel.ts";
import { ROOM_NAMES } from "../replies/words.ts";

/** Reads what short answers say in the light of what was asked. The words of all three languages stand together. */

/** @returns lower case, no accents, blanks instead of punctuation; thumbs become words */
export function plain(text: string): string {
  return text
    .slice(0, 1_000)
    .replace(/[\u{1F44D}\u{1F44C}\u{2705}\u{1F197}\u{2714}]/gu, " si ")
    .replace(/[\u{1F44E}\u{274C}]/gu, " no ")
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/['’`´]/g, "")
    .replace(/[^\p{L}\p{N}:]+/gu, " ")
    .trim();
}

const alternatives = (words: string) =>
  words
    .trim()
    .split(/\s*\|\s*/)
    .join("|");
const YES = new RegExp(
  `^(${alternatives(`
    s+i+|sip|sisi|dale|ok|oka|okay|okey|okis|listo|lista|perfecto|claro|confirm\\w*|de acuerdo|de una|bueno|buenisimo|va|vale|venga|obvio|
    por supuesto|correcto|exacto|asi es|esta bien|esta perfecto|me parece bien|adelante|reserv(a|ar|ala|alo|emos|o|e|amela|ame)|la quiero|lo quiero|me la quedo|hazlo|hacelo|
    yes|yep|yeah|yup|ya|sure|go ahead|please do|sounds good|fine|great|perfect|of course|correct|right|book (it|that)|do it|lets do it|absolutely|definitely|alright|all right|
    sim|pode|pode ser|isso|com certeza|beleza|blz|fech(a|ado|ar|ou)|certo|ta bom|tudo bem|combinado|quero (sim|essa|esse)|bora|positivo|afirmativo`)})( |$)`,
);
const NO =
  /^(no|nop|nope|nah|nao|n|negativo|todavia no|ahora no|mejor no|not yet|never ?mind|dejalo|deja|olvidalo|esquece|deixa( pra la)?|ainda nao|nel)( |$)/;
const NO_AFTER_YES = /^(ok|bueno|mejor|perfecto|listo) (no|nao|mejor no)( |$)/;

/** Words that call something off; said about a booking that exists they are a cancellation. */
const CALLING_OFF =
  /\b(cancel(a|ar|o|e|en|ame|ala|alo|arla|arlo|emos|ei|ou|ada|ado|led|ed|ing|ation)?|anul(a|ar|o|e|ame|arla|ala)|dar de baja|dame de baja|desmarcar|call off)\b/;
const ABOUT_CANCELLING =
  /\b(politica|politicas|policy|policies|gratis|free|gratuit\w+|costo|cuesta|cobran|cargo|penalidad|multa|fee|taxa|condicion\w*|plazo|hasta cuando|puedo cancelar|podria cancelar|posso cancelar|can i cancel|si cancelo|if i cancel|se eu cancelar)\b/;
const UNIT = "(noches?|nights?|noites?|dias?|days?|personas?|people|persons?|guests?|adult(o|a)?s?|pessoas?|huesped(es)?)";
const COUNT = "(\\d{1,2}|una?|uma?|one|an?|two|dos|duas|dois|three|tres)";
// "2 adultos más 1 niño" adds nothing to before: it lists.
const MORE = new RegExp(
  `\\b((${COUNT} )?${UNIT} (mas|more|extra|adicional(es)?|a mais|mais)(?! ${COUNT}\\b)|(${COUNT} )?(more|extra|additional|mais|otra|another|outra) (${COUNT} )?${UNIT})( |$)`,
);
const ASSISTANT = /\b(asistente|assistant|assistente|bot|chatbot)\b/;
const OWN_BOOKING = /\b(mi|mis|my|our|minhas?|la|nuestra) (reservas?|reservations?|bookings?|reservacion(es)?)\b/;
const STATUS =
  /\b(ver|veo|estado|status|consult\w+|confirmad[ao]|confirmed|datos|dados|detalle\w*|details?|codigo|code|numero|number|cual|cuales|que reservas?|tengo|tenho|have|show|see|check|lookup|look up|mostr\w+|quedo|ficou|hecha|feita|activa|sigue en pie)\b/;
const ONLY_OWN_BOOKING = /^(ver |see |show )?(mi|mis|my|minhas?) (reservas?|reservations?|bookings?|reservacion(es)?)$/;
const WHICH_BOOKINGS =
  /\b(que|cuales|quais|what|which|do i have|tengo|tenho) (\w+ ){0,2}(reservas?|reservations?|bookings?)( (tengo|tenho|do i have|hice|fiz))?$/;
const DATA =
  /^(mis datos|my data|meus dados|borr\w+ (todos )?mis datos|elimin\w+ (todos )?mis datos|delete (all )?my data|erase my data|apag\w+ (todos )?(os )?meus dados|exclu\w+ (os )?meus dados)\b/;

/** "no sé" is no answer at all. */
const DOUBT =
  /^(no se|no lo se|no estoy segur[oa]|nao sei|nao tenho certeza|not sure|no idea|no entiendo|nao entendi|no problem|no hay problema|no importa)\b/;

export const saysNo = (text: string) => (NO.test(text) || NO_AFTER_YES.test(text)) && !DOUBT.test(text);
export const saysYes = (text: string) => YES.test(text) && !saysNo(text);
export const wantsAssistant = (text: string) => ASSISTANT.test(text) || text === "menu";
export const wantsData = (text: string) => DATA.test(text);
/** "cancelar mi reserva", not "¿cuál es la política de cancelación?". */
export const callsOff = (text: string) => CALLING_OFF.test(text) && !ABOUT_CANCELLING.test(text);
/** "¿cuánto cuesta cancelar?" */
export const asksAboutCancelling = (text: string) => CALLING_OFF.test(text) && ABOUT_CANCELLING.test(text);

/** @returns what "una noche más", "one more person" adds; undefined when a message adds nothing */
export function readAddition(text: string): { nights: number } | { adults: number } | undefined {
  const found = MORE.exec(text)?.[0].trim();
  if (found === undefined) return undefined;
  const count = readNumber(found) ?? 1;
  return /no[ci]\w+|nights?|dia|day/.test(found) ? { nights: count } : { adults: count };
}

const ROOMS_COUNTED =
  /\b(\d{1,3}|[a-z]+) (?:(?:more|mas|mais|other|otras|outros) )?(?:habitaciones|habs|rooms|quartos|cuartos|dobles|suites|singles|individuales|doubles|twins|triples|familiares)\b/;

/** @returns how many rooms a message asks for: "2 habitaciones", "ten rooms"; undefined when it counts none */
export function readRoomCount(text: string): number | undefined {
  const counted = ROOMS_COUNTED.exec(text)?.[1] ?? "";
  if (/^(varias|several|algunas|varios|various|some)$/.test(counted)) return 2;
  const number = /^\d+$/.test(counted) ? Number(counted) : NUMBERS.get(counted);
  return number !== undefined && number > 0 ? number : undefined;
}

/** "mi reserva", "my booking". */
export const namesOwnBooking = (text: string) => OWN_BOOKING.test(text);
/** "cancelar", "cancelalo", and nothing more. */
export const onlyCallsOff = (text: string) => callsOff(text) && text.split(" ").length <= 2;
export const wantsStatus = (text: string) =>
  !callsOff(text) && ((OWN_BOOKING.test(text) && STATUS.test(text)) || ONLY_OWN_BOOKING.test(text) || WHICH_BOOKINGS.test(text));

const NONE_AT_ALL = new Set(["cero", "zero", "ninguno", "nobody"]);

/** @returns the numbers of a short answer in order; none when it is long */
export function readNumbers(text: string): number[] {
  const words = text.split(" ");
  if (words.length > 8) return [];
  return words.flatMap((word) => {
    if (/^\d{1,3}$/.test(word)) return [Number(word)];
    return NONE_AT_ALL.has(word) ? [0] : (NUMBERS.get(word) ?? []);
  });
}

/** @returns the only number in a short answer; undefined when there is none, or several */
export function readNumber(text: string): number | undefined {
  const numbers = readNumbers(text);
  return numbers.length === 1 ? numbers[0] : undefined;
}

const ROOM_WORDS: readonly (readonly [RoomType, RegExp])[] = [
  ["single", /\b(individual|simple|single|sencilla|solteiro)\b/],
  ["twin", /\b(twin|dos camas|duas camas|two beds|camas separadas|duplo solteiro)\b/],
  ["double", /\b(doble|doubles?|matrimonial|casal|duplo|dupla)\b/],
  ["triple", /\b(triple|triplo|tripla)\b/],
  ["suite", /\b(suite)\b/],
  ["family", /\b(familiar|family|familia)\b/],
];

/** @returns the room type that a short answer names, or points at in the list that was shown */
export function readRoom(text: string, shown: readonly RoomType[]): RoomType | undefined {
  const named = ROOM_WORDS.find(([, words]) => words.test(text))?.[0];
  if (named !== undefined) return named;
  const title = ROOM_TYPES.find((type) => Object.values(ROOM_NAMES).some((names) => plain(names[type]) === text));
  if (title !== undefined) return title;
  if (
    /\b(cualquiera|la que (sea|recomiendes|quieras)|da igual|any( one)?|whichever|whatever|you choose|qualquer|tanto faz|a que recomendar)\b/.test(
      text,
    )
  ) {
    return shown[0];
  }
  if (/\b(barat[oa]|economic[oa]|cheap(est)?|mas barata|primera|primero|first|primeir[oa])\b/.test(text)) return shown[0];
  if (/\b(segund[oa]|second)\b/.test(text)) return shown[1];
  if (/\b(tercer[oa]?|third|terceir[oa])\b/.test(text)) return shown[2];
  if (/\b((la|el|the|a|o) (mejor|best|melhor|ultim[oa]|last)|mas cara|most expensive|mais car[oa])\b/.test(text))
    return shown.at(-1);
  return undefined;
}

const OTHER_DAYS =
  /\b(ene(ro)?|feb(rero)?|mar(zo)?|abr(il)?|may(o)?|jun(io)?|jul(io)?|ago(sto)?|sep(t|tiembre)?|set(iembre)?|oct(ubre)?|nov(iembre)?|dic(iembre)?|jan(uary|eiro)?|february|fev(ereiro)?|march|marco|april|maio|june|junho|july|julho|aug(ust)?|september|setembro|october|out(ubro)?|november|novembro|dec(ember)?|dez(embro)?|hoy|hoje|today|tonight|manana|amanha|tomorrow|finde|fim de semana|weekend|fin de semana|lunes|martes|miercoles|jueves|viernes|sabado|domingo|monday|tuesday|wednesday|thursday|friday|saturday|sunday|segunda|terca|quarta|quinta|sexta|semana|week|mes|month|navidad|christmas|natal|ano nuevo|ano novo|new year|carnaval|carnival|pascua|easter)\b/;

/** @returns whether the only days in a message are bare numbers ("del 13 al 15") */
export function namesOnlyDays(text: string, words: string): boolean {
  return !OTHER_DAYS.test(words) && !/\d\s*[/.-]\s*\d/.test(text);
}

/** @returns a year in the message that is over */
export function readPastYear(text: string, thisYear: number): number | undefined {
  const year = Number(/\b(20\d\d)\b/.exec(text)?.[1] ?? Number.NaN);
  return year < thisYear ? year : undefined;
}

const MONTHS = [
  /^(ene|jan)/,
  /^(feb|fev)/,
  /^mar/,
  /^(abr|apr)/,
  /^(may|mai)/,
  /^jun/,
  /^jul/,
  /^(ago|aug)/,
  /^(sep|set)/,
  /^(oct|out)/,
  /^nov/,
  /^(dic|dec|dez)/,
];

/** @returns the first day in a message like "del 1 al 3 de marzo de 2026" when it is over, YYYY-MM-DD */
export function readPastDay(text: string, today: string): string | undefined {
  const found = /\b(\d{1,2})(?: (?:al|a|to|ao|y|e|and) \d{1,2})? (?:de |of )?([a-z]{3,10}) (?:de |del |of )?(20\d\d)\b/.exec(
    text,
  );
  const month = MONTHS.findIndex((name) => name.test(found?.[2] ?? "")) + 1;
  if (found === null || month === 0) return undefined;
  const day = `${found[3]}-${String(month).padStart(2, "0")}-${(found[1] ?? "").padStart(2, "0")}`;
  return isDay(day) && day < today ? day : undefined;
}

/** @returns a reservation code of the embedded PMS, as it is written */
export function readCode(text: string): string | undefined {
  const found = /\bgh[\s-]?([2-9a-hj-np-z]{6})\b/i.exec(text);
  return found?.[1] === undefined ? undefined : `GH-${found[1].toUpperCase()}`;
}

/** @returns the room number in an answer, such as "204" or "la 12B" */
export function readRoomNumber(text: string): string | undefined {
  return (
    /\b(?:habitacion|cuarto|room|quarto|hab|numero|number|apto|apartamento|pieza) (?:n |no |nro |numero |number )?(\d{1,4}[a-z]?)\b/.exec(
      text,
    )?.[1] ??
    /\b(?:estoy|estamos|i am|im|were|we are|estou|estamos) (?:en|in|na|no|at) (?:la |el |the |o |a )?(\d{2,4}[a-z]?)\b/.exec(
      text,
    )?.[1] ??
    /^(?:(?:en|in|na|no|la|el|the|a|o|es|estoy) )*(\d{1,4}[a-z]?)$/.exec(text)?.[1]
  )?.toUpperCase();
}

/** @returns the time of an answer to "at what time?", HH:MM; afternoon for 1 to 7 without more */
export function readTime(text: string): string | undefined {
  const found = /\b(\d{1,2})(?::(\d{2}))?\s*(am|pm|hs?|horas)?\b/.exec(text);
  if (found?.[1] === undefined) return undefined;
  let hour = Number(found[1]);
  if (found[3] === "pm" ? hour < 12 : found[3] === undefined && hour >= 1 && hour <= 7) hour += 12;
  const minute = Number(found[2] ?? 0);
  return hour > 23 || minute > 59 ? undefined : `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

const AMENITY_WORDS: readonly (readonly [Amenity, RegExp])[] = [
  ["wifi", /\b(wifi|wi fi|internet)\b/],
  ["breakfast", /\b(desayuno|desayunos|breakfast|cafe da manha|desjejum)\b/],
  ["parking", /\b(estacionamiento|estacionar|parking|cochera|garage|garaje|garagem|aparcamiento|aparcar|estacionamento|park)\b/],
  ["pool", /\b(piscina|pileta|alberca|pool|nadar|swim\w*)\b/],
  ["gym", /\b(gimnasio|gym|gimnasia|academia|fitness|pesas)\b/],
  ["spa", /\b(spa|masajes?|massages?|massagem|sauna)\b/],
  ["restaurant", /\b(restaurante?|restaurant|cenar|almorzar|jantar|almocar|dinner|lunch)\b/],
  ["bar", /\b(bar|tragos|cocktails?|drinks)\b/],
  ["laundry", /\b(lavanderia|laundry|lavar ropa|lavar roupa|planchado)\b/],
  ["air_conditioning", /\b(aire acondicionado|aire|air conditioning|aircon|ac|ar condicionado|calefaccion|heating)\b/],
  ["room_service", /\b(room service|servicio a la habitacion|servico de quarto)\b/],
  ["airport_transfer", /\b(traslados?|transfer|shuttle|aeropuerto|airport|aeroporto)\b/],
  ["accessible", /\b(silla de ruedas|wheelchair|cadeira de rodas|accesible|accessible|acessivel|discapacidad)\b/],
  ["elevator", /\b(ascensor|elevador|elevator|lift)\b/],
  ["crib", /\b(cuna|crib|berco|cot)\b/],
];

/** @returns the amenities that a question names, in no order */
export function readAmenities(text: string): Amenity[] {
  return AMENITY_WORDS.filter(([, words]) => words.test(text)).map(([amenity]) => amenity);
}
