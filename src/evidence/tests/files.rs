//! Attachments among the records of a trace.

use super::world::{TRACE, assemble, bundle, failed, log, logs, records, span, spans, thrown};
use crate::model::{Attachment, Record, Signal};
use crate::otlp::{AttachedFile, write_attachment};

pub(super) fn file(name: &str, kind: &str, content: &str) -> Vec<Record> {
    file_of("", name, kind, content)
}

/// A file that names its service.
pub(super) fn file_of(service: &str, name: &str, kind: &str, content: &str) -> Vec<Record> {
    let file = AttachedFile {
        trace_id: TRACE,
        service: service.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        content: content.as_bytes().to_vec(),
        ..AttachedFile::default()
    };
    records(Signal::Logs, write_attachment(file, false))
}

fn alone(kind: &str, content: &str) -> Attachment {
    bundle(file("x", kind, content)).attachments.remove(0)
}

fn functions(attachment: &Attachment) -> Vec<Vec<&str>> {
    attachment
        .stacks
        .iter()
        .map(|stack| stack.exception.frames.iter().map(|frame| frame.func.as_str()).collect())
        .collect()
}

const GOROUTINES: &str = "goroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1\n\n\
    goroutine 7 [chan receive]:\nmain.wait(0x1)\n\t/app/wait.go:9 +0x1\n\n\
    goroutine 8 [chan receive, 3 minutes]:\nmain.wait(0x2)\n\t/app/wait.go:9 +0x1\n";

#[test]
fn a_file_is_no_log_line_and_changes_nothing_of_the_failure() {
    let trace = || {
        let failing = thrown(failed(span(1, 0, "pay", 0, 90)), 80, "ValueError", "no", "");
        [spans(vec![failing]), logs(vec![log(1, 10, 9, "paying")])].concat()
    };
    let without = bundle(trace());
    let with = bundle(
        [trace(), file("junit.xml", "", "<testsuite><testcase name='a'><failure/></testcase></testsuite>")].concat(),
    );
    assert_eq!(with.logs, without.logs);
    assert_eq!((&with.exception, &with.incident), (&without.exception, &without.incident));
    assert_eq!(with.attachments.len(), 1);
    assert_eq!(with.completeness.shown, without.completeness.shown + 1);
}

#[test]
fn files_are_the_same_in_any_order_and_one_that_comes_twice_is_one() {
    let [a, b] = [file("b", "text", "one"), file("a", "dump", GOROUTINES)];
    let (first, totals) = assemble([a.clone(), b.clone(), a.clone()].concat());
    assert_eq!((totals.bundled, totals.dropped), (2, 1));
    let (second, _) = assemble([b, a].concat());
    assert_eq!(first.bundle, second.bundle);
    assert_eq!(first.records, second.records);
    assert_eq!(first.bundle.attachments.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn threads_that_stand_in_one_place_are_one_stack() {
    let dump = alone("dump", GOROUTINES);
    assert_eq!(functions(&dump), [["main.main"], ["main.wait"]]);
    let waiting = &dump.stacks[1];
    assert_eq!((waiting.count, waiting.threads.as_slice()), (2, ["7".to_owned(), "8".to_owned()].as_slice()));
    assert!(!dump.unread && dump.text.is_none());
}

#[test]
fn a_race_is_a_failure_of_its_trace_with_both_accesses() {
    let race = "==================\nWARNING: DATA RACE\nRead at 0x00c0 by goroutine 7:\n  main.read()\n      /app/a.go:1 +0x1\n\n\
        Previous write at 0x00c0 by goroutine 6:\n  main.write()\n      /app/b.go:2 +0x1\n==================\nFound 1 data race(s)\n";
    let found = bundle(file("race.txt", "", race));
    assert_eq!(found.attachments[0].kind, "race");
    assert_eq!(functions(&found.attachments[0]), [["main.read"]]);
    let exception = found.exception.unwrap();
    assert_eq!(
        (exception.causes[0].relation.as_str(), exception.causes[0].frames[0].func.as_str()),
        ("concurrent", "main.write")
    );
    assert_eq!(found.incident.class, "concurrency");
}

#[test]
fn a_test_of_java_has_its_frames_and_causes() {
    let report = "<testsuite><testcase classname='shop.CartTest' name='totals'><failure type='java.lang.IllegalStateException' message='no rate'>\
        java.lang.IllegalStateException: no rate\n\tat shop.Cart.total(Cart.java:7)\n\tat shop.CartTest.totals(CartTest.java:31)\n\
        Caused by: java.io.IOException: closed\n\tat shop.Rates.get(Rates.java:3)\n</failure></testcase></testsuite>";
    let tests = alone("junit", report).tests.unwrap();
    let exception = &tests.failures[0].exception;
    assert_eq!(exception.frames[0].line, Some(7));
    assert_eq!(exception.causes[0].kind.as_deref(), Some("java.io.IOException"));
}

#[test]
fn coverage_names_the_files_of_the_stack_first() {
    let stack = "Traceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 7, in total\n    raise ValueError\nValueError";
    let failing = thrown(failed(span(1, 0, "pay", 0, 90)), 80, "ValueError", "", stack);
    let lcov = "SF:a.py\nDA:1,0\nDA:2,0\nDA:3,0\nend_of_record\nSF:shop/cart.py\nDA:7,1\nDA:8,0\nend_of_record\n";
    let found = bundle([spans(vec![failing]), file("lcov.info", "", lcov)].concat());
    let coverage = found.attachments[0].coverage.as_ref().unwrap();
    let files: Vec<_> = coverage.files.iter().map(|file| (file.file.as_str(), file.in_stack)).collect();
    assert_eq!(files, [("shop/cart.py", true), ("a.py", false)]);
    assert_eq!(
        (coverage.files[0].hit.as_slice(), coverage.files[0].missed.as_slice()),
        ([[7, 7]].as_slice(), [[8, 8]].as_slice())
    );
}

#[test]
fn what_cannot_be_read_as_its_kind_is_shown_as_text_and_said_to_be() {
    for kind in ["junit", "pytest", "jest", "go_test", "lcov", "cobertura", "dump", "core", "race"] {
        let found = alone(kind, "nothing of the kind");
        assert!(found.unread, "{kind}");
        assert_eq!(found.text.as_deref(), Some("nothing of the kind"), "{kind}");
    }
    let unknown = alone("no such kind", "words");
    assert_eq!((unknown.kind.as_str(), unknown.unread), ("text", false));
}

#[test]
fn text_that_does_not_fit_is_left_out_whole_and_said_to_be() {
    let long = alone("text", &"word ".repeat(300_000));
    assert!(long.cut && long.text.is_none());
    let words = "word ".repeat(300_000);
    let report = format!("<testsuite><testcase name='a'><failure type='E'>{words}</failure></testcase></testsuite>");
    let found = bundle(file("junit.xml", "", &report));
    let exception = found.exception.unwrap();
    assert_eq!((exception.kind.as_deref(), exception.stacktrace), (Some("E"), None));
    assert!(found.attachments[0].cut);
    let half = "word ".repeat(150_000);
    let found = bundle([file("a", "text", &half), file("b", "text", &format!("{half}b"))].concat());
    let [a, b] = found.attachments.as_slice() else { panic!("two files") };
    assert_eq!((a.text.as_deref(), a.cut), (Some(half.as_str()), false));
    assert_eq!((b.text.as_deref(), b.cut), (None, true));
}

#[test]
fn more_failures_than_are_shown_are_counted() {
    let case = |at: usize| format!("<testcase name='t{at}'><failure>no</failure></testcase>");
    let cases: String = (0..150).map(case).collect();
    let tests = alone("junit", &format!("<testsuite>{cases}</testsuite>")).tests.unwrap();
    assert_eq!((tests.counts.failed, tests.failures.len(), tests.more), (150, 50, 100));
    let files: Vec<Record> = (0..60).flat_map(|at| file(&format!("{at:02}"), "text", "x")).collect();
    let found = bundle(files);
    assert_eq!(found.attachments.len(), 50);
    assert!(found.completeness.truncated.contains(&"attachments: 50 of 60 are shown".to_owned()));
    let reports = [
        file("a", "junit", &format!("<testsuite>{cases}</testsuite>")),
        file("b", "junit", &format!("<testsuite>{cases}{cases}</testsuite>")),
    ];
    let said = bundle(reports.concat()).completeness.truncated;
    assert_eq!(said, ["attachments[].tests.failures: 200 are left out"], "of both");
}

#[test]
fn a_profile_shows_its_heaviest_stacks_and_their_share() {
    let shown = alone("folded", "# type: cpu nanoseconds\n# total: 60\nmain;parse 30\nmain;render 10\n");
    let profile = shown.profile.unwrap();
    assert_eq!((profile.kind.as_str(), profile.unit.as_str(), profile.total), ("cpu", "nanoseconds", 60.0));
    let stacks: Vec<_> = profile.stacks.iter().map(|stack| (&*stack.folded, stack.value, stack.share)).collect();
    assert_eq!(stacks, [("main;parse", 30.0, 0.5), ("main;render", 10.0, 0.1667)]);
    assert_eq!((shown.text, shown.unread, shown.cut), (None, false, false));
}

/// Guarantees: of deep stacks the heaviest are shown that fit into what a profile may have, and what is not shown is said.
#[test]
fn a_profile_takes_no_more_than_its_share_of_a_bundle() {
    let name = "frame".repeat(100);
    let deep = |n: usize| format!("{};f{n} {}\n", [name.as_str(); 3].join(";"), 1000 - n);
    let found = bundle(file("p", "folded", &(0..25).map(deep).collect::<String>()));
    let file = &found.attachments[0];
    let profile = file.profile.as_ref().unwrap();
    let bytes: usize = profile.stacks.iter().map(|stack| stack.folded.len()).sum();
    assert!(bytes <= 24 * 1024 && bytes + deep(0).len() > 24 * 1024, "{bytes}");
    assert_eq!((profile.stacks.len() as u64 + profile.more, file.cut), (25, true));
    assert!(profile.stacks.is_sorted_by(|a, b| a.value > b.value) && profile.stacks[0].value == 1000.0);
    assert_eq!(
        found.completeness.truncated,
        [
            format!("attachments[].profile.stacks: {} are left out", profile.more),
            "attachments: text, stacks or lines of 1 are left out for their length".to_owned()
        ]
    );
}
