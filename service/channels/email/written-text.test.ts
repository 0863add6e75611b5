import fc from "fast-check";
import { expect, test } from "vitest";
import { writtenText } from "./written-text.ts";

test.each([
  [
    "Gmail, Spanish",
    "Sí, el 13.\n\nEl mar, 10 mar 2026 a las 9:41, Hotel Rambla (<reservas@rambla.example>) escribió:\n\n> ¿Qué día llega?\n> Saludos",
    "Sí, el 13.",
  ],
  [
    "Gmail, English, broken line",
    "Yes please\n\nOn Tue, Mar 10, 2026 at 9:41 AM Hotel Rambla <reservas@rambla.example>\nwrote:\n> Shall I book?",
    "Yes please",
  ],
  [
    "Gmail, Portuguese",
    "Quero sim.\n\nEm ter., 10 de mar. de 2026 às 09:41, Hotel <a@b.example> escreveu:\n> Quer reservar?",
    "Quero sim.",
  ],
  [
    "Outlook, Spanish",
    "De acuerdo\n\nDe: Hotel Rambla\nEnviado: martes, 10 de marzo\nPara: Ana\nAsunto: Re: Reserva\n\n¿Qué día?",
    "De acuerdo",
  ],
  [
    "Outlook, English",
    "Fine.\n________________________________\nFrom: Hotel\nSent: Tuesday\nTo: Ana\nSubject: Re: Stay\n\nWhich day?",
    "Fine.",
  ],
  ["Outlook's old line", "Ok\n-----Mensaje original-----\nDe: Hotel", "Ok"],
  ["a signature", "¿Tienen cochera?\n\n-- \nAna Pereira\nTel. 099 123 456", "¿Tienen cochera?"],
  ["a phone's signature", "Dos noches\n\nEnviado desde mi iPhone", "Dos noches"],
  ["answers below the quote", "> ¿Qué día llega?\nEl 13\n> ¿Cuántos son?\nDos", "El 13\nDos"],
  ["an answer below the attribution", "El mar, 10 mar 2026, Hotel escribió:\n> ¿Qué día?\n\nEl 13 de abril", "El 13 de abril"],
  ["nothing of one's own", "> ¿Qué día llega?", "¿Qué día llega?"],
  ["no quote at all", "Hola,\r\n\r\n\r\n\r\n¿hay lugar?\r\n", "Hola,\n\n¿hay lugar?"],
  [
    "lines that only look alike",
    "De: 14 a 17 de abril\nOn the beach side, if you can.\nEl desayuno incluido:\nsí",
    "De: 14 a 17 de abril\nOn the beach side, if you can.\nEl desayuno incluido:\nsí",
  ],
  ["nothing", "  \n ", ""],
])("%s", (_name, mail, expected) => {
  expect(writtenText(mail)).toBe(expected);
});

test("hostile text costs no time, and any text that has letters keeps some", () => {
  const before = performance.now();
  for (const text of [
    `On ${"a ".repeat(500_000)}`,
    `${"On x\n".repeat(100_000)}`,
    "-".repeat(1_000_000),
    `De: ${" ".repeat(1_000_000)}`,
    "_".repeat(500_000),
  ])
    writtenText(text);
  expect(performance.now() - before).toBeLessThan(5_000);
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", " ", "\n", ">", ":", "-", "On ", "wrote:", "De: x") }), (text) => {
      const written = writtenText(text);
      if (/a/.test(text)) expect(written).not.toBe("");
    }),
  );
});
