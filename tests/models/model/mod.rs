//! What the files of the program look for under `crate::model`.

#[path = "../../../src/model/budget.rs"]
pub mod budget;
#[path = "../../../src/model/origin.rs"]
mod origin;
#[path = "../../../src/model/outcome.rs"]
mod outcome;
#[path = "../../../src/model/record.rs"]
mod record;
pub mod sync;
#[path = "../../../src/model/tracked.rs"]
mod tracked;

pub use budget::{Budget, Permit};
pub use casefile::model::{SpanId, Timestamp, TraceId};
pub use origin::Origin;
pub use outcome::{CloseReason, Decision, DropReason, Outcome};
pub use record::Record;
pub use tracked::{Ledger, Tracked};
