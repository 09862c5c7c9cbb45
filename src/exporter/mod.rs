//! Where bundles go: an object store or a folder, and a webhook that tells of each.

mod counters;
mod error;
mod index;
mod open;
mod queue;
mod retry;
mod store;
#[cfg(test)]
mod tests;
mod webhook;
mod writer;

pub use error::{ErrorKind, ExportError};
pub use index::IndexRef;
pub use queue::{ExportQueue, QueueError};
pub use store::{Created, MAX_OBJECT_BYTES, Store};
pub use webhook::{EVENT_TYPE, Webhook};
pub use writer::{BundleWriter, OnHealth, Receipt, Written};
