//! Where bundles go: an object store or a folder, raw evidence in another, and a webhook that tells of each. And where a gateway writes
//! records: Kafka.

mod attachments;
mod counters;
mod error;
mod files;
mod gc;
mod health;
mod index;
mod kafka;
mod lifecycle;
mod open;
mod queue;
mod raw;
mod retry;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod webhook;
mod writer;

pub use attachments::AttachmentWriter;
pub(crate) use counters::stored as stored_numbers;
pub use error::{ErrorKind, ExportError};
pub use gc::{Collected, Retention, collect};
pub use health::OnHealth;
pub use index::IndexRef;
pub use kafka::{KafkaWriteError, KafkaWriter, KafkaWritten, examine, examine_writing};
pub use lifecycle::{ExpiryRule, lifecycle};
pub use open::{Bucket, BucketKind};
pub use queue::{ExportQueue, Outlets, QueueError};
pub use raw::RawWriter;
pub use store::{Created, Listed, MAX_OBJECT_BYTES, Store, TooLarge};
pub(crate) use tokens::begin_counting_tokens;
pub use webhook::{EVENT_TYPE, Webhook};
pub use writer::{BundleWriter, Receipt, Written};
