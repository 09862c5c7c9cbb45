//! What a prompt may show of a failure, part by part, each with its value: the higher, the later it is cut.
//!
//! Values are for one question, "what would a programmer ask for next": what failed and where it was raised first, then the code
//! there, the inputs, the last lines before the error, and so on outwards.

use serde_json::Value;

use crate::agent::attachments::{attachment_line, innermost, missed, runs, stood};
use crate::agent::code::Code;
use crate::agent::measured::measured;
use crate::agent::prose::one_line;
use crate::agent::{BundleView, history_facts};
use crate::model::{Attributes, Bundle, Exception, Frame, LogLine, Repro, SpanEvidence};

/// A section of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Incident,
    Test,
    Exception,
    Reproduction,
    Spans,
    Logs,
    Metrics,
    Attachments,
    Code,
    Environment,
}

/// A part that is shown whole or not at all.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) section: Section,
    /// The higher, the later it is cut.
    pub(super) value: u32,
    pub(super) text: String,
    /// Whether it was shortened.
    pub(super) cut: bool,
}

/// The parts of a failure in the order in which they are shown: by section, then as they were recorded.
pub(super) fn of(view: &BundleView, code: Option<&Code>) -> Vec<Piece> {
    let mut pieces = Pieces(Vec::new());
    let bundle = &view.bundle;
    pieces.incident(view);
    pieces.tests(bundle);
    pieces.exception(bundle);
    pieces.reproduction(&bundle.repro);
    pieces.spans(bundle);
    pieces.logs(bundle);
    pieces.metrics(bundle);
    pieces.attachments(bundle);
    if let Some(code) = code {
        pieces.code(code);
    }
    pieces.environment(bundle);
    pieces.0
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn add(&mut self, section: Section, value: u32, text: impl Into<String>) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.0.push(Piece { section, value, text, cut: false });
        }
    }

    fn incident(&mut self, view: &BundleView) {
        let bundle = &view.bundle;
        let incident = &bundle.incident;
        let begin = format!("{} ({}): {}", incident.id, incident.class, one_line(&incident.summary));
        self.add(Section::Incident, 1000, begin);
        let fields = [
            ("commit", 980, &bundle.commit_sha),
            ("repository", 600, &bundle.repository),
            ("language", 500, &bundle.language),
            ("build", 700, &bundle.build),
            ("tests", 720, &bundle.test_cmd),
        ];
        for (name, value, text) in fields {
            if let Some(text) = text {
                self.add(Section::Incident, value, format!("{name}: {}", one_line(text)));
            }
        }
        self.add(Section::Incident, 400, format!("trace: {}, bundle: {}", bundle.trace.trace_id, bundle.bundle_id));
        if let Some(numbers) = &view.numbers {
            let seen = format!(
                "seen: {} times in 24 h, first {}, last {}",
                numbers.count_24h, numbers.first_seen, numbers.last_seen
            );
            self.add(Section::Incident, 450, seen);
            for (title, told) in numbers.history.iter().flat_map(history_facts) {
                self.add(Section::Incident, 440, format!("{}: {}", title.to_lowercase(), one_line(&told)));
            }
        }
        for suspect in bundle.suspects.iter().take(5) {
            self.add(Section::Incident, 650, format!("suspect {}: {}", suspect.at, one_line(&suspect.reason)));
        }
        for entry in &bundle.completeness.missing {
            self.add(Section::Incident, 300, format!("not recorded: {}", one_line(entry)));
        }
    }

    /// What failed in tests, word for word.
    fn tests(&mut self, bundle: &Bundle) {
        if let Some(test) = &bundle.repro.test {
            let names = [&test.suite, &test.case, &test.status];
            let told = names.into_iter().flatten().map(|name| one_line(name)).collect::<Vec<_>>().join(" / ");
            self.add(Section::Test, 950, told);
        }
        let reports = bundle.attachments.iter().filter_map(|file| file.tests.as_ref());
        for (at, failure) in (0..).zip(reports.flat_map(|tests| &tests.failures)) {
            let Exception { kind, message, stacktrace, .. } = &failure.exception;
            let (suite, name) = (one_line(&failure.suite), one_line(&failure.name));
            let head = format!("{suite} {name} {}{}", failure.status, runs(failure));
            let said = [kind, message].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ");
            self.add(Section::Test, 930u32.saturating_sub(at * 40), format!("{head}\n{said}"));
            if let Some(output) = stacktrace {
                self.add(Section::Test, 860u32.saturating_sub(at * 60), output.clone());
            }
        }
    }

    fn exception(&mut self, bundle: &Bundle) {
        let Some(exception) = &bundle.exception else {
            return;
        };
        self.thrown(("", 990), exception.kind.as_deref(), exception.message.as_deref(), &exception.frames);
        if let Some(place) = &exception.thrown_at {
            let line = place.line.map_or_else(String::new, |line| format!(":{line}"));
            self.add(Section::Exception, 900, format!("thrown at {}{line}", one_line(&place.file)));
        }
        for (at, cause) in (0..).zip(&exception.causes) {
            let relation = format!("{}: ", one_line(&cause.relation));
            let value = 820u32.saturating_sub(at * 40);
            self.thrown((&relation, value), cause.kind.as_deref(), cause.message.as_deref(), &cause.frames);
        }
        if exception.frames.is_empty() || exception.partial {
            // Its end and its beginning are what tells; which depends on the language.
            let text = exception.stacktrace.as_deref().unwrap_or_default();
            for (at, lines) in (0..).zip(text.lines().collect::<Vec<_>>().chunks(10)) {
                self.add(Section::Exception, 610u32.saturating_sub(at), lines.join("\n"));
            }
        }
    }

    fn thrown(&mut self, (label, value): (&str, u32), kind: Option<&str>, message: Option<&str>, frames: &[Frame]) {
        let kind = one_line(kind.unwrap_or("exception of unknown type"));
        self.add(Section::Exception, value, format!("{label}{kind}: {}", message.unwrap_or("(no message)")));
        let (mut own, mut library) = (0, 0);
        for frame in frames {
            let of_frame = if frame.in_app {
                own += 1;
                value.saturating_sub(30 + own * 10).max(300)
            } else {
                library += 1;
                // Those behind the innermost own frame tell how it was reached.
                (value / 2).saturating_sub(library * 10).max(100)
            };
            self.frame(frame, of_frame);
        }
    }

    fn frame(&mut self, frame: &Frame, value: u32) {
        self.add(Section::Exception, value, place(frame));
        if let (true, Some(context)) = (frame.in_app, &frame.context) {
            let lines = frame.pre_context.iter().chain([context]).chain(&frame.post_context);
            let shown = lines.map(|line| format!("    {}", one_line(line))).collect::<Vec<_>>().join("\n");
            self.add(Section::Exception, value.saturating_sub(120), shown);
        }
        for (name, local) in frame.locals.iter().filter(|_| frame.in_app) {
            self.add(
                Section::Exception,
                value.saturating_sub(150),
                format!("    {} = {}", one_line(name), written(local)),
            );
        }
    }

    fn reproduction(&mut self, repro: &Repro) {
        if let Some(request) = &repro.request {
            let parts = [request.method.as_deref(), request.url.as_deref()];
            let what = parts.into_iter().flatten().map(one_line).collect::<Vec<_>>().join(" ");
            let answer = request.status_code.map_or_else(String::new, |status| format!(" -> {status}"));
            self.add(Section::Reproduction, 890, format!("{} request: {what}{answer}", one_line(&request.protocol)));
            self.attributes(Section::Reproduction, 420, "header", &request.headers);
            if let Some(body) = &request.body {
                self.add(Section::Reproduction, 870, format!("body: {}", written(body)));
            }
        }
        self.attributes(Section::Reproduction, 880, "input", &repro.inputs);
        for (name, value) in &repro.env {
            self.add(Section::Reproduction, 460, format!("environment {}={}", one_line(name), one_line(value)));
        }
        if !repro.command.is_empty() {
            let words = repro.command.iter().map(written).collect::<Vec<_>>().join(" ");
            self.add(Section::Reproduction, 500, format!("command: {words}"));
        }
        for seed in &repro.seeds {
            let of = seed.of.as_ref().map_or_else(String::new, |of| format!(" ({})", one_line(of)));
            self.add(
                Section::Reproduction,
                470,
                format!("seed {}={}{of}", one_line(&seed.name), one_line(&seed.value)),
            );
        }
        if let Some(time) = &repro.time {
            self.add(Section::Reproduction, 430, format!("clock: {}", one_line(time)));
        }
        if let Some(image) = &repro.image {
            self.add(Section::Reproduction, 350, format!("image: {}", one_line(image)));
        }
    }

    /// The path to the error, and what failed beside it.
    fn spans(&mut self, bundle: &Bundle) {
        let path = &bundle.trace.span_path;
        let deep = u32::try_from(path.len()).unwrap_or(u32::MAX);
        for (depth, span) in (0..).zip(path) {
            let distance = deep.saturating_sub(depth + 1);
            let value = if depth == 0 { 780 } else { 800u32.saturating_sub(distance.saturating_mul(15)).max(300) };
            self.span(span, value);
        }
        for span in bundle.trace.spans.iter().filter(|span| path.iter().all(|on| on.span_id != span.span_id)) {
            self.span(span, if span.status == "error" { 520 } else { 180 });
        }
        let slow = bundle.incident.class == "performance";
        for calls in bundle.trace.repeated.iter().take(10) {
            let text = format!(
                "{} calls, {:.1} ms together: {}: {}",
                calls.count,
                calls.total_ms,
                one_line(&calls.service),
                one_line(&calls.name)
            );
            self.add(Section::Spans, if slow { 940 } else { 330 }, text);
        }
    }

    fn span(&mut self, span: &SpanEvidence, value: u32) {
        let duration = span.duration_ms.map_or_else(String::new, |millis| format!(" {millis:.1} ms"));
        let status =
            span.status_message.as_deref().map_or_else(String::new, |message| format!(" {}", one_line(message)));
        let (service, name) = (one_line(&span.service), one_line(&span.name));
        self.add(Section::Spans, value, format!("{} {service}: {name} [{}]{duration}{status}", span.status, span.kind));
        self.attributes(Section::Spans, value / 3, "  with", &span.attrs);
    }

    /// The last lines before the error first, louder ones before others.
    fn logs(&mut self, bundle: &Bundle) {
        let window = &bundle.logs.window;
        let all = u32::try_from(window.len()).unwrap_or(u32::MAX);
        for (at, log) in (0..).zip(window) {
            let distance = all.saturating_sub(at + 1);
            let loud: u32 = match log.level.to_ascii_uppercase().as_str() {
                "ERROR" | "FATAL" | "CRITICAL" => 150,
                "WARN" | "WARNING" => 80,
                _ => 0,
            };
            self.add(Section::Logs, (640 + loud).saturating_sub(distance.saturating_mul(6)).max(120 + loud), line(log));
        }
        for log in &bundle.logs.ambient {
            self.add(Section::Logs, 110, format!("(around it) {}", line(log)));
        }
    }

    /// What was measured in the trace.
    fn metrics(&mut self, bundle: &Bundle) {
        let slow = bundle.incident.class == "performance";
        for (at, exemplar) in (0..).zip(&bundle.metrics.exemplars) {
            let value = if slow { 500u32 } else { 230 };
            self.add(Section::Metrics, value.saturating_sub(at * 5).max(90), one_line(&measured(exemplar)));
        }
    }

    /// Attachments besides the tests that failed: lines that were never hit, where threads stood, what took time or memory.
    fn attachments(&mut self, bundle: &Bundle) {
        let class = bundle.incident.class.as_str();
        for attachment in &bundle.attachments {
            self.add(Section::Attachments, 340, one_line(&attachment_line(attachment)));
            for file in attachment.coverage.iter().flat_map(|coverage| &coverage.files) {
                let told = format!("{}: never hit {}", one_line(&file.file), missed(file));
                self.add(Section::Attachments, if file.in_stack { 560 } else { 105 }, told);
            }
            let value = if class == "concurrency" { 780u32 } else { 410 };
            for (at, stack) in (0..).zip(&attachment.stacks) {
                let mut told = one_line(&stood(stack));
                let Exception { kind, message, frames, .. } = &stack.exception;
                for said in [kind, message].into_iter().flatten() {
                    told.push_str(&format!("\n{}", one_line(said)));
                }
                frames.iter().for_each(|frame| told.push_str(&format!("\n{}", place(frame))));
                self.add(Section::Attachments, value.saturating_sub(at * 30).max(100), told);
            }
            let value = if matches!(class, "performance" | "leak") { 760u32 } else { 290 };
            let stacks = attachment.profile.iter().flat_map(|profile| &profile.stacks);
            for (at, stack) in (0..).zip(stacks) {
                let told = format!("{:.1} %: {}", stack.share * 100.0, one_line(&innermost(stack)));
                self.add(Section::Attachments, value.saturating_sub(at * 30).max(100), told);
            }
            if let Some(text) = &attachment.text {
                self.add(Section::Attachments, 270, text.clone());
            }
        }
    }

    fn code(&mut self, code: &Code) {
        for (at, part) in (0..).zip(&code.parts) {
            let value = match part.kind.as_str() {
                "function" | "lines" => 885u32.saturating_sub(at * 25),
                "imports" => 470,
                "schema" => 560,
                _ => 440,
            };
            let mark = part.line.map_or_else(String::new, |line| format!(", failed at line {line}"));
            let lines = (part.from..).zip(part.text.lines());
            let text: String = lines.map(|(number, line)| format!("\n{number:>5} {line}")).collect();
            // Imports are not all the lines between the first and the last.
            let text = if part.kind == "imports" { format!("\n{}", part.text) } else { text };
            self.add(
                Section::Code,
                value,
                format!("{} {}:{}-{}{mark}{text}", part.kind, part.file, part.from, part.to),
            );
        }
        for blamed in &code.blame {
            self.add(
                Section::Code,
                540,
                format!("{}:{} was last changed by {}", blamed.file, blamed.line, blamed.commit),
            );
        }
        if !code.suspects.is_empty() {
            self.add(Section::Code, 580, format!("commits: {}", code.suspects_are));
        }
        for commit in &code.suspects {
            let blamed = if commit.blamed { " (changed a line of the stack)" } else { "" };
            let value = if commit.blamed { 575 } else { 390 };
            self.add(
                Section::Code,
                value,
                format!("  {} {} {}{blamed}", commit.commit, commit.time, one_line(&commit.subject)),
            );
        }
        if !code.lockfiles.is_empty() {
            self.add(Section::Code, 200, format!("lock files: {}", code.lockfiles.join(", ")));
        }
        for entry in &code.missing {
            self.add(Section::Code, 310, format!("not shown: {}", one_line(entry)));
        }
    }

    fn environment(&mut self, bundle: &Bundle) {
        let environment = &bundle.environment;
        self.attributes(Section::Environment, 630, "flag", &environment.feature_flags);
        self.attributes(Section::Environment, 400, "baggage", &environment.baggage);
        self.attributes(Section::Environment, 320, "runtime", &environment.runtime);
        self.attributes(Section::Environment, 260, "service", &environment.service);
        self.attributes(Section::Environment, 310, "client", &environment.client);
        self.attributes(Section::Environment, 200, "library", &environment.libraries);
        self.attributes(Section::Environment, 150, "os", &environment.os);
        self.attributes(Section::Environment, 140, "container", &environment.container);
        self.attributes(Section::Environment, 130, "k8s", &environment.k8s);
        for (name, value) in [("timezone", &environment.timezone), ("locale", &environment.locale)] {
            if let Some(value) = value {
                self.add(Section::Environment, 380, format!("{name}: {}", one_line(value)));
            }
        }
    }

    fn attributes(&mut self, section: Section, value: u32, what: &str, attributes: &Attributes) {
        for (key, attribute) in attributes {
            self.add(section, value, format!("{what} {}: {}", one_line(key), written(attribute)));
        }
    }
}

fn line(log: &LogLine) -> String {
    let times = if log.count > 1 { format!(" (x{})", log.count) } else { String::new() };
    let LogLine { time, level, service, msg, .. } = log;
    format!("{} {} {}: {}{times}", one_line(time), one_line(level), one_line(service), one_line(msg))
}

/// Where a frame is; the service's own are marked.
fn place(frame: &Frame) -> String {
    let file = frame.file.as_deref().or(frame.module.as_deref()).unwrap_or("(unknown file)");
    let line = frame.line.map_or_else(String::new, |line| format!(":{line}"));
    let own = if frame.in_app { "*" } else { " " };
    let func = if frame.func.is_empty() { "(anonymous)" } else { &frame.func };
    format!("{own} {} {}{line}", one_line(func), one_line(file))
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), one_line)
}
