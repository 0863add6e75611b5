import type { Observed } from "./facts.ts";
import type { Inputs } from "./inputs.ts";
import { observeFiles } from "./observe-file.ts";

/** Gets the samples of both arms from where the inputs say. */
export async function observe(inputs: Inputs, _signal: AbortSignal): Promise<Observed> {
  const { source } = inputs;
  if (source.kind === "file") return await observeFiles(source, inputs);
  throw new Error("not yet");
}
