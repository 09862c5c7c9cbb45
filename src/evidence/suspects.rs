//! Where the fault may lie. A stack trace shows where a failure surfaced; what caused it was often decided elsewhere: in the caller
//! that passed the value, in the error that was handled before, one service up, in a branch that only the logs tell of.
//!
//! Everything here is read off the bundle itself, so that whoever merges late evidence into it can ask again.

use crate::model::{Bundle, Cause, Frame, LogLine, Suspect};

/// So many repeated calls are suspicious in a trace that failed, too.
const MANY_CALLS: u64 = 20;

/// Words of failures that come of slowness.
const SLOW_WORDS: [&str; 6] = ["timeout", "timed out", "time out", "deadline", "too slow", "took too long"];

/// The suspects of a bundle, most likely first.
#[must_use]
pub fn suspects(bundle: &Bundle) -> Vec<Suspect> {
    let is_slow = bundle.incident.class == "performance";
    let mut found = Found::default();
    if is_slow {
        slowest(bundle, &mut found);
        repeated(bundle, 0, &mut found);
    } else {
        thrown(bundle, &mut found);
        failed_span(bundle, &mut found);
    }
    decision(bundle, &mut found);
    if !is_slow {
        upstream(bundle, &mut found);
        if speaks_of_time(bundle) {
            slowest(bundle, &mut found);
        }
        repeated(bundle, MANY_CALLS, &mut found);
    }
    if !bundle.environment.feature_flags.is_empty() {
        let reason = "flags that were evaluated in this trace: they decide which code ran";
        found.push("feature_flag", "/environment/feature_flags".to_owned(), reason);
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<Suspect>);

impl Found {
    fn push(&mut self, kind: &str, at: String, reason: impl Into<String>) {
        self.0.push(Suspect { kind: kind.to_owned(), at, reason: reason.into() });
    }
}

/// Frames: where the first of the exceptions was raised, where the last surfaced, and who called that.
fn thrown(bundle: &Bundle, found: &mut Found) {
    let Some(exception) = &bundle.exception else { return };
    let is_behind = |cause: &&(usize, &Cause)| matches!(cause.1.relation.as_str(), "cause" | "context");
    let causes: Vec<(usize, &Cause)> = exception.causes.iter().enumerate().collect();
    if let Some((index, cause)) = causes.iter().filter(is_behind).rfind(|(_, cause)| !cause.frames.is_empty()) {
        let (frame, is_own) = first(&cause.frames);
        let whose = if is_own { "first frame of the service's own" } else { "innermost frame" };
        let at = format!("/exception/causes/{index}/frames/{frame}");
        found.push("raised", at, format!("{whose} in the first exception of the chain: the failure began here"));
    }
    if exception.frames.is_empty() {
        return;
    }
    let (frame, is_own) = first(&exception.frames);
    let reason = match is_own {
        true => "first frame of the service's own: the exception surfaced here",
        false => "innermost frame, and none is the service's own: the exception surfaced here",
    };
    found.push("crash_site", format!("/exception/frames/{frame}"), reason);
    if let Some(caller) = caller(&exception.frames, frame) {
        let reason = "called the place where it surfaced: may have passed what that could not bear";
        found.push("caller", format!("/exception/frames/{caller}"), reason);
    }
}

/// The first frame of the service's own, else the innermost, and which it is.
fn first(frames: &[Frame]) -> (usize, bool) {
    let own = frames.iter().position(|frame| frame.in_app);
    (own.unwrap_or_default(), own.is_some())
}

/// The next frame of the service's own in another function.
fn caller(frames: &[Frame], of: usize) -> Option<usize> {
    let called = frames.get(of)?;
    let is_other = |frame: &Frame| (&frame.file, &frame.func) != (&called.file, &called.func);
    let behind = frames.iter().enumerate().skip(of + 1);
    behind.filter(|(_, frame)| frame.in_app && is_other(frame)).map(|(index, _)| index).next()
}

fn failed_span(bundle: &Bundle, found: &mut Found) {
    if let Some(last) = bundle.trace.span_path.len().checked_sub(1) {
        let reason = "deepest span that failed itself: those above it passed the failure on";
        found.push("failed_span", format!("/trace/span_path/{last}"), reason);
    }
}

/// The span above that handed the request over: of another service, else the nearest one that received it.
fn upstream(bundle: &Bundle, found: &mut Found) {
    let Some((failed, above)) = bundle.trace.span_path.split_last() else { return };
    let other = above.iter().rposition(|span| span.service != failed.service);
    if let Some(index) = other {
        let reason = "called the failing service: may have sent what that could not bear";
        found.push("upstream", format!("/trace/span_path/{index}"), reason);
        return;
    }
    if let Some(index) = above.iter().rposition(|span| matches!(span.kind.as_str(), "server" | "consumer")) {
        let reason = "received the request that failed: its attributes are the inputs";
        found.push("upstream", format!("/trace/span_path/{index}"), reason);
    }
}

/// The last that the failing service said before it failed: a warning, else whatever it was.
fn decision(bundle: &Bundle, found: &mut Found) {
    let failed = bundle.trace.span_path.last();
    let window = &bundle.logs.window;
    let is_of_failure = |line: &LogLine| failed.is_some_and(|span| line.span_id == Some(span.span_id));
    let error = window
        .iter()
        .position(|line| is_error(line) && is_of_failure(line))
        .or_else(|| window.iter().position(is_error))
        .unwrap_or(window.len());
    let is_service = |line: &LogLine| failed.is_none_or(|span| line.service == span.service);
    let before = || window.iter().enumerate().take(error).filter(|(_, line)| is_service(line));
    if let Some((index, _)) = before().rfind(|(_, line)| is_warning(line)) {
        let reason = "last warning of the failing service before it failed";
        found.push("decision", format!("/logs/window/{index}"), reason);
    } else if let Some((index, _)) = before().next_back() {
        let reason = "last that the failing service logged before it failed: tells which way it went";
        found.push("decision", format!("/logs/window/{index}"), reason);
    }
}

fn is_error(line: &LogLine) -> bool {
    let level = line.level.to_ascii_lowercase();
    ["err", "fatal", "crit", "severe", "panic", "alert", "emerg"].iter().any(|word| level.starts_with(word))
}

fn is_warning(line: &LogLine) -> bool {
    line.level.to_ascii_lowercase().starts_with("warn")
}

/// The span that took most time of its own on the critical path.
fn slowest(bundle: &Bundle, found: &mut Found) {
    let path = &bundle.trace.critical_path;
    let Some(step) = path.iter().max_by(|a, b| a.self_ms.total_cmp(&b.self_ms)) else { return };
    let Some(index) = bundle.trace.spans.iter().position(|span| span.span_id == step.span_id) else { return };
    let reason = format!("{} ms of its own on the critical path, more than any other span", step.self_ms);
    found.push("slowest", format!("/trace/spans/{index}"), reason);
}

/// The calls that were made over and over, if `least` times or more.
fn repeated(bundle: &Bundle, least: u64, found: &mut Found) {
    let Some(index) = bundle.trace.repeated.iter().position(|calls| calls.count >= least) else { return };
    let Some(calls) = bundle.trace.repeated.get(index) else { return };
    let reason = format!("one span made this call {} times, {} ms together", calls.count, calls.total_ms);
    found.push("repeated", format!("/trace/repeated/{index}"), reason);
}

/// Whether what failed says that something took too long.
fn speaks_of_time(bundle: &Bundle) -> bool {
    let thrown = bundle.exception.as_ref().map(|thrown| [thrown.kind.as_deref(), thrown.message.as_deref()]);
    let status = bundle.trace.span_path.last().and_then(|span| span.status_message.as_deref());
    let said = thrown.into_iter().flatten().chain([status]).flatten();
    said.map(str::to_ascii_lowercase).any(|text| SLOW_WORDS.iter().any(|word| text.contains(word)))
}
