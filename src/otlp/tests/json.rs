//! OTLP/JSON, in and out.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::{span, text, traces, value};
use crate::model::Signal;
use crate::otlp::{Limits, WireError, from_json, scan, to_json};

fn read(json: &str) -> Result<Vec<u8>, WireError> {
    from_json(Signal::Traces, json.as_bytes(), &Limits::default())
}

/// A request of one span with these members, decoded.
fn one(members: &str) -> Result<Span, WireError> {
    let bytes = read(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{members}}}]}}]}}]}}"#))?;
    let mut request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    Ok(request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0))
}

fn attribute(value: &str) -> Result<Value, WireError> {
    let span = one(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#))?;
    Ok(span.attributes[0].value.clone().unwrap().value.unwrap())
}

#[test]
fn otlp_52_ids_are_hex_in_either_case() {
    let span = one(r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174""#).unwrap();
    assert_eq!(span.trace_id[..2], [0x5b, 0x8e]);
    assert_eq!(span.span_id, [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74]);
}

#[test]
fn otlp_53_base64_ids_are_refused() {
    assert!(one(r#""traceId":"W47/95gDgQPSabYzgT/GDA==""#).is_err());
}

#[test]
fn otlp_54_other_bytes_are_base64() {
    for text in ["+/8=", "+/8", "-_8="] {
        assert_eq!(attribute(&format!(r#"{{"bytesValue":"{text}"}}"#)).unwrap(), Value::BytesValue(vec![0xfb, 0xff]));
    }
    assert!(attribute(r#"{"bytesValue":"*"}"#).is_err());
}

#[test]
fn otlp_55_enum_names_are_refused() {
    assert_eq!(one(r#""kind":2,"status":{"code":2}"#).unwrap().kind, 2);
    for members in [r#""kind":"SPAN_KIND_SERVER""#, r#""kind":"2""#, r#""status":{"code":"STATUS_CODE_ERROR"}"#] {
        assert!(one(members).is_err(), "{members}");
    }
}

#[test]
fn otlp_56_unknown_fields_are_ignored_at_every_depth() {
    let unknown = r#""future":{"a":[1,{"b":null}]}"#;
    let json = format!(
        r#"{{{unknown},"resourceSpans":[{{{unknown},"resource":{{{unknown}}},"scopeSpans":[{{{unknown},"scope":{{{unknown}}},
        "spans":[{{{unknown},"name":"x","events":[{{{unknown}}}],"links":[{{{unknown}}}],"status":{{{unknown}}},
        "attributes":[{{{unknown},"key":"k","value":{{{unknown},"stringValue":"v"}}}}]}}]}}]}}]}}"#
    );
    let request = ExportTraceServiceRequest::decode(read(&json).unwrap().as_slice()).unwrap();
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.name.as_str(), &span.attributes), ("x", &vec![text("k", "v")]));
}

#[test]
fn otlp_57_snake_case_is_an_unknown_field() {
    assert_eq!(one(r#""start_time_unix_nano":"5","name":"x""#).unwrap().start_time_unix_nano, 0);
    assert!(read(r#"{"resource_spans":[{}]}"#).unwrap().is_empty());
}

#[test]
fn otlp_58_64_bit_integers_are_accepted_as_string_or_number() {
    for json in ["18446744073709551615", "\"18446744073709551615\""] {
        assert_eq!(one(&format!(r#""startTimeUnixNano":{json}"#)).unwrap().start_time_unix_nano, u64::MAX);
    }
    for json in ["-9223372036854775808", "\"-9223372036854775808\""] {
        assert_eq!(attribute(&format!(r#"{{"intValue":{json}}}"#)).unwrap(), Value::IntValue(i64::MIN));
    }
    for bad in ["18446744073709551616", "-1", "1.5", "\"x\"", "true", "[]"] {
        assert!(one(&format!(r#""startTimeUnixNano":{bad}"#)).is_err(), "{bad}");
    }
}

#[test]
fn otlp_59_64_bit_integers_are_emitted_as_strings() {
    let mut one = span("x");
    one.attributes = vec![super::KeyValue { value: Some(value(Value::IntValue(-3))), ..text("k", "") }];
    let json = to_json(Signal::Traces, &traces(vec![one]).encode_to_vec()).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert!(json.contains(r#""startTimeUnixNano":"10""#) && json.contains(r#""intValue":"-3""#), "{json}");
    assert!(json.contains(r#""traceId":"01010101010101010101010101010101""#), "{json}");
}

#[test]
fn otlp_60_an_id_of_the_wrong_length_rejects_its_record_alone() {
    for id in ["0102", "0102030405060708090a0b0c0d0e0f1", "0102030405060708090a0b0c0d0e0f101"] {
        let spans = format!(
            r#"{{"traceId":"{id}","spanId":"0102030405060708"}},
            {{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","parentSpanId":""}}"#
        );
        let bytes = read(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)).unwrap();
        let found = scan(Signal::Traces, &bytes, &Limits::default()).unwrap();
        assert_eq!((found.entries.len(), found.rejected.trace_id), (1, 1), "{id}");
    }
}

#[test]
fn input_11_json_nested_10_000_deep_is_refused() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let value = format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(10_000), "]}}".repeat(10_000));
    for json in [deep.clone(), format!(r#"{{"unknown":{deep}}}"#), r#"{"a":"#.repeat(10_000)] {
        assert!(matches!(read(&json), Err(WireError::Json(_))));
    }
    assert!(attribute(&value).is_err());
}

#[test]
fn input_34_nan_and_infinities_go_in_and_out_as_strings() {
    for (text, expected) in
        [("\"NaN\"", f64::NAN), ("\"Infinity\"", f64::INFINITY), ("\"-Infinity\"", f64::NEG_INFINITY)]
    {
        let Value::DoubleValue(found) = attribute(&format!(r#"{{"doubleValue":{text}}}"#)).unwrap() else { panic!() };
        assert!(found == expected || found.is_nan() && expected.is_nan());
        let mut one = span("x");
        one.attributes = vec![super::KeyValue { value: Some(value(Value::DoubleValue(expected))), ..text_of("k") }];
        let json = to_json(Signal::Traces, &traces(vec![one]).encode_to_vec()).unwrap();
        assert!(String::from_utf8(json).unwrap().contains(&format!(r#""doubleValue":{text}"#)));
    }
    assert!(attribute(r#"{"doubleValue":"inf"}"#).is_err());
}

fn text_of(key: &str) -> super::KeyValue {
    text(key, "")
}

#[test]
fn a_lone_surrogate_and_bytes_that_are_no_utf8_are_repaired() {
    let Value::StringValue(found) = attribute(r#"{"stringValue":"a\ud83d"}"#).unwrap() else { panic!() };
    assert!(found.starts_with('a') && found.contains('\u{fffd}'));
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a@"}]}]}]}"#;
    let json: Vec<u8> = json.iter().map(|byte| if *byte == b'@' { 0xff } else { *byte }).collect();
    assert!(from_json(Signal::Traces, &json, &Limits::default()).is_ok());
}

#[test]
fn null_is_no_value() {
    let span = one(r#""traceId":null,"attributes":null,"status":null,"startTimeUnixNano":null,"name":null"#).unwrap();
    assert_eq!(span, Span::default());
}

#[test]
fn errors_name_the_field_and_never_quote_the_value() {
    for members in [
        r#""traceId":"s3cret""#,
        r#""kind":"s3cret""#,
        r#""name":["s3cret"]"#,
        r#""attributes":"s3cret""#,
        r#""startTimeUnixNano":"s3cret""#,
        r#""status":"s3cret""#,
        r#""attributes":["s3cret"]"#,
    ] {
        let error = one(members).unwrap_err().to_string();
        assert!(error.contains("line") && !error.contains("s3cret"), "{error}");
    }
}
