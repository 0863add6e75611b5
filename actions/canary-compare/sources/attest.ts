import type { Reason } from "../../lib/judge/verdict.ts";
import { ARMS, type ArmName } from "../samples/recording.ts";

/** What the arms' responses said of their version, and how often. */
export type Versions = Record<ArmName, ReadonlyMap<string, number>>;

/** What the versions mean for the run. */
export interface Attestation {
  notes: Reason[];
  /** Whether an arm's responses came from somewhere else: then nothing can be compared. */
  mismatch: boolean;
  /** Whether both arms say that they are the same release, which nobody allowed: then the canary can't pass. */
  same: boolean;
  versions: Record<ArmName, string | null>;
}

/**
 * Attests the arms: each must answer with one version, the expected one where one is expected, and not with the other arm's. The most
 * likely accident is that the canary was never deployed, or gets no traffic.
 *
 * @param sameRelease whether both arms may say that they are the same release
 */
export function attest(
  seen: Versions,
  expected: Record<ArmName, string>,
  header: string,
  sameRelease: "refuse" | "allow",
): Attestation {
  const notes: Reason[] = [];
  let mismatch = false;
  const fault = (message: string) => {
    mismatch = true;
    notes.push({ code: "ARM_NOT_ATTESTED", metric: null, severity: "warning", message });
  };
  const versions: Record<ArmName, string | null> = { baseline: expected.baseline || null, canary: expected.canary || null };
  for (const arm of ARMS) {
    const list = [...seen[arm].entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    const wanted = expected[arm];
    if (list.length === 0) {
      if (wanted !== "") fault(`no response of the ${arm} carried ${header}, expected was ${wanted}`);
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
  const silent = ARMS.filter((arm) => seen[arm].size === 0 && expected[arm] === "");
  if (silent.length > 0) {
    const message = `no response of the ${silent.join(" or the ")} carried ${header}, so only the URLs tell the releases apart`;
    notes.push({ code: "ARM_NOT_ATTESTED", metric: null, severity: "info", message });
  }
  const alike = !mismatch && seen.baseline.size > 0 && seen.canary.size > 0 && versions.baseline === versions.canary;
  const same = alike && sameRelease === "refuse";
  if (alike) {
    const remedy = same ? ". Look where the canary's URL leads, or set same-release: allow" : "";
    const message = `both arms say that they are release ${versions.baseline}${remedy}`;
    notes.push({ code: "SAME_RELEASE", metric: null, severity: same ? "warning" : "info", message });
  }
  return { notes, mismatch, same, versions };
}
