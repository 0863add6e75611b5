import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Seconds. The p95 limits of the gate (0.4, 0.42, 0.45) are bounds, so that a histogram can answer them exactly. */
const HTTP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.42, 0.45, 0.6, 1, 2.5, 5, 10];

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Every metric that the service exports; none is defined anywhere else.
 * Labels are bounded: a route is its pattern, a tenant is a known one or `default`. Counters exist at zero before
 * their first event where the labels are known, since a ratio over a missing series has no value.
 *
 * @param collectDefaults whether to add prom-client's process and Node.js metrics
 */
export function createMetrics({ collectDefaults = true } = {}) {
  const registry = new Registry();
  const registers = [registry];
  if (collectDefaults) collectDefaultMetrics({ register: registry });

  const counter = <Name extends string>(name: string, help: string, labelNames: readonly Name[] = []) =>
    new Counter<Name>({ name, help, labelNames: [...labelNames], registers });
  const gauge = <Name extends string>(name: string, help: string, labelNames: readonly Name[] = []) =>
    new Gauge<Name>({ name, help, labelNames: [...labelNames], registers });
  const histogram = <Name extends string>(name: string, help: string, buckets: number[], labelNames: readonly Name[] = []) =>
    new Histogram<Name>({ name, help, buckets, labelNames: [...labelNames], registers });

  const metrics = {
    registry,
    httpRequests: counter("http_requests_total", "Requests answered.", ["method", "route", "status_code"]),
    httpDuration: histogram(
      "http_request_duration_seconds",
      "Time from the request's first byte to the answer's last.",
      HTTP_BUCKETS,
      ["method", "route", "status_code"],
    ),
    degradedAnswers: counter(
      "http_degraded_answers_total",
      "Answers that were given without a dependency that was needed for a full one.",
      ["route"],
    ),

    notifications: counter("notifications_total", "Attempts to tell reception, by way and result.", ["channel", "result"]),
    noticesPending: gauge("notices_pending", "Things that reception must be told and nobody has taken."),
    noticesOldestAge: gauge("notices_oldest_age_seconds", "How long the oldest of them waits."),
    tenantRequests: counter("tenant_request_total", "Requests and messages of a tenant.", ["tenant_id"]),
    tenantErrors: counter("tenant_request_errors", "Requests and messages of a tenant that failed.", ["tenant_id"]),
    tenantResolutions: counter("tenant_resolution_total", "How messages found their tenant.", ["result"]),
    tenantCache: counter("tenant_cache_total", "Look-ups of tenants by cache layer.", ["layer", "result"]),
    tenantsQuarantined: gauge(
      "tenant_patterns_quarantined",
      "Tenants whose pattern can't be used; they match nobody until it is mended.",
    ),
    tenantMapStale: gauge(
      "tenant_map_stale_seconds",
      "For how long the tenants in use could not be read afresh; 0 when they are fresh.",
    ),

    flagEnabled: gauge("feature_flag_enabled", "1 when the flag is on for a context without attributes.", ["flag"]),
    flagEvaluations: counter("feature_flag_evaluations_total", "Evaluations of feature flags.", ["flag", "variant", "reason"]),
    flagInvalidations: counter("feature_flag_cache_invalidations_total", "Why cached flags were read again.", ["source"]),
    flagMalformed: counter("feature_flag_malformed_total", "Overrides that could not be used; the default held.", ["flag"]),
    flagsStale: gauge("feature_flags_stale_seconds", "For how long the flags' store could not be read; 0 when it can."),

    nlpMessages: counter("nlp_messages_total", "Guests' messages understood.", ["intent", "band", "language"]),
    nlpFallbacks: counter("nlp_fallback_low_confidence_total", "Messages below the medium band, answered by the fallback.", [
      "tenant_id",
    ]),
    nlpTenantMessages: counter("nlp_classified_total", "Messages classified, by tenant: the denominator of the fallback ratio.", [
      "tenant_id",
    ]),
    nlpConfidence: histogram(
      "nlp_confidence",
      "Calibrated confidence of the intent.",
      [0.1, 0.2, 0.3, 0.45, 0.55, 0.65, 0.75, 0.85, 0.9, 0.95, 0.99],
    ),
    nlpShadow: counter("nlp_shadow_total", "Messages that a candidate model judged in shadow.", ["agreement", "band_shift"]),

    pmsRequests: counter("pms_requests_total", "Calls to the PMS.", ["operation", "result"]),
    pmsDuration: histogram(
      "pms_request_duration_seconds",
      "Duration of calls to the PMS.",
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      ["operation"],
    ),
    pmsCache: counter("pms_cache_total", "Reads of the PMS by cache result.", ["operation", "result"]),
    pmsCircuit: gauge("pms_circuit_state", "0 closed, 1 half-open, 2 open.", ["tenant_id"]),

    inboxDepth: gauge("inbox_depth", "Conversations with messages that wait for a worker."),
    inboxOldestAge: gauge("inbox_oldest_age_seconds", "Age of the oldest waiting message's conversation."),
    inboxReplyTime: histogram(
      "inbox_reply_seconds",
      "From the message's arrival to its reply's commit.",
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
    ),
    inboxFailures: counter("inbox_failures_total", "Attempts to handle a message that failed.", ["result"]),
    databaseDuration: histogram(
      "database_transaction_seconds",
      "Duration of transactions.",
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    ),
    schemaAhead: gauge("schema_ahead", "Migrations that the database had at the start and this release doesn't know."),
    listenAlive: gauge("listen_alive", "1 while the database's notifications arrive; 0: changes are seen by polling only."),
    oldestSnapshotAge: gauge(
      "database_oldest_snapshot_age_seconds",
      "For how long the oldest snapshot of the database has been held; vacuum can't clean what became dead since.",
    ),
    outboxPending: gauge("outbox_pending", "Replies that wait to be sent, with those that are tried again."),
    outboxOldestAge: gauge("outbox_oldest_age_seconds", "Age of the oldest reply that waits to be sent."),
    outboxDead: gauge("outbox_dead_letters", "Replies that could not be sent and that nobody has sent again."),
    handoversWaiting: gauge("handovers_waiting", "Conversations whose guest waits for a person of reception."),
    handoverOldestAge: gauge("handover_oldest_age_seconds", "For how long the longest waiting of these guests has waited."),
    ticketsOpen: gauge("tickets_open", "Tickets of reception that are open.", ["urgency"]),
    healthCheck: gauge("health_check_ok", "1 when the last check of this dependency or work was well.", ["check"]),
    outboxDeliveries: counter("outbox_deliveries_total", "Deliveries of replies.", ["channel", "result"]),
    messages: counter("messages_total", "Guests' messages stored, without duplicates.", ["channel", "tenant_id"]),
    messageDuplicates: counter("message_duplicates_total", "Messages that had been stored before.", ["channel"]),
  };

  for (const result of ["retried", "failed"]) metrics.inboxFailures.inc({ result }, 0);
  for (const source of ["pubsub", "ttl", "reconnect", "version"]) metrics.flagInvalidations.inc({ source }, 0);
  for (const result of ["explicit", "number", "pattern", "default"]) metrics.tenantResolutions.inc({ result }, 0);
  metrics.tenantRequests.inc({ tenant_id: "default" }, 0);
  metrics.tenantErrors.inc({ tenant_id: "default" }, 0);
  metrics.nlpFallbacks.inc({ tenant_id: "default" }, 0);
  metrics.nlpTenantMessages.inc({ tenant_id: "default" }, 0);
  metrics.degradedAnswers.inc({ route: "conversation" }, 0);
  metrics.tenantMapStale.set(0);
  metrics.flagsStale.set(0);
  for (const urgency of ["urgent", "normal"]) metrics.ticketsOpen.set({ urgency }, 0);
  return metrics;
}
