import type { Judgement } from "../../lib/judge/judgement.ts";
import { bySeverity, type Reason } from "../../lib/judge/verdict.ts";
import type { ArmAccount, CanaryReport } from "../../lib/report/canary-report.ts";

/** One way in which a request counts as a failure though its status is a good one, or though it has none. */
interface Kind {
  code: Reason["code"];
  count(account: ArmAccount): number;
  message(canary: ArmAccount, baseline: ArmAccount | null): string;
}

const of = (n: number, all: number, what: string) => `${n} of ${all} ${what}`;

const KINDS: readonly Kind[] = [
  {
    code: "CHECKS_FAILED",
    count: (account) => account.failed_by_checks,
    message(canary, baseline) {
      const worst = canary.checks[0];
      const same = baseline?.checks.find(({ name }) => name === worst?.name);
      const named =
        worst === undefined
          ? ""
          : `, most often the check "${worst.name}" (${worst.failed} times, ${same === undefined ? "never asked of" : `${same.failed} times on`} the baseline)`;
      return `${of(canary.failed_by_checks, canary.iterations, "iterations")} of the canary failed by the script's checks, ${baseline?.failed_by_checks ?? 0} of the baseline's${named}`;
    },
  },
  {
    code: "UNANSWERED",
    count: (account) => account.unanswered + account.not_sent,
    message(canary, baseline) {
      const unsent =
        canary.not_sent === 0 ? "" : `, and ${canary.not_sent} iterations could not be started since all virtual users waited`;
      return `${canary.unanswered} requests to the canary were never answered, ${baseline?.unanswered ?? 0} to the baseline${unsent}`;
    },
  },
  {
    code: "SCRIPT_ERROR",
    count: (account) => account.threw,
    message: (canary, baseline) =>
      `${of(canary.threw, canary.iterations, "iterations")} threw an exception on the canary, ${baseline?.threw ?? 0} on the baseline`,
  },
];

/**
 * Adds what made requests fail beside their status: checks, answers that never came, exceptions. Where the canary fails by its errors, and
 * most of them are of one such kind, that kind leads.
 */
export function withFailures(judgement: Judgement, arms: CanaryReport["observations"]["arms"]): Judgement {
  const canary = arms?.canary;
  if (!canary) return judgement;
  const failing = judgement.verdict === "FAIL" && judgement.errors.verdict === "FAIL";
  const found = KINDS.filter(({ count }) => count(canary) > 0 || (arms.baseline && count(arms.baseline) > 0)).map((kind) => {
    const leads = failing && kind.code !== "SCRIPT_ERROR" && kind.count(canary) > judgement.canary.failures / 2;
    const reason: Reason = {
      code: kind.code,
      metric: "error_rate",
      severity: leads ? "error" : "info",
      message: kind.message(canary, arms.baseline),
    };
    return reason;
  });
  const leading = found.filter(({ severity }) => severity === "error");
  const rest = found.filter(({ severity }) => severity !== "error");
  const reasons = [...leading, ...judgement.reasons, ...rest];
  return { ...judgement, reasons: leading.length > 0 ? reasons.toSorted(bySeverity) : reasons };
}
