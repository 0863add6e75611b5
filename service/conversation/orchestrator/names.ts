import { PORTUGUESE_WEEKDAYS, WEEKDAYS } from "../../nlp/entities/words.ts";
import { plain } from "./reading.ts";

const NAME_INTRODUCTION =
  /(?:(?:a|al|en|bajo el|con el) nombre de|mi nombre es|me llamo|(?:put|book|reserve) it (?:under|for)|under the name(?: of)?|under|the name is|name is|my name is|in the name of|(?:em|no|ao|pelo) nome d[aeo]s?|o nome e|meu nome e|me chamo|name:|nombre:|nome:)\s+(.+)$/iu;
/** A firm: what an invoice is made out to, not who comes. */
const FIRM =
  /(?:^|[\s,.])(?:s\.?\s?a\.?(?:\s?s\.?)?|s\.?\s?r\.?\s?l\.?|s\.?\s?l\.?|ltda\.?|ltd\.?|llc|inc\.?|corp\.?|gmbh|eireli|plc|empresa|company|compa[nñ][ií]a|raz[oó]n social|raz[aã]o social)(?=$|[\s,.;:])/iu;
const INVOICE =
  /\b(factura\w*|boleta|recibo|invoice\w*|receipt|nota fiscal|facturar|cuit|cuil|rut|ruc|rfc|nit|nif|cif|cnpj|cpf|vat|tax id|tax number|ein)\b/i;
const WEAK_INTRODUCTION = /^(?:soy|i am|i'm|im|it's|its|sou|eu sou|es|de|for|para)\s+/iu;
/** "soy Marta Gil y necesito …": capitals tell a name from "soy de Chile". */
const PRESENTED = /(?:^|[\s,.!¡])(?:[Ss]oy|[Ss]ou|I am|I'm|i'm)\s+(\p{Lu}[\p{L}'’-]+(?:\s+\p{Lu}[\p{L}'’-]+){0,3})/u;
const NAME_WORD = /^[\p{L}][\p{L}'’.-]*$/u;
/** Words that no guest is called, but answers to "what name?" hold when they aren't names. */
const NOT_A_NAME = new Set(
  `reserva reservar reservacion booking book habitacion room quarto precio price preco quiero quisiera want quero cancelar cancel gracias thanks
  obrigado obrigada hola hello oi por favor please espera wait espere momento cuanto how quanto que what cual which donde where cuando when si yes sim no nao ok dale listo
  noche noches night nights noite noites personas people pessoas adultos adults adulto adult mejor otra otro other outra outro fecha fechas date dates data datas dia hotel desayuno
  breakfast wifi pileta piscina pool necesito need preciso puedo can posso tengo tenho have tiene tienen tem con with com sin without sem todavia still ainda despues later depois
  pensar think consulto consultar pregunto ahora now agora mañana manana tomorrow amanha hoy today hoje ayuda help ajuda recepcion reception recepcao persona person pessoa
  confirmar confirmo confirm cambiar change mudar saber info informacion asistente nombre name nome mismo same mesmo nadie nobody nada nothing semana semanas week weeks mes month suite suites doble dobles double twin single individual triple familiar family casal duplo
  largo tarde early late primero ultima`
    .split(/\s+/)
    .map((word) => plain(word)),
);

/** @returns the name that a message gives with an introduction ("a nombre de Ana Pérez"), anywhere */
export function readIntroducedName(text: string): string | undefined {
  const plainText = text.slice(0, 1_000).normalize("NFC").replace(/\s+/g, " ").trim();
  // Accents in introductions ("é") are dropped for the search only: positions stay the same in NFC without marks.
  const searchable = plainText
    .replace(/[áàâã]/gi, "a")
    .replace(/[éê]/gi, "e")
    .replace(/[íì]/gi, "i")
    .replace(/[óôõ]/gi, "o");
  const found = NAME_INTRODUCTION.exec(searchable);
  if (found !== null && (INVOICE.test(searchable.slice(Math.max(0, found.index - 40), found.index)) || FIRM.test(found[1] ?? "")))
    return undefined;
  if (found?.[1] === undefined) {
    const presented = PRESENTED.exec(plainText)?.[1];
    return presented === undefined ? undefined : cleanName(presented);
  }
  return cleanName(plainText.slice(searchable.length - found[1].length));
}

/** @returns the name that an answer to "what name?" is; undefined when it reads like something else */
export function readName(text: string): string | undefined {
  const introduced = readIntroducedName(text);
  if (introduced !== undefined) return introduced;
  if (text.length > 200 || /[?¿\d@]/.test(text) || FIRM.test(text) || INVOICE.test(text)) return undefined;
  const bare = text.trim().replace(/^(?:s[ií]|yes|sim|ok|dale|claro|sure)[\s,.!]+/iu, "");
  return cleanName(bare.replace(WEAK_INTRODUCTION, ""));
}

/** @returns whether a message holds what an invoice needs: a firm or the number of a taxpayer */
export function isInvoiceData(text: string): boolean {
  const start = text.slice(0, 1_000);
  return INVOICE.test(plain(start)) && (FIRM.test(start) || /\d[\d.\-/ ]{6,}\d/.test(start));
}

const EMAIL = /[\p{L}\d._%+-]{1,64}@[\p{L}\d-]{1,63}(?:\.[\p{L}\d-]{1,63}){1,4}/u;
const PHONE = /(?<![\p{L}\d])\+?\d[\d ().-]{6,18}\d(?![\p{L}\d])/u;

/** @returns an e-mail address in a message, or a phone number when `phone` is asked for */
export function readContact(text: string, phone = false): string | undefined {
  const start = text.slice(0, 500);
  const found = EMAIL.exec(start)?.[0] ?? (phone ? PHONE.exec(start)?.[0] : undefined);
  return found?.trim().slice(0, 200);
}

/**
 * The name in a message, as it stands there: its words are nobody's dates, rooms or numbers ("Pedro Domingo", "April May").
 *
 * @param asked the agent has asked for the name, so that a message which reads as one is one
 */
export function nameSaid(text: string, asked: boolean): string | undefined {
  return asked ? readName(text) : readIntroducedName(text);
}

/** @returns whether every word is written as a name is, and there are two or more: "Bill Cobb", "Ana de la Paz" */
export function looksLikeAName(name: string, text: string): boolean {
  return /^\p{Lu}/u.test(name) && name.includes(" ") && text.normalize("NFC").includes(name) && text !== text.toUpperCase();
}

/** The first part of what stands between commas that reads like a name ("mi esposa, Clara Ibáñez"). */
function cleanName(raw: string): string | undefined {
  const parts = raw.split(/[,;.!?\n]| y | por favor| please| gracias| thanks| obrigad| and /iu).slice(0, 3);
  for (const part of parts) {
    const name = nameOf(part.trim());
    if (name !== undefined) return name;
    if (!part.split(/\s+/).some((word) => RELATION.test(word))) return undefined;
  }
  return undefined;
}

const RELATION =
  /^(mi|my|minha|meu|esposa|esposo|mujer|marido|pareja|wife|husband|partner|novi[oa]|namorad[oa]|madre|padre|m[aã]e|pai|mother|father|hij[oa]|filh[oa]|son|daughter)$/iu;

/** Weekdays that nobody is called. */
const isDayWord = (word: string) => {
  const weekday = WEEKDAYS.get(plain(word)) ?? PORTUGUESE_WEEKDAYS.get(plain(word));
  return weekday !== undefined && plain(word) !== "domingo";
};
/** "de la Cruz", "van der Berg". */
const PARTICLE = /^(de|del|la|las|los|da|do|das|dos|di|van|der|den|von|le|du|e|y)$/;
/** Words of the list above that are surnames too, when they are written as one. */
const SURNAME_TOO = /^(price|day|cuando|persona|paz|moment|help|now|mesmo|nada)$/;

function nameOf(part: string): string | undefined {
  const words = part.split(/\s+/);
  if (part === "" || words.length > 6) return undefined;
  const written = words.length > 1 && words.every((word) => /^\p{Lu}\p{Ll}/u.test(word) || PARTICLE.test(word));
  const isNone = (word: string) =>
    (NOT_A_NAME.has(plain(word)) && !(written && SURNAME_TOO.test(plain(word)))) || RELATION.test(word);
  // "el domingo" is a day, "Domingo" a man.
  if (
    !written &&
    (/^(el|la|los|las|the|o|a|on|del|al|este|esta|this|next)$/.test(words[0]!.toLowerCase()) ||
      (words.length === 1 && isDayWord(part)))
  )
    return undefined;
  if (!words.every((word) => NAME_WORD.test(word)) || words.some(isNone)) return undefined;
  const name = words.join(" ");
  if (name.length < 2 || name.length > 100) return undefined;
  const shouted = name === name.toLowerCase() || name === name.toUpperCase();
  return shouted ? name.toLowerCase().replace(/(^|[\s'’-])\p{L}/gu, (letter) => letter.toUpperCase()) : name;
}
