//! What a repair agent uses: list incidents and bundles, get, render and verify a bundle, over any store and without a
//! server ([`Catalog`]), and the same as the `casefile.v1` gRPC service ([`serve_api`]).

mod amend;
mod api;
mod attachments;
mod catalog;
mod completeness;
mod history;
mod merge;
mod page;
pub mod patch;
mod prose;
mod raw;
mod remarks;
mod render;
pub mod repair;
mod reproduction;
mod suspects;
pub mod testgen;
#[cfg(test)]
mod tests;
mod verify;
pub mod worktree;

pub use api::{ApiError, serve_api};
pub use attachments::attachment_line;
pub use catalog::{Catalog, CatalogError, Catalogs, IncidentSummary};
pub use history::{history_facts, version_note};
pub use merge::BundleView;
pub use page::Page;
pub use prose::one_line;
pub use raw::RawObject;
pub use render::{markdown, tree};
pub use verify::{ObjectReport, VerifyReport};

pub use crate::exporter::IndexRef;
