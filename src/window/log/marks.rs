//! Which traces have been decided, and which requests' records that speaks for.
//!
//! A mark names requests, not a moment: a record that came while its trace was being decided is not covered by it.
//!
//! Of traces that nobody told apart and that were let go, a note stands behind the marks: by their hashes ([`LetGo`]). It has the form of a
//! mark, with a decision that earlier versions do not know, at which they stop reading.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::super::LetGo;
use crate::model::{Decision, TraceId};

/// The decision of a note about traces that were let go.
const LET_GO: u8 = 3;

/// Appends a mark to the content of a frame: trace id, decision u8, policy (length u16, then UTF-8), requests (count u32,
/// then a u64 each).
pub(super) fn write(content: &mut Vec<u8>, trace_id: TraceId, decision: &Decision, requests: &[u64]) {
    let (code, policy) = match decision {
        Decision::NotSampled => (0, ""),
        Decision::Sampled { policy } => (1, &**policy),
        Decision::Dropped { policy } => (2, &**policy),
    };
    put(content, trace_id.0, code, policy, requests);
}

/// Appends a note: the seed of its hashes and what tells their version for a trace id, and the hashes for requests.
pub(super) fn write_let_go(content: &mut Vec<u8>, note: &LetGo) {
    let [seed, check] = [note.seed, note.check].map(u64::to_be_bytes);
    let mut id = [0; 16];
    let (head, tail) = id.split_at_mut(8);
    head.copy_from_slice(&seed);
    tail.copy_from_slice(&check);
    put(content, id, LET_GO, "", &note.tags);
}

fn put(content: &mut Vec<u8>, id: [u8; 16], code: u8, policy: &str, numbers: &[u64]) {
    let policy = policy.get(..policy.floor_char_boundary(usize::from(u16::MAX))).unwrap_or_default();
    content.extend_from_slice(&id);
    content.push(code);
    content.extend_from_slice(&u16::try_from(policy.len()).unwrap_or(0).to_le_bytes());
    content.extend_from_slice(policy.as_bytes());
    content.extend_from_slice(&u32::try_from(numbers.len()).unwrap_or(u32::MAX).to_le_bytes());
    for number in numbers.iter().take(u32::MAX as usize) {
        content.extend_from_slice(&number.to_le_bytes());
    }
}

/// Everything that the marks of a log say.
#[derive(Debug, Default)]
pub struct Marks {
    traces: HashMap<TraceId, Mark, RandomState>,
    let_go: Vec<LetGo>,
}

#[derive(Debug)]
struct Mark {
    decision: Decision,
    requests: Vec<u64>,
}

impl Marks {
    /// Whether the records of this trace in this request have had their outcome.
    #[must_use]
    pub fn cover(&self, trace_id: TraceId, request: u64) -> bool {
        self.traces.get(&trace_id).is_some_and(|mark| mark.requests.contains(&request))
    }

    /// What was decided, in the order of trace ids.
    #[must_use]
    pub fn decisions(&self) -> Vec<(TraceId, &Decision)> {
        let mut decisions: Vec<_> = self.traces.iter().map(|(trace_id, mark)| (*trace_id, &mark.decision)).collect();
        decisions.sort_unstable_by_key(|(trace_id, _)| *trace_id);
        decisions
    }

    /// Which traces were let go, as they were noted, in that order.
    #[must_use]
    pub fn let_go(&self) -> &[LetGo] {
        &self.let_go
    }

    /// Adds the marks of one frame; what cannot be read of it is left out.
    pub(super) fn read(&mut self, mut content: &[u8]) {
        while let Some(read) = next(&mut content) {
            let (trace_id, mark) = match read {
                Read::Mark(trace_id, mark) => (trace_id, mark),
                Read::LetGo(note) => {
                    self.let_go.push(note);
                    continue;
                }
            };
            let known = self
                .traces
                .entry(trace_id)
                .or_insert_with(|| Mark { decision: mark.decision.clone(), requests: Vec::new() });
            // Never back from sampled.
            if !matches!(known.decision, Decision::Sampled { .. }) {
                known.decision = mark.decision;
            }
            known.requests.extend(mark.requests);
        }
    }
}

enum Read {
    Mark(TraceId, Mark),
    LetGo(LetGo),
}

fn next(content: &mut &[u8]) -> Option<Read> {
    let trace_id = TraceId(*take(content, 16)?.first_chunk()?);
    let [code] = *take(content, 1)? else { return None };
    let len = u16::from_le_bytes(*take(content, 2)?.first_chunk()?);
    let policy: Arc<str> = String::from_utf8_lossy(take(content, usize::from(len))?).into();
    let count = u32::from_le_bytes(*take(content, 4)?.first_chunk()?) as usize;
    let requests = take(content, count.checked_mul(8)?)?;
    let requests: Vec<u64> = requests.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
    let decision = match code {
        0 => Decision::NotSampled,
        1 => Decision::Sampled { policy },
        2 => Decision::Dropped { policy },
        LET_GO => {
            let (seed, check) = (trace_id.0.first_chunk()?, trace_id.0.last_chunk()?);
            let (seed, check) = (u64::from_be_bytes(*seed), u64::from_be_bytes(*check));
            return Some(Read::LetGo(LetGo { seed, check, tags: requests }));
        }
        _ => return None,
    };
    Some(Read::Mark(trace_id, Mark { decision, requests }))
}

fn take<'a>(content: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = content.split_at_checked(len)?;
    *content = rest;
    Some(taken)
}
