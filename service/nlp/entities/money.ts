import { wordTable } from "./words.ts";

const AMOUNT = String.raw`(\d{1,9}(?:[.,]\d{1,3}){0,4})(\s?mil\b|k\b)?`;
const SIGNS = String.raw`us\$|u\$s|u\$d|r\$|\$|€|£|usd|eur|brl|uyu|ars|mxn|clp|cop|pen|gbp`;
const NAMES = String.raw`us\$|u\$s|usd|dolares|dolar|dollars?|bucks|eur|euros?|€|£|reais|real|pesos?(?:\s(?:argentinos|uruguayos|mexicanos|chilenos|colombianos))?|libras|pounds?|gbp|brl|ars|uyu|mxn|clp|cop|soles|guaranies|\$`;
const BEFORE = new RegExp(String.raw`(?<![a-z\d])(${SIGNS})\s?${AMOUNT}(?:\s?(${NAMES})(?![a-z\d]))?`);
const AFTER = new RegExp(String.raw`(?<![\d/:.-])${AMOUNT}\s?(${NAMES})(?![a-z\d])`);

const CURRENCIES = wordTable({
  us$: "USD",
  u$s: "USD",
  u$d: "USD",
  usd: "USD",
  dolares: "USD",
  dolar: "USD",
  dollars: "USD",
  dollar: "USD",
  bucks: "USD",
  r$: "BRL",
  brl: "BRL",
  reais: "BRL",
  real: "BRL",
  "€": "EUR",
  eur: "EUR",
  euros: "EUR",
  euro: "EUR",
  "£": "GBP",
  gbp: "GBP",
  libras: "GBP",
  pounds: "GBP",
  pound: "GBP",
  uyu: "UYU",
  ars: "ARS",
  mxn: "MXN",
  clp: "CLP",
  cop: "COP",
  pen: "PEN",
  soles: "PEN",
  guaranies: "PYG",
  "pesos argentinos": "ARS",
  "pesos uruguayos": "UYU",
  "pesos mexicanos": "MXN",
  "pesos chilenos": "CLP",
  "pesos colombianos": "COP",
});

/** A sum of money; the currency is absent when "$" or "pesos" may be several. */
export interface MoneyMention {
  amount: number;
  currency?: string;
  start: number;
  end: number;
}

/** The first sum of money of a message, given as `plainOf` makes it. */
export function moneyIn(plain: string): MoneyMention | undefined {
  const before = BEFORE.exec(plain);
  const after = before ? null : AFTER.exec(plain);
  const match = before ?? after;
  if (!match) return undefined;
  const [number, thousands, name] = before ? [before[2], before[3], before[4] ?? before[1]] : [after![1], after![2], after![3]];
  const amount = amountOf(number!) * (thousands ? 1_000 : 1);
  const currency = CURRENCIES.get(name!.replace(/\s+/g, " "));
  return { amount, ...(currency ? { currency } : {}), start: match.index, end: match.index + match[0].length };
}

/** `1.500,50`, `1,500.50`, `4.500`, `80`: a last group of one or two digits is cents. */
function amountOf(written: string): number {
  const cents = /[.,](\d{1,2})$/.exec(written);
  const whole = (cents ? written.slice(0, cents.index) : written).replace(/[.,]/g, "");
  return Number(cents ? `${whole}.${cents[1]}` : whole);
}
