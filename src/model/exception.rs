//! What was thrown, as a bundle shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Attributes;

/// What was thrown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exception {
    /// Its type, as the language writes it.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// The exceptions that it was raised from, nearest first.
    pub causes: Vec<Cause>,
    /// The place it was thrown at, where the text says it apart from the frames: Rust's `panicked at`, PHP's `in file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thrown_at: Option<Place>,
    /// Whether the text is cut off, or holds what is not of the stack, so that frames may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Frames that are left out: as boilerplate, beyond the 1000 of one exception, or since the runtime only counts them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub elided: u64,
    /// The raw text.
    pub stacktrace: Option<String>,
}

/// A place in the source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Path as recorded.
    pub file: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, as the runtime counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An exception behind the one that surfaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// `cause` where it was chained explicitly, `context` where it was being handled, `member` of an exception group, `suppressed`
    /// where closing a resource threw it (Java), `concurrent` for the other access of a data race, `memory` for where memory was
    /// allocated or freed (sanitizers), `other` where it was thrown elsewhere in the trace and its record came with an amendment.
    pub relation: String,
    /// Its outermost frames that are not written since the exception that it led to has the same: Java's `... 3 more`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub common: u64,
}

/// One frame of a stack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// Path as recorded, or the runtime's word for code without one (`Native Method`, `<anonymous>`); null where it is not known.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, where it is known, as the runtime counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Function, as the language writes it; empty where it has no name.
    pub func: String,
    /// Module, class, package, crate or library, where it can be told.
    pub module: Option<String>,
    /// Whether it is the service's own code, as opposed to a library or the runtime.
    pub in_app: bool,
    /// Local variables, where they arrived.
    pub locals: Attributes,
    /// The source lines before it, where they arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_context: Vec<String>,
    /// The source line, where it arrived.
    pub context: Option<String>,
    /// The source lines after it, where they arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_context: Vec<String>,
    /// Where it is in its module, for looking it up: no part of the document.
    #[serde(skip)]
    pub address: Option<Address>,
}

/// A place in native code of which nothing else is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Address in the module, as its file has it.
    pub offset: u64,
    /// Build id of the module, in hex.
    pub build_id: Option<String>,
    /// Whether it is the instruction itself, not the one that a call returns to.
    pub exact: bool,
}

impl Address {
    /// An address within the instruction that was running.
    #[must_use]
    pub fn of_call(&self) -> u64 {
        if self.exact { self.offset } else { self.offset.saturating_sub(1) }
    }
}
