//! Local variables: shown with the frames that they are of, and redacted by their names.

use serde_json::json;

use super::recording::{Folder, only, span, string, throwing, trace_id, traces};
use super::support::schema::assert_all_valid;
use super::support::store;

const RICH: &str = include_str!("../../src/evidence/tests/texts/rich.txt");
const SECRETS: [&str; 6] =
    ["hunter2", "tok-123", "ada@example.org", "s3cr3t-value", "4111 1111 1111 1111", "Bearer abc.def"];

fn replayed(edit: impl FnOnce(&mut serde_json::Value), stack: &str) -> (Folder, serde_json::Value) {
    let folder = Folder::new();
    let trace = trace_id(1);
    let failed = span(&trace, "00f067aa0ba902b7", "", "GET /cart", (0, 5), true);
    let mut failed = throwing(failed, 4, "ValueError", "bad total", stack);
    edit(&mut failed["events"][0]["attributes"]);
    folder.replay(&[traces("checkout", &[failed])]);
    assert_all_valid(&folder.store());
    let bundle = store::json(only(&store::bundles(&folder.store())));
    store::assert_nowhere(&folder.store(), &SECRETS);
    (folder, bundle)
}

#[test]
fn variables_of_an_attribute_are_shown_and_secrets_among_them_are_not() {
    let frames = json!([
        {"filename": "shop/cart.py", "function": "total", "lineno": 12, "in_app": true,
         "vars": {"password": "hunter2", "count": 3, "owner": "ada@example.org", "settings": {"api_key": "s3cr3t-value", "retries": 2},
                  "headers": "{'Authorization': 'Bearer abc.def'}", "card": "4111 1111 1111 1111", "long": "word ".repeat(900)},
         "pre_context": ["def total(text):", "    password = \"hunter2\""], "context_line": "    login(token=\"tok-123\")", "post_context": ["    # ada@example.org"]},
    ]);
    let (folder, bundle) = replayed(
        |attributes| attributes.as_array_mut().unwrap().push(string("casefile.exception.frames", &frames.to_string())),
        "",
    );
    let frame = &bundle["exception"]["frames"][0];
    assert_eq!(frame["locals"]["count"], 3);
    assert_eq!(frame["locals"]["password"], "[withheld]");
    assert_eq!(frame["locals"]["settings"]["retries"], 2);
    assert!(frame["locals"]["owner"].as_str().unwrap().starts_with("email:E-"), "{frame}");
    assert_eq!(frame["pre_context"][0], "def total(text):");
    let long = frame["locals"]["long"].as_str().unwrap();
    assert!(long.ends_with('…') && long.len() < 1100, "shortened once it is redacted: {}", long.len());
    let page = folder.text(&["bundle", "render", "--for", "page", &trace_id(1)]);
    assert!(page.contains("`count = 3`"), "{page}");
}

#[test]
fn variables_in_the_text_of_a_traceback_are_redacted_there_and_with_their_frames() {
    let (_, bundle) = replayed(|_| {}, RICH);
    let locals = &bundle["exception"]["causes"][0]["frames"][0]["locals"];
    assert_eq!(locals["factor"], "3");
    assert_eq!(locals["password"], "[withheld]");
    assert!(bundle["exception"]["stacktrace"].as_str().unwrap().contains("factor = 3"));
}
