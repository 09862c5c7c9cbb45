//! Small cases, through the real redactor: nothing else makes what a store takes.

use std::sync::Arc;

use casefile::bundle::{Closed, Sealed, seal};
use casefile::config::RedactionProcessor;
use casefile::model::{Bundle, Case, CloseReason, Ledger, Outcome, RecordDigest, RootKey, Timestamp, TraceId};
use casefile::redact::Redactor;
use serde_json::json;

/// 2026-11-23T12:00:00Z.
pub(crate) const FAILED_AT: u64 = 1_795_435_200_000_000_000;

/// The key of RFC 8410, §10.3: no secret.
pub(crate) const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

/// Failures of the incident that the suite has counted before it comes to this tenant.
pub(crate) fn count_before(tenant: &str) -> u64 {
    if tenant == "acme" { 0 } else { 2 }
}

/// The trace `number` of a tenant with these records. Its records are settled at once: no ledger is looked at.
pub(crate) fn sealed(tenant: &str, number: u8, records: &[u8]) -> Sealed {
    let trace_id = TraceId([number; 16]);
    let ledger = Arc::new(Ledger::default());
    let tracked = ledger.accept(0);
    let case = Case {
        tenant: tenant.to_owned(),
        trace_id,
        bundle: bundle(tenant, trace_id, records),
        records: records.iter().map(|record| RecordDigest([*record; 16])).collect(),
        loose: Vec::new(),
        failed_at: Timestamp(FAILED_AT),
        tracked,
    };
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let redactor = Redactor::compile(&RedactionProcessor::default(), "default", &RootKey::parse(key).unwrap()).unwrap();
    let at = Timestamp(FAILED_AT + 10_000_000_000);
    let closed = Closed { reason: CloseReason::DecisionWait, opened: Timestamp(FAILED_AT), closed: at };
    match redactor.redact(case) {
        Ok(case) => seal(case, closed, &casefile::config::BundleSize::default()).unwrap_or_else(|error| {
            error.tracked.settle(Outcome::NotSampled);
            panic!("not sealed: {}", error.source)
        }),
        Err(error) => {
            error.tracked.settle(Outcome::NotSampled);
            panic!("not redacted: {}", error.reason)
        }
    }
}

fn bundle(tenant: &str, trace_id: TraceId, records: &[u8]) -> Bundle {
    serde_json::from_value(json!({
        "version": 1,
        "bundle_id": casefile::bundle::digest_of(format!("{tenant}/{trace_id}").as_bytes()).replace("sha256:", ""),
        "commit_sha": "abcdef1234",
        "incident": {"id": "INC-7K2M9Q4T1X", "fingerprint": "v1:0", "class": "crash", "summary": "ValueError", "services": ["checkout"]},
        "trace": {"trace_id": trace_id, "root": "present", "span_path": [], "spans": [], "span_count": 1},
        "exception": null,
        "logs": {"window": [], "total": 0, "collapsed": 0},
        "metrics": {"exemplars": []},
        "environment": {"runtime": {}, "os": {}, "container": {}, "k8s": {}, "service": {"name": "checkout", "version": "2.4.1"}, "timezone": null, "feature_flags": {}},
        "repro": {"env": {}, "inputs": {}, "request": null},
        "attachments": [],
        "redaction": {"policy": "", "key_id": "", "remarks": []},
        "completeness": {"records": records.len(), "shown": 0, "truncated": [], "missing": []},
        "provenance": {"policy": "errors", "config": "", "casefile": "0.1.0"},
    }))
    .unwrap()
}
