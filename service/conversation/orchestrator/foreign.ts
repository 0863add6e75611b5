/** Languages that the agent doesn't speak, so that it can say which it does. Only languages whose guests are told so in their own words. */
export type Foreign = "fr" | "de" | "it" | "other";

/** Words that neither Spanish, English nor Portuguese has. */
const WORDS: readonly (readonly [Exclude<Foreign, "other">, RegExp])[] = [
  [
    "fr",
    /\b(bonjour|bonsoir|salut|je|nous|vous|avez|avons|voudrais|voudrions|chambres?|nuits?|pour|avec|sil|plait|merci|combien|reserver|petit|dejeuner|est|sont|quel(le)?s?|ou|deux|trois|quatre|personnes?|arrivee|depart|aujourdhui|demain|parlez|francais|des|les|du|dans|une?)\b/g,
  ],
  [
    "de",
    /\b(ich|wir|sie|haben|hatte|hatten|mochte|mochten|ein(e[mnrs]?)?|zimmer|nacht|nachte|fur|bitte|danke|guten|hallo|wie|viel|kostet|fruhstuck|und|ist|sind|nicht|der|das|den|mit|von|bis|vom|zum|personen|zwei|drei|morgen|heute|sprechen|deutsch|gibt|frei)\b/g,
  ],
  [
    "it",
    /\b(buongiorno|buonasera|ciao|vorrei|vorremmo|avete|abbiamo|camera|camere|notte|notti|grazie|prenotare|prenotazione|colazione|siamo|sono|posti|disponibil\w+|arriviamo|della|degli|nel|dal|oggi|domani|parlate|italiano|quanto|persone|due|tre|per|il|gli|un)\b/g,
  ],
];
/** Words of these that the agent's own languages use too; alone they tell nothing. */
const SHARED =
  /^(un|une?|des|les|du|der|den|das|est|ou|per|due|tre|il|sil|petit|pour|sie|mit|quanto|camera|camere|siamo|ciao|nel|dal|sono|von|un)$/;
const OTHER_SCRIPTS =
  /[\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Greek}\p{Script=Thai}\p{Script=Devanagari}]/gu;
const ENOUGH_WORDS = 3;
const ENOUGH_SHARE = 0.4;

/**
 * @param text  as the guest wrote it
 * @param words the same in plain letters
 * @returns the language when the message surely is in one that the agent doesn't speak
 */
export function foreignLanguage(text: string, words: string): Foreign | undefined {
  const start = text.slice(0, 500);
  const letters = start.match(/\p{L}/gu)?.length ?? 0;
  if (letters > 0 && (start.match(OTHER_SCRIPTS)?.length ?? 0) / letters > 0.5) return "other";
  const all = words.split(" ").slice(0, 60);
  const counted = WORDS.map(([language, pattern]) => {
    const found = all.filter((word) => new RegExp(`^(?:${pattern.source})$`).test(word));
    return { language, found: found.length, own: new Set(found.filter((word) => !SHARED.test(word))).size };
  }).sort((a, b) => b.found - a.found);
  const [best] = counted;
  if (best === undefined || best.own < 2 || best.found < Math.min(ENOUGH_WORDS, all.length)) return undefined;
  return best.found / all.length >= ENOUGH_SHARE ? best.language : undefined;
}
