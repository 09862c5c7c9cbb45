//! Where the fault may lie, and where the time went.

use super::world::*;
use crate::model::{Bundle, Suspect};

/// Kind and place of each suspect.
fn told(bundle: &Bundle) -> Vec<(&str, &str)> {
    bundle.suspects.iter().map(|Suspect { kind, at, .. }| (kind.as_str(), at.as_str())).collect()
}

/// Every pointer leads somewhere, and every reason says something.
fn assert_sound(bundle: &Bundle) {
    let document = serde_json::to_value(bundle).unwrap();
    for suspect in &bundle.suspects {
        assert!(document.pointer(&suspect.at).is_some(), "{suspect:?}");
        assert!(suspect.reason.len() > 20, "{suspect:?}");
    }
}

const CHAINED: &str = "Traceback (most recent call last):
  File \"app/db.py\", line 3, in fetch
    return rows[0]
IndexError: list index out of range

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"app/web.py\", line 9, in show
    user = find(key)
  File \"app/users.py\", line 5, in find
    raise LookupError(key) from error
LookupError: key
";

#[test]
fn the_first_exception_comes_before_the_one_that_surfaced_and_then_its_caller() {
    let spans = vec![
        failed(span(1, 0, "GET /users", 0, 100)),
        thrown(failed(span(2, 1, "users.find", 10, 90)), 50, "LookupError", "key", CHAINED),
    ];
    let mut all = spans_of("web", spans);
    all.extend(logs(vec![
        log(2, 20, 13, "user 7 has no rows"),
        log(2, 30, 9, "retrying"),
        log(2, 60, 17, "lookup failed"),
    ]));
    let bundle = bundle(all);
    assert_sound(&bundle);
    let frames = &bundle.exception.as_ref().unwrap().frames;
    assert_eq!((frames[0].func.as_str(), frames[1].func.as_str()), ("find", "show"));
    assert_eq!(
        told(&bundle)[..4],
        [
            ("raised", "/exception/causes/0/frames/0"),
            ("crash_site", "/exception/frames/0"),
            ("caller", "/exception/frames/1"),
            ("failed_span", "/trace/span_path/1"),
        ]
    );
}

#[test]
fn the_last_warning_of_the_failing_service_comes_before_what_it_said_later() {
    let spans =
        vec![failed(span(1, 0, "GET /users", 0, 100)), thrown(failed(span(2, 1, "find", 10, 90)), 50, "E", "m", "")];
    let mut all = super::world::spans(spans);
    all.extend(logs(vec![log(2, 20, 13, "pool is empty"), log(2, 30, 9, "going on"), log(2, 60, 17, "failed")]));
    let bundle = bundle(all);
    assert_sound(&bundle);
    let decision = bundle.suspects.iter().find(|suspect| suspect.kind == "decision").unwrap();
    assert_eq!(decision.at, "/logs/window/0");
    assert!(told(&bundle).contains(&("failed_span", "/trace/span_path/1")));
}

#[test]
fn a_call_of_another_service_may_have_passed_what_failed() {
    let mut all = spans_of("gateway", vec![failed(span(1, 0, "GET /users", 0, 100))]);
    all.extend(spans_of("users", vec![failed(span(2, 1, "handle", 10, 90)), failed(span(3, 2, "find", 20, 80))]));
    let bundle = bundle(all);
    assert_sound(&bundle);
    assert!(told(&bundle).contains(&("upstream", "/trace/span_path/0")), "{:?}", bundle.suspects);
}

#[test]
fn time_on_the_critical_path_is_that_in_which_no_child_ran() {
    // 1: 0–100; 2: 10–40; 3: 30–90 (overlaps 2); 4 below 3: 50–60.
    let spans =
        vec![span(1, 0, "root", 0, 100), span(2, 1, "a", 10, 40), span(3, 1, "b", 30, 90), span(4, 3, "c", 50, 60)];
    let bundle = bundle(super::world::spans(spans));
    let steps: Vec<(u8, f64)> =
        bundle.trace.critical_path.iter().map(|step| (step.span_id.0[0], step.self_ms)).collect();
    assert_eq!(steps, [(1, 20.0), (2, 20.0), (3, 50.0), (4, 10.0)]);
    assert_eq!(bundle.incident.class, "performance");
    assert_eq!(told(&bundle)[0].0, "slowest");
    let slowest: usize = told(&bundle)[0].1.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(bundle.trace.spans[slowest].name, "b");
    assert_sound(&bundle);
}

#[test]
fn queries_in_a_loop_are_told_with_their_number() {
    let calls = (3..43).map(|own| span(own, 2, "SELECT items", u64::from(own), u64::from(own) + 1));
    let spans =
        [span(1, 0, "GET /orders", 0, 100), span(2, 1, "orders.list", 1, 99), span(50, 2, "SELECT orders", 1, 2)];
    let bundle = bundle(super::world::spans(spans.into_iter().chain(calls).collect()));
    let [repeated] = bundle.trace.repeated.as_slice() else { panic!("{:?}", bundle.trace.repeated) };
    assert_eq!((repeated.name.as_str(), repeated.count, repeated.service.as_str()), ("SELECT items", 40, "checkout"));
    assert!((repeated.total_ms - 40.0).abs() < 1e-9);
    assert_eq!(repeated.parent_span_id.0[0], 2);
    assert!(told(&bundle).contains(&("repeated", "/trace/repeated/0")));
    assert_sound(&bundle);
}
