//! What each field of a bundle may hold.
//!
//! The table names every field of every part: one that is new does not compile until somebody has said what it holds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::detect::WITHHELD;
use super::walk::Walk;
use crate::model::{
    Address, Attachment, Attributes, BODY_KEYS, Bundle, COMMAND_KEYS, Cause, Completeness, Coverage, DumpStack,
    Environment, EventEvidence, Exception, ExemplarEvidence, FileCoverage, Frame, IMAGE_KEYS, Incident, LogEvidence,
    LogLine, LogTemplate, MetricEvidence, PathStep, Place, ProfileStack, ProfileSummary, Provenance, RedactionReport,
    RepeatedCall, Repro, Request, Seed, SpanEvidence, SpanId, Suspect, TestCounts, TestFailure, TestRun, TestSummary,
    TraceEvidence, TraceId,
};

/// What a field may hold: how a value of type `T` in it is redacted.
pub(crate) trait Class<T> {
    /// Redacts a value in place.
    fn redact(&self, value: &mut T, walk: &mut Walk<'_>);
}

impl<T, C: Class<T>> Class<Option<T>> for C {
    fn redact(&self, value: &mut Option<T>, walk: &mut Walk<'_>) {
        if let Some(value) = value {
            self.redact(value, walk);
        }
    }
}

impl<T, C: Class<T>> Class<Vec<T>> for C {
    fn redact(&self, value: &mut Vec<T>, walk: &mut Walk<'_>) {
        for (index, item) in value.iter_mut().enumerate() {
            walk.at_index(index, |walk| self.redact(item, walk));
        }
    }
}

/// A value of a type that can hold no text of others, is no part of the document, or is written when the walk is over.
pub(crate) struct Plain;

macro_rules! plain {
    ($($kind:ty),*) => { $(impl Class<$kind> for Plain {
        fn redact(&self, _: &mut $kind, _: &mut Walk<'_>) {}
    })* };
}

plain!(bool, u32, u64, i64, f64, [u32; 2], SpanId, TraceId, TestCounts, Address, RedactionReport);

/// A text that the assembler wrote, which has a shape that no text of others is in: anything else in it is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ours {
    /// RFC 3339.
    Time,
    /// A name of ours: lower-case letters and underscores.
    Word,
    /// An id or digest of ours: letters, digits, `:`, `-`, `_`.
    Id,
    /// A version number of ours.
    Version,
    /// A JSON pointer whose steps are names of ours and indices.
    Pointer,
}

use Ours::{Id, Pointer, Time, Version, Word};

impl Ours {
    fn has_shape(self, text: &str) -> bool {
        let all =
            |limit: usize, accept: fn(u8) -> bool| !text.is_empty() && text.len() <= limit && text.bytes().all(accept);
        match self {
            Self::Time => {
                all(40, |byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte))
                    && text.parse::<jiff::Timestamp>().is_ok()
            }
            Self::Word => all(32, |byte| byte.is_ascii_lowercase() || byte == b'_'),
            Self::Id => all(128, |byte| byte.is_ascii_alphanumeric() || b":-_".contains(&byte)),
            Self::Version => all(64, |byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte)),
            Self::Pointer => {
                all(64, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'/'))
            }
        }
    }

    /// Whether somebody's value could be written in the letters of this shape.
    fn may_hide(self) -> bool {
        matches!(self, Self::Id | Self::Version)
    }
}

impl Class<String> for Ours {
    fn redact(&self, value: &mut String, walk: &mut Walk<'_>) {
        // It stays what it was found to be.
        if walk.is_sweep() {
            return;
        }
        let is_ours = value == WITHHELD || self.has_shape(value) && !(self.may_hide() && walk.finds(value));
        if !is_ours {
            walk.withhold_text(value, "unexpected_shape");
        }
    }
}

/// A commit id: hex passes, anything else is text.
pub(crate) struct Revision;

impl Class<String> for Revision {
    fn redact(&self, value: &mut String, walk: &mut Walk<'_>) {
        walk.revision(value);
    }
}

/// Text of the user's or about the user's records: detectors run.
pub(crate) struct Text;

impl Class<String> for Text {
    fn redact(&self, value: &mut String, walk: &mut Walk<'_>) {
        walk.text(value);
    }
}

/// The same, and nothing but its own words tells what it is: a number that is all of it may be somebody's.
pub(crate) struct Message;

impl Class<String> for Message {
    fn redact(&self, value: &mut String, walk: &mut Walk<'_>) {
        walk.message(value);
    }
}

/// A URL: detectors run, and query parameters are judged by their names.
pub(crate) struct Url;

impl Class<String> for Url {
    fn redact(&self, value: &mut String, walk: &mut Walk<'_>) {
        walk.url(value);
    }
}

/// A number, or a text that stands for one: detectors run.
pub(crate) struct Scalar;

impl Class<Value> for Scalar {
    fn redact(&self, value: &mut Value, walk: &mut Walk<'_>) {
        walk.content(value);
    }
}

/// Attributes: each key is judged by [`keys`](super::keys).
pub(crate) struct Named;

impl Class<Attributes> for Named {
    fn redact(&self, value: &mut Attributes, walk: &mut Walk<'_>) {
        walk.map(value, |walk, key| walk.keys().attribute(key));
    }
}

/// Attributes whose namespace was cut off; these are the namespaces they may come from.
pub(crate) struct Namespaces(&'static [&'static str]);

impl Class<Attributes> for Namespaces {
    fn redact(&self, value: &mut Attributes, walk: &mut Walk<'_>) {
        walk.map(value, |walk, key| walk.keys().environment(key, self.0));
    }
}

/// HTTP headers or RPC metadata: judged as `http.request.header.<name>`.
pub(crate) struct Headers;

impl Class<Attributes> for Headers {
    fn redact(&self, value: &mut Attributes, walk: &mut Walk<'_>) {
        walk.map(value, |walk, key| walk.keys().header(key));
    }
}

/// Names and values of the program itself (local variables, flags): content, unless a key is blocked.
pub(crate) struct Content;

impl Class<Attributes> for Content {
    fn redact(&self, value: &mut Attributes, walk: &mut Walk<'_>) {
        walk.map(value, |walk, key| walk.keys().content(key));
    }
}

impl Class<Seed> for Content {
    /// What is beside a name is judged by it.
    fn redact(&self, value: &mut Seed, walk: &mut Walk<'_>) {
        let Seed { name, value, of } = value;
        let mut fields = [("name", Some(&mut *name)), ("value", Some(value)), ("of", of.as_mut())];
        let taken = |text: &mut String| Value::String(std::mem::take(text));
        let mut map: Attributes =
            fields.iter_mut().filter_map(|(key, text)| Some(((*key).to_owned(), taken(text.as_mut()?)))).collect();
        walk.map(&mut map, |walk, key| walk.keys().content(key));
        for (key, text) in fields {
            if let (Some(text), Some(redacted)) = (text, map.remove(key)) {
                *text = in_words(redacted);
            }
        }
    }
}

/// Inputs of the reproduction: content, unless a key is an attribute's.
pub(crate) struct Inputs;

impl Class<Attributes> for Inputs {
    fn redact(&self, value: &mut Attributes, walk: &mut Walk<'_>) {
        walk.map(value, Walk::input);
    }
}

/// Environment variables: those that name a locale, time zone or runtime switch pass.
pub(crate) struct Variables;

impl Class<BTreeMap<String, String>> for Variables {
    fn redact(&self, value: &mut BTreeMap<String, String>, walk: &mut Walk<'_>) {
        let variables = std::mem::take(value).into_iter();
        let mut map: Attributes = variables.map(|(name, value)| (name, Value::String(value))).collect();
        walk.map(&mut map, |walk, key| walk.keys().variable(key));
        value.extend(map.into_iter().map(|(name, value)| (name, in_words(value))));
    }
}

/// The value of one of these attributes, or made of several: judged by the strictest of them.
pub(crate) struct Attribute(&'static [&'static str]);

impl Class<Value> for Attribute {
    fn redact(&self, value: &mut Value, walk: &mut Walk<'_>) {
        walk.of_attributes(value, self.0);
    }
}

impl Class<String> for Attribute {
    fn redact(&self, value: &mut String, walk: &mut Walk<'_>) {
        let mut text = Value::String(std::mem::take(value));
        walk.of_attributes(&mut text, self.0);
        *value = in_words(text);
    }
}

/// A list which is, as a whole, the value of one of these attributes.
pub(crate) struct AttributeList(&'static [&'static str]);

impl Class<Vec<Value>> for AttributeList {
    fn redact(&self, value: &mut Vec<Value>, walk: &mut Walk<'_>) {
        if value.iter().all(|item| item == WITHHELD) {
            return;
        }
        let mut list = Value::Array(std::mem::take(value));
        walk.of_attributes(&mut list, self.0);
        *value = match list {
            Value::Array(items) => items,
            // A list that is withheld as a whole is a list all the same.
            withheld => vec![withheld],
        };
    }
}

/// A text, which is one after redaction too.
fn in_words(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A part whose fields have classes of their own.
pub(crate) struct Part;

/// The name of a field in the document.
macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

/// What each field of each part holds. `by service` marks what one service sent: that service's rules hold for it.
macro_rules! parts {
    ($($part:ident $(by $service:ident)? { $($field:ident $(as $name:literal)?: $class:expr),* $(,)? })*) => {
        $(impl Class<$part> for Part {
            fn redact(&self, part: &mut $part, walk: &mut Walk<'_>) {
                let before = walk.rules();
                $(walk.go_by(&part.$service);)?
                let $part { $($field),* } = part;
                $(walk.at(name!($field $($name)?), |walk| $class.redact($field, walk));)*
                walk.set_rules(before);
            }
        })*

        /// The table as text, for the digest of the rules in force.
        pub(crate) const TABLE: &str = stringify!($($part $(by $service)? { $($field $(as $name)?: $class),* })*);
    };
}

parts! {
    Bundle {
        version: Plain, bundle_id: Id, commit_sha: Revision, language: Text, build: Text, test_cmd: Text, repository: Url,
        incident: Part, trace: Part, exception: Part, suspects: Part, logs: Part, metrics: Part, environment: Part,
        repro: Part, attachments: Part, redaction: Plain, completeness: Part, provenance: Part,
    }
    Incident { id: Id, fingerprint: Id, class: Word, summary: Text, services: Text }
    Suspect { kind: Word, at: Pointer, reason: Text }
    Completeness { records: Plain, shown: Plain, truncated: Text, missing: Text }
    Provenance { policy: Text, config: Id, casefile: Version }

    TraceEvidence {
        trace_id: Plain, root: Word, span_path: Part, spans: Part, span_count: Plain, critical_path: Part, repeated: Part,
    }
    SpanEvidence by service {
        span_id: Plain, parent_span_id: Plain, service: Text, name: Text, kind: Word, status: Word, status_message: Message,
        start: Time, duration_ms: Plain, attrs: Named, events: Part,
    }
    EventEvidence { time: Time, name: Text, attrs: Named }
    PathStep { span_id: Plain, self_ms: Plain }
    RepeatedCall by service { parent_span_id: Plain, service: Text, name: Text, count: Plain, total_ms: Plain }

    Exception {
        kind as "type": Text, message: Message, frames: Part, causes: Part, thrown_at: Part, partial: Plain, elided: Plain,
        stacktrace: Text,
    }
    Cause { kind as "type": Text, message: Message, frames: Part, relation: Word, common: Plain }
    Place { file: Text, line: Plain, column: Plain }
    Frame {
        file: Text, line: Plain, column: Plain, func: Text, module: Text, in_app: Plain, locals: Content, pre_context: Text,
        context: Text, post_context: Text, address: Plain,
    }

    LogEvidence { window: Part, templates: Part, total: Plain, collapsed: Plain, ambient: Part }
    LogLine by service {
        time: Time, level: Text, msg: Message, service: Text, span_id: Plain, attrs: Named, count: Plain, template: Plain,
        correlated: Plain, others: Message,
    }
    LogTemplate by service {
        id: Plain, template: Text, level: Text, service: Text, count: Plain, first: Time, last: Time,
    }
    MetricEvidence { exemplars: Part }
    ExemplarEvidence by service {
        time: Time, metric: Text, unit: Text, value: Scalar, span_id: Plain, service: Text, attrs: Named,
    }

    Environment {
        runtime: Namespaces(&["process.runtime.", "telemetry.sdk.", "telemetry.distro."]), os: Namespaces(&["os.", "host."]),
        container: Namespaces(&["container."]), k8s: Namespaces(&["k8s."]), service: Namespaces(&["service.", "deployment."]),
        client: Named, libraries: Content, timezone: Text, locale: Text, feature_flags: Content,
        baggage: Namespaces(&["baggage."]),
    }
    Repro {
        env: Variables, inputs: Inputs, request: Part, command: AttributeList(&COMMAND_KEYS), test: Part, seeds: Content,
        image: Attribute(&IMAGE_KEYS), time: Time,
    }
    Request {
        protocol: Word, method: Text, url: Url, route: Text, status_code: Plain, headers: Headers, body: Attribute(&BODY_KEYS),
    }
    TestRun {
        suite: Attribute(&["test.suite.name"]), suite_status: Attribute(&["test.suite.run.status"]), case: Attribute(&["test.case.name"]),
        status: Attribute(&["test.case.result.status"]), pipeline: Attribute(&["cicd.pipeline.name"]),
        pipeline_run_id: Attribute(&["cicd.pipeline.run.id"]), pipeline_run_url: Attribute(&["cicd.pipeline.run.url.full"]),
        task: Attribute(&["cicd.pipeline.task.name"]), task_run_url: Attribute(&["cicd.pipeline.task.run.url.full"]),
    }

    Attachment by service {
        name: Text, kind: Word, digest: Id, sha256: Id, size: Plain, service: Text, span_id: Plain, unread: Plain, cut: Plain,
        tests: Part, coverage: Part, stacks: Part, profile: Part, text: Text,
    }
    TestSummary { counts: Plain, failures: Part, more: Plain }
    TestFailure {
        suite: Text, name: Text, status: Word, failed_runs: Plain, passed_runs: Plain, exception: Part,
    }
    ProfileSummary { kind as "type": Text, unit: Text, total: Plain, stacks: Part, more: Plain }
    ProfileStack { folded: Text, value: Plain, share: Plain }
    Coverage { lines: Plain, hit: Plain, files: Part, more: Plain }
    FileCoverage { file: Text, in_stack: Plain, hit: Plain, missed: Plain }
    DumpStack { threads: Text, count: Plain, exception: Part }
}

#[cfg(test)]
mod tests {
    use super::Ours;

    #[test]
    fn a_text_of_ours_is_known_by_its_shape() {
        for (class, text) in [
            (Ours::Time, "2025-07-01T12:03:00.000000001Z"),
            (Ours::Word, "feature_flag"),
            (Ours::Id, "v1:591785b794601e21"),
            (Ours::Version, "0.1.0-rc.1+build"),
            (Ours::Pointer, "/trace/span_path/1"),
        ] {
            assert!(class.has_shape(text), "{class:?}");
            for other in ["", "Ann Lee", "ann@corp.example", "é"] {
                assert!(!class.has_shape(other), "{class:?} {other}");
            }
        }
    }
}
