//! What kind of fault a failure is likely to be, and the page that it gets.

use serde_json::json;

use super::recording::{Folder, only, span, string, throwing, trace_id, traces};
use super::support::schema::assert_all_valid;
use super::support::store;

/// The class, the locale and the page of a failure that throws this.
fn failure(kind: &str, message: &str) -> (String, serde_json::Value, String) {
    let folder = Folder::new();
    let trace = trace_id(1);
    let root = span(&trace, "00f067aa0ba902b7", "", "GET /cart", (0, 50), false);
    let failed = span(&trace, "00f067aa0ba902b8", "00f067aa0ba902b7", "sum", (5, 40), true);
    let mut request = traces("checkout", &[root, throwing(failed, 44, kind, message, "")]);
    let attributes = request["resourceSpans"][0]["resource"]["attributes"].as_array_mut().unwrap();
    attributes.push(string("process.environment_variable.LANG", "de_DE.UTF-8"));
    attributes.push(json!({"key": "process.environment_variable.LC_TIME", "value": {"stringValue": "C"}}));
    folder.replay(&[request]);
    assert_all_valid(&folder.store());
    let bundle = store::json(only(&store::bundles(&folder.store())));
    let page = folder.text(&["bundle", "render", "--for", "page", &trace]);
    (bundle["incident"]["class"].as_str().unwrap().to_owned(), bundle["environment"]["locale"].clone(), page)
}

fn place(page: &str, heading: &str) -> usize {
    page.find(&format!("## {heading}")).unwrap_or_else(|| panic!("no {heading}: {page}"))
}

#[test]
fn signs_tell_the_class_and_the_class_what_a_page_begins_with() {
    let (class, locale, page) = failure("RuntimeError", "dictionary changed size during iteration");
    assert_eq!((&*class, locale), ("concurrency", json!("de_DE.UTF-8")));
    assert!(place(&page, "Exception") < place(&page, "Span path"), "{page}");
    assert!(page.contains("- **locale:** de"), "{page}");

    let (class, _, page) = failure("pydantic.ValidationError", "1 validation error");
    assert_eq!(class, "schema_drift");
    assert!(place(&page, "Span path") < place(&page, "Exception") && page.contains("## Where the time went"), "{page}");

    assert_eq!(failure("MemoryError", "").0, "leak");
    assert_eq!(failure("AssertionError", "").0, "logic");
    let (class, _, page) = failure("ValueError", "no total");
    assert_eq!(class, "crash");
    assert!(
        place(&page, "Span path") < place(&page, "Exception") && !page.contains("## Where the time went"),
        "{page}"
    );
}
