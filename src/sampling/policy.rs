//! What a policy says of a trace, and what can be told from one record.

use std::sync::Arc;

use regex::bytes::Regex;

use crate::model::{ClosedTrace, Head, Record, SEVERITY_ERROR, STATUS_ERROR, Signal, Timestamp};
use crate::otlp::{Value, attribute};

use super::probability::Share;
use super::rate::Rate;

/// A compiled policy.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: Arc<str>,
    pub(super) rule: Rule,
}

/// A policy's type, by how it combines its conditions.
#[derive(Debug)]
pub(super) enum Rule {
    One(Condition),
    And(Vec<Condition>),
    Not(Condition),
    Drop(Vec<Condition>),
}

/// A test of a trace, perhaps turned round by `invert_match`.
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
    /// The spans kept this second stay within a limit.
    Rate(Rate),
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
    /// Do not keep it, whatever others say (`invert_match`, and the value is there).
    Vetoed,
    /// Keep it.
    Sampled,
    /// Keep it, if nobody minds (`invert_match`, and the value is not there).
    InverseSampled,
    /// Not asked for.
    NotSampled,
    /// A `drop` policy that does not match.
    Abstained,
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
            Rule::Not(_) | Rule::Drop(_) => false,
        }
    }

    /// Whether this record alone shows that the policy will keep its trace, rate limits aside.
    pub(super) fn triggers(&self, record: &Record) -> bool {
        self.by_record()
            && match &self.rule {
                Rule::One(condition) => condition.test.holds_by(record),
                Rule::And(conditions) => conditions.iter().all(|condition| condition.test.holds_by(record)),
                Rule::Not(_) | Rule::Drop(_) => false,
            }
    }

    /// Whether these facts leave it open that [`Policy::triggers`] holds for their record.
    pub(super) fn may_trigger(&self, signal: Signal, head: &Head) -> bool {
        let may = |condition: &Condition| condition.test.holds_by_head(signal, head) != Some(false);
        match &self.rule {
            Rule::One(condition) => may(condition),
            Rule::And(conditions) => conditions.iter().all(may),
            Rule::Not(_) | Rule::Drop(_) => false,
        }
    }

    /// Whether it says nothing of a trace that has no record which triggers, and counts nothing either.
    pub(super) fn needs_trigger(&self) -> bool {
        let counts = |condition: &Condition| matches!(condition.test, Test::Rate(_));
        self.by_record() && !matches!(&self.rule, Rule::And(conditions) if conditions.iter().any(counts))
    }

    /// What it says of a closed trace.
    pub(super) fn evaluate(&self, now: Timestamp, trace: &ClosedTrace) -> Verdict {
        // One after the other, up to the first that does not hold: a rate limit counts what the ones before it let pass.
        let all = |conditions: &[Condition]| conditions.iter().all(|condition| condition.holds(now, trace));
        match &self.rule {
            Rule::One(Condition { test, inverted: true }) => match (spans(trace).next(), test.holds(now, trace)) {
                (None, _) => Verdict::NotSampled,
                (Some(_), true) => Verdict::Vetoed,
                (Some(_), false) => Verdict::InverseSampled,
            },
            Rule::One(condition) => sampled_if(condition.holds(now, trace)),
            Rule::And(conditions) => sampled_if(all(conditions)),
            Rule::Not(condition) => sampled_if(spans(trace).next().is_some() && !condition.holds(now, trace)),
            Rule::Drop(conditions) if all(conditions) => Verdict::Dropped,
            Rule::Drop(_) => Verdict::Abstained,
        }
    }
}

fn sampled_if(holds: bool) -> Verdict {
    if holds { Verdict::Sampled } else { Verdict::NotSampled }
}

impl Condition {
    fn holds(&self, now: Timestamp, trace: &ClosedTrace) -> bool {
        if self.inverted {
            spans(trace).next().is_some() && !self.test.holds(now, trace)
        } else {
            self.test.holds(now, trace)
        }
    }

    fn reach(&self) -> Reach {
        match self.test {
            _ if self.inverted => Reach::Trace,
            Test::Error | Test::Status(_) | Test::Attribute { .. } => Reach::SomeRecord,
            Test::Always | Test::Share(_) => Reach::AnyRecord,
            Test::Rate(_) => Reach::Rate,
            Test::Latency { .. } | Test::SpanCount { .. } => Reach::Trace,
        }
    }
}

impl Test {
    fn holds(&self, now: Timestamp, trace: &ClosedTrace) -> bool {
        match self {
            Self::Error | Self::Status(_) | Self::Attribute { .. } => {
                trace.records.iter().any(|record| self.holds_by(record))
            }
            Self::Always => true,
            Self::Share(share) => share.contains(trace.trace_id),
            Self::Latency { threshold, upper } => latency_ms(trace).is_some_and(|millis| match upper {
                // The Collector's bounds: at least the threshold where it stands alone, more than it otherwise.
                None => millis >= *threshold,
                Some(upper) => *threshold < millis && millis <= *upper,
            }),
            Self::Rate(rate) => match span_count(trace) {
                0 => false,
                spans => rate.admit(now, spans),
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
            Self::Attribute { key, value } => attribute(record, key).any(|found| value.holds(found)),
            _ => false,
        })
    }

    /// The same, as far as the facts tell it; `None` if one has to look at the record.
    fn holds_by_head(&self, signal: Signal, head: &Head) -> Option<bool> {
        Some(match self {
            Self::Error => tells_of_error(signal, head),
            Self::Always | Self::Rate(_) => true,
            Self::Share(share) => share.contains(head.trace_id),
            Self::Status(codes) => signal == Signal::Traces && codes.contains(&head.status),
            Self::Attribute { .. } if signal == Signal::Traces => return None,
            Self::Attribute { .. } | Self::Latency { .. } | Self::SpanCount { .. } => false,
        })
    }
}

impl ValueTest {
    fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::OneOf(values), Value::String(text)) => values.iter().any(|wanted| wanted.as_bytes() == text),
            (Self::Matches(patterns), Value::String(text)) => patterns.iter().any(|pattern| pattern.is_match(text)),
            (Self::Within { min, max }, Value::Int(number)) => (*min..=*max).contains(&number),
            (Self::Is(wanted), Value::Bool(flag)) => *wanted == flag,
            _ => false,
        }
    }
}

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

fn span_count(trace: &ClosedTrace) -> u64 {
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
