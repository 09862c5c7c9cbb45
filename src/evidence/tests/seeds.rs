//! Random seeds: wherever they were recorded, and that there is none.

use opentelemetry_proto::tonic::common::v1::ArrayValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::files::file;
use super::world::*;
use crate::model::{Bundle, Record, Signal};

const NONE: &str = "repro.seeds: no attribute, variable, option or test report tells one";

fn with(mut span: Span, pairs: &[(&str, &str)]) -> Span {
    span.attributes = pairs.iter().map(|(key, value)| text(key, value)).collect();
    span
}

fn seeds(bundle: &Bundle) -> Vec<String> {
    let shown = bundle.repro.seeds.iter();
    shown.map(|seed| format!("{}={} {}", seed.name, seed.value, seed.of.as_deref().unwrap_or("-"))).collect()
}

fn says_none(bundle: &Bundle) -> bool {
    bundle.completeness.missing.iter().any(|entry| entry == NONE)
}

fn of_resource(attributes: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>, spans: Vec<Span>) -> Vec<Record> {
    records(Signal::Traces, span_request(Resource { attributes, ..Resource::default() }, spans))
}

/// Scenario: a test's span and its process say several seeds. Guarantees: each is shown by what takes it, that nearest to the failure, and
/// what is no number is none.
#[test]
fn seeds_of_attributes_variables_and_the_command_are_shown_by_what_takes_them() {
    let words = ["pytest", "-p", "randomly", "--randomly-seed=77", "--seed", "-5", "-shuffle=on", "--seed-file", "9"];
    let words = words.map(|word| any(Any::StringValue(word.to_owned()))).to_vec();
    let resource = vec![
        text("process.environment_variable.PYTHONHASHSEED", "0"),
        text("process.environment_variable.NUMPY_SEED", "random"),
        kv("process.command_args", Any::ArrayValue(ArrayValue { values: words })),
    ];
    let mut nearest = with(failed(span(2, 1, "sample", 10, 80)), &[("random.seed", "12"), ("wallet.seed", "lamp oak")]);
    nearest.attributes.push(kv("gen_ai.request.seed", Any::IntValue(100)));
    nearest.attributes.push(kv("food.linseed", Any::IntValue(3)));
    nearest.attributes.push(kv("ratio.seed", Any::DoubleValue(0.5)));
    let top = with(span(1, 0, "test_sample", 0, 90), &[("random.seed", "11"), ("test.seed", "7")]);
    let found = bundle(of_resource(resource, vec![top, nearest]));
    assert_eq!(
        seeds(&found),
        [
            "--randomly-seed=77 -",
            "--seed=-5 -",
            "PYTHONHASHSEED=0 -",
            "gen_ai.request.seed=100 -",
            "random.seed=12 -",
            "test.seed=7 -"
        ]
    );
    assert!(!says_none(&found));
}

#[test]
fn seeds_that_reports_name_are_those_of_what_failed() {
    let go = r#"{"Action":"output","Package":"shop","Output":"-test.shuffle 17\n"}
{"Action":"fail","Package":"shop","Test":"TestTotal"}
{"Action":"output","Package":"fine","Output":"-test.shuffle 18\n"}
{"Action":"pass","Package":"fine","Test":"TestFine"}"#;
    let pytest = "=== test session starts ===\nUsing --randomly-seed=42\n=== FAILURES ===\n___ test_a ___\nE   ValueError: no\n\na.py:3: ValueError\n=== 1 failed in 0.1s ===\n";
    let all =
        || [file("go.json", "", go), file("pytest.txt", "", pytest), file("", "text", "Randomized with seed 9\n")];
    let found = bundle(all().concat());
    assert_eq!(seeds(&found), ["--randomly-seed=42 pytest.txt", "--seed=9 -", "-shuffle=17 shop"]);
    let [a, b, c] = all();
    assert_eq!(bundle([c, b, a].concat()), found, "in any order");
}

/// Guarantees: where a seed would tell how to make the failure happen again, a bundle without one says so, and only there.
#[test]
fn that_no_seed_is_known_is_said_of_tests_and_of_what_depends_on_order() {
    let request = || failed(span(1, 0, "GET /", 0, 9));
    assert!(!says_none(&bundle(spans(vec![request()]))), "a request takes none");
    assert!(says_none(&bundle(spans(vec![with(request(), &[("test.case.name", "test_a")])]))));
    assert!(!says_none(&bundle(spans(vec![with(request(), &[("cicd.pipeline.name", "deploy")])]))));
    let race = thrown(request(), 5, "RuntimeError", "fatal error: concurrent map read and map write", "");
    let race = bundle(spans(vec![race]));
    assert_eq!((race.incident.class.as_str(), says_none(&race)), ("concurrency", true));
    let report = || file("junit.xml", "", "<testsuite><testcase name='a'><failure/></testcase></testsuite>");
    assert!(says_none(&bundle(report())));
    assert!(
        !says_none(&bundle([spans(vec![request()]), report()].concat())),
        "a report beside a failure that is none of a test"
    );
}

#[test]
fn more_seeds_than_are_shown_are_counted() {
    let of = |package: usize| {
        let output = format!(r#"{{"Action":"output","Package":"p{package}","Output":"-test.shuffle {package}\n"}}"#);
        format!("{output}\n{{\"Action\":\"fail\",\"Package\":\"p{package}\",\"Test\":\"T\"}}\n")
    };
    let report = |from: usize| file(&format!("go{from}"), "go_test", &(from..from + 25).map(of).collect::<String>());
    let found = bundle([report(100), report(200), report(300)].concat());
    assert_eq!(found.repro.seeds.len(), 50);
    let said: Vec<&String> =
        found.completeness.truncated.iter().filter(|entry| entry.starts_with("repro.seeds")).collect();
    assert_eq!(said, ["repro.seeds: 15 that test reports name are left out", "repro.seeds: 50 of 60 are shown"]);
}
