import type { Inputs } from "../inputs.ts";
import { type Observed, rounded } from "../report/facts.ts";
import { observeFiles } from "./files.ts";
import { observeLive } from "./live.ts";
import { crossCheck, observePrometheus } from "./prometheus.ts";

/** Gets the samples of both arms from where the inputs say. */
export async function observe(inputs: Inputs, signal: AbortSignal): Promise<Observed> {
  const { source } = inputs;
  if (source.kind === "file") return await observeFiles(source, inputs);
  if (source.kind === "live") {
    const observed = await observeLive(source, inputs, signal);
    const { observations } = observed.facts;
    if (inputs.prometheus === undefined || observations.clock === null || signal.aborted) return observed;
    const { start, seconds } = observations.clock;
    const { evidence, notes } = await crossCheck(inputs.prometheus, start + seconds, seconds);
    observations.evidence.push(
      ...evidence.map((item) => ({
        ...item,
        baseline: rounded(item.baseline ?? undefined),
        canary: rounded(item.canary ?? undefined),
      })),
    );
    observations.notes.push(...notes);
    return observed;
  }
  return await observePrometheus(inputs.prometheus!, inputs);
}
