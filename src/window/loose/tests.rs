use std::collections::BTreeSet;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::model::{Ledger, Totals};
use crate::otlp::{Limits, scan};

const SECOND: u64 = 1_000_000_000;
const HOLD: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Timestamp {
    Timestamp(1_750_000_000 * SECOND + seconds * SECOND)
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// A log record of an instance, `seconds` after the beginning, with attributes.
#[derive(Debug, Clone, PartialEq)]
struct Log {
    instance: &'static str,
    record: LogRecord,
}

fn log(instance: &'static str, seconds: u64, severity: i32, body: &str, attributes: &[(&str, AnyValue)]) -> Log {
    let record = LogRecord {
        time_unix_nano: at(seconds).0,
        severity_number: severity,
        body: Some(text(body)),
        attributes: attributes.iter().map(|(key, value)| attribute(key, value.clone())).collect(),
        ..LogRecord::default()
    };
    Log { instance, record }
}

fn resource(instance: &str) -> Resource {
    let attributes = vec![attribute("service.name", text("shop")), attribute("service.instance.id", text(instance))];
    Resource { attributes, ..Resource::default() }
}

struct Memory {
    loose: LooseLogs,
    ledger: Arc<Ledger>,
    budget: Budget,
}

impl Memory {
    fn new(settings: &LogJoin) -> Self {
        let budget = Budget::new(1 << 20);
        Self { loose: LooseLogs::compile(settings, HOLD, &budget).unwrap(), ledger: Arc::default(), budget }
    }

    fn records(&self, logs: &[Log]) -> Vec<Record> {
        let resource_logs = logs.iter().map(|log| ResourceLogs {
            resource: Some(resource(log.instance)),
            scope_logs: vec![ScopeLogs { log_records: vec![log.record.clone()], ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        });
        let request = ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec();
        let entries = scan(Signal::Logs, &request, &Limits::default()).unwrap().entries;
        let permit = self.budget.take(request.len()).unwrap();
        let batch =
            Arc::new(Batch { signal: Signal::Logs, bytes: Bytes::from(request), packed: None, permit, origin: None });
        entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect()
    }

    fn admit(&self, now: Timestamp, logs: &[Log]) -> Vec<Late> {
        let records = self.records(logs);
        let Some(first) = records.first() else { return Vec::new() };
        let entries: Vec<Entry> = records.iter().map(|record| record.entry).collect();
        self.loose.admit(now, &first.batch, entries.iter(), self.ledger.accept(entries.len() as u64))
    }

    /// The ids of a trace with such a record.
    fn ids(&self, attributes: &[(&str, AnyValue)]) -> BTreeSet<CorrelationId> {
        let mut log = log("1", 0, 9, "", attributes);
        log.record.trace_id = vec![7; 16];
        self.loose.ids(&self.records(&[log]))
    }

    fn around(&self, instance: &str, at: Timestamp) -> (Vec<String>, bool) {
        let found = self.loose.around(&resource(instance).encode_to_vec(), at);
        (bodies(&found), found.more)
    }

    fn sharing(&self, attributes: &[(&str, AnyValue)]) -> Vec<String> {
        bodies(&self.loose.sharing(&self.ids(attributes)))
    }

    fn totals(&self) -> Totals {
        self.ledger.totals()
    }
}

fn bodies(found: &LooseSet) -> Vec<String> {
    let body = |loose: &Arc<Loose>| match LogRecord::decode(loose.record().body()).unwrap().body.unwrap().value {
        Some(any_value::Value::StringValue(text)) => text,
        _ => String::new(),
    };
    found.logs.iter().map(body).collect()
}

fn by_request() -> LogJoin {
    LogJoin { correlate_by: vec!["request_id".to_owned()], ..LogJoin::default() }
}

fn ambient(max: usize) -> LogJoin {
    let mut settings = LogJoin::default();
    settings.ambient.max = max;
    settings
}

#[test]
fn a_value_joins_in_every_spelling_of_its_name_and_whatever_its_type() {
    let memory = Memory::new(&by_request());
    let list = |values: Vec<AnyValue>| AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values })) };
    let number = AnyValue { value: Some(any_value::Value::IntValue(4711)) };
    memory.admit(at(0), &[log("1", 0, 9, "joins", &[("x-Request-ID", text(" 4711 "))])]);
    let keys = [
        "request_id",
        "request.id",
        "requestId",
        "http.request.id",
        "X-Request-Id",
        "http.response.header.x-request-id",
    ];
    for key in keys {
        assert_eq!(memory.sharing(&[(key, text("4711"))]), ["joins"], "{key}");
    }
    assert_eq!(memory.sharing(&[("request_id", number)]), ["joins"]);
    assert_eq!(memory.sharing(&[("http.request.header.x-request-id", list(vec![text("4711")]))]), ["joins"]);
    for (key, value) in
        [("request_id", "4712"), ("request", "4711"), ("http.request", "4711"), ("trace.request_id", "4711")]
    {
        assert_eq!(memory.sharing(&[(key, text(value))]), [""; 0], "{key}: {value}");
    }
    memory.loose.clear();
}

#[test]
fn what_stands_for_no_value_joins_nothing() {
    let memory = Memory::new(&LogJoin { ambient: ambient(0).ambient, ..by_request() });
    for value in ["", " ", "-", "0", "null", "N/A", "00000000-0000-0000-0000-000000000000", &"7".repeat(300)] {
        memory.admit(at(0), &[log("1", 0, 9, "no id", &[("request_id", text(value))])]);
        assert_eq!(memory.sharing(&[("request_id", text(value))]), [""; 0], "{value}");
    }
    assert!(memory.loose.is_empty());
    assert_eq!(memory.totals().dropped, 8);
}

#[test]
fn two_names_do_not_share_their_values() {
    let names = vec!["request_id".to_owned(), "order_id".to_owned()];
    let memory = Memory::new(&LogJoin { correlate_by: names, ..LogJoin::default() });
    memory.admit(at(0), &[log("1", 0, 9, "order", &[("order_id", text("17a"))])]);
    assert_eq!(memory.sharing(&[("request_id", text("17a"))]), [""; 0]);
    assert_eq!(memory.sharing(&[("order.id", text("17a")), ("request_id", text("1"))]), ["order"]);
    memory.loose.clear();
}

#[test]
fn a_record_that_was_joined_itself_brings_no_other_ids_in() {
    let memory = Memory::new(&by_request());
    let without = memory.records(&[log("1", 0, 9, "", &[("request_id", text("a7"))])]);
    assert_eq!(memory.loose.ids(&without), BTreeSet::new());
}

#[test]
fn a_record_that_comes_after_its_trace_was_kept_is_a_late_one_of_it() {
    let memory = Memory::new(&by_request());
    let (trace, id) = (TraceId([7; 16]), memory.ids(&[("request_id", text("a7"))]));
    memory.loose.keep(at(0), trace, &id);
    let sent = [log("1", 1, 9, "late", &[("request_id", text("a7"))])];
    let mut late = memory.admit(at(1), &sent);
    assert_eq!(late.len(), 1);
    let Late { trace_id, record, tracked } = late.remove(0);
    assert_eq!((trace_id, record.entry.head.trace_id, tracked.records()), (trace, trace, 1));
    tracked.settle(Outcome::Bundled);
    assert_eq!(memory.sharing(&[("request_id", text("a7"))]), ["late"], "for another trace that may carry it");

    // An id is taken to mean something else after the time that records are held.
    assert!(memory.admit(at(61), &sent).is_empty());
    memory.loose.keep(at(61), trace, &id);
    memory.loose.release(trace, &id);
    assert!(memory.admit(at(62), &sent).is_empty(), "its trace was not kept after all");
    memory.loose.clear();
    assert_eq!(memory.totals(), Totals { accepted: 3, bundled: 1, dropped: 2, ..Totals::default() });
}

#[test]
fn the_first_bundle_owes_the_outcome_and_others_show_the_record_too() {
    let memory = Memory::new(&by_request());
    memory.admit(at(0), &[log("1", 0, 9, "shared", &[("request_id", text("a7"))])]);
    let id = memory.ids(&[("request_id", text("a7"))]);
    let (first, second) = (memory.loose.sharing(&id), memory.loose.sharing(&id));
    first.logs[0].claim().unwrap().settle(Outcome::Bundled);
    assert!(second.logs[0].claim().is_none());
    memory.loose.clear();
    assert_eq!(memory.totals(), Totals { accepted: 1, bundled: 1, ..Totals::default() });
}

#[test]
fn a_record_that_is_forgotten_while_a_bundle_is_made_of_it_ends_by_that_bundle() {
    let memory = Memory::new(&by_request());
    memory.admit(at(0), &[log("1", 0, 9, "shared", &[("request_id", text("a7"))])]);
    let found = memory.loose.sharing(&memory.ids(&[("request_id", text("a7"))]));
    memory.loose.expire(at(60));
    assert!(memory.loose.is_empty());
    assert_eq!(memory.totals().pending(), 1);
    found.logs[0].claim().unwrap().settle(Outcome::Bundled);
    drop(found);
    assert_eq!(memory.totals(), Totals { accepted: 1, bundled: 1, ..Totals::default() });
    assert_eq!(memory.budget.used(), 0);
}

#[test]
fn ambient_are_the_noteworthy_and_the_nearest_of_the_same_instance_that_carry_no_id() {
    let memory = Memory::new(&LogJoin { ambient: ambient(3).ambient, ..by_request() });
    let logs = [
        log("1", 19, 9, "too early", &[]),
        log("1", 20, 13, "warns", &[]),
        log("1", 27, 9, "far", &[]),
        log("1", 28, 9, "near", &[]),
        log("1", 30, 9, "at once", &[]),
        log("1", 32, 9, "too late", &[]),
        log("1", 30, 9, "somebody's request", &[("request_id", text("a7"))]),
        log("2", 30, 9, "another instance", &[]),
    ];
    memory.admit(at(32), &logs);
    assert_eq!(memory.around("1", at(30)), (vec!["warns".to_owned(), "at once".to_owned(), "near".to_owned()], true));
    assert_eq!(memory.around("2", at(30)), (vec!["another instance".to_owned()], false));
    assert_eq!(memory.around("3", at(30)), (Vec::new(), false));
    assert_eq!(memory.around("1", Timestamp(0)), (Vec::new(), false), "a failure without a time");
    memory.loose.clear();
    assert_eq!(memory.totals(), Totals { accepted: 8, dropped: 8, ..Totals::default() });
    assert_eq!(memory.ledger.dropped(DropReason::NoTraceId), 8);
}

#[test]
fn nothing_is_held_where_nothing_can_join_it() {
    let memory = Memory::new(&ambient(0));
    memory.admit(at(0), &[log("1", 0, 9, "", &[("request_id", text("a7"))])]);
    assert_eq!(memory.totals(), Totals { accepted: 1, dropped: 1, ..Totals::default() });
    let memory = Memory::new(&ambient(5));
    let mut timeless = log("1", 0, 9, "", &[]);
    timeless.record.time_unix_nano = 0;
    memory.admit(at(0), &[timeless]);
    assert_eq!(memory.totals(), Totals { accepted: 1, dropped: 1, ..Totals::default() });
    assert_eq!(memory.budget.used(), 0);
}

#[test]
fn records_are_held_for_their_time_and_within_their_share_of_the_bytes() {
    let memory = Memory::new(&ambient(1000));
    memory.admit(at(0), &[log("1", 0, 9, "a", &[])]);
    memory.admit(at(30), &[log("1", 30, 9, "b", &[])]);
    memory.loose.expire(at(59));
    assert_eq!(memory.loose.len(), 2);
    memory.loose.expire(at(60));
    assert_eq!(memory.around("1", at(30)), (vec!["b".to_owned()], false));

    for number in 0..200 {
        memory.admit(at(31), &[log("1", 31, 9, &format!("{number} {}", "x".repeat(2000)), &[])]);
    }
    let held = memory.loose.held.lock();
    assert!((100..201).contains(&held.queue.len()), "{}", held.queue.len());
    assert!(held.bytes <= memory.budget.limit() / SHARE);
    assert_eq!(held.by_instance.values().flatten().map(BTreeMap::len).sum::<usize>(), held.queue.len());
    drop(held);
    memory.loose.clear();
    let held = memory.loose.held.lock();
    assert!(held.by_instance.is_empty() && held.by_id.is_empty() && held.bytes == 0);
    assert_eq!(memory.totals().dropped, 202);
    assert_eq!(memory.budget.used(), 0, "every byte is given back");
}

#[test]
fn names_that_say_nothing_or_repeat_one_another_are_refused() {
    let names = ["request_id", "x-", "http.request.header.X-Request-ID", ""].map(str::to_owned);
    let settings = LogJoin { correlate_by: names.to_vec(), ..LogJoin::default() };
    let problems = LooseLogs::compile(&settings, HOLD, &Budget::new(1)).unwrap_err();
    let told: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.path.as_str(), problem.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("correlate_by[1]", "`x-` names no attribute"),
            ("correlate_by[2]", "`http.request.header.X-Request-ID` is `request_id` in another spelling"),
            ("correlate_by[3]", "`` names no attribute"),
        ]
    );
}

proptest! {
    /// Whatever the order in which records come, how they are batched and how often: what is found is the same, and every one
    /// has one outcome.
    #[test]
    fn what_is_found_depends_on_the_records_alone(
        logs in proptest::collection::vec((0..12_u64, 5..18_i32, 0..3_u8, 0..4_u8), 1..40)
            .prop_flat_map(|logs| (Just(logs.clone()), Just(logs).prop_shuffle())),
        sizes in proptest::collection::vec(1..5_usize, 40),
        again in proptest::collection::vec(any::<bool>(), 40),
        max in 1..6_usize,
    ) {
        let settings = LogJoin { ambient: ambient(max).ambient, max_per_trace: max, ..by_request() };
        let make = |(seconds, severity, id, body): &(u64, i32, u8, u8)| {
            let id = (*id > 0).then(|| ("request_id", text(&format!("r{id}"))));
            log("1", *seconds, *severity, &format!("line {body}"), id.as_slice())
        };
        let (plain, shuffled) = (Memory::new(&settings), Memory::new(&settings));
        for log in logs.0.iter().map(make) {
            plain.admit(at(20), &[log]);
        }
        let mut rest: Vec<Log> = logs.1.iter().map(make).collect();
        let repeated = rest.iter().zip(&again).filter(|(_, again)| **again).map(|(log, _)| log.clone());
        rest.extend(repeated.collect::<Vec<_>>());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let batch: Vec<Log> = rest.drain(..rest.len().min(*size)).collect();
            shuffled.admit(at(20), &batch);
        }
        for seconds in 0..12 {
            prop_assert_eq!(plain.around("1", at(seconds)), shuffled.around("1", at(seconds)));
        }
        for id in ["r1", "r2"] {
            let of = |memory: &Memory| {
                let found = memory.loose.sharing(&memory.ids(&[("request_id", text(id))]));
                (bodies(&found), found.more)
            };
            prop_assert_eq!(of(&plain), of(&shuffled));
        }
        for memory in [plain, shuffled] {
            memory.loose.clear();
            prop_assert_eq!(memory.totals().pending(), 0);
            prop_assert_eq!(memory.budget.used(), 0);
        }
    }
}
