//! Templates of log lines are made of what is left of their messages.

use serde_json::{Value, json};

use super::{bundle, full, redact, redactor};

/// A bundle with these lines of one template, whose text is given.
fn with_lines(template: &str, messages: &[&str]) -> Value {
    let mut document = full();
    let line = |message: &&str| {
        json!({"time": "2025-07-01T12:03:00.000000000Z", "level": "INFO", "msg": message, "service": "checkout",
               "span_id": null, "attrs": {}, "count": 1, "template": 1})
    };
    document["logs"]["window"] = messages.iter().map(line).collect();
    document["logs"]["templates"] = json!([{
        "id": 1, "template": template, "level": "INFO", "service": "checkout", "count": 9,
        "first": "2025-07-01T12:03:00.000000000Z", "last": "2025-07-01T12:03:01.000000000Z",
    }]);
    document
}

#[test]
fn a_template_says_nothing_that_its_lines_do_not_say_any_more() {
    for (said, template) in [
        (["login of zoe@mail.example took 5 ms", "login of yan@mail.example took 7 ms"], "login of email:<*> took <*>"),
        // Only half of each password would have been left standing.
        (["password=k9:ab:Qw+z retry 5", "password=k9:cd:Qw+z retry 6"], ""),
        (["user Anna paid with 4539 1488 0343 6467", "user Anna paid with 4539148803436467"], ""),
    ] {
        // Whatever stood there before.
        let redacted = redact(&redactor(), bundle(with_lines("k9:<*>:Qw+z zoe@mail.example", &said)));
        let text = &redacted.logs.templates[0].template;
        let shown = redacted.logs.window.iter().map(|line| line.msg.as_str()).collect::<Vec<_>>().join(" ");
        for secret in ["Qw", "k9", "zoe", "yan@", "4539", "6467"] {
            assert!(!text.contains(secret) && !shown.contains(secret), "{text}: {shown}");
        }
        assert!(template.is_empty() || text == template, "{text}");
        let again = redact(&redactor(), redacted.clone());
        assert_eq!((&again.logs, &again.redaction.remarks.len()), (&redacted.logs, &0));
    }
}

#[test]
fn what_a_line_stands_for_is_redacted_as_it_is() {
    let mut document = with_lines("", &["mail to zoe@mail.example sent"]);
    document["logs"]["window"][0]["others"] = json!(["mail to yan@mail.example sent", "mail to 17 sent"]);
    let redacted = redact(&redactor(), bundle(document));
    let others = &redacted.logs.window[0].others;
    assert!(others[0].starts_with("mail to email:E-a") && others[1] == "mail to 17 sent", "{others:?}");
    assert!(redacted.redaction.remarks.iter().any(|remark| remark.path == "/logs/window/0/others/0"));
    assert_eq!(redacted.logs.templates[0].template, "mail to email:<*> sent");
}
