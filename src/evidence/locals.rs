//! Local variables and source lines of frames: where they arrive structured, and how much of them is kept.
//!
//! Frames may stand beside an exception in the attribute [`FRAMES`], in the shape of Sentry's stack trace interface
//! (<https://develop.sentry.dev/sdk/data-model/event-payloads/stacktrace/>), outermost first: `filename`, `abs_path`, `module`, `function`,
//! `lineno`, `colno`, `in_app`, `vars`, `pre_context`, `context_line`, `post_context`. The attribute is a list of maps, of JSON
//! objects, or all of it as JSON.
//!
//! Nothing here cuts a text: half a secret gets past a detector. What is too much is left out whole, and what is too long is shortened by the
//! redactor, afterwards.

use serde_json::{Map, Value};

use crate::model::{Attributes, Exception, Frame, LogLine};

/// The attribute that carries frames.
pub(super) const FRAMES: &str = "casefile.exception.frames";

/// Most variables of one frame; those that come first by name are kept.
const MAX_VARIABLES: usize = 50;
/// Most frames of an exception that keep their variables: the innermost.
const MAX_FRAMES: usize = 50;
/// Most entries of a list or map within a variable, and most levels of them.
const MAX_ENTRIES: usize = 50;
const MAX_DEPTH: usize = 6;
/// Most bytes of one variable as JSON, and of all variables of a bundle.
const MAX_VALUE: usize = 16 << 10;
const MAX_ALL: usize = 128 << 10;
/// Most source lines before a frame's own, and after it.
const MAX_LINES: usize = 5;
/// A longer source line was made by a machine.
const MAX_LINE: usize = 4 << 10;

/// Reads frames, innermost first, each with what the sender said of its being in-app; `None` if the value holds no list of frames.
pub(super) fn frames(value: &Value) -> Option<Vec<(Frame, Option<bool>)>> {
    let parsed;
    let value = match value {
        Value::String(text) => {
            parsed = serde_json::from_str::<Value>(text).ok()?;
            &parsed
        }
        other => other,
    };
    let list = value.as_array().or_else(|| value.get("frames")?.as_array())?;
    let frames: Option<Vec<_>> = list.iter().rev().map(one).collect();
    frames.filter(|frames| !frames.is_empty())
}

/// Takes out of the log line of an exception the frames that the exception itself shows. What could not be read stays.
pub(super) fn forget(lines: &mut [LogLine], said: Option<&Exception>) {
    let Some(said) = said else { return };
    for line in lines {
        let is = |key: &str, value: &Option<String>| line.attrs.get(key).and_then(Value::as_str) == value.as_deref();
        if is("exception.type", &said.kind)
            && is("exception.message", &said.message)
            && line.attrs.get(FRAMES).is_some_and(|value| frames(value).is_some())
        {
            line.attrs.remove(FRAMES);
        }
    }
}

fn one(value: &Value) -> Option<(Frame, Option<bool>)> {
    let parsed: Value;
    let fields = match value {
        Value::String(text) => {
            parsed = serde_json::from_str(text).ok()?;
            parsed.as_object()?
        }
        other => other.as_object()?,
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    // Senders whose attributes are all strings or doubles write numbers as those.
    let number = |key: &str| match fields.get(key)? {
        Value::String(digits) => digits.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    let lines = |key: &str| -> Vec<String> {
        let list = fields.get(key).and_then(Value::as_array);
        list.into_iter().flatten().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    };
    let in_app = match fields.get("in_app") {
        Some(Value::Bool(flag)) => Some(*flag),
        Some(Value::String(flag)) => flag.parse().ok(),
        _ => None,
    };
    let found = Frame {
        file: text("filename").or_else(|| text("abs_path")),
        line: number("lineno"),
        column: number("colno"),
        func: text("function").unwrap_or_default(),
        module: text("module").or_else(|| text("package")),
        locals: fields.get("vars").and_then(variables).unwrap_or_default(),
        pre_context: lines("pre_context"),
        context: text("context_line"),
        post_context: lines("post_context"),
        ..Frame::default()
    };
    (found.file.is_some() || found.module.is_some() || !found.func.is_empty()).then_some((found, in_app))
}

/// Variables by name; some senders list them.
fn variables(value: &Value) -> Option<Attributes> {
    match value {
        Value::Object(map) => Some(map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()),
        Value::Array(list) => {
            Some(list.iter().enumerate().map(|(index, value)| (index.to_string(), value.clone())).collect())
        }
        Value::String(text) => variables(&Value::Object(serde_json::from_str::<Map<_, _>>(text).ok()?)),
        _ => None,
    }
}

/// What is left out of an exception's frames so that its variables and source lines stay within their limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    variables: u64,
    entries: u64,
    lines: u64,
    bytes: usize,
}

impl Limits {
    /// Brings the frames of one exception within the limits. Those of a bundle share one.
    pub(super) fn apply(&mut self, frames: &mut [Frame]) {
        for (index, frame) in frames.iter_mut().enumerate() {
            self.lines(frame);
            if frame.locals.is_empty() {
                continue;
            }
            let most = if index < MAX_FRAMES { MAX_VARIABLES } else { 0 };
            let mut kept = Attributes::new();
            for (name, mut value) in std::mem::take(&mut frame.locals) {
                self.entries += prune(&mut value, MAX_DEPTH);
                let bytes = name.len() + value.as_str().map_or_else(|| value.to_string().len(), str::len);
                if kept.len() < most && bytes <= MAX_VALUE && self.bytes + bytes <= MAX_ALL {
                    self.bytes += bytes;
                    kept.insert(name, value);
                } else {
                    self.variables += 1;
                }
            }
            frame.locals = kept;
        }
    }

    fn lines(&mut self, frame: &mut Frame) {
        let skipped = frame.pre_context.len().saturating_sub(MAX_LINES);
        frame.pre_context.drain(..skipped);
        frame.post_context.truncate(MAX_LINES);
        let Frame { pre_context, context, post_context, .. } = frame;
        for line in pre_context.iter_mut().chain(context.as_mut()).chain(post_context) {
            if line.len() > MAX_LINE {
                self.lines += 1;
                line.clear();
            }
        }
    }

    /// In words, for `completeness.truncated`.
    pub(super) fn said(&self) -> Vec<String> {
        let said = [
            (
                self.variables,
                format!(
                    "exception.frames[].locals: {} variables are left out: {MAX_VARIABLES} a frame, {MAX_FRAMES} frames, {} KiB each and {} KiB of \
                     all are shown",
                    self.variables,
                    MAX_VALUE >> 10,
                    MAX_ALL >> 10
                ),
            ),
            (
                self.entries,
                format!(
                    "exception.frames[].locals: {} entries are left out of variables: {MAX_ENTRIES} of each list or map, {MAX_DEPTH} deep, are shown",
                    self.entries
                ),
            ),
            (
                self.lines,
                format!(
                    "exception.frames[].context: {} lines of more than {} KiB are left out",
                    self.lines,
                    MAX_LINE >> 10
                ),
            ),
        ];
        said.into_iter().filter(|(count, _)| *count > 0).map(|(_, said)| said).collect()
    }
}

/// Takes out of a value what is too much or too deep, and says how many entries that were.
fn prune(value: &mut Value, depth: usize) -> u64 {
    let mut gone = 0;
    match value {
        Value::Array(items) => {
            let most = if depth == 0 { 0 } else { MAX_ENTRIES };
            gone += items.len().saturating_sub(most) as u64;
            items.truncate(most);
            gone += items.iter_mut().map(|item| prune(item, depth - 1)).sum::<u64>();
        }
        Value::Object(fields) => {
            let most = if depth == 0 { 0 } else { MAX_ENTRIES };
            let over: Vec<String> = fields.keys().skip(most).cloned().collect();
            gone += over.len() as u64;
            over.iter().for_each(|key| drop(fields.remove(key)));
            gone += fields.iter_mut().map(|(_, field)| prune(field, depth - 1)).sum::<u64>();
        }
        _ => {}
    }
    gone
}
