//! Attributes added to the resources of a request on the wire, everything else left as it came.

use super::WireError;
use super::wire::{Payload, Reader, put_bytes, put_nested};

/// A copy of `request` (of any signal) in which every resource has these attributes, with string values, behind its own. A
/// record without a resource gets one.
///
/// # Errors
/// If the request is malformed.
pub fn with_resource_attributes(request: &[u8], attributes: &[(String, String)]) -> Result<Vec<u8>, WireError> {
    let mut added = Vec::new();
    for (key, value) in attributes {
        // `Resource.attributes` is field 1; `KeyValue`: key 1, value 2; `AnyValue.string_value` is field 1.
        put_nested(&mut added, 1, |out| {
            put_bytes(out, 1, key.as_bytes());
            put_nested(out, 2, |out| {
                put_bytes(out, 1, value.as_bytes());
                Ok::<_, WireError>(())
            })
        })?;
    }
    let mut out = Vec::with_capacity(request.len() + added.len() + 16);
    let mut reader = Reader::new(request);
    let mut from = reader.pos();
    while let Some((number, payload)) = reader.next()? {
        match payload {
            // `ResourceSpans` and its like.
            Payload::Len(start, end) if number == 1 => {
                put_nested(&mut out, 1, |out| envelope(out, &reader, start, end, &added))?;
            }
            _ => out.extend_from_slice(reader.slice(from, reader.pos())),
        }
        from = reader.pos();
    }
    Ok(out)
}

fn envelope(out: &mut Vec<u8>, outer: &Reader<'_>, start: usize, end: usize, added: &[u8]) -> Result<(), WireError> {
    let mut reader = outer.within(start, end);
    let mut resource = None;
    let begin = out.len();
    let mut from = reader.pos();
    while let Some((number, payload)) = reader.next()? {
        match payload {
            // One that occurs twice is left, for the scan to refuse.
            Payload::Len(start, end) if number == 1 && resource.is_none() => resource = Some(reader.slice(start, end)),
            _ => out.extend_from_slice(reader.slice(from, reader.pos())),
        }
        from = reader.pos();
    }
    let rest = out.split_off(begin);
    let whole = [resource.unwrap_or_default(), added].concat();
    put_bytes(out, 1, &whole);
    out.extend_from_slice(&rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_resource_gets_the_attributes_and_keeps_its_own() {
        let own = KeyValue { key: "service.name".to_owned(), ..KeyValue::default() };
        let logs = vec![ScopeLogs { log_records: vec![LogRecord::default()], ..ScopeLogs::default() }];
        let with = |resource| ResourceLogs { resource, scope_logs: logs.clone(), schema_url: "u".to_owned() };
        let request = ExportLogsServiceRequest {
            resource_logs: vec![with(Some(Resource { attributes: vec![own], ..Resource::default() })), with(None)],
        };
        let added = [("kafka.header.tenant".to_owned(), "blue".to_owned())];
        let out = with_resource_attributes(&request.encode_to_vec(), &added).unwrap();
        let out = ExportLogsServiceRequest::decode(out.as_slice()).unwrap();
        for (before, after) in request.resource_logs.iter().zip(&out.resource_logs) {
            assert_eq!((&before.scope_logs, &before.schema_url), (&after.scope_logs, &after.schema_url));
            let mut expected = before.resource.clone().unwrap_or_default().attributes;
            let attributes = &after.resource.as_ref().unwrap().attributes;
            assert_eq!(attributes.len(), expected.len() + 1);
            let last = attributes.last().unwrap().clone();
            assert_eq!(last.key, "kafka.header.tenant");
            assert_eq!(last.value.clone().unwrap().value, Some(Value::StringValue("blue".to_owned())));
            expected.push(last);
            assert_eq!(attributes, &expected);
        }
    }
}
