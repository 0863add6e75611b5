import type { Reason } from "../../lib/judge/verdict.ts";
import { ARMS, type ArmName, type Recording } from "./recording.ts";

/** More names than this aren't routes but paths with ids in them: nothing can be said of their mix. */
const MOST_ROUTES = 50;
/** Share of the requests that may go to routes which the arms don't share alike. */
const MOST_DIFFERENT = 0.05;

/**
 * Arms that were asked for different things can't be compared: half the sum of the differences of the routes' shares, beyond what
 * chance explains.
 *
 * @returns undefined when the arms' routes match, or aren't known
 */
export function findRouteMismatch(arms: Record<ArmName, Recording>): Reason | undefined {
  const shares = ARMS.map((arm) => {
    const counts = new Map<string, number>();
    for (const route of arms[arm].route) if (route !== undefined) counts.set(route, (counts.get(route) ?? 0) + 1);
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return { total, share: (route: string) => (counts.get(route) ?? 0) / total, names: [...counts.keys()] };
  });
  const [baseline, canary] = [shares[0]!, shares[1]!];
  const names = [...new Set([...baseline.names, ...canary.names])];
  if (baseline.total === 0 || canary.total === 0 || names.length > MOST_ROUTES) return undefined;
  const differences = names.map((name) => ({ name, by: canary.share(name) - baseline.share(name) }));
  const different = differences.reduce((sum, { by }) => sum + Math.abs(by), 0) / 2;
  const chance = Math.sqrt(names.length / Math.min(baseline.total, canary.total));
  if (different <= MOST_DIFFERENT + chance) return undefined;
  const { name } = differences.toSorted((a, b) => Math.abs(b.by) - Math.abs(a.by))[0]!;
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
  return {
    code: "SPLIT_MISMATCH",
    metric: null,
    severity: "warning",
    message: `the arms were asked for different routes: ${percent(different)} of the requests differ, most on ${name} (${percent(canary.share(name))} of the canary's, ${percent(baseline.share(name))} of the baseline's)`,
  };
}
