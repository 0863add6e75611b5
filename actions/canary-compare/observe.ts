import type { Observed } from "./facts.ts";
import type { Inputs } from "./inputs.ts";
import { observeFiles } from "./observe-file.ts";
import { observeLive } from "./observe-live.ts";

/** Gets the samples of both arms from where the inputs say. */
export async function observe(inputs: Inputs, signal: AbortSignal): Promise<Observed> {
  const { source } = inputs;
  if (source.kind === "file") return await observeFiles(source, inputs);
  if (source.kind === "live") return await observeLive(source, inputs, signal);
  throw new Error("not yet");
}
