import { setOutput } from "@actions/core";

/** Sets the outputs of an action; null and undefined become "", which is how a workflow sees "not known". */
export function setOutputs(outputs: Readonly<Record<string, string | number | boolean | null | undefined>>): void {
  for (const [name, value] of Object.entries(outputs)) {
    if (typeof value === "number" && !Number.isFinite(value))
      throw new Error(`output ${name}: ${value} isn't a number that a workflow can use.`);
    setOutput(name, value ?? "");
  }
}
