//! Stacks of JavaScript: Node and other users of V8, browsers, React Native.
//!
//! Source: V8, `stack-trace-api` (`at function (file:line:column)`); SpiderMonkey and JavaScriptCore
//! (`function@file:line:column`); Chakra (V8's form, with `Anonymous function`); Hermes (`address at`); Opera 10 to 12
//! (`Line 4 of linked script`, `called from line 4, column 2 in f() in`). Which forms there are in the field is told by
//! Sentry's `stack-parsers` and TraceKit. Code that `eval` made stands where `eval` was called. Frames of an error
//! reporter's own wrapper, and of React's that raises minified errors, are left out and counted.

use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, joined, last_bracket, non_empty, pattern, place, unterminated};
use crate::model::{Cause, Frame};

static EVAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\(([^\s()]*):(\d+):(\d+)\)"));
static GECKO_EVAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(\S+) line (\d+)(?: > (?:eval|Function) line \d+)* > (?:eval|Function)"));
static SCHEME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[A-Za-z][-+.A-Za-z]*:(?://|/|\\|[^\s\d/])"));
static OPERA_10: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*Line (\d+) of .*script (?:in )?(\S+?)(?:: In function (\S+))?\s*$"));
static OPERA_11: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:Error thrown at|called from) line (\d+), column (\d+)(?: in (?:<anonymous function: ([^>]+)>|([^)(]+))\(.*?\))? in (.+):\s*$",
    )
});
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:error: )?(?:Uncaught (?:\(in promise\) )?|Unhandled (?:promise )?[Rr]ejection:? |Possibly unhandled )?([A-Z_$][\w$.]*(?: Violation)?)(?: \[[\w.-]+\])?(?:: ?(.*))?$",
    )
});
static NESTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:\[cause\]: |[Cc]aused by: )([A-Za-z_$][\w$.]*)?(?: \[[\w.-]+\])?(?:: ?)?(.*)$"));
static COMMON: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*\.\.\. (\d+) lines matching cause stack trace \.\.\.$"));
/// Places that are no files.
const NOWHERE: [&str; 6] = ["native", "native code", "[native code]", "<anonymous>", "unknown", "unknown location"];

/// How many `@` of a line are tried as the end of the function.
const MAX_AT_SIGNS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    V8,
    Gecko,
    Opera,
}

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let form = [Form::V8, Form::Gecko, Form::Opera].into_iter().find(|form| {
        let frames = lines.iter().filter_map(|line| form.frame(line));
        match form {
            // A lone place may stand in any text; with a function, or with others, it is a frame.
            Form::Gecko => frames.take(2).enumerate().any(|(at, found)| at > 0 || !found.func.is_empty()),
            _ => { frames }.next().is_some(),
        }
    })?;
    let first = lines.iter().position(|line| form.frame(line).is_some())?;
    let mut stack = head(lines.get(..first)?);
    let (mut partial, mut strange, mut members) = (false, false, false);
    for (at, line) in lines.iter().enumerate().skip(first) {
        if let Some(found) = form.frame(line) {
            // Where all places have a column, a last one without is cut.
            let bare = unterminated(lines, at) && !line.ends_with(')');
            let cut = bare && found.line.is_some() && found.column.is_none();
            if cut && stack.frames.iter().all(|frame| frame.column.is_some() || frame.line.is_none()) {
                partial = true;
                if !stack.frames.is_empty() {
                    break;
                }
            }
            partial |= std::mem::take(&mut strange);
            stack.causes.last_mut().map_or(&mut stack.frames, |cause| &mut cause.frames).push(found);
        } else if let Some(found) = NESTED.captures(line) {
            let kind = found.get(1).map(|kind| kind.as_str().to_owned());
            let message = found.get(2).and_then(|text| non_empty(text.as_str()));
            let relation = "cause".to_owned();
            stack.causes.push(Cause { kind, message, relation, ..Cause::default() });
        } else if let Some(found) = COMMON.captures(line) {
            let count = found.get(1).and_then(|digits| digits.as_str().parse().ok()).unwrap_or(0);
            // Node leaves out, of the first error, what the cause shows.
            match stack.causes.last_mut() {
                Some(cause) => cause.common += count,
                None => stack.elided += count,
            }
        } else if let Some(found) = nameless(line).filter(|_| form == Form::V8 && !unterminated(lines, at)) {
            stack.causes.last_mut().map_or(&mut stack.frames, |cause| &mut cause.frames).push(found);
        } else if line.trim_start().starts_with("at ") && form == Form::V8 {
            partial |= !line.contains("Error: ");
            if unterminated(lines, at) {
                break;
            }
        } else if line.trim() == "[errors]: [" {
            members = true;
        } else if let Some(found) = HEADER.captures(line).filter(|_| members && is_header(line)) {
            let text = |group: usize| found.get(group).map(|text| text.as_str());
            let (kind, message) = (text(1).map(str::to_owned), text(2).and_then(non_empty));
            stack.causes.push(Cause { kind, message, relation: "member".to_owned(), ..Cause::default() });
        } else if is_header(line) && !line.starts_with([' ', '\t']) || *line == "}" {
            // Another error, or the end of this one's properties.
            break;
        } else if form != Form::Opera && !line.trim().is_empty() && !is_code(line) {
            strange = true;
        }
    }
    stack.partial = partial;
    if let ([frame], [], None) = (stack.frames.as_slice(), stack.causes.as_slice(), &stack.kind) {
        // A place without anything else is no stack.
        if frame.func.is_empty() && frame.column.is_none() {
            return None;
        }
    }
    without_reporters(&mut stack);
    Some(stack)
}

/// Lines that browsers and Node write between frames, or behind them.
fn is_code(line: &str) -> bool {
    let line = line.trim();
    line == "eval code"
        || line.starts_with(['}', ']', '{'])
        || line.starts_with("From previous event")
        || line.starts_with("---")
}

fn is_header(line: &str) -> bool {
    HEADER.captures(line).and_then(|found| found.get(1)).is_some_and(|kind| is_error(kind.as_str()))
}

fn is_error(kind: &str) -> bool {
    ["Error", "Exception", "Violation"].iter().any(|end| kind.ends_with(end))
}

/// What was thrown, from the lines before the first frame.
fn head(lines: &[&str]) -> Stack {
    let sure = lines.iter().position(|line| is_header(line));
    let any = || {
        lines.iter().position(|line| {
            HEADER.captures(line).is_some_and(|found| found.get(2).is_some_and(|said| !said.as_str().is_empty()))
        })
    };
    let Some(start) = sure.or_else(any) else { return Stack::default() };
    let Some(found) = lines.get(start).and_then(|line| HEADER.captures(line)) else { return Stack::default() };
    let first = found.get(2).map(|text| text.as_str());
    let rest = lines.iter().skip(start + 1).copied();
    Stack {
        kind: found.get(1).map(|kind| kind.as_str().to_owned()),
        message: non_empty(&joined(first.into_iter().chain(rest))),
        ..Stack::default()
    }
}

/// Leaves out what reports errors, and what React raises them with where it is minified.
fn without_reporters(stack: &mut Stack) {
    let frames = &mut stack.frames;
    let before = frames.len();
    if frames.last().is_some_and(|frame| frame.func == "sentryWrapped") {
        frames.pop();
    }
    let minified = stack.message.as_deref().is_some_and(|message| message.contains("Minified React error #"));
    if minified && frames.len() > 1 {
        frames.remove(0);
    }
    let reports = |frame: &Frame| frame.func.contains("captureMessage") || frame.func.contains("captureException");
    while frames.len() > 1 && frames.first().is_some_and(reports) {
        frames.remove(0);
    }
    stack.elided += (before - frames.len()) as u64;
}

impl Form {
    fn frame(self, line: &str) -> Option<Frame> {
        match self {
            Self::V8 => v8(line),
            Self::Gecko => gecko(line.trim()),
            Self::Opera => opera(line),
        }
    }
}

fn v8(line: &str) -> Option<Frame> {
    let text = line.trim();
    if let Some(file) = text.strip_prefix("(error: ").and_then(|rest| rest.strip_suffix(')')) {
        // What webpack could not load.
        return SCHEME.is_match(file).then(|| named("", Some(file), None, None));
    }
    let rest = text.strip_prefix("at ")?;
    // Node writes an error's properties right behind its last frame.
    let rest = rest.strip_suffix(" {").or_else(|| rest.strip_suffix(',')).unwrap_or(rest);
    let rest = rest.strip_prefix("(error: ").and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
    if rest.split(": ").next().is_some_and(|word| word.ends_with("Error") && rest.contains(": ")) {
        return None;
    }
    if let Some((func, code)) = rest.split_once("(data:") {
        return Some(named(func.trim_end(), Some(&media_type(code)), None, None));
    }
    if let Some((func, inside)) = last_bracket(rest) {
        // `at f@safari-extension:(//…:1:2)`
        if let Some((func, scheme)) = extension(func) {
            let (file, line, column) = place(inside)?;
            return Some(named(func, Some(&format!("{scheme}{file}")), Some(line), column));
        }
        let inside = inside.strip_prefix("address at ").unwrap_or(inside);
        if inside.starts_with("eval at ") || inside.starts_with("eval code") {
            return evaluated(func, inside);
        }
        if let Some(found) = located(func, inside) {
            return Some(found);
        }
        if !func.is_empty() {
            return None;
        }
    }
    let bare = rest.trim_start_matches('(').trim_end_matches(')');
    let bare = bare.strip_prefix("async ").unwrap_or(bare);
    if bare.starts_with("eval at ") {
        return evaluated("", bare);
    }
    if bare.contains([' ', '(', ')']) && !SCHEME.is_match(bare) && !bare.starts_with('/') {
        return None;
    }
    let found = located("", bare)?;
    let is_path = bare.contains(['/', '.', '\\']) || SCHEME.is_match(bare) || bare.starts_with('<');
    let is_file = found.line.is_some() && is_path || bare == "native" || bare == "<anonymous>" || rest.starts_with('(');
    is_file.then_some(found)
}

/// A function without a place, which other frames must tell to be one: `at name`.
fn nameless(line: &str) -> Option<Frame> {
    let name = line.trim().strip_prefix("at ")?;
    let fits = name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '<' | '>'));
    fits.then(|| named(name, None, None, None))
}

/// A function and the place behind it, if it is one.
fn located(func: &str, text: &str) -> Option<Frame> {
    if NOWHERE.contains(&text) {
        return Some(named(func, Some(text), None, None));
    }
    if text.strip_prefix("index ").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some(named(func, Some(text), None, None));
    }
    if let Some((file, line, column)) = place(text) {
        return is_file(file).then(|| named(func, Some(file), Some(line), column));
    }
    let plausible = !text.contains([' ', '(', ')', '"', ',', '=']) && (SCHEME.is_match(text) || text.starts_with('/'));
    plausible.then(|| named(func, Some(text), None, None))
}

/// Whether this may be a file: a URL without a path is a host, and its number a port.
fn is_file(text: &str) -> bool {
    let host = text.split_once("://").filter(|(scheme, _)| scheme.starts_with("http"));
    host.is_none_or(|(_, rest)| rest.contains('/')) && !text.ends_with('"')
}

/// Code that was made by `eval`: where that was called, else its own place.
fn evaluated(func: &str, text: &str) -> Option<Frame> {
    if let Some(found) = EVAL.captures(text) {
        let number = |group| found.get(group).and_then(|digits| digits.as_str().parse().ok());
        return Some(named(func, found.get(1).map(|file| file.as_str()), number(2), number(3)));
    }
    let own = text.rsplit(", ").next().unwrap_or(text);
    let (file, line, column) = place(own)?;
    Some(named(func, Some(file), Some(line), column))
}

fn media_type(code: &str) -> String {
    let end = code.find([',', ';']).unwrap_or(code.len());
    format!("<data:{}>", code.get(..end).unwrap_or_default())
}

/// `f@safari-extension:` as function and scheme.
fn extension(text: &str) -> Option<(&str, &str)> {
    let (func, scheme) = text.rsplit_once('@').unwrap_or(("", text));
    matches!(scheme, "safari-extension:" | "safari-web-extension:").then_some((func, scheme))
}

fn gecko(line: &str) -> Option<Frame> {
    if line == "[native code]" {
        return Some(named("", Some(line), None, None));
    }
    // A function's name has no more of them than a few, a path may.
    for (at, _) in line.match_indices('@').take(MAX_AT_SIGNS) {
        let (func, rest) = (line.get(..at)?, line.get(at + 1..)?);
        if let Some(found) = gecko_place(func, rest) {
            return Some(found);
        }
    }
    // Without a function.
    if line.contains(char::is_whitespace)
        || line.starts_with("//")
        || line.contains(['@', '(']) && !SCHEME.is_match(line) && !line.contains(":(//")
    {
        return None;
    }
    let is_file = SCHEME.is_match(line) || line.starts_with('/') || line.contains("bundle") || line.contains(".js:");
    gecko_place("", line).filter(|found| is_file && found.column.is_some())
}

fn gecko_place(func: &str, text: &str) -> Option<Frame> {
    // Old versions write arguments.
    let func = func.strip_suffix(')').and_then(|rest| rest.rfind('(')).and_then(|at| func.get(..at)).unwrap_or(func);
    if func.contains("://") || func.len() > 1024 {
        return None;
    }
    if text == "[native code]" {
        return Some(named(func, Some(text), None, None));
    }
    if let Some(found) = GECKO_EVAL.captures(text) {
        let func = if func.is_empty() { "eval" } else { func };
        let line = found.get(2).and_then(|digits| digits.as_str().parse().ok());
        return Some(named(func, found.get(1).map(|file| file.as_str()), line, None));
    }
    if let Some((scheme, rest)) = text.split_once(":(//") {
        let (file, line, column) = place(rest.strip_suffix(')')?)?;
        return Some(named(func, Some(&format!("{scheme}://{file}")), Some(line), column));
    }
    let (file, line, column) = place(text)?;
    let is_code = SCHEME.is_match(file)
        || file.starts_with('/')
        || file.contains("bundle")
        || [".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".html", ".vue"].iter().any(|end| file.ends_with(end))
        || file == "unknown"
        || file == "<anonymous>";
    (is_code && is_file(file)).then(|| named(func, Some(file), Some(line), column))
}

fn opera(line: &str) -> Option<Frame> {
    if let Some(found) = OPERA_10.captures(line) {
        let text = |group| found.get(group).map(|text| text.as_str());
        return Some(named(text(3).unwrap_or_default(), text(2), text(1)?.parse().ok(), None));
    }
    let found = OPERA_11.captures(line)?;
    let text = |group| found.get(group).map(|text| text.as_str());
    let func = text(3).or(text(4)).unwrap_or_default();
    Some(named(func, text(5), text(1)?.parse().ok(), text(2)?.parse().ok()))
}

/// A frame. Engines have several words for a function without a name.
fn named(func: &str, file: Option<&str>, line: Option<u32>, column: Option<u32>) -> Frame {
    let func = if matches!(func, "<anonymous>" | "?" | "<unknown>") { "" } else { func };
    let mut found = frame(func, file, line, column);
    found.module = file.and_then(package);
    found
}

/// The package that a file was installed with.
fn package(file: &str) -> Option<String> {
    let (_, rest) = file.rsplit_once("node_modules/")?;
    let mut parts = rest.split('/');
    let name = parts.next()?;
    let scoped = name.starts_with('@').then(|| parts.next()).flatten();
    Some(scoped.map_or_else(|| name.to_owned(), |rest| format!("{name}/{rest}")))
}
