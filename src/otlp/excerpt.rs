//! Records as requests of their own: what the wire brought of each, byte for byte, and nothing of the records beside it.
//!
//! The result is a recording ([`read_recording`](super::read_recording)): protobuf requests, each after its length. It is a
//! function of the set of records: each stands in it once, in an order that their bytes alone decide.

use zeroize::Zeroizing;

use super::decode::name_and_unit;
use super::request::{Envelope, FIELD, never};
use super::wire::put_delimited;
use crate::model::{Record, Signal, Timestamp};

/// Most records of one request.
const MAX_RECORDS: usize = 1000;

/// A record's bytes; the fields are in the order that the result is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece<'a> {
    signal: Signal,
    envelope: Envelope<'a>,
    start: Timestamp,
    body: &'a [u8],
}

/// Hands the records over as recordings, one after another: each of about `max_bytes` at most, though of one record at
/// least. The bytes are wiped after each call.
///
/// # Errors
/// The first error that `take` answers with.
pub fn excerpts<E>(
    records: &[Record],
    max_bytes: usize,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut pieces: Vec<Piece<'_>> = records.iter().map(Piece::of).collect();
    pieces.sort_unstable();
    pieces.dedup();
    let mut waiting: Vec<&[Piece<'_>]> = Vec::new();
    let mut size = 0;
    for request in pieces.chunk_by(Piece::shares_envelope).flat_map(|group| requests(group, max_bytes)) {
        let more = bytes_of(request);
        if size + more > max_bytes && !waiting.is_empty() {
            take(&recording(&waiting, size))?;
            waiting.clear();
            size = 0;
        }
        waiting.push(request);
        size += more;
    }
    if waiting.is_empty() { Ok(()) } else { take(&recording(&waiting, size)) }
}

impl<'a> Piece<'a> {
    fn of(record: &'a Record) -> Self {
        // Nothing that a scan has passed is malformed.
        let (metric, unit) = name_and_unit(record.metric()).unwrap_or_default();
        Self {
            signal: record.signal(),
            envelope: Envelope {
                resource: record.resource(),
                scope: record.scope(),
                metric,
                unit,
                ..Envelope::default()
            },
            start: record.entry.head.start,
            body: record.body(),
        }
    }

    fn shares_envelope(&self, other: &Self) -> bool {
        (self.signal, self.envelope) == (other.signal, other.envelope)
    }
}

/// Cuts the records of one envelope into requests.
fn requests<'p, 'a>(group: &'p [Piece<'a>], max_bytes: usize) -> impl Iterator<Item = &'p [Piece<'a>]> {
    let mut rest = group;
    std::iter::from_fn(move || {
        let mut size = 0;
        let fitting = rest.iter().take(MAX_RECORDS).take_while(|piece| {
            size += piece.body.len() + FIELD;
            size <= max_bytes
        });
        let count = fitting.count().max(1).min(rest.len());
        let (request, others) = rest.split_at(count);
        rest = others;
        (!request.is_empty()).then_some(request)
    })
}

/// Bytes that a request takes at most, with its length.
fn bytes_of(request: &[Piece<'_>]) -> usize {
    let shared = request.first().map_or(0, |first| first.envelope.size());
    shared + request.iter().map(|piece| piece.body.len() + FIELD).sum::<usize>()
}

/// The requests in one buffer, which is made large enough at once: a buffer that grows leaves copies behind.
fn recording(requests: &[&[Piece<'_>]], size: usize) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    for request in requests {
        let Some(first) = request.first() else { continue };
        let put = |out: &mut Vec<u8>| {
            first.envelope.put(out, first.signal, request.iter().map(|piece| piece.body));
            Ok(())
        };
        put_delimited(&mut out, put).unwrap_or_else(never);
    }
    debug_assert!(out.len() <= size, "{} bytes, and {size} were reckoned", out.len());
    out
}
