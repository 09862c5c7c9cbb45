//! Files of requests.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;

use super::{span, traces};
use crate::model::Signal;
use crate::otlp::{Limits, Recorded, WireError, read_recording, to_json, write_json_line, write_length_delimited};

fn samples() -> [Recorded; 2] {
    let log_records = vec![LogRecord { time_unix_nano: 9, trace_id: vec![1; 16], ..LogRecord::default() }];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let logs = ExportLogsServiceRequest { resource_logs };
    [(Signal::Traces, traces(vec![span("x")]).encode_to_vec()), (Signal::Logs, logs.encode_to_vec())]
}

fn read(bytes: &[u8]) -> Vec<Result<Recorded, WireError>> {
    read_recording(bytes, &Limits::default()).collect()
}

fn expected() -> Vec<Result<Recorded, WireError>> {
    samples().into_iter().map(Ok).collect()
}

fn json_lines() -> Vec<u8> {
    let mut out = Vec::new();
    for (signal, request) in samples() {
        write_json_line(signal, &request, &mut out).unwrap();
    }
    out
}

#[test]
fn json_lines_are_read_back() {
    let lines = json_lines();
    assert_eq!(read(&lines), expected());
    assert_eq!(read(&[b"\xef\xbb\xbf\r\n\n", lines.as_slice()].concat()), expected());
}

#[test]
fn a_bad_line_is_an_error_of_its_own_with_its_number() {
    let text = String::from_utf8(json_lines()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(1, r#"{"resourceSpans":[{"#);
    let found = read(lines.join("\n").as_bytes());
    assert_eq!(found.len(), 3);
    assert!(matches!(&found[1], Err(WireError::InRecording { unit: "line", at: 2, .. })), "{:?}", found[1]);
    assert!(found[0].is_ok() && found[2].is_ok());
}

#[test]
fn pretty_printed_documents_are_read() {
    let mut pretty = Vec::new();
    for line in json_lines().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        pretty.extend(serde_json::to_vec_pretty(&value).unwrap());
        pretty.push(b'\n');
    }
    // Pretty-printing sorted the keys, so the requests are compared in one order of fields.
    let json = |found: Vec<Result<Recorded, WireError>>| -> Vec<Vec<u8>> {
        found.into_iter().map(Result::unwrap).map(|(signal, request)| to_json(signal, &request).unwrap()).collect()
    };
    assert_eq!(json(read(&pretty)), json(expected()));
}

#[test]
fn a_single_protobuf_request_is_read_as_its_signal() {
    for (signal, request) in samples() {
        assert_eq!(read(&request), [Ok((signal, request.clone()))]);
    }
}

#[test]
fn length_delimited_requests_are_read_with_varint_and_big_endian_lengths() {
    let (mut varint, mut fixed) = (Vec::new(), Vec::new());
    for (_, request) in samples() {
        write_length_delimited(&request, &mut varint);
        fixed.extend_from_slice(&u32::try_from(request.len()).unwrap().to_be_bytes());
        fixed.extend_from_slice(&request);
    }
    assert_eq!(read(&varint), expected());
    assert_eq!(read(&fixed), expected());
    let torn = read(&varint[..varint.len() - 1]);
    assert!(torn[0].is_ok());
    assert!(matches!(torn[1], Err(WireError::InRecording { unit: "byte", .. })));
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    assert_eq!(read(b""), []);
    assert_eq!(read(b"name,value\n1,2\n"), [Err(WireError::NotARecording)]);
    assert!(matches!(read(b"{\"a\": 1}")[..], [Err(WireError::InRecording { unit: "line", at: 1, .. })]));
}
