import type { HotelProfile } from "../hotel.ts";
import type { Dialogue } from "./dialogue.ts";
import { plain, readAmenities } from "./reading.ts";

/**
 * Answers about the hotel. A profile says what there is; what it doesn't say is unknown and not absent, so the question goes to
 * reception. A detail that no profile holds ("is the pool heated?") is never answered with the next best thing.
 */

/** Details about amenities that a profile can't hold. */
const DETAIL =
  /\b(climatizad[ao]s?|heated|aquecid[ao]s?|cubiert[ao]s?|indoor|cobert[ao]s?|techad[ao]s?|celiac\w*|gluten\w*|vegan\w*|vegetarian\w*|kosher|halal|alerg\w*|allerg\w*|lactos[ae]|contrasena|password|senha|clave|electric[ao]?s?|ev|cargador\w*|charg(er|ing)|camion\w*|van|truck|trailer|oversized|rapid[ao]|fast|speed|velocidad|megas|mbps|profund\w+|deep|reserv\w+ (mesa|table)|menu|carta)\b/;
const PRICE =
  /\b(cuanto (cuesta|sale|es|vale)|precio|costo|cobran|how much|cost|price|fee|charge|quanto (custa|e|fica)|preco|taxa|gratis|free|de graca|incluid[ao]|included|incluso)\b/;

export function amenities(d: Dialogue, text: string): undefined {
  const { amenities } = d.around.hotel.profile;
  const words = plain(text);
  const asked = readAmenities(words);
  if (DETAIL.test(words) || amenities === undefined) return askReception(d, text);
  if (asked.length === 0) return d.say("amenities", { amenities });
  const unknown = asked.filter(
    (amenity) => amenities[amenity] === undefined || (PRICE.test(words) && amenities[amenity]?.free === undefined),
  );
  for (const amenity of asked) {
    const offered = amenities[amenity];
    if (offered !== undefined) d.say("amenity_yes", { amenity, ...offered });
  }
  const [first] = unknown;
  if (first === undefined) return;
  d.ticket({ kind: "question", urgent: false, text });
  if (amenities[first] === undefined) d.say("unknown_amenity", { amenity: first });
  else d.say("unknown_fact", {});
}

export function location(d: Dialogue, text: string): undefined {
  const { name, profile } = d.around.hotel;
  const { address, latitude, longitude, phone } = profile;
  if (address === undefined) return askReception(d, text);
  d.say("location", { address, phone });
  if (latitude !== undefined && longitude !== undefined) d.showPlace({ latitude, longitude, name, address });
}

const EARLIER =
  /\b(early check ?in|check ?in (early|earlier|temprano|antes)|(entrar|llegar|ingresar|hacer (el )?check ?in|chegar|fazer (o )?check ?in|check in|arrive) (\w+ ){0,3}(antes|temprano|mas cedo|cedo|early|earlier|before)|entrada (temprana|anticipada)|antes (de la hora|do horario))\b/;
const LUGGAGE = /\b(equipaj\w*|valijas?|maletas?|luggage|bags?|suitcases?|bagag\w*|malas?|mochilas?)\b/;

export function checkTimes(d: Dialogue, text: string): undefined {
  const { checkInFrom, checkOutUntil, luggage } = d.around.hotel.profile;
  const words = plain(text);
  if (EARLIER.test(words)) {
    d.ticket({ kind: "question", urgent: false, text });
    return d.say("early_check_in", { checkInFrom });
  }
  if ((LUGGAGE.test(words) && luggage !== true) || (checkInFrom === undefined && checkOutUntil === undefined))
    return askReception(d, text);
  d.say("check_times", { checkInFrom, checkOutUntil, luggage: luggage === true });
}

type Policies = NonNullable<HotelProfile["policies"]>;
const POLICY_WORDS: readonly (readonly [keyof Policies, RegExp])[] = [
  ["freeCancellationHours", /\b(cancel\w*|anul\w*|desmarc\w*|reembols\w*|refund\w*|devol\w*|no ?show)\b/],
  ["pets", /\b(mascotas?|perr[oa]s?|perrit[oa]s?|gat[oa]s?|pets?|dogs?|cats?|pupp\w+|cachorr[oa]s?|animal\w*|bichos?)\b/],
  ["smoking", /\b(fum\w*|smok\w*|cigarr\w*|vape\w*)\b/],
  [
    "childrenFreeUnder",
    /\b(nin[oa]s?|nen[ea]s?|chic[oa]s|menores|hij[oa]s?|children|child|kids?|bab(y|ies)|bebes?|criancas?|filh[oa]s?)\b/,
  ],
];

/** Of a policy, only what was asked for; all of them when none is named. */
export function policies(d: Dialogue, text: string): undefined {
  const { policies } = d.around.hotel.profile;
  const words = plain(text);
  const asked = POLICY_WORDS.filter(([, pattern]) => pattern.test(words)).map(([policy]) => policy);
  if (policies === undefined) return askReception(d, text);
  const known = asked.filter((policy) => policies[policy] !== undefined);
  const priceOfPets = asked.includes("pets") && policies.pets !== "no" && PRICE.test(words);
  if (asked.length > 0 && (known.length < asked.length || priceOfPets)) {
    if (known.length > 0) d.say("policies", { policies: only(policies, known) });
    return askReception(d, text);
  }
  const shown = asked.length > 0 ? only(policies, known) : policies;
  if (Object.keys(shown).length === 0 || (asked.length === 0 && !GENERAL_POLICY.test(words) && words !== ""))
    return askReception(d, text);
  d.say("policies", { policies: shown });
}

const GENERAL_POLICY = /\b(politicas?|polic(y|ies)|reglas?|rules?|normas?|regras?|condiciones|conditions|terms|condicoes)\b/;

function only(policies: Policies, wanted: readonly (keyof Policies)[]): Policies {
  return Object.fromEntries(Object.entries(policies).filter(([policy]) => wanted.includes(policy as keyof Policies)));
}

/** Ways and terms of paying that a profile can't hold. */
const OTHER_PAYMENT =
  /\b(link|enlace|sena|deposit\w*|anticip\w*|adelant\w*|sinal|cuotas|installments?|parcel\w*|cripto\w*|crypto\w*|bitcoin|amex|american express|paypal|pix|mercado ?pago|apple pay|google pay|cheques?|dolares|dollars|euros|pesos|reais|moneda|currency|moeda|descuento|discount|desconto|reembols\w*|refund\w*|devol\w*|online|ahora|now|por adelantado|in advance|cobraron|charged|cobraram)\b/;

export function payment(d: Dialogue, text: string): undefined {
  const { payment } = d.around.hotel.profile;
  if (payment === undefined || OTHER_PAYMENT.test(plain(text))) return askReception(d, text);
  d.say("payment", payment);
}

/** What nobody told the agent becomes a ticket, and the guest hears so. */
export function askReception(d: Dialogue, text: string): undefined {
  d.ticket({ kind: "question", urgent: false, text });
  d.say("unknown_fact", {});
}
