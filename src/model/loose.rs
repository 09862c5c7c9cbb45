//! A log record without a trace id, which no trace owns and several bundles may show.

use parking_lot::Mutex;

use super::{DropReason, Outcome, Permit, Record, Tracked};

/// A log record without a trace id.
///
/// It is owed one outcome, however many bundles list it: that of the first bundle that is sealed with it
/// ([`Loose::claim`]). Where none is, it ends as dropped, `no_trace_id`, when the last that holds it lets it go.
#[derive(Debug)]
pub struct Loose {
    record: Record,
    owed: Mutex<Option<Tracked>>,
    /// What is kept of it beside its bytes is part of the byte budget too.
    _room: Permit,
}

impl Loose {
    /// A record and what it is owed; `None` where another place settles that. `room` is what keeping it costs beside its
    /// bytes.
    #[must_use]
    pub fn new(record: Record, owed: Option<Tracked>, room: Permit) -> Self {
        Self { record, owed: Mutex::new(owed), _room: room }
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Takes over what it is owed; `None` if that was done before.
    pub fn claim(&self) -> Option<Tracked> {
        self.owed.lock().take()
    }

    /// Gives it this outcome, unless it has one.
    pub fn settle(&self, outcome: Outcome) {
        if let Some(owed) = self.claim() {
            owed.settle(outcome);
        }
    }
}

impl Drop for Loose {
    fn drop(&mut self) {
        self.settle(Outcome::Dropped(DropReason::NoTraceId));
    }
}

/// Log records without a trace id that were looked for.
#[derive(Debug, Clone, Default)]
pub struct LooseSet {
    /// The ones to be shown: chosen by their times and bytes, whatever their order of arrival.
    pub logs: Vec<std::sync::Arc<Loose>>,
    /// Whether there are more than may be shown.
    pub more: bool,
}
