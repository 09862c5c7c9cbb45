//! Every metric that Casefile reports: name, unit and meaning, in one place.

/// Requests by `transport` (grpc, http), `signal` (of OTLP, or `evidence`, `alerts/sentry`, `alerts/datadog`) and `code` (the transport's status).
pub const RECEIVER_REQUESTS: &str = "casefile_receiver_requests_total";
/// Records admitted, by `transport` and `signal`.
pub const RECEIVER_ACCEPTED_RECORDS: &str = "casefile_receiver_accepted_records_total";
/// Spans admitted, by `receiver` and `transport`, under the Collector's name.
pub const RECEIVER_ACCEPTED_SPANS: &str = "casefile_receiver_accepted_spans";
/// Spans that could not be admitted, for now or for good, by `receiver` and `transport`.
pub const RECEIVER_REFUSED_SPANS: &str = "casefile_receiver_refused_spans";
/// Log records admitted, by `receiver` and `transport`.
pub const RECEIVER_ACCEPTED_LOG_RECORDS: &str = "casefile_receiver_accepted_log_records";
/// Log records that could not be admitted, for now or for good, by `receiver` and `transport`.
pub const RECEIVER_REFUSED_LOG_RECORDS: &str = "casefile_receiver_refused_log_records";
/// Exemplars admitted, by `receiver` and `transport`: of metrics nothing else is kept.
pub const RECEIVER_ACCEPTED_METRIC_POINTS: &str = "casefile_receiver_accepted_metric_points";
/// Exemplars that could not be admitted, for now or for good, by `receiver` and `transport`.
pub const RECEIVER_REFUSED_METRIC_POINTS: &str = "casefile_receiver_refused_metric_points";
/// Records refused for good (partial success), by `transport`, `signal` and `reason`.
pub const RECEIVER_REJECTED_RECORDS: &str = "casefile_receiver_rejected_records_total";
/// Requests refused for now, by `transport`, `signal` and `reason`.
pub const RECEIVER_REFUSED_REQUESTS: &str = "casefile_receiver_refused_requests_total";
/// Handshakes of TLS, by `server` (grpc, http, api) and `result` (ok, failed, timeout).
pub const TLS_HANDSHAKES: &str = "casefile_tls_handshakes_total";
/// Certificates that have changed, by `server` and `result` (ok, failed: the old ones stay).
pub const TLS_RELOADS: &str = "casefile_tls_reloads_total";
/// Requests that were not let in, by `server` and `reason` (missing, malformed, unknown, no_tenant, unknown_tenant).
pub const AUTH_REFUSED_REQUESTS: &str = "casefile_auth_refused_requests_total";
/// Files of tokens that have changed, by `server` and `result` (ok, failed: the old ones stay).
pub const AUTH_RELOADS: &str = "casefile_auth_reloads_total";
/// Records admitted of a declared tenant, by `tenant`.
pub const TENANT_ACCEPTED_RECORDS: &str = "casefile_tenant_accepted_records_total";
/// Requests of a declared tenant that were refused for now, by `tenant` and `reason`.
pub const TENANT_REFUSED_REQUESTS: &str = "casefile_tenant_refused_requests_total";
/// Bytes that open windows of a declared tenant with a limit of its own hold, by `tenant`.
pub const TENANT_WINDOW_BYTES: &str = "casefile_tenant_window_bytes";
/// Configurations that were read again, by `result` (ok, unchanged, failed: not valid, refused: needs a restart). After the last two the old one stays in force.
pub const CONFIG_RELOADS: &str = "casefile_config_reloads_total";
/// Messages read from Kafka, by `topic`.
pub const KAFKA_MESSAGES: &str = "casefile_kafka_messages_total";
/// Messages that could not be read and were passed over, by `topic` and `reason` (tombstone, undecodable).
pub const KAFKA_POISON_MESSAGES: &str = "casefile_kafka_poison_messages_total";
/// Messages whose traces may be in other lanes too, since their partition does not follow from these traces, by `topic` and `reason` (no_key, other_key, several_traces, other_partition).
pub const KAFKA_MISROUTED_MESSAGES: &str = "casefile_kafka_misrouted_messages_total";
/// Messages that a topic's retention took away before they were read, by `topic`.
pub const KAFKA_LOST_MESSAGES: &str = "casefile_kafka_lost_messages_total";
/// Changes of the assignment, by `event` (assigned, revoked, lost).
pub const KAFKA_REBALANCES: &str = "casefile_kafka_rebalances_total";
/// Lanes that this member reads.
pub const KAFKA_LANES: &str = "casefile_kafka_lanes";
/// Partitions of which nothing is fetched because what was fetched waits.
pub const KAFKA_PAUSED_PARTITIONS: &str = "casefile_kafka_paused_partitions";
/// Messages between the committed offset and the end, by `topic` and `partition`.
pub const KAFKA_LAG: &str = "casefile_kafka_lag_messages";
/// Age in seconds of the oldest message that has had no outcome, by `lane`: what holds the committed offset.
pub const KAFKA_WATERMARK_AGE: &str = "casefile_kafka_watermark_age_seconds";
/// Seconds for which records have waited for the committed offset to move, by `lane`: for windows to close, or for a store.
pub const KAFKA_COMMIT_HOLD: &str = "casefile_kafka_commit_hold_seconds";
/// Lanes of which this member has some partitions and not all, so that nobody reads them.
pub const KAFKA_INCOMPLETE_LANES: &str = "casefile_kafka_incomplete_lanes";
/// Commits answered, by `result` (ok, failed).
pub const KAFKA_COMMITS: &str = "casefile_kafka_commits_total";
/// Bytes held by open windows, and by encrypted records that wait to be stored.
pub const WINDOW_BYTES: &str = "casefile_window_bytes";
/// Open traces in windows: those with a trigger, or all where a policy needs whole traces.
pub const WINDOW_TRACES: &str = "casefile_window_traces";
/// Log records without a trace id that are held in case a bundle takes them in.
pub const WINDOW_LOOSE_LOGS: &str = "casefile_window_loose_logs";
/// Open traces closed, by `reason`.
pub const WINDOW_CLOSED_TRACES: &str = "casefile_window_closed_traces_total";
/// Records that an earlier process had acknowledged and not decided, taken up from disk at start.
pub const WINDOW_RECOVERED_RECORDS: &str = "casefile_window_recovered_records_total";
/// Frames of the window log that could not be read at start: acknowledged records may be lost. Their files are set aside.
pub const WINDOW_DAMAGED_FRAMES: &str = "casefile_window_damaged_frames_total";
/// Bytes of the window log on disk, with files that wait to be used again.
pub const WINDOW_LOG_BYTES: &str = "casefile_window_log_bytes";
/// Records that came after the decision about their trace.
pub const WINDOW_LATE_RECORDS: &str = "casefile_window_late_records_total";
/// Traces that failed after records of them had been let go, not sampled: their bundles hold what was still there.
pub const WINDOW_LATE_FAILURES: &str = "casefile_window_late_failures_total";
/// Traces that policies asked for or not, by `policy`, `sampled` (true, false) and `decision` (sampled, not_sampled, dropped), under the Collector's name. Only the policy that decided counts.
pub const TAIL_SAMPLING_TRACES: &str = "casefile_processor_tail_sampling_count_traces_sampled";
/// Traces decided, by `sampled` (true, false).
pub const TAIL_SAMPLING_GLOBAL: &str = "casefile_processor_tail_sampling_global_count_traces_sampled";
/// Traces in memory that wait for a decision.
pub const TAIL_SAMPLING_ON_MEMORY: &str = "casefile_processor_tail_sampling_sampling_traces_on_memory";
/// Traces decided before their time because the windows were full.
pub const TAIL_SAMPLING_TOO_EARLY: &str = "casefile_processor_tail_sampling_sampling_trace_dropped_too_early";
/// Traces decided, by `decision` (sampled, not_sampled, dropped) and `policy`.
pub const SAMPLING_DECISIONS: &str = "casefile_sampling_decisions_total";
/// Records by `outcome` (bundled, not_sampled, dropped, carried, reread) and `reason` (of a drop).
pub const RECORDS: &str = "casefile_records_total";
/// Accepted records that were lost without an outcome: more than zero is a bug.
pub const UNDECIDED_RECORDS: &str = "casefile_undecided_records_total";
/// Edits by redaction `rule`.
pub const REDACTION_EDITS: &str = "casefile_redaction_edits_total";
/// Bundles made, those with all of their evidence under `missing` = none and the others under each part that is `missing`.
pub const BUNDLE_COMPLETENESS: &str = "casefile_bundle_completeness_total";
/// Bundles of which something was cut to keep them within their size, by `part` of the document.
pub const BUNDLE_CUTS: &str = "casefile_bundle_cuts_total";
/// Bundles and objects of raw evidence written, by `exporter` and `result` (stored, unchanged, amended, failed).
pub const EXPORTER_BUNDLES: &str = "casefile_exporter_bundles_total";
/// Bundles stored, by `exporter`, under a name like the Collector's.
pub const EXPORTER_SENT_BUNDLES: &str = "casefile_exporter_sent_bundles";
/// Bundles given up, by `exporter`.
pub const EXPORTER_SEND_FAILED_BUNDLES: &str = "casefile_exporter_send_failed_bundles";
/// Time from a failure, by its own clock, until its bundle is stored, by `exporter`.
pub const ERROR_TO_BUNDLE: &str = "casefile_error_to_bundle_seconds";
/// Traces of which two processes had a part each, by `exporter`: whatever stands before them does not send all of a trace to one.
pub const EXPORTER_SPLIT_TRACES: &str = "casefile_exporter_split_traces_total";
/// Files for incidents written, by `exporter` and `result` (stored, unchanged, failed).
pub const EXPORTER_ATTACHMENTS: &str = "casefile_exporter_attachments_total";
/// Retried requests, by `exporter`.
pub const EXPORTER_RETRIES: &str = "casefile_exporter_retries_total";
/// Bundles that wait for the store, by `exporter`.
pub const EXPORTER_QUEUE: &str = "casefile_exporter_queue_size";
/// Most bundles that may wait, by `exporter`.
pub const EXPORTER_QUEUE_CAPACITY: &str = "casefile_exporter_queue_capacity";
/// Messages to Kafka that have had their answer, by `exporter`, `signal` and `result` (delivered, failed). Clients send again what has failed.
pub const EXPORTER_KAFKA_MESSAGES: &str = "casefile_exporter_kafka_messages_total";
/// Bytes of messages that wait for the brokers' acknowledgement, by `exporter`.
pub const EXPORTER_KAFKA_PENDING_BYTES: &str = "casefile_exporter_kafka_pending_bytes";
/// Events sent to webhooks, by `exporter` and `result` (delivered, failed, queue_full).
pub const WEBHOOK_EVENTS: &str = "casefile_webhook_events_total";
