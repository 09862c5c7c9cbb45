//! What the smallest layer can prove: pages, merging, rendering, and manifests of several tenants.

use bytes::Bytes;
use serde_json::{Value, json};

use super::amend::{Overlap, amend};
use super::merge::Part;
use super::page::{Page, Place, cut};
use super::{BundleView, Catalog, CatalogError, markdown, one_line};
use crate::bundle::{digest_of, envelope, names};
use crate::exporter::Store;
use crate::model::{Bundle, Manifest, Remark};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

pub(super) fn bundle(id: &str, edit: impl FnOnce(&mut Value)) -> Bundle {
    let mut document = json!({
        "version": 1, "bundle_id": id,
        "incident": {"id": "INC-7K2M9Q4T1X", "fingerprint": "v1:0", "class": "crash", "summary": "ValueError", "services": ["checkout"]},
        "trace": {"trace_id": TRACE, "root": "present", "span_path": [], "spans": [], "span_count": 0},
        "exception": null,
        "logs": {"window": [], "total": 0, "collapsed": 0},
        "metrics": {"exemplars": []},
        "environment": {"runtime": {}, "os": {}, "container": {}, "k8s": {}, "service": {}, "timezone": null, "feature_flags": {}},
        "repro": {"env": {}, "inputs": {}, "request": null},
        "attachments": [],
        "redaction": {"policy": "p", "key_id": "k", "remarks": []},
        "completeness": {"records": 1, "shown": 0, "truncated": [], "missing": []},
        "provenance": {"policy": "errors", "config": "", "casefile": "0.1.0"},
    });
    edit(&mut document);
    serde_json::from_value(document).unwrap()
}

fn manifest(tenant: &str, kind: &str, object: &str, bundle: &Bundle, records: &[u8]) -> Manifest {
    let records: Vec<String> = records.iter().map(|record| format!("{record:02x}").repeat(16)).collect();
    let at = "2026-11-23T12:00:00.000000000Z";
    let document = serde_json::to_vec(bundle).unwrap();
    serde_json::from_value(json!({
        "version": 1, "kind": kind, "bundle_id": bundle.bundle_id, "tenant": tenant, "trace_id": TRACE,
        "object": {"name": object, "digest": digest_of(&document), "size": document.len(), "compression": "none", "document": digest_of(&document)},
        "incident": {"id": "INC-7K2M9Q4T1X", "fingerprint": "v1:0", "class": "crash", "summary": "ValueError", "services": [],
                     "first_seen": at, "last_seen": at, "count_24h": 1},
        "closed": {"reason": if kind == "bundle" { "decision_wait" } else { "late" }, "opened_at": at, "closed_at": at, "lateness_ms": 0},
        "records": records,
        "sealed": {"at": at, "writer": "test", "casefile": "0.1.0"},
    }))
    .unwrap()
}

fn span(id: u8, parent: Option<u8>, status: &str, service: &str) -> Value {
    json!({
        "span_id": format!("{id:016x}"), "parent_span_id": parent.map(|parent| format!("{parent:016x}")),
        "service": service, "name": format!("span {id}"), "kind": "server", "status": status,
        "start": format!("2026-11-23T12:00:{id:02}.000000000Z"), "duration_ms": 5.0, "attrs": {},
    })
}

fn line(second: u8, msg: &str, count: u64) -> Value {
    json!({"time": format!("2026-11-23T12:00:{second:02}.000000000Z"), "level": "INFO", "msg": msg, "service": "checkout",
           "span_id": null, "attrs": {}, "count": count})
}

fn parts(parts: Vec<(Bundle, &[u8])>) -> BundleView {
    let parts = parts.into_iter().enumerate().map(|(index, (bundle, records))| {
        let kind = if index == 0 { "bundle" } else { "amendment" };
        Part { manifest: manifest("default", kind, &format!("object-{index}"), &bundle, records), bundle }
    });
    BundleView::of(parts.collect()).unwrap()
}

fn with_lines(lines: &[Value], records: usize) -> Bundle {
    bundle("b", |document| {
        let total: u64 = lines.iter().map(|line| line["count"].as_u64().unwrap()).sum();
        document["logs"] = json!({"window": lines, "total": total, "collapsed": total - lines.len() as u64});
        document["completeness"]["records"] = json!(records);
    })
}

#[test]
fn aliases_tell_entities_and_networks_apart() {
    let page = "from ip:N-aqqqqqqqqqqH-111111111111222 and ip:N-aqqqqqqqqqqH-333333333333222 and ip:N-azzzzzzzzzzH-444444444444222, \
                user:U-a111111111111222, again ip:N-aqqqqqqqqqqH-111111111111222";
    let short = super::render::alias(page);
    assert!(short.starts_with("from ip:N-1H-1 and ip:N-1H-2 and ip:N-2H-3, user:U-1, again ip:N-1H-1"), "{short}");
    assert!(short.contains("| ip:N-2H-3 | ip:N-azzzzzzzzzzH-444444444444222 |"), "{short}");
}

#[test]
fn what_is_normal_for_a_slow_span_is_merged_in_from_its_manifest() {
    let slow = bundle("b", |document| {
        let spans = json!([span(1, None, "unset", "api"), span(2, Some(1), "unset", "db")]);
        let steps = json!([{"span_id": format!("{:016x}", 1), "self_ms": 1.0}, {"span_id": format!("{:016x}", 2), "self_ms": 4.0}]);
        document["trace"] = json!({"trace_id": TRACE, "root": "present", "span_count": 2, "span_path": [], "spans": spans, "critical_path": steps});
        document["incident"]["class"] = json!("performance");
    });
    let mut view = parts(vec![(slow.clone(), &[1]), (slow, &[2])]);
    let normal = |p50: f64| json!([{"span_id": format!("{:016x}", 2), "count": 812, "p50_ms": p50, "p95_ms": 0.5, "p99_ms": 0.75}]);
    assert_eq!(view.merged().unwrap()["trace"].get("normal_latencies"), None);
    view.manifests[0].normal_latencies = serde_json::from_value(normal(0.25)).unwrap();
    view.manifests[1].normal_latencies = serde_json::from_value(normal(3.0)).unwrap();
    assert_eq!(
        view.merged().unwrap()["trace"]["normal_latencies"],
        normal(0.25),
        "as of the bundle, not of what came later"
    );
    let page = markdown(&view);
    let told = "- 4.0 ms db: span 2 (took 5.0 ms with its children; of 812 others half took 0.2 ms or less, 95 % 0.5 ms, 99 % 0.8 ms)";
    assert!(page.contains(told) && page.contains("- 1.0 ms api: span 1\n"), "{page}");
}

#[test]
fn what_had_been_let_go_before_a_failure_is_missing_until_the_whole_trace_is_there() {
    let part = |kind: &str, reason: &str, records: &[u8]| {
        let bundle = with_lines(&[line(1, "m", 1)], records.len());
        let mut manifest = manifest("default", kind, kind, &bundle, records);
        manifest.closed.reason = serde_json::from_value(json!(reason)).unwrap();
        manifest.tokens = Some(1);
        Part { manifest, bundle }
    };
    let missing = |parts| {
        let view = BundleView::of(parts).unwrap();
        let says =
            view.bundle.completeness.missing.iter().any(|entry| entry.starts_with("records: those that came before"));
        assert!(!says || view.tokens() > Some(1), "it is counted too");
        says
    };
    assert!(missing(vec![part("bundle", "late", &[1, 2])]));
    assert!(!missing(vec![part("bundle", "decision_wait", &[1, 2])]));
    assert!(
        missing(vec![part("bundle", "late", &[1, 2]), part("amendment", "late", &[3])]),
        "a late piece is not the rest"
    );
    assert!(
        !missing(vec![part("bundle", "late", &[1, 2]), part("amendment", "end_of_input", &[0, 1, 2])]),
        "made of the whole"
    );
}

#[test]
fn long_runs_of_library_frames_are_shown_by_their_ends() {
    let frame = |number: u32, in_app: bool| json!({"file": null, "line": number, "func": format!("f{number}"), "module": "lib.so", "in_app": in_app, "locals": {}, "context": null});
    let page_of = |own: &[u32]| {
        let frames: Vec<Value> = (0..12).map(|number| frame(number, own.contains(&number))).collect();
        let cause =
            json!({"type": "E", "message": null, "frames": [frame(99, false)], "relation": "suppressed", "common": 3});
        page(|document| {
            document["exception"] = json!({"type": "E", "message": "m", "frames": frames, "causes": [cause], "partial": true,
                "thrown_at": {"file": "a.rs", "line": 7}, "stacktrace": "raw text of it"});
        })
    };
    let page = page_of(&[4]);
    let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("- ") && line.contains("`lib.so")).collect();
    let numbers = [0, 3, 4, 5, 11, 99].map(|number| format!("f{number}"));
    assert_eq!(shown.len(), numbers.len(), "{page}");
    assert!(shown.iter().zip(&numbers).all(|(line, name)| line.contains(name.as_str())), "{shown:?}");
    assert!(page.contains("- … 2 frames of libraries") && page.contains("- … 5 frames of libraries"), "{page}");
    assert!(
        page.contains("- … and 3 frames as above")
            && page.contains("Suppressed:")
            && page.contains("Thrown at `a.rs:7`")
    );
    assert!(page.contains("raw text of it"), "what is partial shows its text");
    // Where none is the service's own, all are shown.
    assert!(!page_of(&[]).contains("frames of libraries"));
}

#[test]
fn pages_follow_one_another_without_gap_or_overlap_and_say_how_to_go_on() {
    // Two items of one instant, so that the id decides between them.
    let place = |number: u32| Place { at: format!("2026-11-23T12:00:0{}Z", number / 2), id: number.to_string() };
    let all: Vec<(Place, u32)> = (0..7).map(|number| (place(number), number)).collect();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page: Page<u32> = cut(all.clone(), 3, after.as_ref());
        assert_eq!((page.total, page.returned), (7, page.items.len()));
        assert_eq!(page.truncated, page.next.is_some());
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        after = Some(Place::parse(&next).unwrap());
    }
    assert_eq!(seen, [6, 4, 5, 2, 3, 0, 1], "the latest first, and by id within an instant");
    for wrong in ["", "5", "yesterday,5", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z,"] {
        assert_eq!(Place::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn distinct_records_that_say_the_same_are_counted_and_not_taken_for_one() {
    let view = parts(vec![
        (with_lines(&[line(1, "again", 2), line(5, "end", 1)], 3), &[1, 2, 3]),
        (with_lines(&[line(1, "again", 1), line(3, "between", 1)], 2), &[4, 5]),
    ]);
    let logs = &view.bundle.logs;
    let said: Vec<(&str, u64)> = logs.window.iter().map(|line| (line.msg.as_str(), line.count)).collect();
    assert_eq!(said, [("again", 3), ("between", 1), ("end", 1)]);
    assert_eq!((logs.total, logs.collapsed), (5, 2));
    assert_eq!((view.bundle.completeness.records, view.bundle.completeness.shown), (5, 5));
}

#[test]
fn templates_that_say_the_same_are_one_and_lines_keep_theirs() {
    let template = |id: u64, text: &str, count: u64, last: u8| {
        json!({"id": id, "template": text, "level": "INFO", "service": "checkout", "count": count,
               "first": "2026-11-23T12:00:01.000000000Z", "last": format!("2026-11-23T12:00:{last:02}.000000000Z")})
    };
    let of = |lines: &[(u8, &str, u64)], templates: Vec<Value>| {
        bundle("b", |document| {
            let numbered = lines.iter().map(|(second, msg, template)| {
                let mut line = line(*second, msg, 1);
                line["template"] = json!(template);
                line
            });
            document["logs"] = json!({"window": numbered.collect::<Vec<_>>(), "templates": templates,
                                      "total": lines.len(), "collapsed": 0});
        })
    };
    let view = parts(vec![
        (
            of(&[(1, "saw 1", 1), (2, "ate 2", 2)], vec![template(1, "saw <*>", 3, 5), template(2, "ate <*>", 2, 5)]),
            &[1],
        ),
        (
            of(&[(3, "ate 3", 1), (4, "hid 4", 2)], vec![template(1, "ate <*>", 4, 9), template(2, "hid <*>", 2, 5)]),
            &[2],
        ),
    ]);
    let logs = &view.bundle.logs;
    let table: Vec<_> = logs.templates.iter().map(|row| (row.id, row.template.as_str(), row.count)).collect();
    assert_eq!(table, [(2, "ate <*>", 6), (1, "saw <*>", 3), (3, "hid <*>", 2)]);
    assert_eq!(logs.templates[0].last, "2026-11-23T12:00:09.000000000Z");
    let said: Vec<_> = logs.window.iter().map(|line| (line.msg.as_str(), line.template)).collect();
    assert_eq!(said, [("saw 1", Some(1)), ("ate 2", Some(2)), ("ate 3", Some(2)), ("hid 4", Some(3))]);
}

#[test]
fn records_of_an_object_that_lists_none_are_neither_lost_nor_doubled() {
    // Another writer's object, committed for it: its manifest cannot know its records.
    let view = parts(vec![
        (with_lines(&[line(1, "first", 1), line(2, "own", 1)], 2), &[]),
        (with_lines(&[line(1, "first", 1), line(3, "new", 1), line(4, "last", 1)], 3), &[1, 2, 3]),
    ]);
    let said: Vec<&str> = view.bundle.logs.window.iter().map(|line| line.msg.as_str()).collect();
    assert_eq!(said, ["first", "own", "new", "last"]);
    assert_eq!(view.bundle.logs.total, 4);
}

#[test]
fn remarks_follow_their_fields_and_cuts_are_told_of_each_document() {
    let remark = |path: &str| json!({"path": path, "rule": "email", "reason": "", "count": 1, "length": 9});
    let mut first = with_lines(&[line(1, "a", 1), line(9, "z", 1)], 2);
    let mut late = with_lines(&[line(5, "m", 1)], 2);
    first.redaction.remarks =
        serde_json::from_value(json!([remark("/incident/summary"), remark("/logs/window/1/msg")])).unwrap();
    late.redaction.remarks =
        serde_json::from_value(json!([remark("/incident/summary"), remark("/logs/window/0/msg")])).unwrap();
    let cut = "logs.window: 1 records lie more than 30s before the error".to_owned();
    first.completeness.truncated = vec![cut.clone(), "trace.spans: 1 of 9 are shown".to_owned()];
    late.completeness.truncated = vec![cut.clone()];
    late.completeness.missing = vec!["records: 1 could not be decoded".to_owned()];
    let merged = amend(first, late, Overlap::None);
    let paths: Vec<&str> = merged.redaction.remarks.iter().map(|remark| remark.path.as_str()).collect();
    assert_eq!(paths, ["/incident/summary", "/logs/window/1/msg", "/logs/window/2/msg"]);
    let sum = |of: fn(&Remark) -> u64| merged.redaction.remarks.iter().map(of).sum::<u64>();
    assert_eq!((sum(|remark| remark.count), sum(|remark| remark.length)), (3, 27));
    assert_eq!(merged.completeness.truncated, [cut.clone(), format!("amendment: {cut}")]);
    assert_eq!(merged.completeness.missing, ["amendment: records: 1 could not be decoded"]);
}

#[test]
fn a_parent_that_comes_late_tops_the_path_and_the_exception_stays() {
    let first = bundle("b", |document| {
        document["trace"] = json!({"trace_id": TRACE, "root": "missing", "span_count": 1,
            "span_path": [span(2, Some(1), "error", "checkout")], "spans": [span(2, Some(1), "error", "checkout")]});
        document["exception"] =
            json!({"type": "ValueError", "message": "no", "frames": [], "causes": [], "stacktrace": "raw"});
        document["completeness"]["missing"] = json!([
            "trace.root: no span without a parent was received",
            "trace.span_path: span 0000000000000001, parent of 0000000000000002, was not received",
            "exception.frames: no parser for go"
        ]);
        document["redaction"]["remarks"] = json!([
            {"path": "/trace/span_path/0/name", "rule": "r", "reason": "", "count": 1, "length": 2}, {"path": "/trace/spans/0/name", "rule": "r", "reason": "", "count": 1, "length": 2}]);
    });
    let late = bundle("b", |document| {
        document["trace"] = json!({"trace_id": TRACE, "root": "present", "span_count": 1,
            "span_path": [span(1, None, "error", "app")], "spans": [span(1, None, "error", "app")]});
        document["redaction"]["remarks"] = json!([
            {"path": "/trace/span_path/0/service", "rule": "s", "reason": "", "count": 1, "length": 2}, {"path": "/trace/spans/0/service", "rule": "s", "reason": "", "count": 1, "length": 2}]);
        document["exception"] =
            json!({"type": "ValueError", "message": "no", "frames": [], "causes": [], "stacktrace": "raw"});
        document["completeness"]["missing"] = json!(["commit_sha: none"]);
    });
    let merged = amend(first, late, Overlap::None);
    let ids: Vec<String> = merged.trace.span_path.iter().map(|span| span.span_id.to_string()).collect();
    assert_eq!(ids, ["0000000000000001", "0000000000000002"]);
    assert_eq!((merged.trace.root.as_str(), merged.trace.span_count), ("present", 2));
    assert_eq!(merged.incident.services, ["app", "checkout"]);
    assert_eq!(merged.completeness.missing, ["exception.frames: no parser for go", "commit_sha: none"]);
    let exception = merged.exception.unwrap();
    assert_eq!((exception.causes.len(), exception.stacktrace.as_deref()), (0, Some("raw")), "passed on, and said once");
    let remarks: Vec<&str> = merged.redaction.remarks.iter().map(|remark| remark.path.as_str()).collect();
    assert_eq!(
        remarks,
        [
            "/incident/services/0",
            "/trace/span_path/0/service",
            "/trace/span_path/1/name",
            "/trace/spans/0/service",
            "/trace/spans/1/name",
        ]
    );
}

#[test]
fn what_the_request_carried_is_kept_where_another_service_turns_out_to_have_failed() {
    let of = |service: &str, spans: Value, marked: &str| {
        bundle("b", |document| {
            document["trace"] =
                json!({"trace_id": TRACE, "root": "present", "span_count": 1, "span_path": spans, "spans": spans});
            document["environment"]["service"] = json!({"name": service});
            document["environment"]["baggage"] = json!({"tenant": service, marked: "x"});
            let path = format!("/environment/baggage/{marked}");
            document["redaction"]["remarks"] =
                json!([{"path": path, "rule": "r", "reason": "", "count": 1, "length": 2}]);
        })
    };
    let first = of("app", json!([span(1, None, "error", "app")]), "up");
    let late = of("db", json!([span(2, Some(1), "error", "db")]), "down");
    let merged = amend(first, late, Overlap::None);
    assert_eq!(json!(merged.environment.service), json!({"name": "db"}));
    assert_eq!(json!(merged.environment.baggage), json!({"tenant": "db", "up": "x", "down": "x"}));
    let remarks: Vec<&str> = merged.redaction.remarks.iter().map(|remark| remark.path.as_str()).collect();
    assert_eq!(remarks, ["/environment/baggage/down", "/environment/baggage/up"]);
}

#[test]
fn a_report_that_comes_late_brings_the_seed_of_its_run() {
    const NONE: &str = "repro.seeds: no attribute, variable, option or test report tells one";
    let first = || {
        bundle("b", |document| {
            document["trace"]["span_count"] = json!(1);
            document["repro"]["seeds"] = json!([]);
            document["completeness"]["missing"] = json!([NONE]);
        })
    };
    let late = |seeds: Value| {
        bundle("b", |document| {
            document["repro"]["seeds"] = seeds;
            document["redaction"]["remarks"] =
                json!([{"path": "/repro/seeds/1/of", "rule": "r", "reason": "", "count": 1, "length": 2}]);
        })
    };
    let seed = |value: &str, of: &str| json!({"name": "--seed", "value": value, "of": of});
    let merged = amend(first(), late(json!([seed("2", "b"), seed("1", "[withheld]")])), Overlap::None);
    assert_eq!(json!(merged.repro.seeds), json!([seed("1", "[withheld]"), seed("2", "b")]));
    assert_eq!(merged.redaction.remarks[0].path, "/repro/seeds/0/of");
    assert_eq!(merged.completeness.missing, [""; 0]);
    let again = amend(merged, late(json!([seed("2", "b")])), Overlap::None);
    assert_eq!(again.repro.seeds.len(), 2);
    assert_eq!(amend(first(), late(json!([])), Overlap::None).completeness.missing, [NONE]);
}

#[test]
fn spans_that_are_parents_of_each_other_end_the_path() {
    let circle = |id: u8, parent: u8| {
        bundle("b", |document| {
            let span = span(id, Some(parent), "error", "checkout");
            document["trace"] =
                json!({"trace_id": TRACE, "root": "missing", "span_count": 1, "span_path": [span], "spans": [span]});
        })
    };
    let merged = amend(circle(1, 2), circle(2, 1), Overlap::None);
    assert_eq!((merged.trace.span_path.len(), merged.trace.spans.len()), (2, 2));
}

#[tokio::test]
async fn evidence_of_two_tenants_with_one_trace_id_is_never_mixed() {
    let store = Store::in_memory();
    for tenant in ["acme", "umbrella"] {
        let names = names::TraceNames::new(tenant, TRACE.parse().unwrap());
        let (bundle, object) = (bundle(&format!("bundle-of-{tenant}"), |_| {}), format!("{}json", names.stem()));
        let manifest = manifest(tenant, "bundle", &object, &bundle, &[1]);
        store.create(&object, Bytes::from(serde_json::to_vec(&bundle).unwrap())).await.unwrap();
        store.create(&names.manifest(), Bytes::from(envelope(&manifest, None).unwrap())).await.unwrap();
    }
    store.create("bundles/zzz/broken.manifest.json", Bytes::from_static(b"{")).await.unwrap();
    let catalog = Catalog::new(store);
    let refused = catalog.bundle(TRACE).await.unwrap_err();
    assert!(matches!(refused, CatalogError::Ambiguous { ref bundles, .. } if bundles.len() == 2), "{refused}");
    let found = catalog.bundle("bundle-of-umbrella").await.unwrap().unwrap();
    assert_eq!(found.manifests[0].tenant, "umbrella");
    assert!(catalog.verify("bundle-of-acme", None).await.unwrap().unwrap().is_sound());
    assert_eq!(catalog.bundle("bundle-of-nobody").await.unwrap().map(|view| view.manifests), None);
}

fn page(edit: impl FnOnce(&mut Value)) -> String {
    let bundle = bundle("b", edit);
    markdown(&BundleView { bundle, numbers: None, manifests: Vec::new() })
}

#[test]
fn hostile_text_stays_on_its_line_and_out_of_the_markup() {
    let hostile = "x\n# Owned\r\n```\u{1b}[2J![a](http://evil.example) <img src=x> `code` \u{202e}\u{2028}";
    let page = page(|document| {
        document["incident"]["summary"] = json!(hostile);
        let mut span = span(1, None, "error", hostile);
        for field in ["name", "kind", "status_message"] {
            span[field] = json!(hostile);
        }
        document["trace"]["span_path"] = json!([span]);
        let frame = json!({"file": hostile, "line": 1, "func": hostile, "module": null, "in_app": true, "locals": {}, "context": hostile});
        document["exception"] =
            json!({"type": hostile, "message": hostile, "frames": [frame], "causes": [], "stacktrace": null});
        let mut log = line(1, hostile, 1);
        for field in ["level", "service", "time"] {
            log[field] = json!(hostile);
        }
        document["logs"]["window"] = json!([log]);
        document["environment"]["service"] = json!({hostile: hostile});
        document["repro"] = json!({"env": {hostile: hostile}, "inputs": {hostile: [hostile]},
            "request": {"protocol": hostile, "method": hostile, "url": hostile}});
        document["completeness"]["missing"] = json!([hostile]);
    });
    assert!(!page.chars().any(|c| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{2028}'))), "{page:?}");
    let headings: Vec<&str> = page.lines().filter(|line| line.trim_start().starts_with('#')).collect();
    assert_eq!(headings.len(), 7, "the page's own: {headings:?}");
    let (mut fence, mut outside) = (None, Vec::new());
    for line in page.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks >= open && line.len() == ticks => fence = None,
            None => outside.push(line),
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "every fence is closed");
    for line in outside {
        // What is in code cannot be markup: it stands between the odd and even unescaped ticks.
        let prose: String = line.replace("\\`", "").split('`').step_by(2).collect();
        assert!(!prose.replace("\\[", "").contains('['), "a link: {line}");
        assert!(!prose.replace("\\<", "").contains('<'), "HTML: {line}");
    }
}

#[test]
fn a_stack_trace_cannot_close_its_fence() {
    let page = page(|document| {
        let raw = "panic: x\n```\n# Owned\n`````\nat main.go:1\u{1b}[31m";
        document["exception"] = json!({"type": "E", "message": "m", "frames": [], "causes": [], "stacktrace": raw});
    });
    let fence = "`".repeat(6);
    let inside = page.split(&fence).nth(1).expect("a fence longer than any inside");
    assert!(inside.starts_with("text\npanic: x") && inside.contains("# Owned"), "{page}");
    assert!(inside.ends_with("at main.go:1\u{fffd}[31m\n"), "{page}");
}

#[test]
fn tokens_are_numbered_by_class_in_the_order_of_the_page_and_explained_at_its_end() {
    let page = page(|document| {
        document["incident"]["summary"] = json!("email:E-abcdefghijk wrote to email:E-22222222222");
        document["logs"]["window"] = json!([line(1, "user:U-abcdefghijk is email:E-abcdefghijk", 1)]);
    });
    assert!(page.starts_with("# email:E-1 wrote to email:E-2\n"), "{page}");
    assert!(page.contains("user:U-1 is email:E-1"), "{page}");
    let table = page.split("## Tokens").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.contains(":")).collect();
    assert_eq!(
        rows,
        [
            "| email:E-1 | email:E-abcdefghijk |",
            "| email:E-2 | email:E-22222222222 |",
            "| user:U-1 | user:U-abcdefghijk |",
        ]
    );
}

#[test]
fn one_line_is_one_line_whatever_it_is_given() {
    assert_eq!(one_line("a\r\nb\u{85}c\u{2029}d\te"), "a  b c d e");
    assert_eq!(one_line("\u{1b}[31mred\u{0}\u{202e}"), "\u{fffd}[31mred\u{fffd}\u{fffd}");
}
