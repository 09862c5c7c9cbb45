//! One request into requests of one trace each, or of the traces of one partition each, without decoding: the bytes of each record are
//! copied as they came, with what stands around them in the request (resource, scope, the URLs of both schemas).
//!
//! Of metrics each trace gets its exemplars, and nothing that is no trace's: see [`Envelope::put`].

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::decode::name_and_unit;
use super::request::{Envelope, FIELD};
use super::wire::{Payload, Reader, varint_len};
use crate::model::partition::{Partitioner, Recent};
use crate::model::{ByteRange, Entry, Signal, TraceId};

/// Which records of a request are to be together.
#[derive(Debug, Clone, Copy)]
pub enum Grouping {
    /// All of them.
    Whole,
    /// Those of a trace.
    Traces,
    /// Those of all traces that have one partition.
    Partitions(Partitioner),
}

/// What the records of a part share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// No more than the request.
    Loose,
    /// Their trace.
    Trace(TraceId),
    /// The partition of their traces.
    Partition(i32),
}

/// The records of a request, group by group.
#[derive(Debug)]
pub struct Split<'a> {
    signal: Signal,
    request: &'a [u8],
    envelopes: Vec<Envelope<'a>>,
    /// Those of one group after another, in wire order.
    pieces: Vec<Piece>,
    groups: Vec<(Group, Range<usize>)>,
}

/// A record, and what it stands in (an index of [`Split::envelopes`]).
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    envelope: u32,
    body: ByteRange,
}

/// Records that are to be one request.
#[derive(Debug, Clone, Copy)]
pub struct Part<'s> {
    /// What they share.
    pub group: Group,
    split: &'s Split<'s>,
    pieces: &'s [Piece],
}

/// Sorts the records of a request into groups. `entries` are those that a walk over the request found.
#[must_use]
pub fn split<'a>(signal: Signal, request: &'a [u8], entries: &[Entry], grouping: Grouping) -> Split<'a> {
    let mut schemas = schemas(request, entries).into_iter().peekable();
    let mut envelopes: Vec<Envelope<'a>> = Vec::new();
    let mut last: Option<(ByteRange, ByteRange, ByteRange, usize)> = None;
    let mut groups = Groups::new(grouping);
    let mut unsorted: Vec<(usize, Piece)> = Vec::with_capacity(entries.len());
    for entry in entries {
        // Entries come in wire order, and so do scopes.
        while schemas.next_if(|schema| schema.end <= entry.body.start as usize).is_some() {}
        let schema = schemas.peek().copied().unwrap_or_default();
        let here = (entry.resource, entry.scope, entry.metric, schema.end);
        if last != Some(here) {
            last = Some(here);
            // Nothing that a walk has passed is malformed.
            let (metric, unit) = name_and_unit(entry.metric.of(request)).unwrap_or_default();
            envelopes.push(Envelope {
                resource: entry.resource.of(request),
                resource_schema: schema.resource,
                scope: entry.scope.of(request),
                scope_schema: schema.scope,
                metric,
                unit,
            });
        }
        // No more envelopes than entries, nor more of these than a request has bytes.
        let piece = Piece { envelope: u32::try_from(envelopes.len() - 1).unwrap_or(u32::MAX), body: entry.body };
        unsorted.push((groups.count(&entry.head.trace_id), piece));
    }
    // Each piece to the next free place of its group: they stay in wire order.
    let mut end = 0;
    let ranges = groups.sizes.into_iter().map(|(group, size)| {
        end += size;
        (group, end - size..end)
    });
    let groups: Vec<(Group, Range<usize>)> = ranges.collect();
    let mut free: Vec<usize> = groups.iter().map(|(_, range)| range.start).collect();
    let mut pieces = vec![Piece::default(); unsorted.len()];
    for (number, piece) in unsorted {
        if let Some(next) = free.get_mut(number)
            && let Some(place) = pieces.get_mut(*next)
        {
            *place = piece;
            *next += 1;
        }
    }
    Split { signal, request, envelopes, pieces, groups }
}

/// The groups that have been met, by number, and how many records each has.
struct Groups {
    numbers: Numbers,
    sizes: Vec<(Group, usize)>,
}

/// Where the number of a group is looked up.
enum Numbers {
    Whole,
    /// Seeded at random: trace ids come from outside, and chosen ones must not collide.
    Traces(HashMap<TraceId, usize, RandomState>),
    /// The number of a partition is its own; after the last one come the records of no trace.
    Partitions {
        partitioner: Partitioner,
        recent: Box<Recent<usize>>,
    },
}

impl Groups {
    fn new(grouping: Grouping) -> Self {
        let (numbers, sizes) = match grouping {
            Grouping::Whole => (Numbers::Whole, vec![(Group::Loose, 0)]),
            Grouping::Traces => (Numbers::Traces(HashMap::default()), Vec::new()),
            Grouping::Partitions(partitioner) => {
                let partitions = (0..partitioner.partitions).map(Group::Partition);
                let sizes = partitions.chain([Group::Loose]).map(|group| (group, 0)).collect();
                (Numbers::Partitions { partitioner, recent: Box::default() }, sizes)
            }
        };
        Self { numbers, sizes }
    }

    /// The number of the group of a record with this trace id, which counts it.
    fn count(&mut self, trace_id: &TraceId) -> usize {
        let sizes = &mut self.sizes;
        let number = match &mut self.numbers {
            Numbers::Whole => 0,
            Numbers::Traces(numbers) => *numbers.entry(*trace_id).or_insert_with(|| {
                sizes.push((if trace_id.is_zero() { Group::Loose } else { Group::Trace(*trace_id) }, 0));
                sizes.len() - 1
            }),
            Numbers::Partitions { .. } if trace_id.is_zero() => sizes.len() - 1,
            Numbers::Partitions { partitioner, recent } => {
                recent.get(trace_id, || usize::try_from(partitioner.of(trace_id)).unwrap_or_default())
            }
        };
        if let Some((_, size)) = sizes.get_mut(number) {
            *size += 1;
        }
        number
    }
}

impl Split<'_> {
    /// A part for each group that has records: traces in the order in which the request names them, partitions in theirs.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let parts = self.groups.iter().map(|(group, range)| Part {
            group: *group,
            split: self,
            pieces: self.pieces.get(range.clone()).unwrap_or_default(),
        });
        parts.filter(|part| !part.pieces.is_empty())
    }

    fn envelope(&self, piece: &Piece) -> Option<&Envelope<'_>> {
        self.envelopes.get(piece.envelope as usize)
    }
}

impl<'s> Part<'s> {
    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> usize {
        self.pieces.len()
    }

    /// Bytes of its request at most.
    #[must_use]
    pub fn size(&self) -> usize {
        let envelopes = self.runs().map(|(envelope, _)| envelope.size()).sum::<usize>();
        envelopes + self.pieces.iter().map(|piece| piece.body.len() + FIELD).sum::<usize>()
    }

    /// Appends its request.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.size());
        for (envelope, run) in self.runs() {
            envelope.put(out, self.split.signal, run.iter().map(|piece| piece.body.of(self.split.request)));
        }
    }

    /// It in pieces, each of at most `max_bytes` by its [`size`](Self::size), though of one record at least.
    pub fn cut(self, max_bytes: usize) -> impl Iterator<Item = Part<'s>> {
        let mut rest = self.pieces;
        std::iter::from_fn(move || {
            let (mut size, mut last) = (0, None);
            let fitting = rest.iter().take_while(|piece| {
                if last != Some(piece.envelope) {
                    last = Some(piece.envelope);
                    size += self.split.envelope(piece).map_or(0, Envelope::size);
                }
                size += piece.body.len() + FIELD;
                size <= max_bytes
            });
            let count = fitting.count().max(1).min(rest.len());
            let (pieces, others) = rest.split_at(count);
            rest = others;
            (!pieces.is_empty()).then_some(Part { pieces, ..self })
        })
    }

    /// It in two; `None` if it is one record.
    #[must_use]
    pub fn halves(&self) -> Option<[Self; 2]> {
        let (first, second) =
            self.pieces.split_at_checked(self.pieces.len() / 2).filter(|(half, _)| !half.is_empty())?;
        Some([Self { pieces: first, ..*self }, Self { pieces: second, ..*self }])
    }

    /// Records that follow one another in the same envelope.
    fn runs(&self) -> impl Iterator<Item = (&Envelope<'_>, &[Piece])> {
        self.pieces
            .chunk_by(|one, next| one.envelope == next.envelope)
            .filter_map(|run| Some((self.split.envelope(run.first()?)?, run)))
    }
}

/// What an [`Entry`] does not know of the envelopes it stands in: windows hold millions of them, and never ask.
#[derive(Debug, Clone, Copy, Default)]
struct Schema<'a> {
    /// Where the scope's envelope ends.
    end: usize,
    resource: &'a [u8],
    scope: &'a [u8],
}

/// The schemas of each scope, in wire order.
fn schemas<'a>(request: &'a [u8], mut entries: &[Entry]) -> Vec<Schema<'a>> {
    let mut found = Vec::new();
    let mut reader = Reader::new(request);
    while let Ok(Some((number, payload))) = reader.next() {
        let (1, Payload::Len(start, end)) = (number, payload) else { continue };
        let first = found.len();
        let mut resource: &[u8] = &[];
        let mut envelope = reader.within(start, end);
        while let Ok(Some((number, payload))) = envelope.next() {
            match (number, payload) {
                (2, Payload::Len(start, end)) => {
                    let scope = schema_url(envelope.within(start, end), end, &mut entries);
                    found.push(Schema { end, resource: &[], scope });
                }
                (3, Payload::Len(start, end)) => resource = envelope.slice(start, end),
                _ => {}
            }
        }
        // It may come after its scopes.
        found.iter_mut().skip(first).for_each(|schema| schema.resource = resource);
    }
    found
}

/// `schema_url` of `ScopeSpans` and its like, which ends at `end`: the last of them, as protobuf has it. `entries` are passed on to those that
/// come after it, or after a record in it.
///
/// Records that stand side by side are passed over without a look at their bytes, which may still be in the cache of another core: between two
/// entries there is room for nothing else, where there is no more than the key and the length of the second take.
fn schema_url<'a>(mut scope: Reader<'a>, end: usize, entries: &mut &[Entry]) -> &'a [u8] {
    let mut url: &[u8] = &[];
    while let Ok(Some((number, payload))) = scope.next() {
        match (number, payload) {
            (2, Payload::Len(start, mut last)) => {
                while let Some((entry, rest)) = entries.split_first().filter(|it| it.0.body.start as usize <= start) {
                    *entries = rest;
                    if (entry.body.start as usize, entry.body.end as usize) != (start, last) {
                        continue;
                    }
                    while let Some((next, rest)) = entries.split_first() {
                        let body = next.body;
                        if body.start as usize != last + 1 + varint_len(body.len() as u64) {
                            break;
                        }
                        last = body.end as usize;
                        *entries = rest;
                    }
                }
                scope = scope.within(last, end);
            }
            (3, Payload::Len(start, end)) => url = scope.slice(start, end),
            _ => {}
        }
    }
    url
}
