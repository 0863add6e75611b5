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

const SAID = "Somos 2";
const QUOTED = "Del 12 al 15 de abril";
/** How the programs that guests use most begin the mail that they answer, with what they sign. */
const TAILS: [string, string][] = [
  ["Gmail, es", `\n\nEl mar, 10 mar 2026 a las 12:00, Hotel Sol (<reservas@hotel.example>) escribió:\n\n> ${QUOTED}`],
  ["Gmail, en", `\n\nOn Tue, Mar 10, 2026 at 12:00 PM Hotel Sol <reservas@hotel.example> wrote:\n\n> ${QUOTED}`],
  ["Gmail, pt", `\n\nEm ter., 10 de mar. de 2026 às 12:00, Hotel Sol <reservas@hotel.example>\nescreveu:\n\n> ${QUOTED}`],
  ["Gmail on one line", ` El mar, 10 mar 2026 a las 12:00, Hotel Sol (<reservas@hotel.example>) escribió: > ${QUOTED}`],
  [
    "Yahoo on Android, es",
    `\n\nEnviado desde Yahoo Mail para Android \n \n  El mar., 10 de mar. de 2026 a la(s) 12:00 p. m., Hotel Sol<reservas@hotel.example> escribió:   ${QUOTED}`,
  ],
  [
    "Yahoo on Android, en",
    `\n\nSent from Yahoo Mail on Android \n \n  On Tue, Mar 10, 2026 at 12:00 PM, Hotel Sol<reservas@hotel.example> wrote:   ${QUOTED}`,
  ],
  [
    "Yahoo on Android, pt",
    `\n\nEnviado do Yahoo Mail no Android \n \n  Em ter., 10 de mar. de 2026 às 12:00, Hotel Sol<reservas@hotel.example> escreveu:   ${QUOTED}`,
  ],
  [
    "Yahoo, all on one line",
    ` Enviado desde Yahoo Mail para iPhone  El mar., 10 de mar. de 2026 a la(s) 12:00, Hotel Sol<reservas@hotel.example> escribió:   ${QUOTED}`,
  ],
  [
    "Yahoo in a browser",
    `\n\n    En martes, 10 de marzo de 2026, 12:00:00 p. m. GMT-3, Hotel Sol <reservas@hotel.example> escribió:  \n \n ${QUOTED}`,
  ],
  [
    "Apple Mail, es",
    `\n\nEnviado desde mi iPhone\n\n> El 10 mar 2026, a la(s) 12:00, Hotel Sol <reservas@hotel.example> escribió:\n> \n> ${QUOTED}`,
  ],
  [
    "Apple Mail, en",
    `\n\nSent from my iPad\n\nOn Mar 10, 2026, at 12:00 PM, Hotel Sol <reservas@hotel.example> wrote: ${QUOTED}`,
  ],
  [
    "Apple Mail, pt",
    `\n\nEnviado do meu iPhone\n\n> Em 10 de mar. de 2026, à(s) 12:00, Hotel Sol <reservas@hotel.example> escreveu:\n> ${QUOTED}`,
  ],
  [
    "Outlook on a phone, es",
    `\n\nObtener Outlook para Android\n________________________________\nDe: Hotel Sol <reservas@hotel.example>\nEnviado: martes, 10 de marzo\nPara: Ana\nAsunto: Re: Reserva\n\n${QUOTED}`,
  ],
  [
    "Outlook on a phone, pt",
    `\n\nObter o Outlook para iOS\n________________________________\nDe: Hotel Sol\nEnviado: terça-feira\nPara: Ana\nAssunto: Re: Reserva\n\n${QUOTED}`,
  ],
  [
    "Outlook on Windows",
    `\n\nFrom: Hotel Sol <reservas@hotel.example>\nSent: Tuesday, March 10, 2026 12:00 PM\nTo: Ana\nSubject: Re: Booking\n\n${QUOTED}`,
  ],
  [
    "Mail of Windows",
    `\n\nEnviado desde Correo para Windows\n\nDe: Hotel Sol\nEnviado: martes\nPara: Ana\nAsunto: Re: Reserva\n\n${QUOTED}`,
  ],
  ["Thunderbird, es", `\n\nEl 10/3/26 a las 12:00, Hotel Sol escribió:\n> ${QUOTED}`],
  ["Thunderbird, pt, on one line", `  Em 10/03/2026 12:00, Hotel Sol escreveu: ${QUOTED}`],
  [
    "Samsung",
    `\n\nEnviado desde mi Galaxy\n\n-------- Mensaje original --------\nDe: Hotel Sol <reservas@hotel.example>\nFecha: 10/3/26 12:00\nPara: ana@example.com\nAsunto: Re: Reserva\n${QUOTED}`,
  ],
  [
    "Proton",
    `\n\nSent with Proton Mail secure email.\n\nOn Tuesday, March 10th, 2026 at 12:00, Hotel Sol <reservas@hotel.example> wrote:\n\n> ${QUOTED}`,
  ],
  ["Zoho", `\n\n---- El mar, 10 mar 2026 12:00:00 -0300 Hotel Sol <reservas@hotel.example> escribió ---- ${QUOTED}`],
  ["Spark", `\n\nOn Mar 10, 2026 at 12:00 -0300, Hotel Sol <reservas@hotel.example>, wrote:\n> ${QUOTED}`],
];

test.each(TAILS)("what %s adds isn't what the guest wrote", (_name, tail) => {
  expect(writtenText(SAID + tail)).toBe(SAID);
});

test.each([
  "Mi marido me escribió: llegamos tarde",
  "El 12 de marzo mi hermana me escribió: hay lugar para 2",
  "Sent from the airport: can you pick us up at 10:30?",
  "On Friday we wrote: two rooms, please",
  "Enviado el comprobante por transferencia",
])("a guest's own words stay: %s", (text) => {
  expect(writtenText(`Hola.\n${text} Gracias.`)).toContain(text);
});

test("a hostile text costs little", () => {
  for (const part of ["el 1 escribió:", "on 1 ", "wrote: ", "sent from my ", "@", "escribió: el 1 12:00 "]) {
    const before = process.cpuUsage();
    writtenText(part.repeat(Math.ceil(500_000 / part.length)));
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000, part).toBeLessThan(200);
  }
});
