//! A recording through the whole pipeline, as `casefile replay` takes it: every record has an outcome, and nothing that has to be
//! redacted is in what is sealed.

use std::sync::LazyLock;

use casefile::model::{DropReason, Outcome};
use casefile::otlp::{Limits, read_recording};
use casefile::pipeline::Core;
use casefile::pipeline::replay::{Recording, VirtualClock};

use super::CANARY;

/// Compiled once: rules take longer to compile than inputs to replay.
static CORE: LazyLock<Core> = LazyLock::new(|| {
    let sets = ["connectors.incident.incidents.max_bundles=0".to_owned()];
    let config = casefile::config::embedded(&"5a".repeat(32), None, "unused", &sets).unwrap();
    Core::build(&config, 1, usize::MAX).unwrap()
});

/// A recording in any of the forms that are read.
pub(crate) fn check(data: &[u8]) {
    let core = CORE.apart(1).unwrap();
    let before = core.ledger().totals();
    let mut recording = Recording::default();
    for (signal, request) in read_recording(data, &Limits::default()).flatten() {
        drop(recording.push(&core, signal, request));
    }
    let records = recording.len() as u64;
    let store = |sealed: casefile::bundle::Sealed| {
        let document = std::str::from_utf8(sealed.document()).unwrap();
        assert!(!document.contains(CANARY), "an address is in the bundle: {document}");
        sealed.into_tracked().settle(Outcome::Bundled);
    };
    let after = recording.replay(&core, &VirtualClock::default(), store, |_| ());
    assert_eq!(after.accepted - before.accepted, records);
    assert_eq!((after.pending(), after.undecided), (0, 0), "every record has an outcome");
    let held_back =
        core.ledger().dropped(DropReason::RedactionFailed) + core.ledger().dropped(DropReason::EvidenceFailed);
    assert_eq!(held_back, 0, "no bundle is held back");
}
