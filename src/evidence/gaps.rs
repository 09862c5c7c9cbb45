//! What is odd or not there of a trace, said in `completeness`.

use super::Path;
use super::tree::Tree;
use crate::model::Completeness;

/// Says what is odd about the trace's shape.
pub(super) fn of_shape(tree: &Tree, path: &Path, conflicting: u64, undecodable: u64, complete: &mut Completeness) {
    if !tree.has_root() {
        complete.missing.push(Completeness::NO_ROOT.to_owned());
    }
    if path.nodes.is_empty() {
        complete.missing.push(Completeness::NO_PATH.to_owned());
    }
    let top = path.nodes.first().map(|node| &tree.spans[*node]).filter(|top| !top.parent.is_zero());
    if let Some(top) = top.filter(|top| tree.find(top.parent).is_none()) {
        complete.missing.push(Completeness::no_parent(top.parent, top.id));
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
