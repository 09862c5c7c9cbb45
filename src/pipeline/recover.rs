//! The start after a kill or a stop: what the log of the windows holds goes through the same [`Core`] again.
//!
//! Requests are admitted when they came, moved later by the time that the process was not there: so windows wait as long as
//! they would have, and close in the same order. What was decided before is not decided again.

use std::io;

use bytes::Bytes;
use metrics::counter;

use super::Core;
use super::replay::pass;
use crate::bundle::Sealed;
use crate::model::{Encoding, Tenant, Timestamp};
use crate::otlp::{self, Limits};
use crate::receiver::Incoming;
use crate::telemetry::names;
use crate::window::{Recovered, Recovery, RecoveryStats};

/// What was taken up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TakenUp {
    /// Records that wait for a decision again.
    pub(super) records: u64,
    /// What was found in the log.
    pub(super) found: RecoveryStats,
    /// Requests that could be decrypted, and then not be read.
    pub(super) unreadable: u64,
}

/// Admits what `recovery` holds; `store` is handed each bundle that is due in the meantime, and owes its records their
/// outcome.
///
/// # Errors
/// If a file cannot be read: it holds what was acknowledged.
pub(super) fn recover(
    core: &Core,
    now: Timestamp,
    mut recovery: Recovery,
    mut store: impl FnMut(Sealed),
) -> io::Result<TakenUp> {
    for (trace_id, decision) in recovery.marks().decisions() {
        core.recall_decision(trace_id, decision);
    }
    core.recall_let_go(recovery.marks().let_go());
    let last = recovery.last_append();
    let mut taken = TakenUp::default();
    while let Some(recovered) = recovery.next() {
        let Recovered { arrived, signal, encoding, body, origin } = recovered?;
        let arrived = moved(arrived, last, now);
        pass(core, arrived, None, &mut store);
        // It was read when it came, so only a later version can fail here.
        let body = Bytes::from(body);
        let inflated = otlp::inflate_again(encoding, &body, u32::MAX as usize);
        let read = inflated.map_err(|error| error.to_string()).and_then(|bytes| {
            otlp::scan(signal, &bytes, &Limits::default()).map_err(|error| error.to_string()).map(|scan| (bytes, scan))
        });
        let (bytes, scan) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(error, "a request of the window log cannot be read");
                taken.unreadable += 1;
                continue;
            }
        };
        let mut entries = scan.entries;
        entries.retain(|entry| !recovery.marks().cover(entry.head.trace_id, origin.number));
        taken.records += entries.len() as u64;
        let wire = (encoding != Encoding::Identity).then_some((encoding, body));
        core.admit_again(arrived, Incoming { tenant: Tenant::default(), signal, bytes, wire, entries }, origin);
    }
    taken.found = recovery.stats();
    Ok(taken)
}

/// Says what was taken up.
pub(super) fn report(taken: &TakenUp) {
    let TakenUp { records, unreadable, found } = *taken;
    let RecoveryStats { files, requests, torn_bytes, damaged } = found;
    counter!(names::WINDOW_RECOVERED_RECORDS).increment(records);
    counter!(names::WINDOW_DAMAGED_FRAMES).increment(damaged + unreadable);
    if files > 0 || damaged > 0 {
        tracing::info!(
            files,
            requests,
            records,
            torn_bytes,
            damaged,
            unreadable,
            "took up windows of an earlier process"
        );
    }
}

/// `arrived` on the clock of this process, on which the other one's `last` moment is `now`.
fn moved(arrived: Timestamp, last: Timestamp, now: Timestamp) -> Timestamp {
    now.before(last.since(arrived))
}
