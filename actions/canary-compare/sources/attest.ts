import type { Reason } from "../../lib/judge/verdict.ts";
import { ARMS, type ArmName } from "../samples/recording.ts";

/** What the arms' responses said of their version, and how often. */
export type Versions = Record<ArmName, ReadonlyMap<string, number>>;

/** What the versions mean for the run. */
export interface Attestation {
  notes: Reason[];
  /** Whether an arm's responses came from somewhere else: then nothing can be compared. */
  mismatch: boolean;
  versions: Record<ArmName, string | null>;
}

/**
 * Attests the arms: each must answer with one version, the expected one where one is expected, and not with the other arm's.
 *
 * No header at all is a note; the same version on both arms is a warning, since a rebuilt release may carry it.
 */
export function attest(seen: Versions, expected: Record<ArmName, string>, header: string): Attestation {
  const notes: Reason[] = [];
  let mismatch = false;
  const note = (severity: Reason["severity"], message: string) =>
    notes.push({ code: "ARM_NOT_ATTESTED", metric: null, severity, message });
  const fault = (message: string) => {
    mismatch = true;
    note("warning", message);
  };
  const versions: Record<ArmName, string | null> = { baseline: expected.baseline || null, canary: expected.canary || null };
  for (const arm of ARMS) {
    const list = [...seen[arm].entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    const wanted = expected[arm];
    if (list.length === 0) {
      if (wanted === "") note("info", `no response of the ${arm} carried ${header}, so nothing shows that it came from there`);
      else fault(`no response of the ${arm} carried ${header}, expected was ${wanted}`);
      continue;
    }
    versions[arm] = list[0]![0];
    const wrong = list.filter(([version]) => wanted !== "" && version !== wanted);
    if (wrong.length > 0) {
      fault(`${arm}: ${wrong.map(([version, n]) => `${n} responses came from ${version}`).join(", ")}, expected was ${wanted}`);
    } else if (list.length > 1) {
      fault(
        `${arm}: responses came from ${list.map(([version, n]) => `${version} (${n})`).join(" and ")}: one arm must be one release`,
      );
    }
  }
  const same =
    versions.baseline !== null && versions.baseline === versions.canary && seen.baseline.size > 0 && seen.canary.size > 0;
  if (same && !mismatch) note("info", `both arms say that they are ${versions.baseline}: is the canary really another release?`);
  return { notes, mismatch, versions };
}
