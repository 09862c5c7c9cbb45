//! The critical error span: the deepest one that failed itself, not one that only passed the failure on.
//!
//! *Which spans failed.* Those whose status is ERROR. A span without that status in which an exception was recorded
//! counts too where its parent failed and recorded no other exception of its own: it is where the parent's failure
//! came from. Where no span has status ERROR, spans with a recorded exception are the failed ones (unless their status
//! is OK and others' is not), and where there is none of those either, spans in which an error was logged.
//!
//! *Where the failure ended up.* The highest span of an unbroken chain of failed ones. Of several chains the one that
//! reached furthest up counts: a call that failed and whose parent succeeded was borne. Ties go to the first to fail.
//!
//! *Where it began.* From there down, from failed span to failed child, as long as a child explains its parent. A child
//! was made good where a later sibling of the same name succeeded (a retry), or where it recorded no exception while its
//! parent did, and after it the parent went on to start another child before that exception. Such a child does not
//! explain a parent with an exception of its own, and comes last for another. Of several children, one with the parent's
//! exception type comes first, then one with an exception, then the first to fail.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::gather::{LogFact, SpanFact, Thrown};
use super::tree::{Node, Tree};
use crate::model::Timestamp;

/// What failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Critical {
    /// A span. The others are the failed spans above it that passed the failure on, nearest first.
    Span { node: Node, passed_on: Vec<Node> },
    /// An error was logged, and the span it was logged in is not here (or it was logged in none): index of the log.
    Log(usize),
    /// Nothing failed: the span that took most time of its own on the critical path.
    Slow(Node),
    /// Nothing failed, and there is no span.
    Nothing,
}

/// Finds it. `logs` are those of the trace, by time.
pub(super) fn find(tree: &Tree, logs: &[LogFact]) -> Critical {
    let failures = Failures::of(tree, logs);
    if let Some(top) = failures.top(tree) {
        let mut passed_on = Vec::new();
        let mut node = top;
        while let Some(child) = failures.explaining_child(tree, node) {
            passed_on.push(node);
            node = child;
        }
        passed_on.reverse();
        return Critical::Span { node, passed_on };
    }
    let logged =
        logs.iter().position(|log| log.exception.is_some()).or_else(|| logs.iter().position(LogFact::is_error));
    if let Some(log) = logged {
        return Critical::Log(log);
    }
    slowest(tree).map_or(Critical::Nothing, Critical::Slow)
}

/// The failed spans.
struct Failures {
    /// For each span, what it recorded, in a span event or a log record.
    thrown: Vec<Option<Thrown>>,
    failed: Vec<bool>,
    first_error_log: BTreeMap<Node, Timestamp>,
}

impl Failures {
    fn of(tree: &Tree, logs: &[LogFact]) -> Self {
        let mut thrown: Vec<_> = tree.spans.iter().map(|span| span.exception.clone()).collect();
        let mut first_error_log = BTreeMap::new();
        for log in logs {
            let Some(node) = tree.find(log.span) else { continue };
            if let Some(exception) = &log.exception {
                thrown[node].get_or_insert_with(|| exception.clone());
            }
            if log.is_error() {
                first_error_log.entry(node).or_insert(log.time);
            }
        }
        let mut failures = Self { failed: tree.spans.iter().map(SpanFact::failed).collect(), thrown, first_error_log };
        failures.widen(tree);
        failures
    }

    fn widen(&mut self, tree: &Tree) {
        if self.failed.contains(&true) {
            self.spread_to_recording_children(tree);
            return;
        }
        const STATUS_OK: i32 = 1;
        let recorded: Vec<_> = tree.nodes().filter(|node| self.thrown[*node].is_some()).collect();
        let open: Vec<_> = recorded.iter().copied().filter(|node| tree.spans[*node].status != STATUS_OK).collect();
        let logged: Vec<_> = self.first_error_log.keys().copied().collect();
        let weak = [open, recorded, logged].into_iter().find(|nodes| !nodes.is_empty()).unwrap_or_default();
        weak.into_iter().for_each(|node| self.failed[node] = true);
    }

    fn spread_to_recording_children(&mut self, tree: &Tree) {
        let mut stack: Vec<Node> = tree.nodes().filter(|node| self.failed[*node]).collect();
        while let Some(node) = stack.pop() {
            for child in tree.children(node) {
                if !self.failed[*child] && self.thrown[*child].is_some() && self.may_come_from(node, *child) {
                    self.failed[*child] = true;
                    stack.push(*child);
                }
            }
        }
    }

    fn may_come_from(&self, parent: Node, child: Node) -> bool {
        match (&self.thrown[parent], &self.thrown[child]) {
            (None, _) => true,
            (Some(above), Some(below)) => above.kind == below.kind,
            (Some(_), None) => false,
        }
    }

    /// When a span failed: at its exception, else at its first error log, else at its end.
    fn failed_at(&self, tree: &Tree, node: Node) -> Timestamp {
        let span = &tree.spans[node];
        let thrown = self.thrown[node].as_ref().map(|thrown| thrown.at).filter(|at| at.0 > 0);
        thrown.or_else(|| self.first_error_log.get(&node).copied()).unwrap_or_else(|| span.end.max(span.start))
    }

    fn top(&self, tree: &Tree) -> Option<Node> {
        tree.nodes()
            .filter(|node| self.failed[*node] && tree.parent(*node).is_none_or(|parent| !self.failed[parent]))
            .min_by_key(|node| {
                (tree.depth(*node), self.thrown[*node].is_none(), self.failed_at(tree, *node), tree.spans[*node].id)
            })
    }

    fn explaining_child(&self, tree: &Tree, node: Node) -> Option<Node> {
        let children = tree.children(node);
        let failed: Vec<Node> = children.iter().copied().filter(|child| self.failed[*child]).collect();
        if failed.is_empty() {
            return None;
        }
        let made_good = MadeGood::of(self, tree, node);
        let own = self.thrown[node].as_ref().and_then(|thrown| thrown.kind.as_ref());
        let ranked = failed.into_iter().filter_map(|child| {
            let thrown = self.thrown[child].as_ref();
            let same = own.is_some() && thrown.and_then(|thrown| thrown.kind.as_ref()) == own;
            let borne = !same && made_good.holds(self, tree, child);
            // A parent with an exception of its own needs no child that was made good to explain it.
            (!borne || own.is_none()).then(|| {
                let at = self.failed_at(tree, child);
                ((borne, Reverse(same), thrown.is_none(), at, tree.spans[child].id), child)
            })
        });
        ranked.min().map(|(_, child)| child)
    }
}

/// Which failed children of a span were made good by what their siblings did.
struct MadeGood<'a> {
    /// By name, the last start of a sibling that succeeded.
    succeeded: BTreeMap<&'a str, Timestamp>,
    /// The last start of a sibling that succeeded, before the parent's own exception.
    went_on: Option<Timestamp>,
}

impl<'a> MadeGood<'a> {
    fn of(failures: &Failures, tree: &'a Tree, parent: Node) -> Self {
        let own = failures.thrown[parent].as_ref().map(|thrown| thrown.at);
        let mut made_good = Self { succeeded: BTreeMap::new(), went_on: None };
        for child in tree.children(parent).iter().filter(|child| !failures.failed[**child]) {
            // Children are in order of their start, so the last one seen is the latest.
            let span = &tree.spans[*child];
            made_good.succeeded.insert(&span.name, span.start);
            if own.is_some_and(|at| span.start < at) {
                made_good.went_on = Some(span.start);
            }
        }
        made_good
    }

    fn holds(&self, failures: &Failures, tree: &Tree, child: Node) -> bool {
        let span = &tree.spans[child];
        let after = |start: &Timestamp| *start >= span.end;
        let retried = self.succeeded.get(&*span.name).is_some_and(after);
        retried || (failures.thrown[child].is_none() && self.went_on.as_ref().is_some_and(after))
    }
}

/// The span with the most time of its own on the critical path of the longest top.
fn slowest(tree: &Tree) -> Option<Node> {
    let length = |node: Node| tree.spans[node].end.since(tree.spans[node].start);
    let top = tree.tops().max_by_key(|node| (length(*node), Reverse(*node)))?;
    super::slow::critical_path(tree, top)
        .into_iter()
        .max_by_key(|step| (step.own, Reverse(step.node)))
        .map(|step| step.node)
}
