import { en, es, pt } from "chrono-node";
import type { Day } from "../../calendar.ts";

const PARSERS: Readonly<Record<string, typeof en.strict>> = { en: en.strict, es: es.strict, pt: pt.strict };

/**
 * A day in a form that our own grammar does not read, by chrono-node; only when day and month are both certain.
 *
 * @param plain as `plainOf` gives it
 */
export function dateByChrono(plain: string, language: string, today: Day): Day | undefined {
  const parser = PARSERS[language] ?? en.strict;
  const reference = new Date(today * 86_400_000 + 43_200_000);
  const [result] = parser.parse(plain, { instant: reference, timezone: 0 }, { forwardDate: true });
  if (!result?.start.isCertain("day") || !result.start.isCertain("month")) return undefined;
  const year = result.start.get("year");
  const month = result.start.get("month");
  const date = result.start.get("day");
  if (year === null || month === null || date === null) return undefined;
  return Date.UTC(year, month - 1, date) / 86_400_000;
}
