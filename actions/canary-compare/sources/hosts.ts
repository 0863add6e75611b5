import type { Reason } from "../../lib/judge/verdict.ts";
import type { ArmName } from "../samples/recording.ts";
import type { ArmRows } from "./arm-rows.ts";

/** Share of an arm's requests that may be answered from elsewhere. */
const MOST_ELSEWHERE = 0.01;

/** What the places to which the requests went mean for the run. */
export interface HostFindings {
  notes: Reason[];
  /** Whether an arm's requests didn't go to it: then nothing was compared. */
  wrong: boolean;
}

/**
 * Looks whether each arm's requests went to its URL and were answered from there. Other hosts beside it are named, and their requests
 * count for nothing; the other arm's host, a redirect to elsewhere, or no request to the arm at all means that nothing was compared.
 *
 * @param shown the arms' URLs, without passwords
 */
export function findWrongHosts(
  rows: Readonly<Partial<Record<ArmName, ArmRows>>>,
  shown: Readonly<Partial<Record<ArmName, string>>>,
): HostFindings {
  const notes: Reason[] = [];
  const note = (severity: Reason["severity"], message: string) =>
    notes.push({ code: "WRONG_HOST", metric: null, severity, message });
  for (const [arm, { sentTo, answeredFrom }] of Object.entries(rows) as [ArmName, ArmRows][]) {
    const all = sum(sentTo.values());
    const own = sentTo.get("own") ?? 0;
    const places = [...sentTo].filter(([place]) => place !== "own").sort((a, b) => b[1] - a[1]);
    const names = places.slice(0, 3).map(([place, n]) => `${n} to ${nameOf(place, arm)}`);
    if (all > 0 && own === 0) {
      note(
        "warning",
        `${arm}: none of ${all} requests went to ${shown[arm]} (${names.join(", ")}). Let the script build its addresses from __ENV.BASE_URL`,
      );
      continue;
    }
    const other = sentTo.get("other") ?? 0;
    if (other > MOST_ELSEWHERE * all)
      note(
        "warning",
        `${arm}: ${other} of ${all} requests went to the other arm. Let the script build its addresses from __ENV.BASE_URL`,
      );
    else if (places.length > 0)
      note("info", `${arm}: beside ${own} requests to it there were ${names.join(", ")}, which count for nothing`);
    const away = sum(answeredFrom.values());
    if (away > MOST_ELSEWHERE * own) {
      const from = [...answeredFrom].sort((a, b) => b[1] - a[1]).map(([place, n]) => `${n} to ${nameOf(place, arm)}`);
      note(
        "warning",
        `${arm}: ${away} of ${own} requests were redirected away from ${shown[arm]} (${from.slice(0, 3).join(", ")}). Give the URL that answers itself`,
      );
    }
  }
  return { notes, wrong: notes.some(({ severity }) => severity !== "info") };
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function nameOf(place: string, arm: ArmName): string {
  if (place === "other") return `the ${arm === "baseline" ? "canary" : "baseline"}`;
  return place === "none" ? "no http(s) address at all" : place;
}
