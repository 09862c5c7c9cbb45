//! The core as a whole: every accepted record has its outcome, whatever it is.

mod late;
mod packed;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

use super::Core;
use crate::bundle::Sealed;
use crate::config;
use crate::model::{
    CloseReason, DropReason, Manifest, ManifestKind, ObjectRef, Outcome, SealFacts, Signal, Tenant, Timestamp, Totals,
};
use crate::otlp::{Limits, scan};
use crate::receiver::{Incoming, RefusalReason};

const SECOND: u64 = 1_000_000_000;
pub(super) const START: u64 = 1_750_000_000 * SECOND;

pub(super) fn core(sets: &[&str], max_bytes: usize) -> Core {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let config = config::embedded(&"5a".repeat(32), Some("not used here"), "/nowhere", &sets).unwrap();
    Core::build(&config, 2, max_bytes).unwrap()
}

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp(START + seconds * SECOND)
}

fn span(trace: u8, id: u8, failed: bool) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        name: "work".to_owned(),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1,
        status: Some(Status { code: if failed { 2 } else { 0 }, message: String::new() }),
        ..Span::default()
    }
}

pub(super) fn traces(spans: Vec<Span>) -> Incoming {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let request =
        ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] };
    incoming(Signal::Traces, request.encode_to_vec())
}

fn logs(log_records: Vec<LogRecord>) -> Incoming {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let request =
        ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    incoming(Signal::Logs, request.encode_to_vec())
}

fn incoming(signal: Signal, request: Vec<u8>) -> Incoming {
    let entries = scan(signal, &request, &Limits::default()).unwrap().entries;
    Incoming { tenant: Tenant::default(), signal, bytes: Bytes::from(request), wire: None, entries }
}

/// Everything that is due at `now`, judged; bundles are settled as an exporter would.
fn judge(core: &Core, now: Timestamp) -> Vec<String> {
    let mut closed = Vec::new();
    for shard in 0..core.shards() {
        for trace in core.close_due(now, shard, 100) {
            closed.extend(core.judge(now, trace).map(settle));
        }
    }
    closed
}

/// Settles a bundle as bundled; why its trace was closed, as its manifest would say.
fn settle(sealed: Sealed) -> String {
    let reason = manifest(&sealed).closed.reason;
    sealed.into_tracked().settle(Outcome::Bundled);
    reason.as_str().to_owned()
}

/// The manifest as an exporter would make it.
pub(super) fn manifest(sealed: &Sealed) -> Manifest {
    let object = ObjectRef {
        name: String::new(),
        digest: String::new(),
        size: 0,
        compression: "none".to_owned(),
        document: sealed.document_digest().to_owned(),
    };
    let numbers = crate::model::IncidentNumbers {
        first_seen: String::new(),
        last_seen: String::new(),
        count_24h: 1,
        history: None,
    };
    let facts = SealFacts { at: String::new(), writer: String::new(), casefile: String::new() };
    sealed.manifest(ManifestKind::Bundle, object, None, numbers, facts)
}

fn assert_reconciled(core: &Core, expected: Totals) {
    let totals = core.ledger().totals();
    assert_eq!(totals, expected);
    assert_eq!(totals.pending(), 0);
    assert_eq!(core.budget().used(), 0, "every byte is given back");
    assert_eq!(core.open_traces(), 0);
}

#[test]
fn a_failed_trace_is_bundled_and_a_good_one_is_not_sampled() {
    let core = core(&[], 1 << 20);
    core.admit(at(0), traces(vec![span(1, 1, true), span(2, 2, false)])).unwrap();
    assert_eq!(judge(&core, at(9)), [""; 0], "nothing is due before decision_wait");
    assert_eq!(judge(&core, at(10)), ["decision_wait"]);
    judge(&core, at(60));
    assert_reconciled(&core, Totals { accepted: 2, bundled: 1, not_sampled: 1, ..Totals::default() });
}

#[test]
fn a_log_record_without_a_trace_id_is_accepted_and_counted_as_such() {
    let core = core(&[], 1 << 20);
    core.admit(at(0), logs(vec![LogRecord { severity_number: 17, time_unix_nano: START, ..LogRecord::default() }]))
        .unwrap();
    assert_reconciled(&core, Totals { accepted: 1, dropped: 1, ..Totals::default() });
    assert_eq!(core.ledger().dropped(DropReason::NoTraceId), 1);
}

#[test]
fn input_beyond_the_budget_is_refused_whole_and_nothing_of_it_is_counted() {
    let core = core(&[], 1000);
    let refused = core.admit(at(0), traces((1..=20).map(|id| span(id, id, true)).collect())).unwrap_err();
    assert_eq!(refused.reason, RefusalReason::MemoryFull);
    assert!(!refused.retry_after.is_zero());
    assert_reconciled(&core, Totals::default());
    core.admit(at(0), traces(vec![span(1, 1, false)])).unwrap();
    judge(&core, at(60));
    assert_reconciled(&core, Totals { accepted: 1, not_sampled: 1, ..Totals::default() });
}

#[test]
fn an_incident_over_its_limit_ends_as_incident_limit() {
    let core = core(&["connectors.incident.incidents={max_bundles: 2, per: 24h}"], 1 << 20);
    core.admit(at(0), traces((1..=5).map(|id| span(id, id, true)).collect())).unwrap();
    assert_eq!(judge(&core, at(10)).len(), 2);
    assert_eq!(core.ledger().dropped(DropReason::IncidentLimit), 3);
    assert_reconciled(&core, Totals { accepted: 5, bundled: 2, dropped: 3, ..Totals::default() });
}

#[test]
fn a_storm_is_counted_to_the_record_and_gets_the_bundles_that_its_incidents_may_have() {
    let core = core(&["connectors.incident.incidents={max_bundles: 2, per: 24h}"], 1 << 22);
    let failure = |number: u64| {
        let kind = ["charge", "refund", "ship"][(number % 3) as usize];
        let message = format!("order {number} was refused after {number} ms");
        Span {
            trace_id: u128::from(number + 1).to_be_bytes().to_vec(),
            name: format!("{kind} {number}"),
            status: Some(Status { code: 2, message }),
            ..span(1, 1, true)
        }
    };
    let mut bundles = 0;
    for second in 0..10 {
        core.admit(at(second), traces((second * 90..second * 90 + 90).map(failure).collect())).unwrap();
        bundles += judge(&core, at(second + 10)).len();
    }
    bundles += judge(&core, at(60)).len();
    assert_eq!(bundles, 6, "two of each of three");
    assert_eq!(core.ledger().dropped(DropReason::IncidentLimit), 894);
    assert_reconciled(&core, Totals { accepted: 900, bundled: 6, dropped: 894, ..Totals::default() });
}

#[test]
fn a_drop_policy_ends_as_drop_policy() {
    let policies = "connectors.incident.tail_sampling.policies=[{name: all, type: always_sample}, \
                    {name: noise, type: drop, drop: {drop_sub_policy: [{name: s, type: span_count, span_count: {min_spans: 1}}]}}]";
    let core = core(&[policies], 1 << 20);
    core.admit(at(0), traces(vec![span(1, 1, true)])).unwrap();
    judge(&core, at(10));
    assert_eq!(core.ledger().dropped(DropReason::DropPolicy), 1);
    assert_reconciled(&core, Totals { accepted: 1, dropped: 1, ..Totals::default() });
}

#[test]
fn otlp_65_a_record_that_comes_twice_is_bundled_once() {
    let core = core(&[], 1 << 20);
    core.admit(at(0), traces(vec![span(1, 1, true)])).unwrap();
    core.admit(at(1), traces(vec![span(1, 1, true)])).unwrap();
    judge(&core, at(10));
    assert_eq!(core.ledger().dropped(DropReason::Duplicate), 1);
    assert_reconciled(&core, Totals { accepted: 2, bundled: 1, dropped: 1, ..Totals::default() });
}

#[test]
fn fault_35_a_record_after_the_decision_is_a_late_piece_and_no_limit_holds_it_back() {
    let core = core(&["connectors.incident.incidents={max_bundles: 1, per: 24h}"], 1 << 20);
    core.admit(at(0), traces(vec![span(1, 1, true)])).unwrap();
    assert_eq!(judge(&core, at(10)), ["decision_wait"]);
    core.admit(at(12), traces(vec![span(1, 2, false)])).unwrap();
    assert_eq!(judge(&core, at(22)), ["late"]);
    assert_reconciled(&core, Totals { accepted: 2, bundled: 2, ..Totals::default() });
}

#[test]
fn the_compiled_checks_name_what_is_wrong_by_its_path() {
    let sets = ["connectors.incident.tail_sampling.policies=[{name: x, type: guess}]".to_owned()];
    let config = config::embedded(&"5a".repeat(32), None, "/nowhere", &sets);
    // An unknown policy type is the sampler's to find, an unknown block the configuration's.
    let problems = super::check(&config.unwrap());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, "connectors.incident.tail_sampling.policies[0].type");
}

#[test]
fn policies_that_look_at_traces_which_nothing_triggers_take_a_restart_where_windows_keep_none() {
    let errors = core(&[], 1 << 20);
    let policies = |policies: &str| {
        let sets = [format!("connectors.incident.tail_sampling.policies=[{policies}]")];
        config::embedded(&"5a".repeat(32), None, "/nowhere", &sets).unwrap()
    };
    let refused = errors.reload(&policies("{name: many, type: span_count, span_count: {min_spans: 5}}")).unwrap_err();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].path, "connectors.incident.tail_sampling.policies");
    errors.reload(&policies("{name: all, type: always_sample}")).unwrap().apply();
    errors.reload(&policies("{name: slow, type: latency, latency: {threshold_ms: 5}}")).unwrap().apply();
}

/// `sets` for a core that keeps raw evidence, and who may read it.
fn keeping_raw() -> (String, age::x25519::Identity) {
    let identity = age::x25519::Identity::generate();
    let exporter = format!(
        "exporters={{bundle: {{url: 'file:/nowhere'}}, raw: {{url: 'file:/nowhere', recipients: [{}]}}}}",
        identity.to_public()
    );
    (exporter, identity)
}

/// The bundles that are due, each with the decrypted requests of its raw evidence.
fn raw_of(core: &Core, identity: &age::x25519::Identity, now: Timestamp) -> Vec<Vec<(Signal, Vec<u8>)>> {
    use age::secrecy::ExposeSecret as _;
    let identities = crate::bundle::Identities::parse(identity.to_string().expose_secret()).unwrap();
    let mut found = Vec::new();
    for shard in 0..core.shards() {
        for mut sealed in core.close_due(now, shard, 100).into_iter().filter_map(|trace| core.judge(now, trace)) {
            let waiting = core.budget().used();
            let raw = sealed.take_raw();
            let limits = Limits::default();
            let requests = raw.iter().flat_map(|object| {
                let plain = identities.open(object.ciphertext()).unwrap();
                crate::otlp::read_recording(&plain, &limits).map(Result::unwrap).collect::<Vec<_>>()
            });
            found.push(requests.collect());
            assert!(waiting > 0 || raw.is_empty(), "what waits to be stored is part of the byte budget");
            settle(sealed);
        }
    }
    found
}

const PIPELINE_WITH_RAW: &str = "service.pipelines.bundles.exporters=[bundle, raw]";

#[test]
fn records_of_a_bundle_are_encrypted_as_they_came_each_once() {
    let (exporter, identity) = keeping_raw();
    let core = core(&[&exporter, PIPELINE_WITH_RAW], 1 << 20);
    let request = traces(vec![span(1, 1, true)]);
    core.admit(at(0), traces(vec![span(1, 1, true), span(2, 9, false)])).unwrap();
    core.admit(at(1), traces(vec![span(1, 1, true)])).unwrap();
    assert_eq!(raw_of(&core, &identity, at(10)), [[(Signal::Traces, request.bytes.to_vec())]]);
    core.admit(at(12), traces(vec![span(1, 2, false)])).unwrap();
    let late = traces(vec![span(1, 2, false)]);
    assert_eq!(raw_of(&core, &identity, at(22)), [[(Signal::Traces, late.bytes.to_vec())]], "a late piece is its own");
    judge(&core, at(70));
    assert_reconciled(&core, Totals { accepted: 4, bundled: 2, not_sampled: 1, dropped: 1, ..Totals::default() });
}

#[test]
fn no_raw_evidence_is_made_where_none_is_configured() {
    let (_, identity) = keeping_raw();
    let core = core(&[], 1 << 20);
    core.admit(at(0), traces(vec![span(1, 1, true)])).unwrap();
    assert_eq!(raw_of(&core, &identity, at(10)), [[]]);
}

#[test]
fn a_bundle_that_is_held_back_leaves_no_raw_evidence() {
    let held_back = [
        ("connectors.incident.incidents={max_bundles: 1, per: 24h}", DropReason::IncidentLimit, 1),
        ("processors.redaction.dry_run=true", DropReason::DryRun, 0),
        ("processors.redaction.timeout=1ns", DropReason::RedactionFailed, 0),
    ];
    for (set, reason, bundles) in held_back {
        let (exporter, identity) = keeping_raw();
        let core = core(&[&exporter, PIPELINE_WITH_RAW, set], 16 << 20);
        // So long that no redaction of it is done when the wait for it begins.
        let long = |mut span: Span| {
            span.name = "work on 10.0.0.1 ".repeat(20_000);
            span
        };
        core.admit(at(0), traces(vec![long(span(1, 1, true)), long(span(2, 2, true))])).unwrap();
        assert_eq!(raw_of(&core, &identity, at(10)).len(), bundles, "{set}");
        assert_eq!(core.ledger().dropped(reason), 2 - bundles as u64, "{set}");
        assert_eq!(core.budget().used(), 0, "nothing of it is held");
    }
}

/// A log record of the service `shop` without a trace id, perhaps of a request.
fn untraced(body: &str, request: Option<&str>) -> LogRecord {
    let attribute = |key: &str, value: &str| {
        let value = Some(any_value::Value::StringValue(value.to_owned()));
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..KeyValue::default() }
    };
    LogRecord {
        time_unix_nano: START,
        body: attribute("", body).value,
        attributes: request.map(|id| attribute("request_id", id)).into_iter().collect(),
        ..LogRecord::default()
    }
}

fn of_shop(log_records: Vec<LogRecord>) -> Incoming {
    let name = KeyValue {
        key: "service.name".to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue("shop".to_owned())) }),
        ..KeyValue::default()
    };
    let resource = Some(Resource { attributes: vec![name], ..Resource::default() });
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }],
    };
    incoming(Signal::Logs, request.encode_to_vec())
}

/// An error logged in a trace, for a request.
fn failure_of(trace: u8, request: &str) -> LogRecord {
    LogRecord { trace_id: vec![trace; 16], severity_number: 17, ..untraced("failed", Some(request)) }
}

const AMBIENT: &str = "connectors.incident.logs.ambient.max=50";
const BY_REQUEST: &str = "connectors.incident.logs.correlate_by=[request_id]";

#[test]
fn a_log_record_that_two_failures_share_counts_once() {
    let core = core(&[BY_REQUEST], 1 << 20);
    core.admit(at(0), of_shop(vec![untraced("shared", Some("a7")), failure_of(1, "a7")])).unwrap();
    core.admit(at(1), of_shop(vec![failure_of(2, "a7"), untraced("nobody's", Some("b7"))])).unwrap();
    assert_eq!(judge(&core, at(20)), ["decision_wait"; 2]);
    core.end();
    assert_reconciled(&core, Totals { accepted: 4, bundled: 3, dropped: 1, ..Totals::default() });
    assert_eq!(core.ledger().dropped(DropReason::NoTraceId), 1);
}

#[test]
fn a_log_record_that_comes_after_the_bundle_it_belongs_to_amends_it() {
    let core = core(&[BY_REQUEST], 1 << 20);
    core.admit(at(0), of_shop(vec![failure_of(1, "a7")])).unwrap();
    assert_eq!(judge(&core, at(10)), ["decision_wait"]);
    core.admit(at(11), of_shop(vec![untraced("late", Some("a7"))])).unwrap();
    assert_eq!(judge(&core, at(21)), ["late"]);
    judge(&core, at(80));
    assert_reconciled(&core, Totals { accepted: 2, bundled: 2, ..Totals::default() });
}

#[test]
fn a_failure_without_a_bundle_takes_no_log_record_from_others() {
    let core = core(&[BY_REQUEST, "connectors.incident.incidents={max_bundles: 1, per: 24h}"], 1 << 20);
    let first = vec![failure_of(1, "a7"), failure_of(2, "b7"), untraced("of the second", Some("b7"))];
    core.admit(at(0), of_shop(first)).unwrap();
    assert_eq!(judge(&core, at(10)).len(), 1);
    core.admit(at(11), of_shop(vec![untraced("after it", Some("b7"))])).unwrap();
    assert_eq!(judge(&core, at(30)), [""; 0], "what has no bundle is not amended");
    core.end();
    assert_reconciled(&core, Totals { accepted: 4, bundled: 1, dropped: 3, ..Totals::default() });
    assert_eq!(core.ledger().dropped(DropReason::IncidentLimit), 1);
    assert_eq!(core.ledger().dropped(DropReason::NoTraceId), 2);
}

#[test]
fn raw_evidence_holds_the_log_records_that_the_bundle_takes_in() {
    let (exporter, identity) = keeping_raw();
    let core = core(&[&exporter, PIPELINE_WITH_RAW, BY_REQUEST, AMBIENT], 1 << 20);
    let all = of_shop(vec![failure_of(1, "a7"), untraced("shared", Some("a7")), untraced("ambient", None)]);
    core.admit(at(0), of_shop(vec![failure_of(1, "a7"), untraced("other", Some("b7"))])).unwrap();
    core.admit(at(0), of_shop(vec![untraced("shared", Some("a7")), untraced("ambient", None)])).unwrap();
    let raw = raw_of(&core, &identity, at(10));
    let records = |request: &[u8]| {
        let entries = scan(Signal::Logs, request, &Limits::default()).unwrap().entries;
        entries.iter().map(|entry| entry.body.of(request).to_vec()).collect::<Vec<_>>()
    };
    let found: Vec<Vec<u8>> = raw[0].iter().flat_map(|(_, request)| records(request)).collect();
    assert_eq!(found, records(&all.bytes));
    core.end();
    assert_reconciled(&core, Totals { accepted: 4, bundled: 3, dropped: 1, ..Totals::default() });
}

#[test]
fn log_records_without_a_trace_id_give_way_to_those_that_need_the_room() {
    let core = core(&[AMBIENT], 8 << 10);
    let mut refused = 0;
    for number in 0..40 {
        let log = untraced(&format!("{number} {}", "x".repeat(200)), None);
        refused += u64::from(core.admit(at(0), of_shop(vec![log])).is_err());
    }
    assert_eq!(refused, 0, "the oldest go");
    core.admit(at(0), traces((1..=10).map(|id| span(id, id, true)).collect())).unwrap();
    assert_eq!(judge(&core, at(10)).len(), 10);
    core.end();
    assert_reconciled(&core, Totals { accepted: 50, bundled: 10, dropped: 40, ..Totals::default() });
}

#[test]
fn a_late_piece_that_the_end_of_input_closes_counts_against_no_limit() {
    let core = core(&["connectors.incident.incidents={max_bundles: 1, per: 24h}"], 1 << 20);
    core.admit(at(0), traces(vec![span(1, 1, true)])).unwrap();
    assert_eq!(judge(&core, at(10)), ["decision_wait"]);
    core.admit(at(12), traces(vec![span(1, 2, false)])).unwrap();
    for shard in 0..core.shards() {
        for trace in core.close_all(at(13), shard, CloseReason::EndOfInput, 100) {
            assert_eq!(core.judge(at(13), trace).map(settle).as_deref(), Some("end_of_input"));
        }
    }
    assert_reconciled(&core, Totals { accepted: 2, bundled: 2, ..Totals::default() });
}
