//! Records as requests of their own: what the wire brought of each, byte for byte, and nothing of the records beside it.
//!
//! The result is a recording ([`read_recording`](super::read_recording)): protobuf requests, each after its length. It is a
//! function of the set of records: each stands in it once, in an order that their bytes alone decide. An exemplar stands
//! in a gauge of its metric's name and unit with one point, since of the metric it came in nothing else is its own.

use zeroize::Zeroizing;

use super::decode::name_and_unit;
use super::wire::{put_bytes, put_delimited, put_nested};
use crate::model::{Record, Signal, Timestamp};

/// Most records of one request.
const MAX_RECORDS: usize = 1000;
/// Bytes that one field adds to its content at most: a key and a length.
const FIELD: usize = 6;
/// Bytes that the messages around the records of a request add at most: seven of them.
const ENVELOPE: usize = 7 * FIELD;

/// A record's bytes; the fields are in the order that the result is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece<'a> {
    signal: Signal,
    resource: &'a [u8],
    scope: &'a [u8],
    metric: &'a [u8],
    unit: &'a [u8],
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
            resource: record.resource(),
            scope: record.scope(),
            metric,
            unit,
            start: record.entry.head.start,
            body: record.body(),
        }
    }

    fn shares_envelope(&self, other: &Self) -> bool {
        let envelope = |piece: &Self| (piece.signal, piece.resource, piece.scope, piece.metric, piece.unit);
        envelope(self) == envelope(other)
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
    let shared = request.first().map_or(0, |first| {
        [first.resource, first.scope, first.metric, first.unit].iter().map(|part| part.len() + FIELD).sum()
    });
    ENVELOPE + shared + request.iter().map(|piece| piece.body.len() + FIELD).sum::<usize>()
}

/// The requests in one buffer, which is made large enough at once: a buffer that grows leaves copies behind.
fn recording(requests: &[&[Piece<'_>]], size: usize) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    for request in requests {
        put_delimited(&mut out, |out| put_request(out, request)).unwrap_or_else(never);
    }
    debug_assert!(out.len() <= size, "{} bytes, and {size} were reckoned", out.len());
    out
}

type Never = std::convert::Infallible;

/// `ExportTraceServiceRequest` and its like: field 1 is resource (1) and scopes (2); a scope is scope (1) and records (2).
fn put_request(out: &mut Vec<u8>, pieces: &[Piece<'_>]) -> Result<(), Never> {
    let Some(first) = pieces.first() else { return Ok(()) };
    put_nested(out, 1, |out| {
        put_present(out, 1, first.resource);
        put_nested(out, 2, |out| {
            put_present(out, 1, first.scope);
            match first.signal {
                Signal::Metrics => put_nested(out, 2, |out| put_metric(out, first, pieces)),
                Signal::Traces | Signal::Logs => {
                    pieces.iter().for_each(|piece| put_bytes(out, 2, piece.body));
                    Ok(())
                }
            }
        })
    })
}

/// `Metric`: name 1, unit 3, gauge 5; a gauge has points 1, and a point exemplars 5.
fn put_metric(out: &mut Vec<u8>, first: &Piece<'_>, pieces: &[Piece<'_>]) -> Result<(), Never> {
    put_present(out, 1, first.metric);
    put_present(out, 3, first.unit);
    put_nested(out, 5, |out| {
        put_nested(out, 1, |out| {
            pieces.iter().for_each(|piece| put_bytes(out, 5, piece.body));
            Ok(())
        })
    })
}

/// A field that is left out where it is empty.
fn put_present(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, number, bytes);
    }
}

fn never<T>(never: Never) -> T {
    match never {}
}
