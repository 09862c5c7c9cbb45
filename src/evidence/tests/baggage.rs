//! What a caller sent along: entries that were recorded one by one, and the header.

use opentelemetry_proto::tonic::common::v1::ArrayValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use super::world::*;
use crate::model::{Bundle, Record};

fn with(mut span: Span, pairs: &[(&str, &str)]) -> Span {
    span.attributes = pairs.iter().map(|(key, value)| text(key, value)).collect();
    span
}

fn shown(records: Vec<Record>) -> Value {
    json!(bundle(records).environment.baggage)
}

fn noted(span: u8, at: u64, pairs: &[(&str, &str)]) -> opentelemetry_proto::tonic::logs::v1::LogRecord {
    let mut record = log(span, at, 9, "noted");
    record.attributes = pairs.iter().map(|(key, value)| text(key, value)).collect();
    record
}

fn of_header(header: &str) -> Bundle {
    bundle(spans(vec![with(failed(span(1, 0, "GET /", 0, 9)), &[("http.request.header.baggage", header)])]))
}

/// Scenario: an entry is set anew on the way down, and once more while the failing span works. Guarantees: its value is that nearest
/// to the failure; entries of spans beside the path are not taken for those of the failure; inputs do not show them again.
#[test]
fn of_an_entry_the_value_nearest_to_the_failure_holds() {
    let all = || {
        let mut all = spans(vec![
            with(span(1, 0, "GET /", 0, 90), &[("baggage.tenant", "t1"), ("baggage.plan", "free"), ("baggage.a", "1")]),
            with(failed(span(2, 1, "pay", 10, 80)), &[("baggage.plan", "paid"), ("order", "7")]),
            with(span(3, 1, "beside", 10, 20), &[("baggage.tenant", "t9"), ("baggage.beside", "yes")]),
        ]);
        all.extend(logs(vec![
            noted(2, 30, &[("baggage.a", "2"), ("baggage.plan", "logged")]),
            noted(2, 20, &[("baggage.a", "0"), ("baggage.early", "yes")]),
            noted(3, 20, &[("baggage.other", "yes")]),
        ]));
        all
    };
    let expected = json!({"tenant": "t1", "plan": "paid", "a": "2"});
    assert_eq!(shown(all()), expected);
    let reversed: Vec<Record> = all().into_iter().rev().collect();
    assert_eq!(shown(reversed), expected, "in any order");
    assert_eq!(json!(bundle(all()).repro.inputs), json!({"order": "7"}));
}

#[test]
fn the_header_is_read_as_its_standard_has_it() {
    let found = of_header("tenant=t1 , user.plan = a%20b%2Cc;ttl=9;secret ,empty=,broken,=x,tenant=t2, bad=%ff");
    let expected = json!({"tenant": "t2", "user.plan": "a b,c", "empty": "", "bad": "\u{fffd}"});
    assert_eq!(json!(found.environment.baggage), expected);
    assert!(!found.completeness.truncated.iter().any(|entry| entry.starts_with("environment.")));

    // As a list, and under the name of RPC; what the program recorded itself says more.
    let list = Any::ArrayValue(ArrayValue { values: vec![any(Any::StringValue("a=1".to_owned())); 2] });
    let mut both =
        with(failed(span(1, 0, "Add", 0, 9)), &[("rpc.request.metadata.baggage", "b=2"), ("baggage.a", "own")]);
    both.attributes.push(kv("http.request.header.baggage", list));
    assert_eq!(shown(spans(vec![both])), json!({"a": "own", "b": "2"}));
}

#[test]
fn a_failure_without_a_span_has_the_entries_of_its_log_records() {
    let mut failing = noted(0, 5, &[("baggage.tenant", "t1")]);
    failing.severity_number = 17;
    assert_eq!(shown(logs(vec![noted(0, 1, &[("baggage.tenant", "t0")]), failing])), json!({"tenant": "t1"}));
    assert!(!json!(bundle(spans(vec![failed(span(1, 0, "a", 0, 9))])).environment).to_string().contains("baggage"));
}

/// Guarantees: no caller fills a bundle by what it sends along, and what is left out is said.
#[test]
fn more_than_every_platform_passes_on_is_left_out_whole_and_said() {
    let many: String = (0..70).map(|n| format!("k{n:02}=v,")).collect();
    let found = of_header(&many);
    let keys: Vec<&String> = found.environment.baggage.keys().collect();
    assert_eq!((keys.len(), keys[0].as_str(), keys[63].as_str()), (64, "k00", "k63"));
    assert!(found.completeness.truncated.contains(&"environment.baggage: 64 of 70 entries are shown".to_owned()));

    let long = "x".repeat(5000);
    let found = of_header(&format!("a={long},b={long},c=1"));
    assert_eq!(found.environment.baggage.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(found.environment.baggage["a"], json!(long), "no value is cut");
    assert!(found.completeness.truncated.contains(&"environment.baggage: 2 of 3 entries are shown".to_owned()));
}
