import {
  ErrorCode,
  type EvaluationContext,
  type JsonValue,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  type ResolutionDetails,
} from "@openfeature/server-sdk";
import type { Context, Flags } from "./flags.ts";
import type { FlagType, Registry } from "./registry.ts";

/**
 * The service's flags as a provider for OpenFeature's server SDK. It emits STALE while Redis can't be read, READY when it
 * can again, and CONFIGURATION_CHANGED with the flags whose answers may be different.
 *
 * @param flags what `createFlags` returned; the caller starts and closes it
 */
export function createProvider(flags: Flags<Registry>): Provider {
  const events = new OpenFeatureEventEmitter();
  let stopWatching: (() => void) | undefined;

  function resolve<Value>(type: FlagType, key: string, fallback: Value, context: EvaluationContext): ResolutionDetails<Value> {
    const { value, variant, reason, errorCode, errorMessage, usesDefault } = flags.evaluateAny(key, context as Context);
    if (errorCode !== undefined) {
      return { value: fallback, reason, errorCode: errorCode as ErrorCode, errorMessage: errorMessage ?? errorCode };
    }
    if (usesDefault) return { value: fallback, reason };
    if (typeof value !== type) {
      const message = `The flag "${key}" is a ${typeof value}, not a ${type}.`;
      return { value: fallback, reason: "ERROR", errorCode: ErrorCode.TYPE_MISMATCH, errorMessage: message };
    }
    return { value: value as Value, reason, ...(variant === undefined ? {} : { variant }) };
  }

  return {
    metadata: { name: "gatehouse" },
    runsOn: "server",
    events,
    initialize: async () => {
      stopWatching = flags.watch((event) => {
        if (event.kind === "changed") events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: event.flags });
        else events.emit(event.kind === "stale" ? ProviderEvents.Stale : ProviderEvents.Ready, { message: MESSAGES[event.kind] });
      });
      if (flags.isStale) events.emit(ProviderEvents.Stale, { message: MESSAGES.stale });
    },
    onClose: async () => stopWatching?.(),
    resolveBooleanEvaluation: async (key, fallback, context) => resolve("boolean", key, fallback, context),
    resolveStringEvaluation: async <Value extends string>(key: string, fallback: Value, context: EvaluationContext) =>
      resolve("string", key, fallback, context),
    resolveNumberEvaluation: async <Value extends number>(key: string, fallback: Value, context: EvaluationContext) =>
      resolve("number", key, fallback, context),
    resolveObjectEvaluation: async <Value extends JsonValue>(key: string, fallback: Value, context: EvaluationContext) =>
      resolve("object", key, fallback, context),
  };
}

const MESSAGES = { stale: "Redis can't be read; the last known values hold", fresh: "Redis is read again" };
