//! Values without I/O that stages hand to one another.
//!
//! A record is a [`Record`] from the receiver to `evidence`, which turns the records of one trace into a [`Case`]:
//! the bundle's document. [`Ledger`] and [`Tracked`] hold the invariant that nothing vanishes.

mod attachment;
mod budget;
mod case;
mod completeness;
mod exception;
mod finding;
mod history;
mod ids;
mod key;
mod latency;
mod loose;
mod manifest;
mod origin;
mod outcome;
pub mod partition;
pub mod proto;
mod record;
mod repro;
mod said;
pub(crate) mod sync;
mod tenant;
mod time;
mod trace;
mod tracked;

pub use attachment::*;
pub use budget::{Budget, Permit};
pub use case::*;
pub use completeness::Completeness;
pub use exception::*;
pub use finding::{Finding, State};
pub use history::*;
pub use ids::{IdError, SpanId, TraceId};
pub use key::{KeyError, RootKey};
pub use latency::NormalLatency;
pub use loose::{Loose, LooseSet};
pub use manifest::*;
pub use origin::{Keeper, Origin};
pub use outcome::{CloseReason, Decision, DropReason, Outcome};
pub use record::{
    Batch, ByteRange, ClosedTrace, Encoding, Entry, Head, Packed, Record, SEVERITY_ERROR, STATUS_ERROR, Signal,
};
pub use repro::*;
pub use said::*;
pub use tenant::{DEFAULT_TENANT, Tenant};
pub use time::Timestamp;
pub use trace::*;
pub use tracked::{Ledger, Totals, Tracked};
