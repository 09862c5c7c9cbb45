//! Records counted under the Collector's names, which have the signal in them.

use metrics::counter;

use crate::model::Signal;
use crate::telemetry::names;

/// Counters begin with nothing: a first time that is also the first sample would be no increase to Prometheus.
pub(super) fn begin(receiver: &'static str, transport: &'static str) {
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        accepted(receiver, transport, signal, 0);
        refused(receiver, transport, signal, 0);
    }
}

/// Counts records that were admitted.
pub(super) fn accepted(receiver: &'static str, transport: &'static str, signal: Signal, records: u64) {
    let name = match signal {
        Signal::Traces => names::RECEIVER_ACCEPTED_SPANS,
        Signal::Logs => names::RECEIVER_ACCEPTED_LOG_RECORDS,
        Signal::Metrics => names::RECEIVER_ACCEPTED_METRIC_POINTS,
    };
    counter!(name, "receiver" => receiver, "transport" => transport).increment(records);
}

/// Counts records that could not be admitted.
pub(super) fn refused(receiver: &'static str, transport: &'static str, signal: Signal, records: u64) {
    let name = match signal {
        Signal::Traces => names::RECEIVER_REFUSED_SPANS,
        Signal::Logs => names::RECEIVER_REFUSED_LOG_RECORDS,
        Signal::Metrics => names::RECEIVER_REFUSED_METRIC_POINTS,
    };
    counter!(name, "receiver" => receiver, "transport" => transport).increment(records);
}
