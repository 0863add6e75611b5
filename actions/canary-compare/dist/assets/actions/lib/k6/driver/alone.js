// Runs a user's script by itself, at the gate's rate. Its setup, teardown, thresholds and summary stay its own.
import exec from "k6/execution";
import { ownScenarios, shapeOptions } from "./shape.js";

/**
 * What the entry exports to k6 besides what the script exports itself.
 *
 * @param plan `{rps, stretches, env, url}`, as for `shapeOptions`
 */
export function driveAlone(script, plan) {
  const scenarios = ownScenarios(script);
  return {
    options: shapeOptions(script, plan),
    run: (data) => script[scenarios[exec.scenario.name].exec](data),
  };
}
