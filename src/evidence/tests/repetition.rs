//! What of many log lines is shown.

use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::world::*;
use crate::model::{Bundle, LogLine};

const INFO: i32 = 9;

/// The failure of a span of ten seconds, with these logs, `(ms, severity, message)`.
fn with_logs(said: impl IntoIterator<Item = (u64, i32, String)>) -> Bundle {
    let mut all = spans(vec![failed(span(1, 0, "a", 0, 10_000))]);
    let records: Vec<LogRecord> =
        said.into_iter().map(|(at, severity, message)| log(1, at, severity, &message)).collect();
    all.extend(logs(records));
    bundle(all)
}

fn fetched(count: u64) -> impl Iterator<Item = (u64, i32, String)> {
    (0..count).map(|n| (n * 10, INFO, format!("fetched row {n} in {} ms", n % 7)))
}

fn messages(bundle: &Bundle) -> Vec<&str> {
    bundle.logs.window.iter().map(|line| line.msg.as_str()).collect()
}

/// A word of letters only, a different one for each number.
fn word(number: u64) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect()
}

#[test]
fn repetition_is_one_line_with_a_count_and_what_varied() {
    let found = with_logs(fetched(200).chain([(905, INFO, "plan chosen: merge join".to_owned())]));
    // The first, what is rare, and the last ones before the error.
    let expected: Vec<String> = ["fetched row 0 in 0 ms".to_owned(), "plan chosen: merge join".to_owned()]
        .into_iter()
        .chain(fetched(200).skip(180).map(|(_, _, message)| message))
        .collect();
    assert_eq!(messages(&found), expected);
    let LogLine { count, template, others, .. } = &found.logs.window[0];
    assert_eq!((*count, *template), (180, Some(1)));
    let named =
        ["fetched row 1 in 1 ms", "fetched row 60 in 4 ms", "fetched row 119 in 0 ms", "fetched row 179 in 4 ms"];
    assert_eq!(others, &named);
    let table: Vec<_> = found.logs.templates.iter().map(|row| (row.id, row.count, row.level.as_str())).collect();
    assert_eq!(table, [(1, 200, "INFO")]);
    assert_eq!(found.logs.templates[0].last, found.logs.window.last().unwrap().time);
    assert_eq!((found.logs.total, found.logs.collapsed), (201, 179));
    assert_eq!(found.logs.window.iter().map(|line| line.count).sum::<u64>(), 201);
    assert_eq!(
        found.completeness.truncated,
        ["logs.window: 179 records are counted by another line of their template"]
    );
}

#[test]
fn a_few_lines_are_no_repetition() {
    let said = |n: u64| (n, INFO, format!("step {n} done"));
    let found =
        with_logs((0..3).map(said).chain((0..30).map(|n| (100 + n, INFO, format!("{} {}", word(n), word(n + 50))))));
    assert_eq!(found.logs.window.len(), 33);
    assert!(found.logs.window.iter().all(|line| line.count == 1 && line.others.is_empty()));
    assert!(found.completeness.truncated.is_empty());
}

#[test]
fn key_events_stay_from_both_ends() {
    for (severity, message) in
        [(13, "pool {n} is low"), (17, "row {n} is bad"), (INFO, "retrying call {n}"), (INFO, "call {n} timed out")]
    {
        let said = (0..50_u64).map(|n| (n, severity, message.replace("{n}", &n.to_string())));
        let found = with_logs(said.chain((0..30).map(|n| (100 + n, INFO, format!("{} {}", word(n), word(n + 50))))));
        let shown: Vec<String> =
            [0, 1, 2, 47, 48, 49].iter().map(|n: &u64| message.replace("{n}", &n.to_string())).collect();
        assert_eq!(messages(&found)[..6], shown, "{message}");
        assert_eq!(found.logs.window[0].count, 45);
    }
}

#[test]
fn services_and_levels_are_told_apart() {
    let said = (0..40_u64).map(|n| (n, if n % 2 == 0 { 5 } else { INFO }, format!("tick {n}")));
    let found = with_logs(said);
    let table: Vec<_> = found.logs.templates.iter().map(|row| (row.id, row.count, row.level.as_str())).collect();
    assert_eq!(table, [(1, 20, "DEBUG"), (2, 20, "INFO")]);
}

#[test]
fn over_the_limit_the_last_lines_before_the_error_are_kept_first() {
    // Each says something of its own.
    let said = |n: u64| (n * 4, INFO, format!("{} {}", word(n), word(n + 5_000)));
    let found = with_logs((0..2_500).map(said).chain([(10_001, INFO, "after".to_owned())]));
    assert_eq!(found.logs.window.len(), 2_000);
    // And the ends, of all.
    assert_eq!(messages(&found)[..2], [said(0).2, said(502).2]);
    assert_eq!(messages(&found)[1_998..], [said(2_499).2, "after".to_owned()]);
    let cut = "logs.window: 501 records are over the limit of 2000 lines".to_owned();
    assert!(found.completeness.truncated.contains(&cut), "{:?}", found.completeness.truncated);
}

#[test]
fn over_the_limit_key_events_outlast_what_is_nearer() {
    let said = |n: u64| (n * 4, INFO, format!("{} {}", word(n), word(n + 5_000)));
    let found = with_logs((0..2_500).map(said).chain([(1, INFO, "fallback chosen".to_owned())]));
    assert_eq!(found.logs.window.len(), 2_000);
    assert_eq!(messages(&found)[..2], [said(0).2, "fallback chosen".to_owned()]);
}

#[test]
fn over_the_limit_what_is_rare_outlasts_what_is_nearer() {
    let said = |n: u64| (2 + n * 4, INFO, format!("{} {}", word(n % 1_250), word(n % 1_250 + 5_000)));
    let found =
        with_logs((0..2_500).map(said).chain([(1, INFO, "begin".to_owned()), (5, INFO, "merge join".to_owned())]));
    assert_eq!(found.logs.window.len(), 2_000);
    assert_eq!(messages(&found)[..2], ["begin", "merge join"]);
}

#[test]
fn the_order_in_which_lines_came_changes_nothing() {
    let said: Vec<_> =
        fetched(80).chain((0..40).map(|n| (n * 9, 13, format!("slow call {n} to {}", word(n))))).collect();
    let turned = with_logs(said.iter().rev().cloned());
    let mixed = with_logs(
        said.iter().step_by(3).chain(said.iter().skip(1).step_by(3)).chain(said.iter().skip(2).step_by(3)).cloned(),
    );
    let expected = serde_json::to_vec(&with_logs(said)).unwrap();
    assert_eq!(serde_json::to_vec(&turned).unwrap(), expected);
    assert_eq!(serde_json::to_vec(&mixed).unwrap(), expected);
}
