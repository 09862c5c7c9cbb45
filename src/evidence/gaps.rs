//! What is not there, said in `completeness`: of the trace, and of what it takes to make the failure happen again.

use super::Path;
use super::tree::Tree;
use crate::model::{Completeness, Repro};

/// Says what is odd about the trace's shape.
pub(super) fn of_shape(tree: &Tree, path: &Path, conflicting: u64, undecodable: u64, complete: &mut Completeness) {
    if !tree.has_root() {
        complete.missing.push("trace.root: no span without a parent was received".to_owned());
    }
    if path.nodes.is_empty() {
        complete.missing.push("trace.span_path: the span of the failure was not received".to_owned());
    }
    let top = path.nodes.first().map(|node| &tree.spans[*node]).filter(|top| !top.parent.is_zero());
    if let Some(top) = top.filter(|top| tree.find(top.parent).is_none()) {
        complete.missing.push(format!("trace.span_path: span {}, parent of {}, was not received", top.parent, top.id));
    }
    if tree.cycles > 0 {
        complete.missing.push(format!("trace.span_path: {} circles of parents were cut", tree.cycles));
    }
    if conflicting > 0 {
        complete
            .truncated
            .push(format!("trace.spans: {conflicting} share their id with a span that is shown, not its content"));
    }
    if undecodable > 0 {
        complete.missing.push(format!("records: {undecodable} could not be decoded"));
    }
}

/// Says what a reproduction lacks.
pub(super) fn of_repro(repro: &Repro, complete: &mut Completeness) {
    if repro.request.is_none() {
        complete.missing.push("repro.request: no span of the path describes one".to_owned());
    } else if repro.request.as_ref().is_some_and(|request| request.body.is_none()) {
        complete.missing.push("repro.request.body: no span of the path carries one".to_owned());
    }
    if repro.command.is_empty() {
        complete.missing.push("repro.command: no process.command_args or process.command_line".to_owned());
    }
    if repro.image.is_none() {
        complete.missing.push("repro.image: no container.image.*".to_owned());
    }
}
