//! Conditions in OpenTelemetry's transformation language, of which policies know the part that people write: paths of spans, their events,
//! scopes and resources; comparisons; `IsMatch` and `IsRootSpan`; `and`, `or`, `not`. The rest is refused by name at start.
//!
//! Source: opentelemetry-collector-contrib, `pkg/ottl/LANGUAGE.md`.

mod eval;
mod parse;
mod words;

use regex::bytes::Regex;

use crate::model::{Record, Signal};
use crate::otlp::span_events;

pub(super) use parse::{Context, parse};

/// Conditions on a span, and on its events: one of them is enough.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) span: Vec<Expression>,
    pub(super) event: Vec<Expression>,
}

impl Conditions {
    /// Whether a record is a span for which one holds.
    pub(super) fn hold(&self, record: &Record) -> bool {
        record.signal() == Signal::Traces
            && (self.span.iter().any(|condition| eval::holds(condition, record, None))
                || (!self.event.is_empty()
                    && span_events(record)
                        .any(|event| self.event.iter().any(|condition| eval::holds(condition, record, Some(event))))))
    }
}

/// What is true or not.
#[derive(Debug)]
pub(super) enum Expression {
    Or(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    Compare(Operand, Comparison, Operand),
    /// A value that is true or not by itself.
    Is(Operand),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What has a value.
#[derive(Debug)]
pub(super) enum Operand {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Path(Path),
    /// `IsMatch(target, "pattern")`
    IsMatch(Box<Operand>, Regex),
    /// `IsRootSpan()`
    IsRootSpan,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    Name,
    Kind,
    KindText,
    StatusCode,
    StatusMessage,
    TraceState,
    TraceId,
    SpanId,
    ParentSpanId,
    Start,
    End,
    Attribute(String),
    ResourceAttribute(String),
    ScopeName,
    ScopeVersion,
    ScopeAttribute(String),
    EventName,
    EventAttribute(String),
}
