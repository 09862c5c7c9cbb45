//! Requests that are written anew around the bytes of records: the messages around them, and nothing decoded.

use super::wire::{put_bytes, put_key, put_nested, put_varint, varint_len};
use crate::model::Signal;

/// Bytes that one field adds to its content at most: a key and a length.
pub(super) const FIELD: usize = 6;
/// Bytes that the messages around the records of an envelope add at most: seven of them.
const ENVELOPE: usize = 7 * FIELD;

/// What the records of one scope of one resource share; of a metric as well, where they are exemplars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Envelope<'a> {
    /// The `Resource`.
    pub(super) resource: &'a [u8],
    /// `schema_url` of the resource.
    pub(super) resource_schema: &'a [u8],
    /// The `InstrumentationScope`.
    pub(super) scope: &'a [u8],
    /// `schema_url` of the scope.
    pub(super) scope_schema: &'a [u8],
    /// `Metric.name`.
    pub(super) metric: &'a [u8],
    /// `Metric.unit`.
    pub(super) unit: &'a [u8],
}

impl Envelope<'_> {
    /// Bytes that the envelope takes around its records at most.
    pub(super) fn size(&self) -> usize {
        let Self { resource, resource_schema, scope, scope_schema, metric, unit } = self;
        let parts = [resource, resource_schema, scope, scope_schema, metric, unit];
        ENVELOPE + parts.iter().map(|part| part.len() + FIELD).sum::<usize>()
    }

    /// Appends `records` of this envelope to a request: `ResourceSpans` and its like, which is field 1. Requests may be put
    /// after one another, as every repeated field may.
    ///
    /// An exemplar stands in a gauge of its metric's name and unit with one point, since of the metric it came in nothing else
    /// is its own.
    pub(super) fn put<'r>(&self, out: &mut Vec<u8>, signal: Signal, records: impl Iterator<Item = &'r [u8]> + Clone) {
        match signal {
            Signal::Traces | Signal::Logs => self.put_records(out, records),
            Signal::Metrics => {
                let mut metric = Vec::new();
                self.put_metric(&mut metric, records).unwrap_or_else(never);
                self.put_records(out, std::iter::once(metric.as_slice()));
            }
        }
    }

    /// Resource 1, scopes 2, schema 3; a scope is scope 1, records 2, schema 3. Lengths are reckoned beforehand, so that nothing is moved.
    fn put_records<'r>(&self, out: &mut Vec<u8>, records: impl Iterator<Item = &'r [u8]> + Clone) {
        let all: usize = records.clone().map(|record| field_len(record.len())).sum();
        let scope = present_len(self.scope) + all + present_len(self.scope_schema);
        let resource = present_len(self.resource) + field_len(scope) + present_len(self.resource_schema);
        put_length(out, 1, resource);
        put_present(out, 1, self.resource);
        put_length(out, 2, scope);
        put_present(out, 1, self.scope);
        records.for_each(|record| put_bytes(out, 2, record));
        put_present(out, 3, self.scope_schema);
        put_present(out, 3, self.resource_schema);
    }

    /// `Metric`: name 1, unit 3, gauge 5; a gauge has points 1, and a point exemplars 5.
    fn put_metric<'r>(&self, out: &mut Vec<u8>, records: impl Iterator<Item = &'r [u8]>) -> Result<(), Never> {
        put_present(out, 1, self.metric);
        put_present(out, 3, self.unit);
        put_nested(out, 5, |out| {
            put_nested(out, 1, |out| {
                records.for_each(|record| put_bytes(out, 5, record));
                Ok(())
            })
        })
    }
}

/// Bytes of a length-delimited field with a number below 16.
fn field_len(content: usize) -> usize {
    1 + varint_len(content as u64) + content
}

/// The same of a field that is left out where it is empty.
fn present_len(bytes: &[u8]) -> usize {
    if bytes.is_empty() { 0 } else { field_len(bytes.len()) }
}

/// Begins a length-delimited field.
fn put_length(out: &mut Vec<u8>, number: u32, content: usize) {
    put_key(out, number, 2);
    put_varint(out, content as u64);
}

/// A field that is left out where it is empty.
fn put_present(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, number, bytes);
    }
}

/// Writing to memory does not fail.
pub(super) type Never = std::convert::Infallible;

pub(super) fn never<T>(never: Never) -> T {
    match never {}
}
