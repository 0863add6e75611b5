import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { openUnderstander, type Understander } from "../nlp/understand.ts";
import { isIntent, OUT_OF_SCOPE } from "../vocabulary.ts";
import { DEMO_PROFILE, hotelProfile } from "./hotel.ts";
import type { Surroundings, Understood } from "./orchestrator/contract.ts";
import { orchestrate } from "./orchestrator/orchestrate.ts";
import { newSession } from "./session.ts";

const NOW = new Date("2026-03-10T15:00:00Z");
const AROUND: Surroundings = {
  hotel: { tenantId: "t", name: "Hotel", profile: hotelProfile.parse(DEMO_PROFILE), open: true, languages: ["es", "en", "pt"] },
  flags: { enhancedFallback: true, reservations: true },
  clock: { now: NOW, today: "2026-03-10", time: "12:00" },
  channel: "messages",
  userId: "59899",
  messageKey: "messages:m1",
  handedOver: false,
  isSenderUnproven: undefined,
};
let understander: Understander;
beforeAll(async () => {
  understander = await openUnderstander();
});

const MONTHS = {
  es: "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(" "),
  en: "January February March April May June July August September October November December".split(" "),
  pt: "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(" "),
};
interface Named {
  month: number;
  first: number;
  nights: number;
  adults: number;
}
const SENTENCES: Record<keyof typeof MONTHS, readonly ((named: Named & { name: string; last: number }) => string)[]> = {
  es: [
    ({ first, last, name, adults }) => `hay lugar del ${first} al ${last} de ${name} para ${adults}?`,
    ({ first, name, nights, adults }) => `quiero reservar desde el ${first} de ${name}, ${nights} noches, ${adults} adultos`,
    ({ first, last, name, adults }) => `somos ${adults}, llegamos el ${first} de ${name} y nos vamos el ${last} de ${name}`,
  ],
  en: [
    ({ first, last, name, adults }) => `do you have a room from ${name} ${first} to ${name} ${last} for ${adults} people?`,
    ({ first, name, nights, adults }) => `I'd like to book ${nights} nights from ${first} ${name}, ${adults} adults`,
    ({ first, last, name, adults }) => `there are ${adults} of us, arriving ${name} ${first} and leaving ${name} ${last}`,
  ],
  pt: [
    ({ first, last, name, adults }) => `tem quarto de ${first} a ${last} de ${name} para ${adults} pessoas?`,
    ({ first, name, nights, adults }) => `quero reservar ${nights} noites a partir de ${first} de ${name}, ${adults} adultos`,
  ],
};

test("what is named is used or asked about, and never another value", () => {
  const named = fc.record({
    language: fc.constantFrom("es" as const, "en" as const, "pt" as const),
    pattern: fc.nat(),
    month: fc.integer({ min: 1, max: 12 }),
    first: fc.integer({ min: 1, max: 18 }),
    nights: fc.integer({ min: 2, max: 9 }),
    adults: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(named, ({ language, pattern, month, first, nights, adults }) => {
      const sentences = SENTENCES[language];
      const name = MONTHS[language][month - 1]!;
      const text = sentences[pattern % sentences.length]!({ month, first, nights, adults, name, last: first + nights });
      const result = understander.understand(text, { now: NOW, timeZone: "America/Montevideo", tenantLanguage: language });
      const understood: Understood = {
        ...result,
        language,
        intent: isIntent(result.intent) ? result.intent : OUT_OF_SCOPE,
        choices: [],
      };
      const { session, effects } = orchestrate(newSession(NOW), { type: "message", understood }, AROUND);
      const { stay, party } = session;
      const day = (date: number) => `-${String(month).padStart(2, "0")}-${String(date).padStart(2, "0")}`;
      const said = JSON.stringify({ text, stay });
      if (stay.checkIn !== undefined) expect(stay.checkIn.slice(4), said).toBe(day(first));
      if (stay.checkOut !== undefined) expect(stay.checkOut.slice(4), said).toBe(day(first + nights));
      if (stay.adults !== undefined) expect(stay.adults, said).toBe(adults);
      // All of it is with the PMS, or the agent asks for what it lacks.
      const asked = session.awaiting !== undefined || party !== undefined;
      expect(asked || effects.some(({ type }) => type === "pms"), said).toBe(true);
    }),
    { numRuns: 600, seed: 20260310 },
  );
});
