//! Requests and records that are counted again and again; records under the Collector's names too, which have the signal in them.

use metrics::{Counter, counter};

use crate::model::Signal;
use crate::telemetry::names;

/// Counters begin with nothing: a first time that is also the first sample would be no increase to Prometheus.
pub(super) fn begin(receiver: &'static str, transport: &'static str) {
    for signal in Signal::ALL {
        accepted(receiver, transport, signal, 0);
        refused(receiver, transport, signal, 0);
    }
}

/// Counters of requests of one signal that are taken in, looked up once and not for each of them.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    requests: Counter,
    records: Counter,
    collectors: Counter,
}

impl Taken {
    /// Of OTLP over this transport.
    pub(super) fn new(transport: &'static str, signal: Signal) -> Self {
        let (name, code) = (signal.as_str(), if transport == "grpc" { "OK" } else { "200" });
        Self {
            requests: counter!(names::RECEIVER_REQUESTS, "transport" => transport, "signal" => name, "code" => code),
            records: counter!(names::RECEIVER_ACCEPTED_RECORDS, "transport" => transport, "signal" => name),
            collectors: collectors("otlp", transport, signal),
        }
    }

    /// Counts an answer.
    pub(super) fn answered(&self) {
        self.requests.increment(1);
    }

    /// Counts records that the intake has.
    pub(super) fn accepted(&self, records: u64) {
        self.records.increment(records);
        self.collectors.increment(records);
    }
}

/// Counts records that were admitted.
pub(super) fn accepted(receiver: &'static str, transport: &'static str, signal: Signal, records: u64) {
    collectors(receiver, transport, signal).increment(records);
}

fn collectors(receiver: &'static str, transport: &'static str, signal: Signal) -> Counter {
    let name = match signal {
        Signal::Traces => names::RECEIVER_ACCEPTED_SPANS,
        Signal::Logs => names::RECEIVER_ACCEPTED_LOG_RECORDS,
        Signal::Metrics => names::RECEIVER_ACCEPTED_METRIC_POINTS,
    };
    counter!(name, "receiver" => receiver, "transport" => transport)
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
