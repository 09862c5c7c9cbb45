//! How large a bundle may be: what is cut, what stays, and who says so.

use std::fs;

use serde_json::Value;

use super::recording::{Folder, ended, log, logs, only, span, throwing, trace_id, traces};
use super::support::casefile::command;
use super::support::schema::assert_all_valid;
use super::support::store;

const STACK: &str = "Traceback (most recent call last):\n  File \"/srv/app/cart.py\", line 7, in total\n    return int(text)\nValueError: no total";

/// A failure among 120 spans and 900 log lines, each about somebody else.
fn failure() -> Vec<Value> {
    let trace = trace_id(1);
    let id = |number: u64| format!("{number:016x}");
    let mut spans = vec![span(&trace, &id(1), "", "GET /cart", (0, 1000), false)];
    let failed = span(&trace, &id(2), &id(1), "sum the cart", (10, 900), true);
    spans.push(throwing(failed, 905, "ValueError", "no total", STACK));
    spans.extend((3..121).map(|number| {
        let mut span = span(&trace, &id(number), &id(1), "look up", (number, 2), false);
        let statement = format!("SELECT price FROM items WHERE id = {number}");
        span["attributes"] = serde_json::json!([super::recording::string("db.query.text", &statement)]);
        span
    }));
    let lines: Vec<Value> = (0..900)
        .map(|number| {
            let said =
                format!("step {} of {number} for u{number}@mail.example: {}", number % 7, "word ".repeat(number % 5));
            log(&trace, &id(2), 5 + number as u64, (9, "INFO"), &said)
        })
        .chain([log(&trace, &id(2), 904, (17, "ERROR"), "the cart has no total")])
        .collect();
    vec![traces("checkout", &spans), logs("checkout", &lines)]
}

fn document(folder: &Folder) -> (Value, u64) {
    let path = store::bundles(&folder.store());
    let path = only(&path);
    (store::json(path), fs::metadata(path).unwrap().len())
}

#[test]
fn a_bundle_keeps_within_its_size_and_says_what_was_cut() {
    let whole = Folder::new();
    whole.replay_with(&failure(), &["--set", "connectors.incident.bundle.max_tokens=0"]);
    let (all, large) = document(&whole);
    for (setting, most_bytes, most_tokens) in
        [("max_bytes=48KiB", 48 * 1024, u64::MAX), ("max_tokens=12000", u64::MAX, 12_000)]
    {
        let folder = Folder::new();
        folder.replay_with(&failure(), &["--set", &format!("connectors.incident.bundle.{setting}")]);
        assert_all_valid(&folder.store());
        let (cut, bytes) = document(&folder);
        let manifests = store::manifests(&folder.store());
        let (manifest, _) = store::manifest(only(&manifests));
        let tokens = manifest["tokens"].as_u64().unwrap();
        assert!(
            bytes < large && bytes <= most_bytes && tokens <= most_tokens,
            "{setting}: {bytes} of {large} bytes, {tokens} tokens"
        );
        // The budget is used: what could stay has stayed.
        assert!(bytes > most_bytes / 2 || tokens > most_tokens / 2, "{setting}: {bytes} bytes, {tokens} tokens");

        assert_eq!(cut["incident"], all["incident"]);
        assert_eq!(cut["trace"]["span_path"], all["trace"]["span_path"]);
        assert_eq!(cut["exception"]["frames"], all["exception"]["frames"]);
        let window = cut["logs"]["window"].as_array().unwrap();
        assert!(
            window.iter().any(|line| line["msg"] == "the cart has no total"),
            "{setting}: the last words before the error"
        );

        let shown: u64 = window.iter().map(|line| line["count"].as_u64().unwrap()).sum();
        let spans = cut["trace"]["spans"].as_array().unwrap().len();
        assert_eq!(cut["completeness"]["shown"], shown + spans as u64);
        assert_eq!(cut["completeness"]["records"], all["completeness"]["records"], "every record is accounted for");
        assert_eq!(
            cut["logs"]["total"].as_u64().unwrap(),
            cut["logs"]["collapsed"].as_u64().unwrap() + window.len() as u64
        );
        let said = cut["completeness"]["truncated"].to_string();
        assert!(said.contains("logs.window: ") && said.contains(" cut to fit into "), "{setting}: {said}");
        assert!(spans == 120 || said.contains(&format!("trace.spans: {spans} of 120 are shown")), "{setting}: {said}");

        for remark in cut["redaction"]["remarks"].as_array().unwrap() {
            let at = remark["path"].as_str().unwrap();
            let field = cut.pointer(at).unwrap_or_else(|| panic!("{setting}: a remark about {at}, which is gone"));
            let is_edited = field.is_object()
                || field
                    .as_str()
                    .is_some_and(|text| text.contains(":E-") || text.contains("[withheld]") || text.contains('?'));
            assert!(is_edited, "{setting}: {at} is {field}");
        }
        for suspect in cut["suspects"].as_array().unwrap() {
            assert!(cut.pointer(suspect["at"].as_str().unwrap()).is_some(), "{setting}: {suspect}");
        }
    }
}

#[test]
fn what_is_cut_does_not_depend_on_the_order_in_which_records_come() {
    let folders: Vec<Folder> = (0..2).map(|_| Folder::new()).collect();
    let mut requests = failure();
    for folder in &folders {
        folder.replay_with(&requests, &["--set", "connectors.incident.bundle.max_tokens=9000"]);
        requests.reverse();
        for (outer, inner, list) in
            [("resourceLogs", "scopeLogs", "logRecords"), ("resourceSpans", "scopeSpans", "spans")]
        {
            let request = requests.iter_mut().find(|request| request.get(outer).is_some()).unwrap();
            request[outer][0][inner][0][list].as_array_mut().unwrap().reverse();
        }
    }
    let [one, other] = [0, 1].map(|index| fs::read(only(&store::bundles(&folders[index].store()))).unwrap());
    assert!(one == other, "the same records, the same bytes");
}

#[test]
fn readers_say_how_many_tokens_a_bundle_has() {
    let folder = Folder::new();
    folder.replay(&[super::recording::failure(1, 0, "GET /pay")]);
    let (manifest, _) = store::manifest(only(&store::manifests(&folder.store())));
    let tokens = manifest["tokens"].as_u64().unwrap();
    assert!(tokens > 300, "{tokens}");
    let listed = folder.json(&["bundle", "ls", "--json"]);
    assert_eq!(listed["items"][0]["tokens"], tokens, "{listed}");
    let trace = trace_id(1);
    assert_eq!(folder.json(&["bundle", "get", &trace])["tokens"], tokens);
    let page = folder.text(&["bundle", "render", "--for", "page", &trace]);
    assert!(page.contains(&format!("{tokens} tokens")), "{page}");
}

#[test]
fn a_size_that_nothing_fits_into_is_refused() {
    let folder = Folder::new();
    for (setting, least) in [("max_bytes=1KiB", "16KiB"), ("max_tokens=100", "4000")] {
        let setting = format!("connectors.incident.bundle.{setting}");
        let output = command(folder.root.path()).args(["validate", "--set", &setting]).output().unwrap();
        let (code, said) = ended(&output);
        assert_eq!(code, 78, "{said}");
        assert!(said.contains("connectors.incident.bundle.") && said.contains(least), "{said}");
    }
}
