//! Where the time went: the critical path, and calls that were made again and again.
//!
//! The critical path (Yang and Miller, ICDCS 1988; as in CRISP, ATC 2022) goes backwards from the end of the top span, always into the
//! child that ended last before the point reached. What a span spends on it outside of its children is its own time.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::spans::milliseconds;
use super::tree::{Node, Tree};
use crate::model::{PathStep, RepeatedCall};

/// Most steps of a critical path that a bundle shows.
const MAX_STEPS: usize = 50;
/// So many equal calls of one span are repeated ones.
const MIN_REPEATED: usize = 5;
/// Most repeated calls that a bundle shows.
const MAX_REPEATED: usize = 20;

/// A span on the critical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) node: Node,
    /// Its time on the path without its children's.
    pub(super) own: Duration,
}

/// The spans on the critical path below `top`, those nearer to it first.
pub(super) fn critical_path(tree: &Tree, top: Node) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut stack = vec![(top, tree.spans[top].end)];
    while let Some((node, until)) = stack.pop() {
        let start = tree.spans[node].start;
        let mut cursor = until;
        let mut own = Duration::ZERO;
        let mut children: Vec<Node> = tree.children(node).to_vec();
        children.sort_by_key(|child| (Reverse(tree.spans[*child].end), *child));
        for child in children {
            let span = &tree.spans[child];
            let (from, to) = (span.start.max(start), span.end.min(cursor));
            if from < to {
                own += cursor.since(to);
                cursor = from;
                stack.push((child, to));
            }
        }
        own += cursor.since(start);
        steps.push(Step { node, own });
    }
    steps
}

/// The steps of the path that took time of their own, by their start; over the limit those that took most. Answers also how many are left
/// out.
pub(super) fn steps(tree: &Tree, top: Node) -> (Vec<PathStep>, usize) {
    let mut steps = critical_path(tree, top);
    steps.retain(|step| !step.own.is_zero());
    steps.sort_by_key(|step| (Reverse(step.own), step.node));
    let left_out = steps.len().saturating_sub(MAX_STEPS);
    steps.truncate(MAX_STEPS);
    steps.sort_by_key(|step| step.node);
    let shown = steps
        .into_iter()
        .map(|Step { node, own }| PathStep { span_id: tree.spans[node].id, self_ms: in_milliseconds(own) });
    (shown.collect(), left_out)
}

/// Calls of one name that one span made over and over (N+1 queries, chatty loops), those that took longest first.
pub(super) fn repeated(tree: &Tree) -> Vec<RepeatedCall> {
    let mut found: Vec<(Duration, Vec<Node>)> = Vec::new();
    for parent in tree.nodes().filter(|node| tree.children(*node).len() >= MIN_REPEATED) {
        let mut by_name: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
        for child in tree.children(parent) {
            by_name.entry(&tree.spans[*child].name).or_default().push(*child);
        }
        let calls = by_name.into_values().filter(|calls| calls.len() >= MIN_REPEATED);
        found.extend(calls.map(|calls| {
            let total = calls.iter().map(|call| tree.spans[*call].end.since(tree.spans[*call].start)).sum();
            (total, calls)
        }));
    }
    found.sort_by_key(|(total, calls)| (Reverse(*total), calls.first().copied()));
    found.truncate(MAX_REPEATED);
    found.into_iter().filter_map(|(total, calls)| call(tree, total, &calls)).collect()
}

fn call(tree: &Tree, total: Duration, calls: &[Node]) -> Option<RepeatedCall> {
    let first = &tree.spans[*calls.first()?];
    Some(RepeatedCall {
        parent_span_id: first.parent,
        service: first.load()?.service().to_owned(),
        name: first.name.to_string(),
        count: calls.len() as u64,
        total_ms: in_milliseconds(total),
    })
}

fn in_milliseconds(duration: Duration) -> f64 {
    milliseconds(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
