import { expect, test } from "vitest";
import { cpuMs } from "../../../test/cpu.ts";
import { dangerWords } from "../../nlp/danger.ts";
import { readName } from "./names.ts";
import * as reading from "./reading.ts";

const { plain } = reading;

test.each([
  "sí",
  "SI!!",
  "siii",
  "dale",
  "ok",
  "👍",
  "confirmo",
  "sí, confirmo la reserva",
  "de acuerdo",
  "perfecto, reservala",
  "yes please",
  "Sure",
  "go ahead",
  "sim",
  "pode confirmar",
  "isso mesmo",
  "tá bom",
  "ok listo",
  "la quiero",
])("%j is a yes", (text) => {
  expect(reading.saysYes(plain(text))).toBe(true);
  expect(reading.saysNo(plain(text))).toBe(false);
});

test.each(["no", "No gracias", "ok, no", "mejor no", "todavía no", "not yet", "never mind", "não", "deixa pra lá", "👎"])(
  "%j is a no",
  (text) => {
    expect(reading.saysNo(plain(text))).toBe(true);
    expect(reading.saysYes(plain(text))).toBe(false);
  },
);

test.each(["no sé", "not sure", "no entiendo", "quizás", "Silvia", "nora", "yesterday", "okupado", "¿?", ""])(
  "%j is neither",
  (text) => {
    expect([reading.saysYes(plain(text)), reading.saysNo(plain(text))]).toEqual([false, false]);
  },
);

test.each([
  ["Ana Pérez", "Ana Pérez"],
  ["a nombre de juan gómez", "Juan Gómez"],
  ["MARÍA LÓPEZ", "María López"],
  ["soy Marta", "Marta"],
  ["my name is Kate O'Brien, thanks", "Kate O'Brien"],
  ["under Jean-Luc Picard please", "Jean-Luc Picard"],
  ["em nome de João da Silva", "João da Silva"],
  ["a nombre de mi esposa, Clara Ibáñez", "Clara Ibáñez"],
  ["me llamo Ñandú Núñez y viajo sola", "Ñandú Núñez"],
])("the name in %j is %s", (text, name) => {
  expect(readName(text)).toBe(name);
});

test.each([
  "¿cuánto sale?",
  "esperá, lo consulto con mi marido",
  "quiero otra habitación",
  "no",
  "sí",
  "2",
  "ana@example.com",
  "a mi nombre",
  "hola",
  "a",
  "",
  "una frase muy larga que nadie lleva como nombre",
  "cancelar",
  "después te digo",
  "mi esposa",
])("%j is no name", (text) => {
  expect(readName(text)).toBeUndefined();
});

test.each([
  ["cancelar mi reserva", true],
  ["cancelala", true],
  ["cancel my booking", true],
  ["cancelled?", true],
  ["quero cancelar", true],
  ["cuál es la política de cancelación", false],
  ["is cancellation free?", false],
  ["posso cancelar depois?", false],
  ["canela", false],
])("%j calls off: %s", (text, calls) => {
  expect(reading.callsOff(plain(text))).toBe(calls);
});

test.each([
  ["una noche más", { nights: 1 }],
  ["extend by one more night", { nights: 1 }],
  ["2 noches más", { nights: 2 }],
  ["mais uma pessoa", { adults: 1 }],
  ["otra persona", { adults: 1 }],
  ["la más barata", undefined],
  ["2 adultos más 1 niño", undefined],
  ["3 noches", undefined],
])("%j adds %j", (text, addition) => {
  expect(reading.readAddition(plain(text))).toEqual(addition);
});

test("codes, room numbers, times and past days are read as they are written", () => {
  expect(reading.readCode("mi código es gh-2a3b4c gracias")).toBe("GH-2A3B4C");
  expect(reading.readCode("ghana 2026")).toBeUndefined();
  expect(["204", "la 12b", "habitación 305", "room 7", "in 101"].map((text) => reading.readRoomNumber(plain(text)))).toEqual([
    "204",
    "12B",
    "305",
    "7",
    "101",
  ]);
  expect(["2 toallas", "a las 7"].map((text) => reading.readRoomNumber(plain(text)))).toEqual([undefined, undefined]);
  expect(["13", "a las 13:30", "1pm", "a la 1", "25"].map((text) => reading.readTime(plain(text)))).toEqual([
    "13:00",
    "13:30",
    "13:00",
    "13:00",
    undefined,
  ]);
  expect(reading.readPastDay(plain("del 1 al 3 de marzo de 2026"), "2026-03-10")).toBe("2026-03-01");
  expect(reading.readPastDay(plain("del 1 al 3 de mayo de 2026"), "2026-03-10")).toBeUndefined();
});

test("reading is quick whatever the text", () => {
  const texts = [
    "a nombre de ".repeat(9_000),
    "cancelar si cancelo ".repeat(6_000),
    "2 ".repeat(50_000),
    "soy A".repeat(20_000),
    "una ".repeat(25_000),
  ];
  const spent = cpuMs(() => {
    for (const text of texts) {
      const words = plain(text);
      for (const read of [reading.saysYes, reading.callsOff, reading.readAddition, reading.wantsStatus, dangerWords]) read(words);
      readName(text);
      reading.readAmenities(words);
    }
  });
  expect(spent).toBeLessThan(1_000);
});
