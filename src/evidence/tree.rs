//! The spans of a trace as a tree, whatever shape they came in.
//!
//! A span whose parent is not here is a top of its own. Parents that form a circle (a span its own parent is the
//! smallest) are cut at the span that comes first in (start, span id), which then is a top too.

use std::collections::{BTreeMap, VecDeque};

use super::gather::SpanFact;
use crate::model::SpanId;

/// Index of a span in [`Tree::spans`].
pub(super) type Node = usize;

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    /// By (start, span id, digest).
    pub(super) spans: Vec<SpanFact>,
    by_id: BTreeMap<SpanId, Node>,
    parents: Vec<Option<Node>>,
    children: Vec<Vec<Node>>,
    depths: Vec<u32>,
    /// Circles that were cut.
    pub(super) cycles: u64,
}

impl Tree {
    /// Builds the tree over spans of distinct ids.
    pub(super) fn new(spans: Vec<SpanFact>) -> Self {
        let by_id: BTreeMap<_, _> = spans.iter().enumerate().map(|(node, span)| (span.id, node)).collect();
        let mut parents: Vec<_> = spans.iter().map(|span| by_id.get(&span.parent).copied()).collect();
        let cycles = cut_cycles(&mut parents);
        let mut children = vec![Vec::new(); spans.len()];
        for (node, parent) in parents.iter().enumerate() {
            if let Some(of) = parent.and_then(|parent| children.get_mut(parent)) {
                of.push(node);
            }
        }
        let depths = depths(&parents, &children);
        Self { spans, by_id, parents, children, depths, cycles }
    }

    /// Every span, in order.
    pub(super) fn nodes(&self) -> std::ops::Range<Node> {
        0..self.spans.len()
    }

    pub(super) fn find(&self, id: SpanId) -> Option<Node> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn parent(&self, node: Node) -> Option<Node> {
        self.parents[node]
    }

    /// By (start, span id, digest).
    pub(super) fn children(&self, node: Node) -> &[Node] {
        &self.children[node]
    }

    /// Spans above it.
    pub(super) fn depth(&self, node: Node) -> u32 {
        self.depths[node]
    }

    /// Spans without a parent in the trace.
    pub(super) fn tops(&self) -> impl Iterator<Item = Node> {
        self.nodes().filter(|node| self.parents[*node].is_none())
    }

    /// Whether a span that has no parent by its own word is among them.
    pub(super) fn has_root(&self) -> bool {
        self.spans.iter().any(|span| span.parent.is_zero())
    }

    /// From the highest span above `node` down to it.
    pub(super) fn path(&self, node: Node) -> Vec<Node> {
        let mut path: Vec<_> = std::iter::successors(Some(node), |at| self.parent(*at)).collect();
        path.reverse();
        path
    }

    /// At most `limit` spans around `path` and its last span: the path, then by steps through the tree from that last
    /// span, failed ones first and then the ones that began closest to it. In order of the spans.
    pub(super) fn around(&self, path: &[Node], limit: usize) -> Vec<Node> {
        let mut taken = vec![false; self.spans.len()];
        let mut chosen: Vec<Node> = path.iter().rev().take(limit).copied().collect();
        chosen.iter().for_each(|node| taken[*node] = true);
        let mut queue: VecDeque<Node> = path.iter().rev().copied().collect();
        let pivot = path.last().map_or(0, |node| self.spans[*node].start.0);
        let mut rest = self.tops();
        while chosen.len() < limit {
            let Some(node) = queue.pop_front() else {
                // Spans that no step leads to belong to other tops: in order.
                let Some(top) = rest.find(|top| !taken[*top]) else { break };
                taken[top] = true;
                chosen.push(top);
                queue.push_back(top);
                continue;
            };
            let near = self.children(node).iter().copied().chain(self.parent(node));
            let mut fresh: Vec<Node> = near.filter(|next| !taken[*next]).collect();
            fresh.sort_by_key(|next| {
                let span = &self.spans[*next];
                (!span.failed(), span.start.0.abs_diff(pivot), *next)
            });
            for next in fresh {
                if chosen.len() == limit {
                    break;
                }
                taken[next] = true;
                chosen.push(next);
                queue.push_back(next);
            }
        }
        chosen.sort_unstable();
        chosen
    }
}

/// Cuts every circle of parents at its first span; answers how many there were.
fn cut_cycles(parents: &mut [Option<Node>]) -> u64 {
    const FRESH: usize = usize::MAX;
    let mut walk_of = vec![FRESH; parents.len()];
    let mut cycles = 0;
    for start in 0..parents.len() {
        let mut at = start;
        loop {
            if walk_of[at] == start {
                let circle = std::iter::successors(parents[at], |node| parents[*node].filter(|_| *node != at));
                if let Some(first) = circle.min() {
                    parents[first] = None;
                    cycles += 1;
                }
                break;
            }
            if walk_of[at] != FRESH {
                break;
            }
            walk_of[at] = start;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
    cycles
}

fn depths(parents: &[Option<Node>], children: &[Vec<Node>]) -> Vec<u32> {
    let mut depths = vec![0; parents.len()];
    let mut stack: Vec<Node> = (0..parents.len()).filter(|node| parents[*node].is_none()).collect();
    while let Some(node) = stack.pop() {
        for child in &children[node] {
            depths[*child] = depths[node] + 1;
            stack.push(*child);
        }
    }
    depths
}
