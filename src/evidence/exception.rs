//! The exception of the critical error: from a span event or a log record, with its stack read where a parser applies.
//!
//! OpenTelemetry moves exceptions from span events to log records, so an SDK may write either or both. What was recorded
//! twice is one exception: the fields that one of the two lacks come from the other.

use opentelemetry_proto::tonic::trace::v1::span::Event;
use serde_json::Value;

use super::gather::LogFact;
use super::stack::{self, AppRules, Stack};
use super::{locals, values};
use crate::model::{Attributes, Completeness, Exception, Frame, SpanId, Timestamp};

/// An exception as it was recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Recorded {
    pub(super) at: Timestamp,
    kind: Option<String>,
    message: Option<String>,
    stacktrace: Option<String>,
    /// Frames that were recorded as such.
    frames: Option<Value>,
    /// `code.*`: where it was recorded.
    place: Option<Frame>,
    escaped: bool,
}

impl Recorded {
    /// From the attributes of an event or a log record.
    pub(super) fn from_attributes(at: Timestamp, attrs: &Attributes) -> Self {
        let text = |key: &str| attrs.get(key).map(values::text).filter(|text| !text.is_empty());
        Self {
            at,
            kind: text("exception.type"),
            message: text("exception.message"),
            stacktrace: text("exception.stacktrace").or_else(|| text("code.stacktrace")),
            frames: attrs.get(locals::FRAMES).cloned(),
            place: code(attrs),
            escaped: text("exception.escaped").is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
        }
    }

    pub(super) fn has_stack(&self) -> bool {
        self.stacktrace.is_some() || self.frames.is_some()
    }

    /// With the stack of `other`, if both say the same type, with or without its module.
    pub(super) fn or_stack_of(mut self, other: Self) -> Self {
        fn last(kind: Option<&str>) -> Option<&str> {
            kind?.rsplit(['.', ':', '\\']).next()
        }
        if self.kind.is_some() && last(self.kind.as_deref()) == last(other.kind.as_deref()) {
            self.stacktrace = self.stacktrace.or(other.stacktrace);
        }
        self
    }

    fn same(&self, other: &Self) -> bool {
        let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        agree(&self.kind, &other.kind) && agree(&self.message, &other.message)
    }
}

/// The frame that `code.*` attributes tell of, by their names now and before.
fn code(attrs: &Attributes) -> Option<Frame> {
    let text =
        |keys: [&str; 2]| keys.iter().find_map(|key| attrs.get(*key)).map(values::text).filter(|text| !text.is_empty());
    let number = |keys| text(keys).and_then(|digits| digits.parse().ok());
    let (func, file) = (text(["code.function.name", "code.function"]), text(["code.file.path", "code.filepath"]));
    let found = Frame {
        line: number(["code.line.number", "code.lineno"]),
        column: number(["code.column.number", "code.column"]),
        module: text(["code.namespace", "code.namespace"]),
        func: func.unwrap_or_default(),
        file,
        ..Frame::default()
    };
    (!found.func.is_empty() || found.file.is_some()).then_some(found)
}

/// Whether a span event is an exception.
pub(super) fn is_exception(event: &Event) -> bool {
    event.name == "exception"
}

/// The exceptions recorded in events, in order of time.
pub(super) fn of_events(events: &[Event]) -> Vec<Recorded> {
    let mut found: Vec<_> = events
        .iter()
        .filter(|event| is_exception(event))
        .map(|event| Recorded::from_attributes(Timestamp(event.time_unix_nano), &values::attributes(&event.attributes)))
        .collect();
    found.sort_by_key(|recorded| recorded.at);
    found
}

/// The exceptions that were logged in `span` (all of the trace, if `None`), in order of time.
pub(super) fn of_logs(logs: &[LogFact], span: Option<SpanId>) -> Vec<Recorded> {
    logs.iter()
        .filter(|log| log.exception.is_some() && span.is_none_or(|id| log.span == id))
        .filter_map(|log| {
            let loaded = log.load()?;
            Some(Recorded::from_attributes(log.time, &values::attributes(&loaded.body.attributes)))
        })
        .collect()
}

/// Stacks in the bodies of errors that were logged in `span` (all of the trace, if `None`), in order of time.
pub(super) fn buried(
    logs: &[LogFact],
    span: Option<SpanId>,
    language: Option<&str>,
    rules: &AppRules,
) -> Vec<Recorded> {
    logs.iter()
        .rev()
        .filter(|log| log.is_error() && log.exception.is_none() && span.is_none_or(|id| log.span == id))
        .take(MAX_BODIES)
        .filter_map(|log| {
            let text = values::said(log.load()?.body.body.as_ref());
            // A line alone is a message.
            let lines = text.trim_end().contains('\n') || text.contains("\\n");
            let parsed = lines.then(|| stack::parse(&text, language, rules)).flatten()?;
            let Stack { kind, message, frames, .. } = parsed;
            let found = Recorded { at: log.time, kind, message, stacktrace: Some(text), ..Recorded::default() };
            (!frames.is_empty()).then_some(found)
        })
        .collect()
}

/// Most bodies of errors in which a stack is looked for: the last ones.
const MAX_BODIES: usize = 50;

/// The one that surfaced: one that is known to have escaped before others, one with a stack before others, then the last.
/// What it lacks comes from a record of the same exception.
pub(super) fn choose(candidates: &[Recorded]) -> Option<Recorded> {
    let rank = |recorded: &&Recorded| (recorded.escaped, recorded.has_stack(), recorded.at);
    let mut chosen = candidates.iter().max_by_key(rank)?.clone();
    for other in candidates {
        if other.same(&chosen) {
            chosen.kind = chosen.kind.or_else(|| other.kind.clone());
            chosen.message = chosen.message.or_else(|| other.message.clone());
            chosen.stacktrace = chosen.stacktrace.or_else(|| other.stacktrace.clone());
            chosen.frames = chosen.frames.or_else(|| other.frames.clone());
            chosen.place = chosen.place.or_else(|| other.place.clone());
        }
    }
    Some(chosen)
}

/// Whether an event's exception is the one that `shown` already says.
pub(super) fn repeats(event: &Event, shown: Option<&Exception>) -> bool {
    let Some(shown) = shown.filter(|_| is_exception(event)) else { return false };
    let attrs = values::attributes(&event.attributes);
    let recorded = Recorded::from_attributes(Timestamp(event.time_unix_nano), &attrs);
    recorded.kind == shown.kind && recorded.message == shown.message
}

/// Reads the stack: from frames that were recorded as such, else from the text. What is missing or left out is said in `complete`.
pub(super) fn read(
    recorded: Recorded,
    language: Option<&str>,
    rules: &AppRules,
    complete: &mut Completeness,
) -> Exception {
    let Recorded { kind, message, stacktrace, frames, place, .. } = recorded;
    let parsed = stacktrace.as_deref().and_then(|text| stack::parse(text, language, rules));
    let structured = frames.as_ref().map(locals::frames);
    if let Some(Some(frames)) = structured {
        // What the text says besides, of causes above all, stays.
        let Stack { frames, elided, .. } = stack::of_frames(frames, language, rules);
        let stack = Stack { frames, elided, partial: false, ..parsed.unwrap_or_default() };
        let mut found = shown(stack, kind, message, stacktrace);
        limit(&mut found, complete);
        return found;
    }
    let missing = &mut complete.missing;
    if structured.is_some() {
        missing.push(format!("exception.frames: {} holds no list of frames", locals::FRAMES));
    }
    let of_code = stacktrace.is_none().then_some(place).flatten().map(|place| stack::of_place(place, language, rules));
    match (&stacktrace, &parsed) {
        (None, _) if of_code.is_some() => {
            missing.push("exception.frames: no stack trace was recorded, only code.*".to_owned());
        }
        (None, _) => missing.push("exception.frames: no stack trace was recorded".to_owned()),
        (Some(_), None) => missing.push("exception.frames: no stack can be read from the stack trace".to_owned()),
        (_, Some(parsed)) if parsed.partial => {
            missing.push("exception.frames: the stack trace is cut off or mixed with other text".to_owned());
        }
        (_, Some(parsed)) if parsed.frames.is_empty() => {
            missing.push("exception.frames: the stack trace has none".to_owned());
        }
        _ => {}
    }
    let parsed = parsed.or(of_code).unwrap_or_default();
    let mut found = shown(parsed, kind, message, stacktrace);
    limit(&mut found, complete);
    found
}

/// Keeps variables and source lines within their limits.
fn limit(exception: &mut Exception, complete: &mut Completeness) {
    let mut limits = locals::Limits::default();
    limits.apply(&mut exception.frames);
    exception.causes.iter_mut().for_each(|cause| limits.apply(&mut cause.frames));
    complete.truncated.extend(limits.said());
}

/// The exception in a text as a bundle shows it; `None` if no stack can be read from the text.
///
/// `language` is that of the service (`telemetry.sdk.language`), `kind` and `message` are what was recorded beside the text.
#[must_use]
pub fn of_text(
    text: &str,
    language: Option<&str>,
    kind: Option<String>,
    message: Option<String>,
    rules: &AppRules,
) -> Option<Exception> {
    let mut found = shown(stack::parse(text, language, rules)?, kind, message, Some(text.to_owned()));
    limit(&mut found, &mut Completeness::default());
    Some(found)
}

fn shown(parsed: Stack, kind: Option<String>, message: Option<String>, stacktrace: Option<String>) -> Exception {
    let Stack { kind: read_kind, message: read_message, frames, causes, thrown_at, partial, elided } = parsed;
    Exception {
        kind: kind.or(read_kind),
        message: message.or(read_message),
        frames,
        causes,
        thrown_at,
        partial,
        elided,
        stacktrace,
    }
}
