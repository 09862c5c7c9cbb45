//! What is true of a span. Values of different types are unequal and otherwise not comparable; whole and other numbers are one type.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::model::{Record, SpanId};
use crate::otlp::{
    SpanEvent, Value, own_attributes, resource_attributes, scope_attributes, scope_name_and_version, span_fields,
};

use super::{Comparison, Expression, Operand, Path};

/// A value, once it is known of what.
#[derive(Debug, Clone, PartialEq)]
enum Known<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, [u8]>),
    Bytes(&'a [u8]),
    /// A list or a map.
    Other,
}

/// Whether an expression holds for a span, or for an event of it.
pub(super) fn holds(expression: &Expression, span: &Record, event: Option<SpanEvent<'_>>) -> bool {
    match expression {
        Expression::Or(parts) => parts.iter().any(|part| holds(part, span, event)),
        Expression::And(parts) => parts.iter().all(|part| holds(part, span, event)),
        Expression::Not(part) => !holds(part, span, event),
        Expression::Is(operand) => value(operand, span, event) == Known::Bool(true),
        Expression::Compare(left, comparison, right) => {
            compare(&value(left, span, event), *comparison, &value(right, span, event))
        }
    }
}

fn compare(left: &Known<'_>, comparison: Comparison, right: &Known<'_>) -> bool {
    let Some(order) = order(left, right) else { return comparison == Comparison::Unequal };
    match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::Unequal => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    }
}

#[expect(clippy::cast_precision_loss, reason = "as the Collector compares whole numbers with others")]
fn order(left: &Known<'_>, right: &Known<'_>) -> Option<Ordering> {
    match (left, right) {
        (Known::Nil, Known::Nil) => Some(Ordering::Equal),
        (Known::Bool(left), Known::Bool(right)) => Some(left.cmp(right)),
        (Known::Text(left), Known::Text(right)) => Some(left.cmp(right)),
        (Known::Int(left), Known::Int(right)) => Some(left.cmp(right)),
        (Known::Int(left), Known::Float(right)) => (*left as f64).partial_cmp(right),
        (Known::Float(left), Known::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Known::Float(left), Known::Float(right)) => left.partial_cmp(right),
        _ => None,
    }
}

fn value<'a>(operand: &'a Operand, span: &'a Record, event: Option<SpanEvent<'a>>) -> Known<'a> {
    match operand {
        Operand::Nil => Known::Nil,
        Operand::Bool(flag) => Known::Bool(*flag),
        Operand::Int(number) => Known::Int(*number),
        Operand::Float(number) => Known::Float(*number),
        Operand::Text(text) => Known::Text(Cow::Borrowed(text.as_bytes())),
        Operand::Path(path) => at(path, span, event),
        Operand::IsMatch(target, pattern) => {
            Known::Bool(written(&value(target, span, event)).is_some_and(|text| pattern.is_match(&text)))
        }
        Operand::IsRootSpan => Known::Bool(span.entry.head.parent_span_id == SpanId::default()),
    }
}

/// A value as `IsMatch` reads it; `None` of what has no text.
fn written<'a>(value: &'a Known<'_>) -> Option<Cow<'a, [u8]>> {
    match value {
        Known::Text(text) => Some(Cow::Borrowed(text)),
        Known::Bool(flag) => Some(Cow::Owned(flag.to_string().into_bytes())),
        Known::Int(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        Known::Float(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        Known::Bytes(bytes) => Some(Cow::Owned(data_encoding::HEXLOWER.encode(bytes).into_bytes())),
        Known::Nil | Known::Other => None,
    }
}

fn at<'a>(path: &Path, span: &'a Record, event: Option<SpanEvent<'a>>) -> Known<'a> {
    let head = &span.entry.head;
    let text = |bytes: &'a [u8]| Known::Text(Cow::Borrowed(bytes));
    let hex = |bytes: &[u8]| Known::Text(Cow::Owned(data_encoding::HEXLOWER.encode(bytes).into_bytes()));
    match path {
        Path::Name => text(span_fields(span).name),
        Path::Kind => Known::Int(span_fields(span).kind),
        Path::KindText => text(match span_fields(span).kind {
            0 => b"Unspecified",
            1 => b"Internal",
            2 => b"Server",
            3 => b"Client",
            4 => b"Producer",
            5 => b"Consumer",
            _ => b"",
        }),
        Path::StatusCode => Known::Int(i64::from(head.status)),
        Path::StatusMessage => text(span_fields(span).status_message),
        Path::TraceState => text(span_fields(span).trace_state),
        Path::TraceId => hex(&head.trace_id.0),
        Path::SpanId => hex(&head.span_id.0),
        Path::ParentSpanId => hex(&head.parent_span_id.0),
        Path::Start => Known::Int(head.start.0.cast_signed()),
        Path::End => Known::Int(head.end.0.cast_signed()),
        Path::Attribute(key) => first(own_attributes(span), key),
        Path::ResourceAttribute(key) => first(resource_attributes(span), key),
        Path::ScopeName => text(scope_name_and_version(span).0),
        Path::ScopeVersion => text(scope_name_and_version(span).1),
        Path::ScopeAttribute(key) => first(scope_attributes(span), key),
        Path::EventName => event.map_or(Known::Nil, |event| text(event.name())),
        Path::EventAttribute(key) => event.map_or(Known::Nil, |event| first(event.attributes(), key)),
    }
}

/// The value of the first attribute of this key.
fn first<'a>(mut attributes: impl Iterator<Item = (&'a [u8], Value<'a>)>, key: &str) -> Known<'a> {
    match attributes.find(|(found, _)| *found == key.as_bytes()) {
        None => Known::Nil,
        Some((_, Value::String(text))) => Known::Text(Cow::Borrowed(text)),
        Some((_, Value::Bool(flag))) => Known::Bool(flag),
        Some((_, Value::Int(number))) => Known::Int(number),
        Some((_, Value::Double(number))) => Known::Float(number),
        Some((_, Value::Bytes(bytes))) => Known::Bytes(bytes),
        Some((_, Value::Other)) => Known::Other,
    }
}
