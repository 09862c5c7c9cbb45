//! What a policy says of a trace, and what can be told from one record.

use std::sync::Arc;

use regex::bytes::Regex;

use crate::model::{ClosedTrace, Head, Record, SEVERITY_ERROR, STATUS_ERROR, Signal, Timestamp};
use crate::otlp::{Value, own_attributes, resource_attributes, span_fields};

use super::composite::Composite;
use super::ottl::Conditions;
use super::probability::Share;
use super::rate::Rate;
use super::{size, trace_state};

/// A compiled policy.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: Arc<str>,
    rule: Rule,
    /// Of each of its choices.
    told_by: Box<[Sign]>,
}

/// A policy's type, by how it combines its conditions.
#[derive(Debug)]
pub(super) enum Rule {
    One(Condition),
    And(Vec<Condition>),
    Drop(Vec<Condition>),
    Composite(Composite),
}

/// A test of a trace, perhaps turned round by `invert_match` or `not`.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) test: Test,
    pub(super) inverted: bool,
}

/// What is tested.
#[derive(Debug)]
pub(super) enum Test {
    /// The default: some record tells of an error.
    Error,
    /// Nothing.
    Always,
    /// Some span has one of these statuses.
    Status(Vec<i32>),
    /// The trace takes this many milliseconds.
    Latency { threshold: u64, upper: Option<u64> },
    /// Some span or its resource has this attribute with such a value.
    Attribute { key: String, value: ValueTest },
    /// The trace id is in a share.
    Share(Share),
    /// Some span has one of these values for a key of its `tracestate`.
    TraceState { key: String, values: Vec<String> },
    /// Some span has the W3C flag `sampled`.
    TraceFlags,
    /// Some span meets one of these conditions.
    Ottl(Conditions),
    /// The spans kept stay within a rate.
    Rate(Rate),
    /// The bytes kept stay within a rate.
    Bytes(Rate),
    /// The number of spans.
    SpanCount { min: u64, max: Option<u64> },
}

/// What the value of an attribute must be.
#[derive(Debug)]
pub(super) enum ValueTest {
    OneOf(Vec<String>),
    Matches(Vec<Regex>),
    Within { min: i64, max: i64 },
    Is(bool),
}

/// What a policy says of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Drop it, whatever others say.
    Dropped,
    /// Keep it.
    Sampled,
    /// Not asked for.
    NotSampled,
}

/// What a test must have seen to be sure that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// One record is enough, and it must be the right one.
    SomeRecord,
    /// Any record: they all carry the trace id.
    AnyRecord,
    /// The spans are counted when the trace is decided.
    Rate,
    /// All of them.
    Trace,
}

impl Policy {
    pub(super) fn new(name: Arc<str>, rule: Rule) -> Self {
        let mut policy = Self { name, rule, told_by: Box::default() };
        policy.told_by = policy.choices().map(Sign::of).collect();
        policy
    }

    pub(super) fn drops(&self) -> bool {
        matches!(self.rule, Rule::Drop(_))
    }

    /// Whether a record can show that this policy will keep its trace, for every trace that it keeps.
    pub(super) fn by_record(&self) -> bool {
        match &self.rule {
            Rule::One(condition) => matches!(condition.reach(), Reach::SomeRecord | Reach::AnyRecord),
            Rule::And(conditions) => {
                let count = |reach| conditions.iter().filter(|condition| condition.reach() == reach).count();
                // Two conditions on records may be met by two records, neither of which shows anything by itself.
                count(Reach::Trace) == 0 && count(Reach::SomeRecord) <= 1 && count(Reach::Rate) < conditions.len()
            }
            Rule::Composite(_) | Rule::Drop(_) => false,
        }
    }

    /// Whether what it keeps may have nothing by which it can be told beforehand, so that every trace has to be looked at whole.
    pub(super) fn needs_whole(&self) -> bool {
        self.told_by.contains(&Sign::None)
    }

    /// The milliseconds of which something that it keeps is only told by taking longer.
    pub(super) fn longer_than(&self) -> Option<u64> {
        let longer = |sign: &Sign| match sign {
            Sign::Longer(millis) => Some(*millis),
            Sign::Record | Sign::None => None,
        };
        self.told_by.iter().filter_map(longer).min()
    }

    /// Whether this record makes its trace one that the policy may keep, rate limits aside. What it keeps without such a record takes longer
    /// than [`Policy::longer_than`], or it [`Policy::needs_whole`] traces.
    pub(super) fn triggers(&self, record: &Record) -> bool {
        self.triggers_where(|condition| condition.test.holds_by(record))
    }

    /// Whether these facts leave it open that [`Policy::triggers`] holds for their record.
    pub(super) fn may_trigger(&self, signal: Signal, head: &Head) -> bool {
        self.triggers_where(|condition| condition.test.holds_by_head(signal, head) != Some(false))
    }

    /// Whether they leave it open for some trace.
    pub(super) fn may_trigger_in_some(&self, signal: Signal, head: &Head) -> bool {
        let holds = |test: &Test| matches!(test, Test::Share(_)) || test.holds_by_head(signal, head) != Some(false);
        self.triggers_where(|condition| holds(&condition.test))
    }

    fn triggers_where(&self, holds: impl Fn(&Condition) -> bool) -> bool {
        let mut choices = self.choices().zip(&self.told_by);
        choices
            .any(|(conditions, sign)| *sign == Sign::Record && signs(conditions).all(|(_, condition)| holds(condition)))
    }

    /// Whether it says nothing of a trace that has no record which triggers and does not take too long, and counts nothing either.
    pub(super) fn needs_trigger(&self) -> bool {
        !self.drops() && !self.needs_whole()
    }

    /// The conditions that a trace is kept for: all of one of these.
    fn choices(&self) -> impl Iterator<Item = &[Condition]> {
        let (one, parts) = match &self.rule {
            Rule::One(condition) => (Some(std::slice::from_ref(condition)), None),
            Rule::And(conditions) => (Some(conditions.as_slice()), None),
            Rule::Composite(composite) => (None, Some(composite.choices())),
            Rule::Drop(_) => (None, None),
        };
        one.into_iter().chain(parts.into_iter().flatten())
    }

    /// What it says of a closed trace.
    pub(super) fn evaluate(&self, now: Timestamp, trace: &ClosedTrace) -> Verdict {
        // One after the other, up to the first that does not hold: a rate limit counts what the ones before it let pass.
        let all = |conditions: &[Condition]| conditions.iter().all(|condition| condition.holds(now, trace));
        match &self.rule {
            Rule::One(condition) => sampled_if(condition.holds(now, trace)),
            Rule::And(conditions) => sampled_if(all(conditions)),
            Rule::Composite(composite) => sampled_if(composite.keeps(now, trace)),
            Rule::Drop(conditions) if all(conditions) => Verdict::Dropped,
            Rule::Drop(_) => Verdict::NotSampled,
        }
    }
}

/// By what a trace that meets several conditions can be told before it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// It takes more milliseconds than this.
    Longer(u64),
    /// It has a record that meets those of them which a record can meet ([`signs`]).
    Record,
    /// Nothing.
    None,
}

impl Sign {
    fn of(conditions: &[Condition]) -> Self {
        let longer = conditions.iter().enumerate().filter_map(|(at, condition)| Some((condition.longer_than()?, at)));
        let (sign, last) = match longer.max() {
            Some((millis, at)) => (Self::Longer(millis), Some(at)),
            None => (Self::Record, signs(conditions).map(|(at, _)| at).max()),
        };
        // They are asked one after the other: a limit counts what those before it let pass, seen or not.
        let limit = conditions.iter().position(Condition::counts).unwrap_or(conditions.len());
        if last.is_some_and(|last| last < limit) { sign } else { Self::None }
    }
}

/// Of conditions that are all to be met, those that one record of the trace meets, and their places: whatever all of its records meet, and
/// the first that one of them has to. Those behind it may be met by others.
fn signs(conditions: &[Condition]) -> impl Iterator<Item = (usize, &Condition)> {
    let of_reach = |reach| conditions.iter().enumerate().filter(move |(_, condition)| condition.reach() == reach);
    of_reach(Reach::AnyRecord).chain(of_reach(Reach::SomeRecord).take(1))
}

fn sampled_if(holds: bool) -> Verdict {
    if holds { Verdict::Sampled } else { Verdict::NotSampled }
}

impl Condition {
    /// Whether it holds for a trace. One without spans meets no condition that is turned round.
    pub(super) fn holds(&self, now: Timestamp, trace: &ClosedTrace) -> bool {
        if self.inverted {
            spans(trace).next().is_some() && !self.test.holds(now, trace)
        } else {
            self.test.holds(now, trace)
        }
    }

    /// The milliseconds that a trace takes at least to meet it, where it is about that.
    fn longer_than(&self) -> Option<u64> {
        match self.test {
            Test::Latency { threshold, .. } if !self.inverted => Some(threshold),
            _ => None,
        }
    }

    /// Whether it counts the traces that it is asked about.
    fn counts(&self) -> bool {
        matches!(self.test, Test::Rate(_) | Test::Bytes(_))
    }

    fn reach(&self) -> Reach {
        match self.test {
            _ if self.inverted => Reach::Trace,
            Test::Error
            | Test::Status(_)
            | Test::Attribute { .. }
            | Test::TraceState { .. }
            | Test::TraceFlags
            | Test::Ottl(_) => Reach::SomeRecord,
            Test::Always | Test::Share(_) => Reach::AnyRecord,
            Test::Rate(_) | Test::Bytes(_) => Reach::Rate,
            Test::Latency { .. } | Test::SpanCount { .. } => Reach::Trace,
        }
    }
}

impl Test {
    fn holds(&self, now: Timestamp, trace: &ClosedTrace) -> bool {
        match self {
            Self::Error
            | Self::Status(_)
            | Self::Attribute { .. }
            | Self::TraceState { .. }
            | Self::TraceFlags
            | Self::Ottl(_) => trace.records.iter().any(|record| self.holds_by(record)),
            Self::Always => true,
            Self::Share(share) => share.contains(trace.trace_id),
            Self::Latency { threshold, upper } => latency_ms(trace).is_some_and(|millis| match upper {
                None => *threshold < millis,
                Some(upper) => *threshold < millis && millis <= *upper,
            }),
            Self::Rate(rate) => match span_count(trace) {
                0 => false,
                spans => rate.admit(now, spans),
            },
            Self::Bytes(rate) => match size::wire_bytes(trace) {
                0 => false,
                bytes => rate.admit(now, bytes),
            },
            Self::SpanCount { min, max } => match span_count(trace) {
                0 => false,
                spans => *min <= spans && max.is_none_or(|max| spans <= max),
            },
        }
    }

    /// Whether it holds for every trace that has this record. A rate limit is passed over; what needs the whole trace
    /// does not hold by a record.
    fn holds_by(&self, record: &Record) -> bool {
        self.holds_by_head(record.signal(), &record.entry.head).unwrap_or_else(|| match self {
            Self::Attribute { key, value } => value.holds_by(record, key),
            Self::TraceState { key, values } => trace_state::value(span_fields(record).trace_state, key)
                .is_some_and(|found| values.iter().any(|wanted| wanted == found)),
            Self::TraceFlags => span_fields(record).flags & SAMPLED != 0,
            Self::Ottl(conditions) => conditions.hold(record),
            _ => false,
        })
    }

    /// The same, as far as the facts tell it; `None` if one has to look at the record.
    fn holds_by_head(&self, signal: Signal, head: &Head) -> Option<bool> {
        let is_span = signal == Signal::Traces;
        Some(match self {
            Self::Error => tells_of_error(signal, head),
            Self::Always | Self::Rate(_) | Self::Bytes(_) => true,
            Self::Share(share) => share.contains(head.trace_id),
            Self::Status(codes) => is_span && codes.contains(&head.status),
            Self::Ottl(_) => return None,
            Self::Attribute { .. } | Self::TraceState { .. } | Self::TraceFlags if is_span => return None,
            Self::Attribute { .. } | Self::TraceState { .. } | Self::TraceFlags => false,
            Self::Latency { .. } | Self::SpanCount { .. } => false,
        })
    }
}

impl ValueTest {
    /// Whether an attribute of a span or its resource is such a value. As in the Collector, the first of a key counts, an empty text of a
    /// span matches nothing, and a value of another type counts as the empty one of the type that is asked for: `""`, `0`, `false`.
    fn holds_by(&self, record: &Record, key: &str) -> bool {
        let named = |(found, _): &(&[u8], Value<'_>)| *found == key.as_bytes();
        let own = own_attributes(record).find(named).map(|(_, value)| value);
        let of_resource = resource_attributes(record).find(named).map(|(_, value)| value);
        own.is_some_and(|value| self.holds(value, true)) || of_resource.is_some_and(|value| self.holds(value, false))
    }

    fn holds(&self, value: Value<'_>, of_span: bool) -> bool {
        let text = || match value {
            Value::String(text) => text,
            _ => &[],
        };
        match self {
            Self::OneOf(values) => {
                let text = text();
                !text.is_empty() && values.iter().any(|wanted| wanted.as_bytes() == text)
            }
            Self::Matches(patterns) => {
                let text = text();
                !(of_span && text.is_empty()) && patterns.iter().any(|pattern| pattern.is_match(text))
            }
            Self::Within { min, max } => {
                let number = if let Value::Int(number) = value { number } else { 0 };
                (*min..=*max).contains(&number)
            }
            Self::Is(wanted) => *wanted == matches!(value, Value::Bool(true)),
        }
    }
}

/// The flag of W3C's trace context that says that a trace is sampled.
const SAMPLED: u32 = 1;

/// Whether a record is the evidence of a failure that is looked for where no policy is configured.
fn tells_of_error(signal: Signal, head: &Head) -> bool {
    match signal {
        Signal::Traces => head.status == STATUS_ERROR || head.exception_event || head.failed_test,
        Signal::Logs => {
            let tells = head.exception_attributes || head.severity >= SEVERITY_ERROR || head.failed_test;
            tells && !head.trace_id.is_zero()
        }
        Signal::Metrics => false,
    }
}

fn spans(trace: &ClosedTrace) -> impl Iterator<Item = &Record> {
    trace.records.iter().filter(|record| record.signal() == Signal::Traces)
}

pub(super) fn span_count(trace: &ClosedTrace) -> u64 {
    spans(trace).count() as u64
}

/// Whole milliseconds from the earliest start to the latest end of its spans; `None` where no span has either. A time of
/// zero is none (OTLP), and an end before the start is no time at all.
fn latency_ms(trace: &ClosedTrace) -> Option<u64> {
    let set = |time: &Timestamp| *time > Timestamp::default();
    let start = spans(trace).map(|span| span.entry.head.start).filter(set).min()?;
    let end = spans(trace).map(|span| span.entry.head.end).filter(set).max()?;
    u64::try_from(end.since(start).as_millis()).ok()
}
