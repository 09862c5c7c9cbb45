//! Where bundles go: an object store or a folder, raw evidence in another, and a webhook that tells of each.

mod counters;
mod error;
mod health;
mod index;
mod open;
mod queue;
mod raw;
mod retry;
mod store;
#[cfg(test)]
mod tests;
mod webhook;
mod writer;

pub use error::{ErrorKind, ExportError};
pub use health::OnHealth;
pub use index::IndexRef;
pub use queue::{ExportQueue, QueueError};
pub use raw::RawWriter;
pub use store::{Created, MAX_OBJECT_BYTES, Store};
pub use webhook::{EVENT_TYPE, Webhook};
pub use writer::{BundleWriter, Receipt, Written};
