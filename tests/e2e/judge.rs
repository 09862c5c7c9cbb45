//! What every bundle of these services must hold.

use serde_json::Value;

use crate::service::COMMIT;
use crate::support::casefile::{Casefile, Home};
use crate::support::{http, schema, store};

/// Asks a service until it fails, since a fault may take a moment to begin; answers with the trace of that request.
pub(crate) fn failing(port: u16, path: &str) -> String {
    let mut answers = (0..1000).map(|_| http::get(port, path).unwrap());
    let failed = answers.find(|answer| answer.status == 500).unwrap_or_else(|| panic!("{path} did not fail"));
    failed.header("X-Trace-Id").unwrap().to_owned()
}

/// Waits for the one bundle in the store, that of `trace_id`, and until every record has come to its end.
pub(crate) fn the_bundle(home: &Home, casefile: &mut Casefile<'_>, trace_id: &str) -> Value {
    casefile.wait("the manifest", |_| !store::manifests(&home.store()).is_empty());
    let totals = casefile.settled();
    let bundles = store::bundles(&home.store());
    assert_eq!(bundles.len(), 1, "one bundle, and nothing of the good traces: {bundles:?}");
    schema::assert_all_valid(&home.store());
    let bundle = store::json(&bundles[0]);
    assert_eq!(bundle["trace"]["trace_id"], trace_id);
    assert_eq!(bundle["completeness"]["records"], totals.bundled, "{totals:?}");
    assert!(totals.not_sampled > 0, "the good traces: {totals:?}");
    assert_eq!(totals.dropped, totals.reasons.get("no_trace_id").copied().unwrap_or(0), "{totals:?}");
    bundle
}

/// What is known of the failing service.
pub(crate) fn identity(bundle: &Value, language: &str, service: &str) {
    assert_eq!(bundle["language"], language);
    assert_eq!(bundle["commit_sha"], COMMIT);
    assert_eq!(bundle["incident"]["class"], "crash");
    assert!(
        bundle["incident"]["summary"].as_str().unwrap().contains(&format!("({service})")),
        "{}",
        bundle["incident"]
    );
    assert_eq!(bundle["environment"]["service"]["name"], service);
    assert_eq!(bundle["environment"]["service"]["version"], "1.4.2");
    assert_eq!(bundle["trace"]["root"], "present");
    assert_eq!(bundle["completeness"]["truncated"], serde_json::json!([]));
}

/// Function, file and line of the frames of an exception that are the service's own, innermost first.
pub(crate) fn own_frames(exception: &Value) -> Vec<(&str, &str, u64)> {
    let frames = exception["frames"].as_array().unwrap();
    let own = frames.iter().filter(|frame| frame["in_app"] == true);
    own.map(|frame| {
        let text = |key: &str| frame[key].as_str().unwrap_or_default();
        (text("func"), text("file"), frame["line"].as_u64().unwrap())
    })
    .collect()
}

/// Level and message of the logs, each of which belongs to a span of the trace.
pub(crate) fn log_lines(bundle: &Value) -> Vec<(&str, &str)> {
    let spans: Vec<&Value> = bundle["trace"]["spans"].as_array().unwrap().iter().map(|span| &span["span_id"]).collect();
    let window = bundle["logs"]["window"].as_array().unwrap();
    window
        .iter()
        .map(|line| {
            assert!(spans.contains(&&line["span_id"]), "{line}");
            (line["level"].as_str().unwrap(), line["msg"].as_str().unwrap())
        })
        .collect()
}
