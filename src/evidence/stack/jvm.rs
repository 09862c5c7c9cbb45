//! Stacks of the JVM: Java, Kotlin, Scala, Groovy, Clojure, Android.
//!
//! Source: OpenJDK, `java.lang.Throwable.printStackTrace` and `StackTraceElement.toString` (loader and module before the
//! class); Logback, `ThrowableProxyUtil` and `PackagingDataCalculator` (`common frames omitted`, `~[x.jar:1.2]`, `Wrapped by:`).
//! A cause is written without the frames it has in common with the exception it led to, and says how many there are.
//!
//! OpenTelemetry for PHP writes its stacks in this form too.

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, joined, non_empty, numbered, pattern, unterminated};
use crate::model::{Cause, Frame};

/// A throwable's `toString`: its class, and its message.
static THROWN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?:Exception in thread ".*?" |FATAL EXCEPTION: .*? |Uncaught )?((?:[\p{L}_$][\w$-]*[./\\])*[\p{L}_$][\w$]*)(?:: ?(.*))?$"#,
    )
});
/// The same behind other text of its line, where the name leaves no doubt.
static BEHIND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?:^|[\s:\]\[,;>])((?:[\p{L}_$][\w$]*\.)*[A-Z][\w$]*(?:Exception|Error|Throwable|Failure))(?:: ?(.*))?$")
});
static MORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\.\.\. (?:suppressed )?(\d+) (?:more|common frames omitted|frames? (?:truncated|excluded|omitted)|lines)",
    )
});
/// Where a frame's code may come from, apart from a file and a line.
const NOWHERE: [&str; 3] = ["Native Method", "Unknown Source", "SourceFile"];
/// Lines before the first frame that are looked through for what was thrown.
const MAX_HEAD: usize = 400;

/// How a line goes on with another throwable.
const RELATIONS: [(&str, &str); 3] =
    [("Caused by: ", "cause"), ("Suppressed: ", "suppressed"), ("Wrapped by: ", "wrapped")];

struct Raised {
    kind: Option<String>,
    message: Option<String>,
    frames: Vec<Frame>,
    relation: &'static str,
    common: u64,
}

/// Reads a stack trace; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let first = lines.iter().position(|line| element(line).is_some())?;
    let mut chain = head(lines.get(..first)?);
    let mut partial = false;
    // Lines of the message of the throwable that was named last.
    let mut message: Vec<&str> = Vec::new();
    let mut strange = false;
    for (at, line) in lines.iter().enumerate().skip(first) {
        let text = line.trim_start();
        let Some(current) = chain.last_mut() else { break };
        if let Some(found) = element(line) {
            settle(current, &mut message);
            // What stood in between was not of this stack.
            partial |= std::mem::take(&mut strange);
            current.frames.push(found);
        } else if let Some((relation, rest)) = related(text) {
            settle(current, &mut message);
            let circular = rest.trim_start_matches(['[', '\t', ' ']).trim_start_matches("CIRCULAR REFERENCE");
            let is_circular = circular.len() < rest.len() && rest.contains("CIRCULAR REFERENCE");
            let rest = if is_circular { circular.trim_start_matches([':', ' ']).trim_end_matches(']') } else { rest };
            let (kind, first_line) = thrown(rest);
            if !is_circular {
                message.extend(first_line);
            }
            // What is named again has no lines of its own.
            let again = is_circular.then(|| first_line.unwrap_or_default().to_owned());
            chain.push(Raised { kind, message: again, frames: Vec::new(), relation, common: 0 });
        } else if let Some(found) = MORE.captures(text) {
            settle(current, &mut message);
            current.common += found.get(1).and_then(|digits| digits.as_str().parse::<u64>().ok()).unwrap_or_default();
        } else if text.is_empty() || text.starts_with("[CIRCULAR REFERENCE") || text == "(Coroutine boundary)" {
            if current.frames.is_empty() && chain.len() > 1 {
                message.push(line);
            }
        } else if text.starts_with("at ") && line.starts_with([' ', '\t']) {
            // A frame of which something is missing.
            settle(current, &mut message);
            partial = true;
            if unterminated(lines, at) {
                break;
            }
        } else if text.starts_with("Exception in thread ") {
            break;
        } else if current.frames.is_empty() && current.common == 0 && current.message.is_none() {
            message.push(line);
        } else if THROWN.captures(text).is_some_and(|found| is_throwable(found.get(1).map_or("", |kind| kind.as_str())))
            || BEHIND.is_match(text)
        {
            // Another stack.
            break;
        } else {
            strange = true;
        }
    }
    if let Some(last) = chain.last_mut() {
        settle(last, &mut message);
    }
    if chain.iter().any(|raised| raised.relation == "wrapped") {
        chain = outermost_first(chain);
    }
    let mut chain = chain.into_iter();
    let raised = chain.next()?;
    let causes = chain
        .map(|Raised { kind, message, frames, relation, common }| Cause {
            kind,
            message,
            frames,
            relation: relation.to_owned(),
            common,
        })
        .collect();
    Some(Stack {
        kind: raised.kind,
        message: raised.message,
        frames: raised.frames,
        causes,
        partial: partial || raised.common > 0,
        ..Stack::default()
    })
}

fn settle(raised: &mut Raised, lines: &mut Vec<&str>) {
    if raised.message.is_none() && !lines.is_empty() {
        raised.message = non_empty(&joined(lines.drain(..)));
    }
    lines.clear();
}

/// With `Wrapped by:` the root cause stands first: turns the chain round, so that what surfaced leads it. What it has in
/// common with the one written before it is filled in: those are frames of its own.
fn outermost_first(mut chain: Vec<Raised>) -> Vec<Raised> {
    for at in 1..chain.len() {
        let (before, after) = chain.split_at_mut(at);
        let (Some(inner), Some(outer)) = (before.last(), after.first_mut()) else { continue };
        let common = usize::try_from(outer.common).unwrap_or(usize::MAX);
        if let Some(start) = inner.frames.len().checked_sub(common) {
            outer.frames.extend(inner.frames.iter().skip(start).cloned());
            outer.common = 0;
        }
    }
    chain.reverse();
    for raised in &mut chain {
        raised.relation = "cause";
    }
    chain
}

fn related(text: &str) -> Option<(&'static str, &str)> {
    RELATIONS.iter().find_map(|(word, relation)| Some((*relation, text.strip_prefix(word)?)))
}

/// What was thrown, from the lines before the first frame.
fn head(lines: &[&str]) -> Vec<Raised> {
    let lines = lines.get(lines.len().saturating_sub(MAX_HEAD)..).unwrap_or_default();
    let mut chain: Vec<Raised> = Vec::new();
    let mut message: Vec<&str> = Vec::new();
    let sure = lines.iter().position(|line| {
        let found = THROWN.captures(line);
        found.is_some_and(|found| is_throwable(found.get(1).map_or("", |kind| kind.as_str())))
    });
    let behind = || lines.iter().position(|line| BEHIND.is_match(line));
    let plain = || lines.iter().rposition(|line| !line.trim().is_empty() && THROWN.is_match(line));
    let Some(start) = sure.or_else(behind).or_else(plain) else {
        chain.push(Raised { kind: None, message: None, frames: Vec::new(), relation: "", common: 0 });
        return chain;
    };
    for (at, line) in lines.iter().enumerate().skip(start) {
        if at == start {
            let (kind, rest) = thrown(line);
            message.extend(rest);
            chain.push(Raised { kind, message: None, frames: Vec::new(), relation: "", common: 0 });
        } else if let Some((relation, rest)) = related(line.trim_start()) {
            // A throwable without frames of its own.
            if let Some(last) = chain.last_mut() {
                settle(last, &mut message);
            }
            let (kind, rest) = thrown(rest);
            message.extend(rest);
            chain.push(Raised { kind, message: None, frames: Vec::new(), relation, common: 0 });
        } else {
            message.push(line);
        }
    }
    if let Some(last) = chain.last_mut() {
        settle(last, &mut message);
    }
    chain
}

/// Class and first line of the message.
fn thrown(text: &str) -> (Option<String>, Option<&str>) {
    let found = THROWN
        .captures(text)
        .filter(|found| is_name(found.get(1).map_or("", |kind| kind.as_str())))
        .or_else(|| BEHIND.captures(text));
    let Some(found) = found else { return (None, Some(text)) };
    let kind = found.get(1).map(|kind| kind.as_str().to_owned());
    (kind, found.get(2).map(|message| message.as_str()))
}

fn is_name(kind: &str) -> bool {
    !kind.is_empty() && !matches!(kind, "ERROR" | "WARN" | "INFO" | "DEBUG" | "FATAL" | "Caused" | "Suppressed")
}

/// Whether a name is surely that of a throwable.
fn is_throwable(kind: &str) -> bool {
    is_name(kind)
        && (kind.contains('.') || ["Exception", "Error", "Throwable", "Failure"].iter().any(|end| kind.ends_with(end)))
}

/// A frame: `at loader/module@version/class.method(source)`, and perhaps packaging data.
pub(super) fn element(line: &str) -> Option<Frame> {
    let rest = line.trim_start().strip_prefix("at ")?;
    let (name, rest) = rest.split_once('(')?;
    let (source, packaging) = rest.split_once(')')?;
    if !(packaging.trim().is_empty() || packaging.trim_start().starts_with(['[', '~', '{'])) {
        return None;
    }
    let name = without_module(name);
    let method_at = name.rfind('.');
    let first = name.chars().next()?;
    if !(first.is_alphabetic() || matches!(first, '_' | '$' | '<' | '\\' | '{'))
        || source.contains(['/', '"', ',']) && method_at.is_none()
    {
        return None;
    }
    // Names of Kotlin's tests may have blanks in them, a class cannot.
    if name.ends_with(' ') || name.split(' ').next().is_none_or(|class| name.contains(' ') && !class.contains('.')) {
        return None;
    }
    let (file, number) = if NOWHERE.contains(&source) || source == "<generated>" {
        (Some(source), None)
    } else if let Some((file, number)) = numbered(source) {
        // A column would make it a frame of JavaScript.
        if numbered(file).is_some() {
            return None;
        }
        (Some(file), Some(number))
    } else {
        // Without a line, only an ending tells a file from any text in brackets.
        let (stem, ending) = source.rsplit_once('.')?;
        if stem.is_empty()
            || !(1..=8).contains(&ending.len())
            || !ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        (Some(source), None)
    };
    let mut found = frame(name, file, number, None);
    found.module = method_at.and_then(|at| name.get(..at)).map(str::to_owned);
    Some(found)
}

/// The class and method without their loader and module. The number of a lambda's class stands behind a slash too.
fn without_module(name: &str) -> &str {
    let Some((before, last)) = name.rsplit_once('/') else { return name };
    if !last.starts_with(|c: char| c.is_ascii_digit()) {
        return last;
    }
    match before.rfind('/') {
        Some(at) => name.get(at + 1..).unwrap_or(name),
        None => name,
    }
}
