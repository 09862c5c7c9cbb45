//! Own traces and logs, sent over OTLP to another process of the same kind.

use casefile::telemetry::names;

use crate::support::casefile::{Home, Settings};
use crate::support::otlp::failing_trace;
use crate::support::store;

#[test]
fn own_traces_and_logs_arrive_where_they_are_sent() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let collector = Home::new(other.path(), &Settings::default());
    let home = Home::new(folder.path(), &Settings::default());
    let otlp = format!(
        "[{{batch: {{exporter: {{otlp: {{protocol: grpc, endpoint: \"http://127.0.0.1:{}\"}}}}}}}}]",
        collector.grpc
    );
    home.edit(
        "logs: {level: \"casefile=trace,info\"}",
        &format!("logs: {{level: info, processors: {otlp}}}\n    traces: {{processors: {otlp}}}"),
    );
    let receiver = collector.start();
    let mut casefile = home.start();
    assert_eq!(casefile.send("traces", &failing_trace(&"07".repeat(16), 1)).status, 200);
    casefile.wait("the bundle", |_| store::bundles(&home.store()).len() == 1);
    let (status, said) = casefile.stop();
    assert!(status.success() && said.contains("ready"), "own logs still stand on stderr: {said}");
    // What waited was sent before the process ended.
    let metrics = receiver.metrics();
    assert!(metrics.sum(names::RECEIVER_ACCEPTED_SPANS, &[("transport", "grpc")]) >= 2, "made and stored");
    assert!(metrics.sum(names::RECEIVER_ACCEPTED_LOG_RECORDS, &[("transport", "grpc")]) >= 2, "ready and stopped");
}
