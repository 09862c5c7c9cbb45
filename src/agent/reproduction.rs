//! How to make it happen again, as a page says it: with a command line that sends the request once more.
//!
//! The command line is made of what is redacted already, here and not in the bundle: within a text no rule would know which header's or
//! parameter's value it sees.

use std::fmt::Write;

use serde_json::Value;

use super::prose::{attributes, code, fenced, heading, line, one_line, prose, said};
use crate::model::{Repro, Request, Seed, TestRun};

/// The section.
pub(super) fn section(page: &mut String, repro: &Repro) {
    heading(page, "Reproduction");
    if let Some(request) = &repro.request {
        let parts = [request.method.as_deref(), request.url.as_deref()];
        let what = parts.into_iter().flatten().map(one_line).collect::<Vec<_>>().join(" ");
        let answer = request.status_code.map_or_else(String::new, |status| format!(" → {status}"));
        line(page, &format!("- **Request ({}):** `{}`{answer}", prose(&request.protocol), code(&what)));
        attributes(page, "Header", &request.headers);
    }
    if let Some(test) = &repro.test {
        test_run(page, test);
    }
    attributes(page, "Input", &repro.inputs);
    for (name, value) in &repro.env {
        line(page, &format!("- **Environment:** `{}={}`", code(name), code(value)));
    }
    for Seed { name, value, of } in &repro.seeds {
        let of = of.as_ref().map_or_else(String::new, |of| format!(" ({})", prose(of)));
        line(page, &format!("- **Seed:** `{}={}`{of}", code(&one_line(name)), code(&one_line(value))));
    }
    if !repro.command.is_empty() {
        let words: Vec<String> = repro.command.iter().map(word).collect();
        line(page, &format!("- **Command:** `{}`", code(&one_line(&words.join(" ")))));
    }
    for (name, value) in [("Image", &repro.image), ("Time to freeze", &repro.time)] {
        if let Some(value) = value {
            line(page, &format!("- **{name}:** `{}`", code(&one_line(value))));
        }
    }
    if let Some(curl) = repro.request.as_ref().and_then(curl) {
        fenced(page, &curl);
    }
    if repro.test.is_none()
        && repro.request.is_none()
        && repro.inputs.is_empty()
        && repro.env.is_empty()
        && repro.command.is_empty()
    {
        line(page, "No input was recorded.");
    }
}

/// The test that failed, and what ran it.
fn test_run(page: &mut String, test: &TestRun) {
    let status = |status: &Option<String>| status.as_ref().map_or_else(String::new, |status| format!(" → {status}"));
    let (case, suite) = (status(&test.status), status(&test.suite_status));
    let facts = [
        ("Test", &test.case, case.as_str()),
        ("Suite", &test.suite, suite.as_str()),
        ("Pipeline", &test.pipeline, ""),
        ("Pipeline run", &test.pipeline_run_url.clone().or_else(|| test.pipeline_run_id.clone()), ""),
        ("Task", &test.task, ""),
        ("Task run", &test.task_run_url, ""),
    ];
    for (name, value, status) in facts {
        if let Some(value) = value {
            line(page, &format!("- **{name}:** `{}`{}", code(&one_line(value)), prose(status)));
        }
    }
}

/// The request as a command line; `None` where it is none of HTTP, or nobody knows where it went.
fn curl(request: &Request) -> Option<String> {
    let (method, url) = (request.method.as_deref()?, request.url.as_deref()?);
    if request.protocol != "http" {
        return None;
    }
    let mut text = format!("curl -X {} {}", quoted(method), quoted(url));
    for (name, value) in &request.headers {
        let value = match value {
            Value::Array(items) => items.iter().map(said).collect::<Vec<_>>().join(", "),
            value => said(value),
        };
        write!(text, " \\\n  -H {}", quoted(&format!("{name}: {value}"))).unwrap_or_default();
    }
    if let Some(body) = &request.body {
        write!(text, " \\\n  --data-raw {}", quoted(&said(body))).unwrap_or_default();
    }
    Some(text)
}

/// An argument as a shell wants it, where it needs quotes.
fn word(value: &Value) -> String {
    let text = said(value);
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { quoted(&text) }
}

/// In single quotes, as POSIX has it: nothing between them means anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_sent_again_by_one_command() {
        let mut request = Request {
            protocol: "http".to_owned(),
            method: Some("POST".to_owned()),
            url: Some("https://h.example/report?q=it's".to_owned()),
            body: Some(json!({"ts": "2025"})),
            ..Request::default()
        };
        request.headers.insert("accept".to_owned(), json!(["a/b", "c/d"]));
        let expected = "curl -X 'POST' 'https://h.example/report?q=it'\\''s' \\\n  -H 'accept: a/b, c/d' \\\n  --data-raw '{\"ts\":\"2025\"}'";
        assert_eq!(curl(&request).unwrap(), expected);
        request.protocol = "rpc".to_owned();
        assert_eq!(curl(&request), None);
    }
}
