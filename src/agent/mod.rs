//! What a repair agent uses: list incidents and bundles, get, render and verify a bundle, over any store and without a
//! server ([`Catalog`]), and the same as the `casefile.v1` gRPC service ([`serve_api`]).

mod aliases;
mod amend;
mod api;
mod attachments;
mod catalog;
mod code;
mod completeness;
mod difference;
mod files;
mod history;
mod http;
mod ledger;
mod listing;
mod mcp;
mod measured;
mod merge;
mod openapi;
mod page;
pub mod patch;
mod prompt;
mod prose;
mod raw;
mod remarks;
mod render;
pub mod repair;
mod reports;
mod reproduction;
mod select;
mod suspects;
pub mod testgen;
#[cfg(test)]
mod tests;
mod untrusted;
mod verify;
mod watch;
pub mod worktree;

pub use api::{ApiError, serve_api};
pub use attachments::attachment_line;
pub use catalog::{Catalog, CatalogError, Catalogs, IncidentSummary};
pub use code::{BlamedLine, Blocked, Code, CodePart, CodeRequest, GitError, Scrub, SuspectCommit};
pub use difference::{Difference, Differences};
pub use history::{history_facts, version_note};
pub use ledger::{
    ArmStats, Arms, CountedError, Entry, Event, IncidentStats, Ledger, LedgerError, LedgerFault, LedgerReport, Note,
    Rollout, RolloutError, RolloutRequest, Stats, StatsError, rollout, stats,
};
pub use mcp::{CodeSource, McpError, McpServer, OwnedScrub, ToolError, Workshop};
pub use merge::BundleView;
pub use page::Page;
pub use prompt::{DEFAULT_TOKENS, MIN_TOKENS, Prompt, PromptError, PromptRequest, Target, UnknownTarget};
pub use prose::{one_line, prose};
pub use raw::RawObject;
pub use render::{markdown, tree};
pub use reports::{Reports, TestOver};
pub use select::{SelectError, Selected, select};
pub use untrusted::{fence, neutralise, neutralise_all};
pub use verify::{ObjectReport, VerifyReport};
pub use watch::Watch;

pub use crate::exporter::IndexRef;
