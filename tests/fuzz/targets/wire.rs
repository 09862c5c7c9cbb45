//! Views over the wire, held against prost and against one another.

use std::sync::Arc;

use bytes::Bytes;
use casefile::model::{Batch, Budget, Record, Signal};
use casefile::otlp::{self, Grouping, Limits, Scan, WireError};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

/// The first byte is the signal, the rest the request.
pub(crate) fn check(data: &[u8]) {
    let Some((first, request)) = data.split_first() else { return };
    let signal = super::signal(*first);
    drop(otlp::read_profiles(request, &Limits::default()));
    let recorded = otlp::read_recording(request, &Limits::default()).count();
    assert!(recorded <= request.len(), "a recording has no more requests than bytes");
    match otlp::scan(signal, request, &Limits::default()) {
        Ok(found) => walked(signal, request, &found),
        // Within bounds, what prost reads is read, but for envelopes that it merges (which is documented).
        Err(WireError::Malformed { what, .. }) if !what.ends_with("occurs twice") => {
            assert!(!decodes(signal, request), "prost decodes what is refused: {what}");
        }
        Err(_) => {}
    }
}

fn decodes(signal: Signal, request: &[u8]) -> bool {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(request).is_ok(),
        Signal::Logs => ExportLogsServiceRequest::decode(request).is_ok(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(request).is_ok(),
    }
}

/// What a walk yields can be read again, decoded, and written anew.
fn walked(signal: Signal, request: &[u8], found: &Scan) {
    let permit = Budget::new(1).take(0).unwrap();
    let batch = Arc::new(Batch { signal, bytes: Bytes::copy_from_slice(request), packed: None, permit, origin: None });
    for entry in &found.entries {
        assert_eq!(otlp::head(signal, request, entry.body), Some(entry.head), "read again, a record is the same");
        let record = Record { batch: Arc::clone(&batch), entry: *entry };
        otlp::decode(&record).unwrap();
        otlp::decode_origin(&record).unwrap();
        otlp::own_attributes(&record).count();
        otlp::resource_attributes(&record).count();
        std::hint::black_box(otlp::carries_trace_id(&record));
        std::hint::black_box(otlp::shape(&record));
    }
    let split = otlp::split(signal, request, &found.entries, Grouping::Traces);
    let mut records = 0;
    for part in split.parts() {
        records += part.records();
        let mut written = Vec::new();
        part.write(&mut written);
        assert!(written.len() <= part.size(), "a part is no larger than it says");
        let again = otlp::scan(signal, &written, &Limits::default()).unwrap();
        assert_eq!(again.entries.len(), part.records(), "a part has the records that it says");
    }
    assert_eq!(records, found.entries.len(), "every record is in one part");
}
