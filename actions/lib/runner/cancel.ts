/** What the code that handles a cancel needs to know. */
export interface Cancellation {
  /** Aborts at the first SIGINT or SIGTERM; its reason is the signal's name. */
  signal: AbortSignal;
  /** Takes the handlers away, so that signals end the process again. */
  dispose(): void;
}

/**
 * Turns a cancel into an AbortSignal. GitHub sends SIGINT, 7.5 s later SIGTERM, and kills the tree 2.5 s after
 * that: what must be left behind (a partial report) has ten seconds.
 */
export function cancellation(source: NodeJS.EventEmitter = process): Cancellation {
  const controller = new AbortController();
  const onSignal = (name: string) => controller.abort(name);
  source.on("SIGINT", onSignal);
  source.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    dispose() {
      source.off("SIGINT", onSignal);
      source.off("SIGTERM", onSignal);
    },
  };
}
