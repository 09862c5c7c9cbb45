//! A bundle as a Markdown page, for people and for a model's prompt.
//!
//! Stored tokens (`email:E-a4k7tq2mz9a`) are shortened to aliases numbered in the order of the page (`email:E-1`), with a
//! table of them at its end: aliases exist only here.

use super::aliases::Aliases;
use super::prose::{attributes, code, fenced, heading, line, one_line, prose, said};
use super::{BundleView, attachments, history_facts, measured, reproduction, suspects};
use crate::model::{Exception, Frame, LogLine, NormalLatency, Place, SpanEvidence};

/// Frames shown of one exception.
const MAX_FRAMES: usize = 40;
/// Runs of library frames from this length on are shown by their ends.
const MIN_RUN: usize = 4;
/// Local variables shown of one frame of the service's own.
const MAX_LOCALS: usize = 20;
/// Spans of the critical path, and repeated calls, that are shown.
const MAX_STEPS: usize = 10;
/// Log lines shown: the last ones before the end of the window.
const MAX_LOGS: usize = 60;

/// The page.
#[must_use]
pub fn markdown(view: &BundleView) -> String {
    let mut page = String::new();
    head(&mut page, view);
    for section in order(&view.bundle.incident.class) {
        section(&mut page, view);
    }
    completeness(&mut page, view);
    alias(&page)
}

type Section = fn(&mut String, &BundleView);

/// The sections of a page, what tells most about a class of failures first.
fn order(class: &str) -> [Section; 8] {
    let path: Section = |page, view| span_path(page, &view.bundle.trace.span_path);
    let thrown: Section = |page, view| view.bundle.exception.iter().for_each(|found| exception_section(page, found));
    let time: Section = |page, view| critical_path(page, view);
    let places: Section = |page, view| suspects::section(page, &view.bundle);
    let said: Section = |page, view| {
        logs(page, &view.bundle.logs.window);
        ambient(page, &view.bundle.logs.ambient);
        measured::section(page, &view.bundle.metrics.exemplars);
    };
    let files: Section = |page, view| attachments::section(page, &view.bundle.attachments);
    let again: Section = |page, view| reproduction::section(page, &view.bundle.repro);
    match class {
        // Who else was at it.
        "concurrency" => [thrown, path, places, said, files, time, again, environment],
        // What it had to live on.
        "leak" => [path, thrown, environment, time, places, said, files, again],
        // What it was given.
        "schema_drift" => [path, thrown, again, places, said, files, time, environment],
        "performance" => [time, path, places, said, files, thrown, again, environment],
        _ => [path, thrown, places, said, files, again, environment, |_, _| {}],
    }
}

/// Where the time went, those that took most first.
fn critical_path(page: &mut String, view: &BundleView) {
    let trace = &view.bundle.trace;
    let mut steps: Vec<_> = trace.critical_path.iter().collect();
    steps.sort_by(|a, b| b.self_ms.total_cmp(&a.self_ms));
    if steps.is_empty() {
        return;
    }
    heading(page, "Where the time went");
    for step in steps.into_iter().take(MAX_STEPS) {
        let span = trace.spans.iter().chain(&trace.span_path).find(|span| span.span_id == step.span_id);
        let name = span.map_or_else(|| step.span_id.to_string(), |span| format!("{}: {}", span.service, span.name));
        let normal = span.and_then(|span| normally(view, span)).unwrap_or_default();
        line(page, &format!("- {:.1} ms {}{normal}", step.self_ms, prose(&name)));
    }
    for calls in trace.repeated.iter().take(MAX_STEPS) {
        let name = format!("{}: {}", calls.service, calls.name);
        line(page, &format!("- {} calls, {:.1} ms together: {}", calls.count, calls.total_ms, prose(&name)));
    }
}

/// How long a span took as a whole, beside what is normal for it.
fn normally(view: &BundleView, span: &SpanEvidence) -> Option<String> {
    let NormalLatency { count, p50_ms, p95_ms, p99_ms, .. } = view.normal_latency(span.span_id)?;
    Some(format!(
        " (took {:.1} ms with its children; of {count} others half took {p50_ms:.1} ms or less, 95 % {p95_ms:.1} ms, 99 % {p99_ms:.1} ms)",
        span.duration_ms?
    ))
}

fn head(page: &mut String, view: &BundleView) {
    let bundle = &view.bundle;
    line(page, &format!("# {}\n", prose(&bundle.incident.summary)));
    let mut facts = vec![
        ("Incident", format!("{} ({})", bundle.incident.id, bundle.incident.class)),
        ("Trace", bundle.trace.trace_id.to_string()),
    ];
    if let Some(numbers) = &view.numbers {
        facts.push((
            "Seen",
            format!("{} times in 24 h, first {}, last {}", numbers.count_24h, numbers.first_seen, numbers.last_seen),
        ));
        facts.extend(numbers.history.iter().flat_map(history_facts));
    }
    if let Some(tokens) = view.tokens() {
        facts.push(("Size", format!("{tokens} tokens as JSON")));
    }
    let optional = [
        ("Commit", &bundle.commit_sha),
        ("Language", &bundle.language),
        ("Repository", &bundle.repository),
        ("Build", &bundle.build),
        ("Tests", &bundle.test_cmd),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    for (name, value) in facts {
        line(page, &format!("- **{name}:** {}", prose(&value)));
    }
}

fn span_path(page: &mut String, path: &[SpanEvidence]) {
    heading(page, "Span path");
    if path.is_empty() {
        line(page, "No span was recorded.");
        return;
    }
    fenced(page, &tree(path));
}

/// The path from the root to the critical error as a tree, one line a span.
#[must_use]
pub fn tree(path: &[SpanEvidence]) -> String {
    let mut text = String::new();
    for (depth, span) in path.iter().enumerate() {
        let branch = if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth - 1)) };
        let mark = if span.status == "error" { "✗" } else { "·" };
        let duration = span.duration_ms.map_or_else(String::new, |millis| format!("  {millis:.1} ms"));
        let status =
            span.status_message.as_deref().map_or_else(String::new, |message| format!("  {}", one_line(message)));
        let (service, name, kind) = (one_line(&span.service), one_line(&span.name), one_line(&span.kind));
        line(&mut text, &format!("{branch}{mark} {service}: {name} [{kind}]{duration}{status}"));
    }
    text
}

fn exception_section(page: &mut String, exception: &Exception) {
    heading(page, "Exception");
    thrown(page, exception.kind.as_deref(), exception.message.as_deref(), &exception.frames);
    for cause in &exception.causes {
        let relation = match cause.relation.as_str() {
            "cause" => "Caused by",
            "member" => "With it",
            "suppressed" => "Suppressed",
            "concurrent" => "At the same time",
            "memory" => "Its memory",
            "other" => "Also thrown in this trace",
            _ => "While handling",
        };
        line(page, &format!("\n{relation}:\n"));
        thrown(page, cause.kind.as_deref(), cause.message.as_deref(), &cause.frames);
        if cause.common > 0 {
            line(page, &format!("- … and {} frames as above", cause.common));
        }
    }
    if let Some(Place { file, line: number, .. }) = &exception.thrown_at {
        let at = number.map_or_else(String::new, |number| format!(":{number}"));
        line(page, &format!("\nThrown at `{}{at}`", code(file)));
    }
    if let (true, Some(raw)) = (exception.frames.is_empty() || exception.partial, &exception.stacktrace) {
        fenced(page, raw);
    }
}

pub(super) fn thrown(page: &mut String, kind: Option<&str>, message: Option<&str>, frames: &[Frame]) {
    let kind = kind.unwrap_or("exception of unknown type");
    line(page, &format!("**{}**: {}\n", prose(kind), prose(message.unwrap_or("(no message)"))));
    let own = frames.iter().any(|frame| frame.in_app);
    let mut shown = 0;
    let mut rest = frames;
    while let Some(first) = rest.first().filter(|_| shown < MAX_FRAMES) {
        let library = rest.iter().take_while(|frame| !frame.in_app).count();
        // Of a run of library frames, the one that was called and the one that calls back are what tells.
        let run = if own && library >= MIN_RUN { library } else { 1 };
        frame_line(page, first);
        shown += 1;
        if let Some(last) = rest.get(run - 1).filter(|_| run > 1) {
            line(page, &format!("- … {} frames of libraries", run - 2));
            frame_line(page, last);
            shown += 1;
        }
        rest = rest.get(run..).unwrap_or_default();
    }
    if !rest.is_empty() {
        line(page, &format!("- … and {} more frames", rest.len()));
    }
}

fn frame_line(page: &mut String, frame: &Frame) {
    let at = frame.line.map_or_else(String::new, |line| format!(":{line}"));
    let own = if frame.in_app { "**" } else { "" };
    let func = if frame.func.is_empty() { "(anonymous)" } else { &frame.func };
    let file = frame.file.as_deref().or(frame.module.as_deref()).unwrap_or("(unknown file)");
    line(page, &format!("- {own}{}{own} `{}{at}`", prose(func), code(file)));
    if let Some(context) = &frame.context {
        line(page, &format!("  `{}`", code(context.trim())));
    }
    if frame.in_app {
        for (name, value) in frame.locals.iter().take(MAX_LOCALS) {
            line(page, &format!("  - `{} = {}`", code(name), code(&said(value))));
        }
    }
}

fn logs(page: &mut String, window: &[LogLine]) {
    heading(page, "Logs");
    if window.is_empty() {
        line(page, "No log record carries this trace's id.");
        return;
    }
    log_lines(page, window);
}

/// What the same instance wrote at that time.
fn ambient(page: &mut String, logs: &[LogLine]) {
    if logs.is_empty() {
        return;
    }
    heading(page, "Around it");
    line(page, "Written by the same instance around the failure, without an id that would tell what it belongs to:");
    log_lines(page, logs);
}

fn log_lines(page: &mut String, window: &[LogLine]) {
    let skipped = window.len().saturating_sub(MAX_LOGS);
    let mut text = String::new();
    if skipped > 0 {
        line(&mut text, &format!("… {skipped} earlier lines"));
    }
    for log in window.iter().skip(skipped) {
        let times = if log.count > 1 { format!(" (×{})", log.count) } else { String::new() };
        line(
            &mut text,
            &format!(
                "{} {:<5} {}: {}{times}",
                one_line(&log.time),
                one_line(&log.level),
                one_line(&log.service),
                one_line(&log.msg)
            ),
        );
    }
    fenced(page, &text);
}

fn environment(page: &mut String, view: &BundleView) {
    heading(page, "Environment");
    let environment = &view.bundle.environment;
    let groups = [
        ("service", &environment.service),
        ("runtime", &environment.runtime),
        ("os", &environment.os),
        ("container", &environment.container),
        ("k8s", &environment.k8s),
        ("client", &environment.client),
        ("library", &environment.libraries),
        ("flag", &environment.feature_flags),
        ("baggage", &environment.baggage),
    ];
    for (name, group) in groups {
        attributes(page, name, group);
    }
    if let Some(zone) = &environment.timezone {
        line(page, &format!("- **timezone:** {}", prose(zone)));
    }
    if let Some(locale) = &environment.locale {
        line(page, &format!("- **locale:** {}", prose(locale)));
    }
}

fn completeness(page: &mut String, view: &BundleView) {
    heading(page, "Completeness");
    let completeness = &view.bundle.completeness;
    line(page, &format!("- {} of {} records shown", completeness.shown, completeness.records));
    for (name, entries) in [("Cut", &completeness.truncated), ("Missing", &completeness.missing)] {
        for entry in entries {
            line(page, &format!("- **{name}:** {}", prose(entry)));
        }
    }
    let edits: u64 = view.bundle.redaction.remarks.iter().map(|remark| remark.count).sum();
    line(page, &format!("- {edits} redactions; a token stands for the same value wherever it occurs"));
}

/// Shortens tokens to aliases, numbered by class in the order of the page, and appends their table.
pub(super) fn alias(page: &str) -> String {
    let mut aliases = Aliases::beside(page);
    let mut short = aliases.shorten(page);
    if !aliases.given().is_empty() {
        heading(&mut short, "Tokens");
        line(&mut short, "| here | in the bundle |\n|---|---|");
        for (alias, token) in aliases.given() {
            line(&mut short, &format!("| {alias} | {token} |"));
        }
    }
    short
}
