//! Whole documents.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{bundle, case, full, redact, redactor, with};
use crate::config::RedactionProcessor;
use crate::model::Outcome;
use crate::redact::Redactor;
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::Seen;

const EMAIL: &str = "zoe.canary@mail.example";
const CARD: &str = "4539 1488 0343 6467";
const BEARER: &str = "Bearer c4n4ryT0kenOfTheTest1234567890";

/// Pointers and texts of all strings of a value, and its keys.
fn strings(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| strings(item, &format!("{path}/{index}"), out))
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| strings(item, &format!("{path}/{key}"), out)),
        _ => {}
    }
}

#[test]
fn a_bundle_without_anything_sensitive_comes_out_as_it_was() {
    let before = bundle(full());
    let mut after = redact(&redactor(), before.clone());
    assert_eq!(after.redaction.remarks, []);
    assert_eq!(after.redaction.key_id, "a");
    assert!(after.redaction.policy.starts_with("sha256:"));
    after.redaction = before.redaction.clone();
    assert_eq!(after, before);
}

#[test]
fn canary_no_value_survives_in_any_string_or_key_in_any_spelling() {
    let redactor = redactor();
    let mut places = Vec::new();
    strings(&full(), "", &mut places);
    let json_escaped = |text: &str| text.chars().map(|char| format!("\\u{:04x}", char as u32)).collect::<String>();
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for canary in [EMAIL, CARD, BEARER] {
        let secret = canary.strip_prefix("Bearer ").unwrap_or(canary);
        let base64 = data_encoding::BASE64.encode(canary.as_bytes());
        let base64url = data_encoding::BASE64URL_NOPAD.encode(canary.as_bytes());
        let hex = data_encoding::HEXLOWER.encode(canary.as_bytes());
        for spelled in [canary.to_owned(), percent(canary), json_escaped(canary), base64.clone(), base64url, hex] {
            for (path, text) in &places {
                // The typed ids cannot hold a text at all.
                if path.ends_with("_id") && path != "/bundle_id" {
                    continue;
                }
                for written in [spelled.clone(), format!("{text} {spelled} end"), json!({"v": spelled}).to_string()] {
                    let mut document = full();
                    *document.pointer_mut(path).unwrap() = json!(written);
                    let out = serde_json::to_string(&redact(&redactor, bundle(document))).unwrap();
                    assert!(
                        !out.contains(secret) && !out.contains(spelled.trim_end_matches('=')),
                        "{path}: {written} in {out}"
                    );
                }
            }
            for maps in [
                "/trace/spans/0/attrs",
                "/logs/window/0/attrs",
                "/repro/inputs",
                "/exception/frames/0/locals",
                "/environment/k8s",
                "/environment/baggage",
                "/environment/client",
                "/environment/libraries",
            ] {
                let mut document = full();
                let map: &mut Map<String, Value> = document.pointer_mut(maps).unwrap().as_object_mut().unwrap();
                map.insert(format!("k {spelled} k"), json!(1));
                map.insert("code.function.name".to_owned(), json!({"nested": [{spelled.clone(): [spelled.clone()]}]}));
                let out = serde_json::to_string(&redact(&redactor, bundle(document))).unwrap();
                assert!(
                    !out.contains(secret) && !out.contains(spelled.trim_end_matches('=')),
                    "{maps}: {spelled} in {out}"
                );
            }
        }
    }
}

#[test]
fn a_long_summary_is_cut_after_it_was_seen_whole() {
    let secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw";
    for filler in (0..340).step_by(7) {
        let mut document = full();
        document["incident"]["summary"] = json!(format!("{} {secret} {} end", "x".repeat(filler), "y ".repeat(200)));
        let summary = redact(&redactor(), bundle(document)).incident.summary;
        assert!(!summary.contains("eyJ") && !summary.contains("end"), "{summary}");
        assert!(summary.chars().count() <= 302, "{summary}");
    }
}

#[test]
fn redacting_a_bundle_again_changes_nothing() {
    let redactor = redactor();
    let mut document = full();
    document["exception"]["message"] =
        json!(format!("{EMAIL} sent {CARD} with {BEARER} and password=hunter2 from 10.1.2.3"));
    document["trace"]["spans"][0]["attrs"] = json!({
        "user.id": "u-1", "app.unknown": 7, "db.query.text": "SELECT 1 FROM t WHERE a = 'x'", "session.id": "s-123456", EMAIL: "x",
        "http.request.header.cookie": ["a=b"], "url.full": "https://bob:pw@h.example/p?token=abc&x=1", "http.request.header.x-forwarded-for": "10.1.2.3",
    });
    let once = redact(&redactor, bundle(document));
    let mut twice = redact(&redactor, once.clone());
    assert_eq!(twice.redaction.remarks, []);
    twice.redaction = once.redaction.clone();
    assert_eq!(twice, once);
}

#[test]
fn digits_alone_are_somebodys_in_a_message_and_not_in_a_field_with_a_name() {
    let mut document = full();
    document["logs"]["window"][0]["msg"] = json!("403579558");
    document["logs"]["window"][0]["others"] = json!(["403579561"]);
    document["exception"]["message"] = json!("5321234567");
    document["exception"]["frames"][0]["locals"] =
        json!({"took_ns": 403_579_559, "sent": "403579560", "total": 5_321_234_568_u64, "left": "5321234569"});
    let out = redact(&redactor(), bundle(document.clone()));
    assert!(out.logs.window[0].msg.starts_with("ssn:G-a"), "{}", out.logs.window[0].msg);
    assert!(out.logs.window[0].others[0].starts_with("ssn:G-a"), "{:?}", out.logs.window[0].others);
    let exception = out.exception.unwrap();
    assert!(exception.message.as_deref().unwrap().starts_with("phone:P-a"), "{:?}", exception.message);
    assert_eq!(json!(exception.frames[0].locals), document["exception"]["frames"][0]["locals"]);
}

#[test]
fn frames_keep_file_line_and_function() {
    let mut document = full();
    let frame = json!({"file": "/home/alice/app/report.py", "line": 7, "func": "parse", "module": null, "in_app": true, "locals": {}, "context": null});
    document["exception"]["frames"].as_array_mut().unwrap().push(frame);
    let out = redact(&redactor(), bundle(document)).exception.unwrap();
    assert_eq!(
        (out.frames[0].file.as_deref(), out.frames[0].line, out.frames[0].func.as_str()),
        (Some("app/handlers/report.py"), Some(214), "parse_report")
    );
    let file = out.frames[1].file.as_deref().unwrap();
    assert!(file.starts_with("/home/user:U-a") && file.ends_with("/app/report.py"), "{file}");
}

#[test]
fn attributes_pass_only_if_they_are_classed_or_allowed() {
    let attrs = json!({
        "app.cart.size": 3, "app.cart.token": "abc", "http.request.method": "GET", "http.request.header.authorization": ["Bearer x"],
        "user.id": "u-77", "k8s.pod.label.api-token": "zzz", "gen_ai.usage.input_tokens": 12, "mrn": "12-3456",
        "app.note": "mail zoe.canary@mail.example",
    });
    let read = |config: RedactionProcessor| {
        let mut document = full();
        document["trace"]["spans"][0]["attrs"] = attrs.clone();
        redact(&with(config), bundle(document)).trace.spans[0].attrs.clone()
    };
    let out = read(RedactionProcessor::default());
    for withheld in
        ["app.cart.size", "app.cart.token", "http.request.header.authorization", "k8s.pod.label.api-token", "app.note"]
    {
        assert_eq!(out[withheld], "[withheld]", "{withheld}");
    }
    assert_eq!(out["http.request.method"], "GET");
    assert_eq!(out["gen_ai.usage.input_tokens"], 12);
    assert!(out["user.id"].as_str().unwrap().starts_with("user:U-a"));
    assert!(out["mrn"].as_str().unwrap().starts_with("health:H-a"));

    let out = read(RedactionProcessor { allowed_keys: vec!["app.note".into()], ..Default::default() });
    assert!(out["app.note"].as_str().unwrap().starts_with("mail email:E-a"), "{out:?}");
    assert_eq!(out["app.cart.size"], "[withheld]");
    let out = read(RedactionProcessor { allow_all_keys: true, ..Default::default() });
    assert_eq!(out["app.cart.size"], 3);
    assert_eq!(out["app.cart.token"], "[withheld]");
    let out = read(RedactionProcessor { ignored_keys: vec!["app.note".into()], ..Default::default() });
    assert_eq!(out["app.note"], "mail zoe.canary@mail.example");
    let out = read(RedactionProcessor { blocked_key_patterns: vec!["method$".into()], ..Default::default() });
    assert_eq!(out["http.request.method"], "[withheld]");
}

#[test]
fn inputs_of_the_request_stay_and_inputs_from_withheld_attributes_do_not() {
    let mut document = full();
    document["trace"]["spans"][0]["attrs"]["customer_note"] = json!("private");
    document["repro"]["inputs"] = json!({
        "ts": "2025-07-01 12:03", "customer_note": "private", "app.unknown": "private", "password": "hunter2", "to": EMAIL, "http.route": "/report",
    });
    let out = redact(&redactor(), bundle(document)).repro.inputs;
    assert_eq!(out["ts"], "2025-07-01 12:03");
    assert_eq!(out["http.route"], "/report");
    for withheld in ["customer_note", "app.unknown", "password"] {
        assert_eq!(out[withheld], "[withheld]", "{withheld}");
    }
    assert!(out["to"].as_str().unwrap().starts_with("email:E-a"));
}

#[test]
fn what_was_found_once_goes_wherever_it_stands_without_its_context() {
    let mut document = full();
    document["logs"]["window"][0]["msg"] = json!("login with password=Tr0ub4dor&3 user=x; and Tr0ub4dor again");
    document["exception"]["message"] = json!("cannot use Tr0ub4dor here, order u-88213-x");
    document["trace"]["spans"][0]["attrs"]["user.id"] = json!("u-88213-x");
    let out = redact(&redactor(), bundle(document));
    let message = out.exception.unwrap().message.unwrap();
    assert!(message.starts_with("cannot use [withheld] here, order user:U-a"), "{message}");
    assert!(!out.logs.window[0].msg.contains("Tr0ub4dor"), "{}", out.logs.window[0].msg);
}

#[test]
fn a_password_that_is_a_word_takes_that_word_from_no_other_place() {
    let mut document = full();
    document["logs"]["window"][0]["msg"] = json!("password=checkout");
    let out = redact(&redactor(), bundle(document));
    assert_eq!(out.logs.window[0].msg, "password=[withheld]");
    assert_eq!(out.logs.window[0].service, "checkout");
}

#[test]
fn remarks_say_where_and_never_what() {
    let mut document = full();
    document["logs"]["window"][0]["msg"] = json!(format!("{EMAIL} and {EMAIL}"));
    document["repro"]["inputs"][EMAIL] = json!("x");
    let out = redact(&redactor(), bundle(document));
    let remarks = &out.redaction.remarks;
    let of = |path: &str| remarks.iter().find(|remark| remark.path == path).unwrap();
    let message = of("/logs/window/0/msg");
    assert_eq!((message.rule.as_str(), message.reason.as_str()), ("email", "an address"));
    assert_eq!((message.count, message.length), (2, 2 * EMAIL.len() as u64));
    assert!(remarks.is_sorted());
    assert!(!format!("{remarks:?}").contains("zoe.canary"));
    let document = serde_json::to_value(&out).unwrap();
    for remark in remarks {
        assert!(document.pointer(&remark.path).is_some(), "{remark:?} points nowhere");
    }
}

/// Scenario: the reproduction repeats attributes that the user blocks, or that nobody has classed. Guarantee: what does not pass as an
/// attribute does not pass there, and the bundle keeps its shape.
#[test]
fn the_reproduction_shows_no_more_than_the_attributes_that_it_comes_from() {
    let with_body = |key: &str| {
        let mut document = full();
        document["trace"]["span_path"][0]["attrs"] = json!({ key: "a quiet word" });
        document["repro"]["request"]["body"] = json!("a quiet word");
        document["repro"]["command"] = json!(["app", "a quiet word"]);
        document["repro"]["image"] = json!("registry.example/quiet:1.2");
        document
    };
    let open = redact(&redactor(), bundle(with_body("http.request.body.content"))).repro;
    assert_eq!(open.request.unwrap().body, Some(json!("a quiet word")));
    assert_eq!(open.command, ["app", "a quiet word"]);
    assert_eq!(open.image.as_deref(), Some("registry.example/quiet:1.2"));

    let unknown = redact(&redactor(), bundle(with_body("http.body"))).repro;
    assert_eq!(unknown.request.unwrap().body, Some(json!("[withheld]")));

    let patterns = ["^process\\.", "^http\\.request\\.body", "^container\\."].map(str::to_owned).to_vec();
    let blocking = with(RedactionProcessor { blocked_key_patterns: patterns, ..Default::default() });
    let blocked = redact(&blocking, bundle(with_body("http.request.body.content"))).repro;
    assert_eq!(blocked.request.unwrap().body, Some(json!("[withheld]")));
    assert_eq!((blocked.command, blocked.image), (vec![json!("[withheld]")], Some("[withheld]".to_owned())));
}

#[test]
fn what_is_remembered_of_a_text_changes_nothing() {
    let mut document = full();
    document["logs"]["window"][0]["msg"] = json!(format!("{EMAIL} and password=zq7x8w9v"));
    document["repro"]["request"]["url"] = json!(format!("https://h.example/?email={EMAIL}"));
    // Known from one place, it goes in another, from memory too.
    document["trace"]["spans"][0]["name"] = json!("GET zq7x8w9v");
    let redactor = redactor();
    let first = redact(&redactor, bundle(document.clone()));
    assert_eq!(redact(&redactor, bundle(document)), first);
    assert_eq!(first.trace.spans[0].name, "GET [withheld]");
}

#[test]
fn keys_that_become_equal_keep_both_values() {
    let mut document = full();
    document["repro"]["inputs"] = json!({"zoe.canary@mail.example": "one", "Zoe.Canary@mail.example": "two"});
    let redactor = with(RedactionProcessor { allow_all_keys: true, ..Default::default() });
    let out = redact(&redactor, bundle(document)).repro.inputs;
    let values: BTreeSet<&str> = out.values().filter_map(Value::as_str).collect();
    assert_eq!(values, BTreeSet::from(["one", "two"]));
}

#[test]
fn input_40_halves_of_a_secret_in_two_attributes_are_judged_by_their_keys() {
    let mut document = full();
    document["trace"]["spans"][0]["attrs"] = json!({"half.one": "AKIAIOSF", "half.two": "ODNN7EXAMPLE"});
    let out = redact(&redactor(), bundle(document)).trace.spans[0].attrs.clone();
    assert!(out.values().all(|value| value == "[withheld]"), "{out:?}");
}

#[test]
fn input_41_a_secret_in_a_key_goes() {
    let mut document = full();
    document["trace"]["spans"][0]["attrs"] = json!({"cache.AKIAIOSFODNN7EXAMPLE.hits": 3, "a@b.example": true});
    let out = serde_json::to_string(&redact(&redactor(), bundle(document)).trace.spans[0].attrs).unwrap();
    assert!(!out.contains("AKIA") && !out.contains("a@b.example"), "{out}");
    assert!(out.contains("cache.secret:S-a") && out.contains("email:E-a"), "{out}");
}

#[derive(Debug)]
struct Panics;

impl Detector for Panics {
    fn find(&self, Seen { text, .. }: Seen<'_>, _: &mut Vec<Finding>) {
        assert!(!text.contains("request start"), "no");
    }
}

#[test]
fn fault_38_a_detector_that_panics_holds_the_bundle_back_and_keeps_the_records() {
    let mut redactor: Redactor = with(RedactionProcessor::default());
    Arc::get_mut(&mut redactor.compiled).unwrap().policy.general.engine.push(Box::new(Panics));
    let error = redactor.redact(case(bundle(full()))).unwrap_err();
    assert_eq!(error.tracked.records(), 1);
    assert!(!error.to_string().contains("request start"));
    error.tracked.settle(Outcome::NotSampled);
}

/// Finds an end of its work only when the test ends.
#[derive(Debug)]
struct Stalls(parking_lot::Mutex<std::sync::mpsc::Receiver<()>>);

impl Detector for Stalls {
    fn find(&self, _: Seen<'_>, _: &mut Vec<Finding>) {
        self.0.lock().recv().unwrap_or_default();
    }
}

#[test]
fn fault_38_a_detector_that_stalls_holds_the_bundle_back_and_keeps_the_records() {
    let timeout = crate::config::Duration(std::time::Duration::from_millis(50));
    let mut redactor = with(RedactionProcessor { timeout, ..RedactionProcessor::default() });
    let (end, ended) = std::sync::mpsc::sync_channel(1);
    let stalls = Box::new(Stalls(parking_lot::Mutex::new(ended)));
    Arc::get_mut(&mut redactor.compiled).unwrap().policy.general.engine.push(stalls);
    // Each of them costs a thread: when there are too many, nothing is tried any more, and nothing written.
    for _ in 0..20 {
        let error = redactor.redact(case(bundle(full()))).unwrap_err();
        assert_eq!(error.tracked.records(), 1);
        assert!(error.reason.contains("did not end") || error.reason.contains("have stalled"), "{}", error.reason);
        error.tracked.settle(Outcome::NotSampled);
    }
    drop(end);
}

#[test]
fn rules_that_do_not_compile_fail_the_start_with_their_place() {
    let config = RedactionProcessor {
        blocked_key_patterns: vec!["fine".into(), "(".into()],
        blocked_values: vec!["(?=x)".into()],
        presets: vec!["pii".into(), "gdpr".into()],
        ..Default::default()
    };
    let problems = Redactor::compile(&config, "t", &super::root()).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["presets[1]", "blocked_key_patterns[1]", "blocked_values[0]"]);
    assert!(problems.iter().all(|problem| problem.instead.is_some()));
}

#[test]
fn the_policy_digest_follows_the_rules_and_not_the_key() {
    let digest = |config: RedactionProcessor| redact(&with(config), bundle(full())).redaction.policy;
    let plain = digest(RedactionProcessor::default());
    assert_eq!(plain, digest(RedactionProcessor { key: crate::config::Secret::new("abc"), ..Default::default() }));
    assert_ne!(plain, digest(RedactionProcessor { allow_all_keys: true, ..Default::default() }));
}
