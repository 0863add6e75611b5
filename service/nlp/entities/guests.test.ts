import { expect, test } from "vitest";
import { readingIn } from "./entities.ts";

const partyOf = (text: string, language: string) =>
  readingIn(text, {
    now: new Date("2026-03-10T15:00:00Z"),
    timeZone: "UTC",
    language,
    intent: "make_reservation",
    asked: "guests",
  }).party;

test.each([
  ["es", "2", 2, undefined],
  ["es", "dos", 2, undefined],
  ["es", "somos 4", 4, undefined],
  ["es", "yo", 1, undefined],
  ["es", "mi esposa y yo", 2, undefined],
  ["pt", "eu e minha namorada", 2, undefined],
  ["es", "seis personas", 6, undefined],
  ["es", "2 y una nena", 2, 1],
  ["es", "somos 2 y un niño de 5", 2, 1],
  ["es", "somos dos y el bebé", 2, 1],
  ["es", "3 amigos y yo", 4, undefined],
  ["es", "yo y mis padres", 3, undefined],
  ["es", "para mis padres", 2, undefined],
  ["es", "2 adultos 2 nenes, uno de 5 y otro de 8", 2, 2],
  ["es", "adultos: 2 niños: 1", 2, 1],
  ["es", "mi hijo de 20 y yo", 2, undefined],
  ["es", "2 hombres y 1 mujer", 3, undefined],
  ["en", "just me", 1, undefined],
  ["en", "me and my 3 friends", 4, undefined],
  ["en", "2 adults and a 6 year old", 2, 1],
  ["en", "2 adults and kids 4, 8 and 12", 2, 3],
  ["en", "2 adults and kids 4, 8 and 12, Dec 26-30", 2, 3],
  ["en", "me, my husband, our 10-year-old and a baby", 2, 2],
  ["en", "myself and 2 others", 3, undefined],
  ["en", "I'm travelling with my mom and dad", 3, undefined],
  ["en", "two of us plus a toddler", 2, 1],
  ["pt", "nós dois e o bebê de 1 ano", 2, 1],
  ["pt", "casal com 2 filhos de 3 e 7 anos", 2, 2],
  ["pt", "eu e meu filho", 1, 1],
  ["pt", "eu e mais 3", 4, undefined],
])("%s: %j are %s adults and %s children", (language, text, adults, children) => {
  expect(partyOf(text, language)).toEqual({
    ...(adults === undefined ? {} : { adults }),
    ...(children === undefined ? {} : { children }),
    unclear: false,
  });
});

test.each([
  ["en", "family of 5", { people: 5 }],
  ["es", "somos 2 con un bebé de 8 meses", { people: 2, children: 1 }],
  ["en", "4 people with 2 kids", { people: 4, children: 2 }],
  ["es", "somos 5, 2 adultos", { people: 5, adults: 2 }],
  ["es", "2 adultos y niños", { adults: 2 }],
  ["pt", "eu, minha esposa e as crianças", { adults: 2 }],
  ["es", "con los chicos", {}],
  ["es", "2 adultos y mi suegra", { adults: 2 }],
  ["en", "2 or 3", {}],
])("%s: %j is asked back, and what is known of it is kept", (language, text, known) => {
  expect(partyOf(text, language)).toEqual({ ...known, unclear: true });
});
