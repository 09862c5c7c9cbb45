//! Stacks of native code: gdb, the sanitizers, glibc, Boost, Abseil, glog, Valgrind, Android's tombstones.
//!
//! Source: gdb, `stack.c` (`print_frame`); compiler-rt, `sanitizer_common/sanitizer_stacktrace_printer.cpp`
//! (`RenderFrame`) and the reports of each tool; glibc, `backtrace_symbols`; `boost::stacktrace`; Abseil,
//! `failure_signal_handler.cc`; Valgrind, `m_debuginfo/debuginfo.c`; Android, `libbacktrace`. The code's file is that of
//! the source; a library without symbols is the frame's module.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::Stack;
use super::line::{frame, non_empty, pattern, place, unterminated};
use crate::model::{Address, Cause, Frame};

static NUMBERED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*#(\d+) +(\S.*)$"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^0x[0-9a-fA-F]+ *(.*)$"));
/// The first of gdb's arguments.
static ARGUMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[\w#$.@]+="));
/// Where a function stands: ` file:line:column`, at the end.
static SOURCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(.*?)(?:^| )(\S+?):(\d+)(?::(\d+))?$"));
/// The module and the offset in it, behind everything.
static MODULE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(.*?) *\(([^()]*?)(\+0x[0-9a-fA-F]+)?\)(?: \(BuildId: [0-9a-f]+\))?$"));
static REPORT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:ERROR|WARNING): (\w+Sanitizer|libFuzzer):? (.*)$"));
static ACCESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*((?:atomic )?(?:[Pp]revious )?(?:READ|WRITE|Read|Write|read|write) of size \d+)"));
static UNDEFINED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\S.*?):(\d+):(\d+): runtime error: (.*)$"));
static OTHERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*((?:freed|previously allocated|allocated) by thread .*|Previous (?:atomic )?(?:read|write) of .*|Uninitialized value was .*|Memory was marked .*):?$",
    )
});
static SIGNAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:terminated with|received) signal (?:(SIG[A-Z]+)|(\d+))(?:, (.*?))?\.?$"));
static THREAD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^Thread (\d+)(?: \(.*\))?:?"));
/// glibc: `module(function+0x1) [0x2]`.
static GLIBC: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*(?:\[\d+\]\s+|\d+\s+)?(\S*?)\(([^()\s+]*(?:\([^()]*\))?)(?:\+0x[0-9a-fA-F]+)?\) ?\[0x[0-9a-fA-F]+\]\s*$",
    )
});
/// Boost and C++23: ` 0# function at file:line`, ` 0# function in module`.
static BOOST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*\d+# (?:0x[0-9a-fA-F]+ )?(?:in )?(\S.*?)(?: at (\S.*):(\d+)| in (\S.*))?\s*$"));
/// Abseil and glog: `    @     0x1  100  function`.
static AT_SIGN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*@ +0x[0-9a-fA-F]+(?: +(?:\d+|\(unknown\)) )? +(\S.*?)\s*$"));
static VALGRIND: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:==\d+==)?\s+(?:at|by) 0x[0-9A-F]+: (\S.*) \((?:in )?([^()]*?)(?::(\d+))?\)\s*$"));
static TOMBSTONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\s*#\d+ +pc [0-9a-fA-F]{6,16} +(\S+)(?: +\((.*?)(?:\+\d+)?\))?(?: \(BuildId: [0-9a-f]+\))?\s*$")
});

/// Behind a frame of a module without symbols: its offset in the module, and the module's build id.
static OFFSET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\([^()]+\+0x([0-9a-fA-F]+)\)(?: \(BuildId: ([0-9a-f]+)\))?$"));
static PROGRAM_COUNTER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*#\d+ +pc ([0-9a-fA-F]{6,16}) .*?(?: \(BuildId: ([0-9a-f]+)\))?$"));
/// glibc writes the offset in the module where it knows no function.
static RETURN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\(\+0x([0-9a-fA-F]+)\) ?\[0x[0-9a-fA-F]+\]$"));

const SIGNALS: [(&str, &str); 8] = [
    ("4", "SIGILL"),
    ("5", "SIGTRAP"),
    ("6", "SIGABRT"),
    ("7", "SIGBUS"),
    ("8", "SIGFPE"),
    ("11", "SIGSEGV"),
    ("13", "SIGPIPE"),
    ("31", "SIGSYS"),
];

/// Reads a stack; `None` if the lines hold none.
pub(super) fn parse(lines: &[&str]) -> Option<Stack> {
    let mut stack = traces(lines).or_else(|| unnumbered(lines)).or_else(|| {
        let undefined = lines.iter().any(|line| UNDEFINED.is_match(line));
        undefined.then(Stack::default)
    })?;
    describe(lines, &mut stack);
    Some(stack)
}

/// A run of numbered frames.
#[derive(Default)]
struct Trace {
    /// The line it begins at.
    at: usize,
    frames: Vec<Frame>,
    /// The first line's text, to know the same frame in another trace.
    top: String,
    partial: bool,
    /// The number of gdb's thread.
    thread: Option<u64>,
}

/// Frames of gdb and of the sanitizers. Of several stacks, the one that the report is about.
fn traces(lines: &[&str]) -> Option<Stack> {
    let mut found: Vec<Trace> = Vec::new();
    let mut next = None;
    let mut thread = None;
    for (at, line) in lines.iter().enumerate() {
        if let Some(number) = THREAD.captures(line).and_then(|found| found.get(1)) {
            (thread, next) = (number.as_str().parse().ok(), None);
            continue;
        }
        if line.trim().is_empty() {
            next = None;
        }
        let Some(numbered) = NUMBERED.captures(line) else { continue };
        let Some(number) = numbered.get(1).and_then(|digits| digits.as_str().parse::<u64>().ok()) else { continue };
        let text = unwrapped(lines, at, numbered.get(2).map_or("", |text| text.as_str()));
        let read = numbered_frame(line, &text);
        if number == 0 || next.is_none() {
            let top = text.clone().into_owned();
            found.push(Trace { at, top, thread, partial: number != 0, ..Trace::default() });
        }
        let Some(trace) = found.last_mut() else { continue };
        // A number that is left out or comes again is of another stack, or of a cut one.
        trace.partial |= next.is_some_and(|next| number != 0 && number != next);
        if number != 0 && next.is_some_and(|next| number < next) {
            continue;
        }
        next = Some(number + 1);
        match read {
            Some(frame) => {
                // What nothing follows may be cut, but for the frames that stacks begin with.
                let whole = is_whole(&text) || OUTERMOST.iter().any(|name| text.ends_with(name) && frame.func == *name);
                trace.partial |= unterminated(lines, at) && !whole;
                trace.frames.push(frame);
            }
            None => trace.partial = true,
        }
    }
    found.retain(|trace| !trace.frames.is_empty());
    // A report is about the first stack behind it.
    let report = lines.iter().position(|line| REPORT.is_match(line));
    let reported = report.and_then(|report| found.iter().position(|trace| trace.at > report));
    let main = reported.or_else(|| main_trace(&found))?;
    let related = found.iter().enumerate().filter(|(at, _)| *at != main);
    let causes = related
        .filter_map(|(_, trace)| {
            let said = lines.get(..trace.at)?.iter().rev().find(|line| !line.trim().is_empty())?;
            let said = OTHERS.captures(said)?.get(1)?.as_str().trim_end_matches(':');
            let relation = if said.starts_with("Previous") { "concurrent" } else { "memory" };
            Some(Cause {
                message: Some(said.to_owned()),
                frames: trace.frames.clone(),
                relation: relation.to_owned(),
                ..Cause::default()
            })
        })
        .collect();
    let trace = found.into_iter().nth(main)?;
    Some(Stack { frames: trace.frames, partial: trace.partial, causes, ..Stack::default() })
}

/// A frame of gdb with the lines that it was wrapped onto: arguments, and `at file:line` or `from module`.
fn unwrapped<'a>(lines: &[&str], at: usize, text: &'a str) -> Cow<'a, str> {
    let mut whole = Cow::Borrowed(text);
    for next in lines.iter().skip(at + 1).take(MAX_WRAPPED) {
        let next = if next.starts_with("    ") || next.starts_with("   from ") { next.trim() } else { "" };
        let placed = whole.contains(") at ") || whole.contains(") from ");
        let place = next.starts_with("at ") || next.starts_with("from ");
        // Local variables stand behind a frame too, with blanks around the sign.
        let argument = whole.ends_with(',') && ARGUMENT.is_match(next);
        if placed || arguments(&whole).is_none() || !(argument || place && whole.ends_with(')')) {
            break;
        }
        whole = Cow::Owned(format!("{} {next}", whole.trim_end()));
    }
    whole
}

/// Most lines that a frame goes on for.
const MAX_WRAPPED: usize = 8;

/// What stacks of threads begin with.
const OUTERMOST: [&str; 8] =
    ["<unknown>", "main", "_start", "__libc_start_main", "start_thread", "clone", "clone3", "__clone3"];

/// Whether the line of a frame ends as one does: with a place, a bracket, or a word.
fn is_whole(text: &str) -> bool {
    text.ends_with(')') || place(text).is_some_and(|(_, _, column)| column.is_some())
}

/// Which stack is that of the crash: in a dump of gdb the thread whose top is the frame that gdb stopped in, else thread 1;
/// in a report the first.
fn main_trace(found: &[Trace]) -> Option<usize> {
    let first = found.first()?;
    if first.frames.len() == 1 && found.len() > 1 && first.thread.is_none() {
        let same = |trace: &Trace| trace.top == first.top;
        let similar = |trace: &Trace| {
            trace.frames.first().map(|frame| &frame.func) == first.frames.first().map(|frame| &frame.func)
        };
        let rest = || found.iter().enumerate().skip(1);
        let is_dump =
            found.iter().skip(1).any(|trace| trace.thread.is_some()) || rest().any(|(_, trace)| similar(trace));
        let picked = rest().find(|(_, trace)| same(trace)).or_else(|| rest().find(|(_, trace)| similar(trace)));
        if let (true, Some((at, _))) = (is_dump, picked) {
            return Some(at);
        }
    }
    found.iter().position(|trace| trace.thread == Some(1)).or(Some(0))
}

fn numbered_frame(line: &str, text: &str) -> Option<Frame> {
    let mut found = named_frame(line, text)?;
    let forms = [&PROGRAM_COUNTER, &OFFSET];
    found.address = forms.iter().find_map(|form| address(&found, form, line, true));
    Some(found)
}

/// Where in its module a frame is, if only that is known of its place.
fn address(frame: &Frame, form: &Regex, line: &str, exact: bool) -> Option<Address> {
    let found = form.captures(line.trim_end()).filter(|_| frame.file.is_none() && frame.module.is_some())?;
    let offset = u64::from_str_radix(found.get(1)?.as_str(), 16).ok()?;
    Some(Address { offset, build_id: found.get(2).map(|id| id.as_str().to_owned()), exact })
}

fn named_frame(line: &str, text: &str) -> Option<Frame> {
    if let Some(found) = TOMBSTONE.captures(line) {
        let func = found.get(2).map_or("", |name| name.as_str());
        return Some(within(func, found.get(1).map(|module| module.as_str())));
    }
    let (addressed, rest) = match ADDRESS.captures(text) {
        Some(found) => (true, found.get(1).map_or("", |text| text.as_str()).to_owned()),
        None => (false, text.to_owned()),
    };
    let (named, rest) = match rest.strip_prefix("in ") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, rest.as_str()),
    };
    if rest == "<signal handler called>" {
        return Some(frame(rest, None, None, None));
    }
    if arguments(rest).is_some() { gdb(rest) } else { sanitizer(rest, addressed, named) }
}

/// Where gdb's arguments open. They are named, so that brackets in the function's name are not theirs; strings in them may
/// hold any text.
fn arguments(text: &str) -> Option<usize> {
    text.match_indices(" (").map(|(at, _)| at).find(|at| {
        let rest = text.get(at + 2..).unwrap_or_default();
        rest == ")" || rest.starts_with(") at ") || rest.starts_with(") from ") || ARGUMENT.is_match(rest)
    })
}

/// `function (arguments) at file:line`, `function (arguments) from module`, `function (arguments)`.
fn gdb(text: &str) -> Option<Frame> {
    let open = arguments(text)?;
    let (name, call) = (text.get(..open)?, text.get(open + 2..)?);
    if let Some((_, source)) = call.rsplit_once(") at ") {
        let (file, line, _) = place(source.trim_end())?;
        return Some(frame(name, Some(file), Some(line), None));
    }
    if let Some((_, module)) = call.rsplit_once(") from ") {
        return Some(within(name, Some(module.trim_end())));
    }
    call.trim_end().ends_with(')').then(|| frame(name, None, None, None))
}

/// `function file:line:column`, `function (module+0x1)`, `(module+0x1)`, and both behind one another.
fn sanitizer(text: &str, addressed: bool, named: bool) -> Option<Frame> {
    let text = text.trim_end();
    let behind = MODULE.captures(text).filter(|found| found.get(3).is_some() || found.get(2).is_some_and(is_module));
    let part = |group: usize| behind.as_ref().and_then(|found| found.get(group)).map(|text| text.as_str());
    let (text, inside) = (part(1).unwrap_or(text), part(2));
    let number = |digits: Option<regex::Match<'_>>| digits.and_then(|digits| digits.as_str().parse().ok());
    let (name, file, line, column) = if let Some((file, line, column)) = inside.and_then(place) {
        // macOS: `function (in module) (file:line)`.
        (text.split(" (in ").next().unwrap_or(text), Some(file), Some(line), column)
    } else if let Some(found) = SOURCE.captures(text).filter(|_| addressed || inside.is_some()) {
        let text = |group: usize| found.get(group).map(|text| text.as_str());
        (text(1).unwrap_or_default(), text(2), number(found.get(3)), number(found.get(4)))
    } else {
        match text.rsplit_once(' ') {
            // A file without a line, or none.
            Some((name, file)) if file.starts_with('/') || file == "_asan_rtl_" => (name, Some(file), None, None),
            Some((name, "<null>")) => (name, None, None, None),
            _ => (text, None, None, None),
        }
    };
    let name = name.trim();
    if file.is_none() && inside.is_none() && !named && (!addressed || name.is_empty()) {
        return None;
    }
    // Without symbols the offset in the function stands behind its name.
    let name = name.rsplit_once("+0x").filter(|_| inside.is_some()).map_or(name, |(name, _)| name);
    let mut found = frame(name, file, line, column);
    found.module = inside.filter(|_| inside.and_then(place).is_none()).map(str::to_owned);
    Some(found)
}

fn is_module(text: regex::Match<'_>) -> bool {
    let text = text.as_str();
    text.contains(['/', '\\', '.']) || text.starts_with('<') && text.ends_with('>')
}

fn within(func: &str, module: Option<&str>) -> Frame {
    let mut found = frame(func, None, None, None);
    found.module = module.filter(|module| !module.is_empty()).map(str::to_owned);
    found
}

/// Frames without `#`: of glibc, Boost, Abseil, glog, Valgrind. Other lines may stand in between, but not be another form.
fn unnumbered(lines: &[&str]) -> Option<Stack> {
    let forms: [fn(&str) -> Option<Frame>; 4] = [glibc, boost, at_sign, valgrind];
    for form in forms {
        let Some(first) = lines.iter().position(|line| form(line).is_some()) else { continue };
        let frames: Vec<Frame> = lines.iter().skip(first).map_while(|line| form(line)).collect();
        if frames.len() > 1 {
            return Some(Stack { frames, ..Stack::default() });
        }
    }
    None
}

fn glibc(line: &str) -> Option<Frame> {
    let found = GLIBC.captures(line)?;
    let module = found.get(1)?.as_str();
    let mut found = within(found.get(2).map_or("", |name| name.as_str()), Some(module));
    found.address = address(&found, &RETURN, line, false);
    module.contains('/').then_some(found)
}

fn boost(line: &str) -> Option<Frame> {
    let found = BOOST.captures(line)?;
    let text = |group: usize| found.get(group).map(|text| text.as_str());
    if let Some(module) = line.split_once("# 0x").and_then(|(_, rest)| rest.split_once(" in /")).map(|(_, rest)| rest) {
        return Some(within("", Some(&format!("/{}", module.trim_end()))));
    }
    if let Some(file) = text(2) {
        return Some(frame(text(1)?, Some(file), text(3)?.parse().ok(), None));
    }
    Some(within(text(1)?, text(4)))
}

fn at_sign(line: &str) -> Option<Frame> {
    let found = AT_SIGN.captures(line)?;
    let name = found.get(1)?.as_str();
    Some(frame(if name == "(unknown)" { "" } else { name }, None, None, None))
}

fn valgrind(line: &str) -> Option<Frame> {
    let found = VALGRIND.captures(line)?;
    let text = |group: usize| found.get(group).map(|text| text.as_str());
    match text(3) {
        Some(digits) => Some(frame(text(1)?, text(2), digits.parse().ok(), None)),
        None => Some(within(text(1)?, text(2))),
    }
}

/// What the report or the debugger says of the crash.
fn describe(lines: &[&str], stack: &mut Stack) {
    for (at, line) in lines.iter().enumerate() {
        if let Some(said) = REPORT.captures(line).and_then(|found| found.get(2)) {
            let said = said.as_str();
            let words = [" on ", " (", ":", " at "];
            let end = words.iter().filter_map(|word| said.find(word)).min().unwrap_or(said.len());
            stack.kind = non_empty(said.get(..end).unwrap_or(said).trim());
            let access = lines.iter().skip(at + 1).take(4).find_map(|line| ACCESS.captures(line)?.get(1));
            stack.message = access.map(|access| access.as_str().to_owned());
            return;
        }
        if let Some(found) = UNDEFINED.captures(line) {
            let text = |group: usize| found.get(group).map(|text| text.as_str());
            stack.kind = Some("runtime error".to_owned());
            stack.message = text(4).and_then(non_empty);
            stack.thrown_at = text(1).map(|file| crate::model::Place {
                file: file.to_owned(),
                line: text(2).and_then(|digits| digits.parse().ok()),
                column: text(3).and_then(|digits| digits.parse().ok()),
            });
            return;
        }
        if let Some(found) = SIGNAL.captures(line) {
            let number = found.get(2).map(|digits| digits.as_str());
            let name = number.and_then(|number| SIGNALS.iter().find(|(of, _)| *of == number)).map(|(_, name)| *name);
            stack.kind = found.get(1).map(|name| name.as_str()).or(name).map(str::to_owned);
            stack.message = found.get(3).and_then(|text| non_empty(text.as_str())).filter(|_| stack.kind.is_some());
            return;
        }
    }
}
