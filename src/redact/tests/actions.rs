//! What the configuration wants done with a class, and with a service.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{bundle, full, redact, root, with};
use crate::config::{ClassAction, RedactionClass, RedactionProcessor, ServiceRedaction};
use crate::redact::{Redactor, TextKind};

const EMAIL: &str = "zoe.canary@mail.example";
const IP: &str = "203.0.113.7";

fn actions(list: &[(RedactionClass, ClassAction)]) -> BTreeMap<RedactionClass, ClassAction> {
    list.iter().copied().collect()
}

fn config(list: &[(RedactionClass, ClassAction)]) -> RedactionProcessor {
    RedactionProcessor { actions: actions(list), ..RedactionProcessor::default() }
}

/// The document after redaction. Guarantee besides: redacting it again changes nothing.
fn settled(redactor: &Redactor, document: Value) -> Value {
    let once = redact(redactor, bundle(document));
    let mut twice = redact(redactor, once.clone());
    assert_eq!(twice.redaction.remarks, []);
    twice.redaction = once.redaction.clone();
    assert_eq!(twice, once);
    serde_json::to_value(once).unwrap()
}

#[test]
fn an_action_holds_in_texts_keys_urls_and_json_alike() {
    use ClassAction::{Keep, Withhold};
    use RedactionClass::{Email, Ip, User};
    let redactor = with(config(&[(Ip, Keep), (Email, Withhold), (User, Keep)]));
    let mut document = full();
    document["logs"]["window"][0]["msg"] =
        json!(format!("{EMAIL} came from {IP} with {{\"client_ip\": \"{IP}\", \"email\": \"zoe\"}}"));
    document["trace"]["spans"][0]["attrs"] = json!({
        "user.id": "u-88213-x", "client.address": IP, "user.email": EMAIL, "url.full": format!("https://h.example/?ip={IP}&email={EMAIL}&user_id=7&token=abc"),
        "http.client_ip": IP, EMAIL: 1,
    });
    document["exception"]["message"] = json!(format!("u-88213-x at {IP}"));
    let out = settled(&redactor, document);
    assert_eq!(
        out["logs"]["window"][0]["msg"],
        format!("[withheld] came from {IP} with {{\"client_ip\": \"{IP}\", \"email\": \"[withheld]\"}}")
    );
    let attrs = &out["trace"]["spans"][0]["attrs"];
    assert_eq!(attrs["user.id"], "u-88213-x");
    assert_eq!((&attrs["client.address"], &attrs["http.client_ip"]), (&json!(IP), &json!(IP)));
    assert_eq!(attrs["user.email"], "[withheld]");
    assert_eq!(attrs["url.full"], format!("https://h.example/?ip={IP}&email=[withheld]&user_id=7&token=[withheld]"));
    assert!(attrs.get("[withheld]").is_some() && attrs.get(EMAIL).is_none(), "{attrs}");
    assert_eq!(out["exception"]["message"], format!("u-88213-x at {IP}"));
    let inspected = redactor.inspect(TextKind::Message, EMAIL).unwrap();
    assert_eq!((inspected.text.as_str(), inspected.remarks[0].class), ("[withheld]", "withheld"));
}

#[test]
fn a_class_that_stays_hides_nothing_of_the_others() {
    let redactor = with(config(&[(RedactionClass::Identifiers, ClassAction::Keep)]));
    let mut document = full();
    document["trace"]["spans"][0]["attrs"] = json!({"user.name": format!("alice with password=hunter2 {EMAIL}")});
    document["logs"]["window"][0]["msg"] =
        json!("{\"user_name\": \"Bearer c4n4ryT0kenOfTheTest1234567890\"} opaque:O-a0000000000000000");
    let out = settled(&redactor, document);
    assert_eq!(out["trace"]["spans"][0]["attrs"]["user.name"], format!("alice with password=[withheld] {EMAIL}"));
    let message = out["logs"]["window"][0]["msg"].as_str().unwrap();
    assert!(!message.contains("c4n4ry"), "{message}");
    assert!(!message.contains("opaque:O-a0000000000000000"), "a forged token stays: {message}");
}

#[test]
fn what_is_withheld_goes_wherever_it_stands_without_its_context() {
    let redactor =
        with(config(&[(RedactionClass::Identifiers, ClassAction::Withhold), (RedactionClass::Ip, ClassAction::Token)]));
    let mut document = full();
    document["trace"]["spans"][0]["attrs"]["user.id"] = json!("u-88213-x");
    document["exception"]["message"] = json!(format!("order of u-88213-x from {IP}"));
    let out = settled(&redactor, document);
    let message = out["exception"]["message"].as_str().unwrap();
    assert!(message.starts_with("order of [withheld] from ip:N-a"), "{message}");
}

#[test]
fn content_and_metadata_can_be_withheld() {
    let redactor = with(config(&[(RedactionClass::Metadata, ClassAction::Withhold)]));
    let out = settled(&redactor, full());
    let attrs = &out["trace"]["spans"][0]["attrs"];
    assert_eq!((&attrs["http.request.method"], &attrs["url.path"]), (&json!("[withheld]"), &json!("/report")));
    let redactor = with(config(&[(RedactionClass::Content, ClassAction::Withhold)]));
    let attrs = &settled(&redactor, full())["trace"]["spans"][0]["attrs"];
    assert_eq!((&attrs["http.request.method"], &attrs["url.path"]), (&json!("GET"), &json!("[withheld]")));
}

#[test]
fn what_would_uncover_a_secret_is_refused_with_its_place() {
    use ClassAction::{Keep, Token, Withhold};
    use RedactionClass::{Content, Secret, Secrets, UrlCredential};
    let mut bad = config(&[(Secrets, Keep), (Secret, Keep), (UrlCredential, Token), (Content, Token)]);
    let service = ServiceRedaction {
        actions: actions(&[(Secrets, Token)]),
        blocked_key_patterns: vec!["(".into()],
        ..Default::default()
    };
    bad.services.insert("checkout".into(), service);
    let problems = Redactor::compile(&bad, "t", &root()).unwrap_err();
    let mut paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "actions.content",
            "actions.secret",
            "actions.secrets",
            "actions.url_credential",
            "services.checkout.actions.secrets",
            "services.checkout.blocked_key_patterns[0]"
        ]
    );
    assert!(problems.iter().all(|problem| problem.instead.is_some()));
    let bearer = with(config(&[(Secrets, Withhold)])).text("Bearer c4n4ryT0kenOfTheTest1234567890");
    assert_eq!(bearer, "Bearer [withheld]");
}

/// Spans, log lines and exemplars of two services, the failing span being the one of `checkout`.
fn two_services() -> Value {
    let mut document = full();
    let attrs = json!({"app.note": "n1", "app.plan": "p1", "client.address": IP, "customer.pin": "9"});
    let mut api = document["trace"]["spans"][0].clone();
    api["service"] = json!("api");
    api["attrs"] = attrs.clone();
    let mut checkout = document["trace"]["spans"][0].clone();
    checkout["attrs"] = attrs.clone();
    checkout["events"][0]["attrs"] = json!({"app.note": "n2"});
    document["trace"]["spans"] = json!([api, checkout]);
    document["trace"]["span_path"] = json!([api, checkout]);
    let mut line = document["logs"]["window"][0].clone();
    line["attrs"] = attrs.clone();
    let mut other = line.clone();
    other["service"] = json!("api");
    other["msg"] = json!(format!("from {IP}"));
    line["msg"] = json!(format!("from {IP}"));
    document["logs"]["window"] = json!([other, line]);
    document["metrics"]["exemplars"][0]["attrs"] = attrs;
    document["exception"]["message"] = json!(format!("refused {IP}"));
    document["repro"]["inputs"] = json!({"app.note": "n3"});
    document
}

#[test]
fn a_service_has_rules_of_its_own() {
    let mut config = RedactionProcessor { allowed_keys: vec!["app.plan".into()], ..Default::default() };
    let checkout = ServiceRedaction {
        allowed_keys: vec!["app.note".into()],
        blocked_key_patterns: vec!["plan$".into()],
        actions: actions(&[(RedactionClass::Ip, ClassAction::Keep)]),
        ..Default::default()
    };
    config.services.insert("checkout".into(), checkout);
    let out = settled(&with(config), two_services());
    for (place, is_checkout) in [
        ("/trace/spans/0", false),
        ("/trace/spans/1", true),
        ("/trace/span_path/0", false),
        ("/trace/span_path/1", true),
        ("/logs/window/0", false),
        ("/logs/window/1", true),
        ("/metrics/exemplars/0", true),
    ] {
        let attrs = &out.pointer(place).unwrap()["attrs"];
        let [note, plan] = if is_checkout { ["n1", "[withheld]"] } else { ["[withheld]", "p1"] };
        assert_eq!((&attrs["app.note"], &attrs["app.plan"]), (&json!(note), &json!(plan)), "{place}");
        assert_eq!(attrs["client.address"] == json!(IP), is_checkout, "{place}: {attrs}");
        assert_eq!(attrs["customer.pin"], "[withheld]", "{place}");
    }
    assert_eq!(out["trace"]["spans"][1]["events"][0]["attrs"]["app.note"], "n2");
    // The sweep finds the address that `api` may not show, and leaves it where it may stand.
    assert!(out["logs"]["window"][0]["msg"].as_str().unwrap().starts_with("from ip:N-a"));
    assert_eq!(out["logs"]["window"][1]["msg"], format!("from {IP}"));
    // What is of no service is the failing span's.
    assert_eq!(out["exception"]["message"], format!("refused {IP}"));
    assert_eq!(out["repro"]["inputs"]["app.note"], "n3");
}

#[test]
fn a_service_may_be_stricter_and_the_failure_is_of_the_service_that_logged_it_where_there_is_no_span() {
    let mut config = RedactionProcessor { allow_all_keys: true, ..Default::default() };
    let checkout = ServiceRedaction {
        allow_all_keys: Some(false),
        actions: actions(&[(RedactionClass::Ip, ClassAction::Withhold)]),
        ..Default::default()
    };
    config.services.insert("checkout".into(), checkout);
    let redactor = with(config);
    let mut document = two_services();
    document["trace"]["span_path"] = json!([]);
    let out = settled(&redactor, document.clone());
    assert_eq!(out["exception"]["message"], "refused [withheld]");
    assert_eq!(out["trace"]["spans"][0]["attrs"]["app.note"], "n1");
    assert_eq!(out["trace"]["spans"][1]["attrs"]["app.note"], "[withheld]");
    document["incident"]["services"] = json!(["api"]);
    let out = settled(&redactor, document);
    assert!(out["exception"]["message"].as_str().unwrap().starts_with("refused ip:N-a"));
}

#[test]
fn actions_and_services_are_in_the_policy_digest() {
    let digest = |config: RedactionProcessor| redact(&with(config), bundle(full())).redaction.policy;
    let plain = digest(RedactionProcessor::default());
    assert_ne!(plain, digest(config(&[(RedactionClass::Ip, ClassAction::Keep)])));
    let mut services = RedactionProcessor::default();
    services.services.insert("checkout".into(), ServiceRedaction { allow_all_keys: Some(true), ..Default::default() });
    assert_ne!(plain, digest(services));
}
