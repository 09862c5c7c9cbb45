//! Frames of an event as the text that its language's runtime would have written, for whoever reads stack traces and not frames.

use std::fmt::Write as _;

use serde_json::Value;

use super::keys::{field, list, string};

/// An exception of an event.
#[derive(Debug, Clone, Default)]
pub(super) struct Thrown {
    pub(super) kind: Option<String>,
    pub(super) message: Option<String>,
    /// In Sentry's shape, the innermost last.
    pub(super) frames: Vec<Value>,
    pub(super) handled: Option<bool>,
}

/// One frame in Sentry's shape, whether an event has it or the tool's API: with the fields that tell where it is and what stood there.
pub(super) fn frame(given: &Value) -> Value {
    let mut frame = serde_json::Map::new();
    for (name, names) in [
        ("filename", &["filename"][..]),
        ("abs_path", &["abs_path", "absPath"]),
        ("function", &["function"]),
        ("module", &["module"]),
        ("package", &["package"]),
        ("lineno", &["lineno", "lineNo"]),
        ("colno", &["colno", "colNo"]),
        ("in_app", &["in_app", "inApp"]),
        ("vars", &["vars"]),
        ("pre_context", &["pre_context"]),
        ("context_line", &["context_line"]),
        ("post_context", &["post_context"]),
        ("instruction_addr", &["instruction_addr", "instructionAddr"]),
    ] {
        if let Some(value) = field(given, names) {
            frame.insert(name.to_owned(), value.clone());
        }
    }
    if !frame.contains_key("context_line") {
        context(given, &mut frame);
    }
    Value::Object(frame)
}

/// The API's `context`: numbers of lines and their texts.
fn context(given: &Value, frame: &mut serde_json::Map<String, Value>) {
    let Some(line) = frame.get("lineno").and_then(Value::as_u64) else { return };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for item in list(given.get("context")) {
        let [number, text] = list(Some(item)) else { continue };
        match number.as_u64() {
            Some(number) if number < line => before.push(text.clone()),
            Some(number) if number == line => drop(frame.insert("context_line".to_owned(), text.clone())),
            Some(_) => after.push(text.clone()),
            None => {}
        }
    }
    if frame.contains_key("context_line") {
        frame.insert("pre_context".to_owned(), Value::Array(before));
        frame.insert("post_context".to_owned(), Value::Array(after));
    }
}

/// The text of exceptions: the one that surfaced first, then those behind it, nearest first. Empty where no frame is known.
pub(super) fn text(thrown: &[Thrown], platform: &str) -> String {
    if thrown.iter().all(|one| one.frames.is_empty()) {
        return String::new();
    }
    let mut text = String::new();
    if platform == "python" {
        // The first to be raised stands first.
        for (at, one) in thrown.iter().rev().enumerate() {
            if at > 0 {
                text.push_str("\nThe above exception was the direct cause of the following exception:\n\n");
            }
            python(&mut text, one);
        }
        return text;
    }
    for (at, one) in thrown.iter().enumerate() {
        if at > 0 {
            text.push_str("Caused by: ");
        }
        put(&mut text, format_args!("{}\n", headline(one)));
        for (number, frame) in one.frames.iter().rev().enumerate() {
            put(&mut text, format_args!("{}\n", line(frame, number, platform)));
        }
    }
    text
}

fn headline(thrown: &Thrown) -> String {
    let kind = thrown.kind.as_deref().unwrap_or("Error");
    thrown.message.as_deref().map_or_else(|| kind.to_owned(), |message| format!("{kind}: {message}"))
}

fn python(text: &mut String, thrown: &Thrown) {
    if !thrown.frames.is_empty() {
        text.push_str("Traceback (most recent call last):\n");
    }
    for frame in &thrown.frames {
        let (file, function) = (file(frame).unwrap_or_default(), string(frame, &["function"]).unwrap_or_default());
        let line = frame.get("lineno").and_then(Value::as_u64).unwrap_or(0);
        put(text, format_args!("  File \"{file}\", line {line}, in {function}\n"));
        if let Some(source) = string(frame, &["context_line"]) {
            put(text, format_args!("    {}\n", source.trim()));
        }
    }
    put(text, format_args!("{}\n", headline(thrown)));
}

/// One frame, as the runtimes of a platform write it; `number` counts from the innermost.
fn line(frame: &Value, number: usize, platform: &str) -> String {
    let file = file(frame).unwrap_or_default();
    let function = string(frame, &["function"]).unwrap_or_else(|| "<anonymous>".to_owned());
    let module = string(frame, &["module"]);
    let whole = |name: &str| frame.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (line, column) = (whole("lineno"), whole("colno"));
    let qualified = module.as_deref().map_or_else(|| function.clone(), |module| format!("{module}.{function}"));
    match platform {
        "java" => format!("\tat {qualified}({file}:{line})"),
        "csharp" => format!("   at {qualified}() in {file}:line {line}"),
        "ruby" => format!("\tfrom {file}:{line}:in `{function}'"),
        "php" => format!("#{number} {file}({line}): {function}()"),
        "go" => format!("{qualified}(...)\n\t{file}:{line} +0x0"),
        "native" | "cocoa" | "c" | "rust" => format!("#{number}  0x0 in {function} () at {file}:{line}"),
        _ => format!("    at {function} ({file}:{line}:{column})"),
    }
}

fn file(frame: &Value) -> Option<String> {
    string(frame, &["filename", "abs_path", "module", "package"])
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}
