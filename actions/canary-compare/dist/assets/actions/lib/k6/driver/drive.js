// Runs a user's script as one arm of a comparison: in a k6 process of its own, so that its modules, SharedArrays, setup data, thresholds
// and virtual users are those of this arm alone.
import exec from "k6/execution";
import { Counter } from "k6/metrics";
import { ownScenarios, shapeOptions } from "./shape.js";

const started = new Counter("gatehouse_started");
const threw = new Counter("gatehouse_threw");

function messageOf(error) {
  return String(error?.message || error);
}

/**
 * What the driver exports to k6.
 *
 * @param plan what is driven; `gate` is the address at which both arms wait for each other
 * @param get k6's own http.get
 */
export function drive(script, plan, get) {
  const scenarios = ownScenarios(script);
  const functionOf = (name) => {
    const own = scenarios[name] || scenarios[name.replace(/_\d+$/, "")];
    return script[own.exec];
  };

  // An arm whose setup throws is that arm's trouble: its iterations count as thrown. Both arms begin at the same moment.
  const setup = async () => {
    let data;
    let problem = "";
    try {
      if (typeof script.setup === "function") data = await script.setup();
    } catch (error) {
      problem = messageOf(error) || "setup() threw";
      console.error(`setup() threw: ${problem}`);
    }
    const answer = get(`${plan.gate}/${plan.arm}?problem=${encodeURIComponent(problem)}`, {
      timeout: "10m",
      redirects: 0,
      responseType: "text",
    });
    if (answer.body !== "go") exec.test.abort(`setup() threw: ${problem || answer.error || "the other arm's run is over"}`);
    return { data, problem };
  };

  const run = ({ data, problem }) => {
    started.add(1);
    if (problem !== "") {
      threw.add(1);
      return undefined;
    }
    const failed = (error) => {
      threw.add(1);
      throw error;
    };
    let result;
    try {
      result = functionOf(exec.scenario.name)(data);
    } catch (error) {
      return failed(error);
    }
    return result && typeof result.then === "function" ? result.then(undefined, failed) : result;
  };

  const teardown = ({ data, problem }) => {
    if (problem === "" && typeof script.teardown === "function") return script.teardown(data);
    return undefined;
  };

  // In place of k6's text: which of the script's own thresholds this arm crossed, and whether the script takes any certificate.
  const insecure = Boolean(script.options?.insecureSkipTLSVerify);
  const handleSummary = ({ metrics }) => ({
    [plan.summaryPath]: JSON.stringify({ crossed: crossedThresholds(metrics), insecure }),
  });

  return { options: shapeOptions(script, plan), setup, run, teardown, handleSummary };
}

function crossedThresholds(metrics) {
  return Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
    Object.keys(thresholds)
      .filter((rule) => !thresholds[rule].ok)
      .map((rule) => `${name}: ${rule}`),
  );
}
