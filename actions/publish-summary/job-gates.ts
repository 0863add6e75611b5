import { readFile } from "node:fs/promises";
import { z } from "zod";
import { runContext } from "../lib/runner/context.ts";
import { type GateNote, notesPath } from "../lib/runner/gates.ts";

/** A gate that an earlier step of this job was. */
export interface JobGate {
  kind: string;
  step: string;
  /** Absolute paths of the reports that it wrote; none when it ended before. */
  reports: string[];
  /** Whether it came to its end by itself, well or not. */
  ended: boolean;
  /** What kept it from its report. */
  error: string | undefined;
}

const noteSchema: z.ZodType<GateNote> = z.object({
  gate: z.string(),
  event: z.enum(["started", "wrote", "ended"]),
  kind: z.string(),
  at: z.string(),
  run_id: z.number().nullable(),
  run_attempt: z.number().nullable(),
  job: z.string().nullable(),
  step: z.string(),
  path: z.string().exactOptional(),
  error: z.string().exactOptional(),
});

/**
 * The gates that earlier steps of this job were, in their order. None outside of a runner.
 *
 * @throws Error when the notes are there and can't be read
 */
export async function gatesOfJob(environment: Readonly<Record<string, string | undefined>>): Promise<JobGate[]> {
  const path = notesPath(environment);
  if (path === undefined) return [];
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw new Error(`${path}: the notes of this job's gates can't be read: ${error.message}`, { cause: error });
  });
  const own = runContext(environment);
  const gates = new Map<string, JobGate>();
  for (const line of text.split("\n")) {
    const note = parseNote(line);
    if (note === undefined || note.run_id !== own.run_id || note.run_attempt !== own.run_attempt || note.job !== own.job)
      continue;
    const gate = gates.get(note.gate) ?? { kind: note.kind, step: note.step, reports: [], ended: false, error: undefined };
    gates.set(note.gate, gate);
    if (note.path !== undefined) gate.reports.push(note.path);
    if (note.event === "ended") gate.ended = true;
    if (note.error !== undefined) gate.error = note.error;
  }
  return [...gates.values()];
}

/** A line that a full disk or a kill has cut off is no note. */
function parseNote(line: string): GateNote | undefined {
  try {
    return noteSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
