//! What a record tells of a failure, read off the wire: equal for failures that repeat each other.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::{FixedState, FoldHasher};

use super::attribute::{Value, attributes, own_attributes};
use super::wire::{Payload, Reader};
use crate::model::{Record, Signal};

/// Attributes that say how a request came in.
const ENTRY: [&[u8]; 10] = [
    b"http.request.method",
    b"http.method",
    b"http.route",
    b"http.target",
    b"url.path",
    b"rpc.service",
    b"rpc.method",
    b"messaging.destination.name",
    b"messaging.operation.type",
    b"error.type",
];

/// A hash of a record's resource, name, status, message, exception and way in. Words that hold a digit are left out: ids,
/// times, numbers, line numbers. What is malformed, and all after it, is left out too.
#[must_use]
pub fn shape(record: &Record) -> u64 {
    let mut hash = FixedState::default().build_hasher();
    record.signal().as_str().hash(&mut hash);
    record.resource().hash(&mut hash);
    for (key, value) in own_attributes(record) {
        if ENTRY.contains(&key) || key.starts_with(b"exception.") {
            key.hash(&mut hash);
            folded(value, &mut hash);
        }
    }
    let mut reader = Reader::new(record.body());
    while let Ok(Some((number, payload))) = reader.next() {
        let Payload::Len(start, end) = payload else { continue };
        match (record.signal(), number) {
            (Signal::Traces, 5) => fold(reader.slice(start, end), &mut hash),
            (Signal::Traces, 11) => exception(reader.slice(start, end), &mut hash),
            (Signal::Traces, 15) => status(reader.within(start, end), &mut hash),
            (Signal::Logs, 5) => fold(reader.slice(start, end), &mut hash),
            _ => {}
        }
    }
    hash.finish()
}

fn status(mut status: Reader<'_>, hash: &mut FoldHasher<'_>) {
    while let Ok(Some((number, payload))) = status.next() {
        if let (2, Payload::Len(start, end)) = (number, payload) {
            fold(status.slice(start, end), hash);
        }
    }
}

/// The attributes of an event that are of an exception.
fn exception(event: &[u8], hash: &mut FoldHasher<'_>) {
    for (key, value) in attributes(event, 3).filter(|(key, _)| key.starts_with(b"exception.")) {
        key.hash(hash);
        folded(value, hash);
    }
}

fn folded(value: Value<'_>, hash: &mut FoldHasher<'_>) {
    if let Value::String(text) = value {
        fold(text, hash);
    }
}

/// Hashes a text, each word of it that holds a digit as `#`.
fn fold(text: &[u8], hash: &mut FoldHasher<'_>) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    for word in text.chunk_by(|one, next| is_word(one) && is_word(next)) {
        hash.write(if word.iter().any(u8::is_ascii_digit) { b"#" } else { word });
    }
    hash.write_u8(0xff);
}
