//! Attachments as records: an OTLP log record each (see [`ATTACHMENT_EVENT`]).

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::model::{ATTACHMENT_EVENT, ATTACHMENT_KIND, ATTACHMENT_NAME, SpanId, TraceId};

/// A file, and what it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachedFile {
    /// The trace; all zero where it belongs to none.
    pub trace_id: TraceId,
    /// The span; all zero where it belongs to none.
    pub span_id: SpanId,
    /// `service.name`; may be empty.
    pub service: String,
    /// Its name; may be empty.
    pub name: String,
    /// Its kind; empty where it is to be told from the content.
    pub kind: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The request that brings a file as a log record: an error where `failed`, so that policies see it as they see other errors.
///
/// It has no time. That it is a function of the file alone makes a file that is sent twice one record.
#[must_use]
pub fn write_attachment(file: AttachedFile, failed: bool) -> Vec<u8> {
    let AttachedFile { trace_id, span_id, service, name, kind, content } = file;
    let severity = if failed { SeverityNumber::Error } else { SeverityNumber::Info };
    let text = |key: &str, text: String| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(text)) }),
        key_strindex: 0,
    };
    let present = |key: &str, value: String| (!value.is_empty()).then(|| text(key, value));
    let record = LogRecord {
        trace_id: if trace_id.is_zero() { Vec::new() } else { trace_id.0.to_vec() },
        span_id: if span_id.is_zero() { Vec::new() } else { span_id.0.to_vec() },
        severity_number: severity as i32,
        event_name: ATTACHMENT_EVENT.to_owned(),
        attributes: present(ATTACHMENT_NAME, name).into_iter().chain(present(ATTACHMENT_KIND, kind)).collect(),
        body: Some(AnyValue { value: Some(Value::BytesValue(content)) }),
        ..LogRecord::default()
    };
    let resource =
        present("service.name", service).map(|service| Resource { attributes: vec![service], ..Resource::default() });
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// The file that a log record brings: its name, kind and content; `None` if it is a log record like any other.
#[must_use]
pub fn attachment_in(record: &LogRecord) -> Option<(&str, &str, &[u8])> {
    if record.event_name != ATTACHMENT_EVENT {
        return None;
    }
    let attribute = |key: &str| {
        record.attributes.iter().rev().find(|pair| pair.key == key).and_then(|pair| text(pair.value.as_ref()))
    };
    let content = match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::BytesValue(bytes)) => bytes.as_slice(),
        Some(Value::StringValue(text)) => text.as_bytes(),
        _ => return None,
    };
    Some((attribute(ATTACHMENT_NAME).unwrap_or_default(), attribute(ATTACHMENT_KIND).unwrap_or_default(), content))
}

fn text(value: Option<&AnyValue>) -> Option<&str> {
    match value?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SEVERITY_ERROR, Signal};
    use crate::otlp::{Body, Limits, decode, scan};

    fn record(request: Vec<u8>) -> crate::model::Record {
        let entry = scan(Signal::Logs, &request, &Limits::default()).unwrap().entries.remove(0);
        let permit = crate::model::Budget::new(0).take(0).unwrap();
        let batch =
            crate::model::Batch { signal: Signal::Logs, bytes: request.into(), packed: None, permit, origin: None };
        crate::model::Record { batch: batch.into(), entry }
    }

    #[test]
    fn a_file_comes_back_out_of_its_record_whatever_its_bytes() {
        let content = vec![0xff, 0, 0x80, b'x'];
        let file = AttachedFile {
            trace_id: TraceId([7; 16]),
            service: "shop".to_owned(),
            name: "core.1".to_owned(),
            content: content.clone(),
            ..AttachedFile::default()
        };
        let record = record(write_attachment(file, true));
        assert_eq!((record.entry.head.trace_id, record.entry.head.severity), (TraceId([7; 16]), SEVERITY_ERROR));
        let Ok(Body::Log(log)) = decode(&record) else { panic!("not a log record") };
        assert_eq!(attachment_in(&log), Some(("core.1", "", content.as_slice())));
    }

    #[test]
    fn a_log_record_is_no_file() {
        assert_eq!(attachment_in(&LogRecord::default()), None);
        let record = LogRecord { event_name: ATTACHMENT_EVENT.to_owned(), ..LogRecord::default() };
        assert_eq!(attachment_in(&record), None, "it brings nothing");
    }
}
