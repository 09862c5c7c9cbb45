//! Keeps a document within the size that it may have.
//!
//! Whole items are taken out of the redacted document, those that tell least first: what stands in it twice or is an example of something,
//! then what is far from the failure; its summary, exception, span path and the lines just before the error stay longest. What remains
//! keeps its shape, pointers into it are moved, and every kind of cut is named in `completeness.truncated`.
//!
//! A document is only counted in tokens where it could have too many: a token is at least a byte.

use std::collections::{BTreeMap, BTreeSet};

use metrics::counter;
use serde::Serialize;

use super::canonical::{CanonicalError, to_canonical};
use super::tokens::tokens;
use crate::config::BundleSize;
use crate::model::{Attributes, Bundle, Completeness, Frame, LogLine, Repro, Timestamp};
use crate::telemetry::names;

/// Lines before the error that stay longest.
const LAST_LINES: usize = 20;
/// Innermost frames of the exception that are never cut.
const INNERMOST: usize = 5;
/// Characters of a text that cannot go as a whole.
const TEXT: usize = 2000;
/// Bytes that are cut beyond what is needed, for the words about it.
const SLACK: usize = 512;
/// Rounds after which more is cut in each than needed, and the most there are.
const PATIENCE: u32 = 3;
const ROUNDS: u32 = 16;

/// Takes out of `bundle` what is over its size, and answers its canonical JSON and the number of its tokens, where it had to be counted.
///
/// # Errors
/// If it has no canonical form.
pub(super) fn fitted(
    bundle: &mut Bundle,
    failed_at: Timestamp,
    size: &BundleSize,
) -> Result<(Vec<u8>, Option<u64>), CanonicalError> {
    let mut document = to_canonical(bundle)?;
    let (mut over, mut counted) = excess(&document, size);
    if over == 0 {
        return Ok((document, counted));
    }
    let mut cuts = Cuts { said: bundle.completeness.truncated.clone(), counts: BTreeMap::new() };
    for round in 0..ROUNDS {
        let wanted = over.saturating_add(SLACK) << round.saturating_sub(PATIENCE);
        let items = plan(bundle, failed_at, wanted);
        if items.is_empty() {
            cuts.counts.insert("bundle", 1);
        }
        cuts.take(bundle, &items);
        cuts.tell(bundle, size);
        document = to_canonical(bundle)?;
        (over, counted) = excess(&document, size);
        if over == 0 || items.is_empty() {
            break;
        }
    }
    for (part, _) in cuts.counts {
        counter!(names::BUNDLE_CUTS, "part" => part).increment(1);
    }
    Ok((document, counted))
}

/// Bytes that are over the size, an estimate where it is tokens that are too many; and its tokens, where they were counted.
fn excess(document: &[u8], size: &BundleSize) -> (usize, Option<u64>) {
    let most = usize::try_from(size.max_bytes.0).unwrap_or(usize::MAX);
    if most > 0 && document.len() > most {
        return (document.len() - most, None);
    }
    if size.max_tokens == 0 || document.len() as u64 <= size.max_tokens {
        return (0, None);
    }
    let counted = tokens(document);
    let Some(many) = counted.filter(|many| *many > size.max_tokens) else { return (0, counted) };
    let share = u128::from(many - size.max_tokens) * document.len() as u128 / u128::from(many);
    (usize::try_from(share).unwrap_or(usize::MAX).max(1), counted)
}

/// Something that can be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Messages that a log line stands for.
    Others(usize),
    Exemplar(usize),
    /// A line of `logs.ambient`.
    Ambient(usize),
    Attachment(usize),
    /// Attributes and events of one of the selected spans.
    Details(usize),
    /// The same of a span of the path.
    PathDetails(usize),
    Span(usize),
    Line(usize),
    Template(usize),
    /// Local variables of a frame: of a cause, or of the exception itself.
    Locals(Option<usize>, usize),
    Frame(Option<usize>, usize),
    Stacktrace,
    Body,
    Inputs,
    Headers,
    Environment,
    /// A text of the failure itself, which is shortened.
    Text(Text),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Message,
    CauseMessage(usize),
    Status(usize),
    PathStatus(usize),
}

/// What would be taken out, and when.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// The lowest goes first.
    level: u8,
    /// Within a level, the highest goes first.
    distance: usize,
    /// Bytes that it takes.
    size: usize,
    what: What,
}

/// The items to take out so that `wanted` bytes go, if there are so many.
fn plan(bundle: &Bundle, failed_at: Timestamp, wanted: usize) -> Vec<Item> {
    let mut items = Vec::new();
    spans(bundle, &mut items);
    lines(bundle, failed_at, &mut items);
    stacks(bundle, &mut items);
    for (index, exemplar) in bundle.metrics.exemplars.iter().enumerate() {
        items.push(Item { level: 0, distance: index, size: bytes(exemplar), what: What::Exemplar(index) });
    }
    for (index, line) in bundle.logs.ambient.iter().enumerate() {
        items.push(Item { level: 0, distance: index, size: bytes(line), what: What::Ambient(index) });
    }
    for (index, file) in bundle.attachments.iter().enumerate() {
        // Tests that failed tell of the failure, other files of what is around it.
        let level = if file.tests.is_some() { 11 } else { 6 };
        items.push(Item { level, distance: bytes(file), size: bytes(file), what: What::Attachment(index) });
    }
    reproduction(&bundle.repro, &mut items);
    items.sort_by_key(|item| (item.level, std::cmp::Reverse(item.distance)));
    let mut taken = 0_usize;
    let enough = items.iter().position(|item| {
        taken = taken.saturating_add(item.size);
        taken >= wanted
    });
    items.truncate(enough.map_or(items.len(), |last| last + 1));
    items
}

/// What makes the failure happen again, its inputs last.
fn reproduction(Repro { request, inputs, env, .. }: &Repro, items: &mut Vec<Item>) {
    let body = request.as_ref().and_then(|request| request.body.as_ref());
    let headers = request.as_ref().map(|request| &request.headers).filter(|headers| !headers.is_empty());
    let found = [
        body.map(|body| (What::Body, bytes(body))),
        (!inputs.is_empty()).then(|| (What::Inputs, bytes(inputs))),
        headers.map(|headers| (What::Headers, bytes(headers))),
        (!env.is_empty()).then(|| (What::Environment, bytes(env))),
    ];
    let found = (0..).zip(found).filter_map(|(distance, found)| Some((distance, found?)));
    items.extend(found.map(|(distance, (what, size))| Item { level: 14, distance, size, what }));
}

fn spans(bundle: &Bundle, items: &mut Vec<Item>) {
    let path: BTreeSet<_> = bundle.trace.span_path.iter().map(|span| span.span_id).collect();
    let suspects = suspected(bundle, "/trace/spans");
    let last = bundle.trace.spans.len();
    for (index, span) in bundle.trace.spans.iter().enumerate() {
        let details = details(&span.attrs, &span.events);
        let is_on_path = path.contains(&span.span_id);
        if details > 0 {
            // Those of the path stand there, too.
            let level = if is_on_path { 0 } else { 2 };
            items.push(Item { level, distance: last - index, size: details, what: What::Details(index) });
        }
        if !is_on_path {
            let level = if suspects.contains(&index) || span.status == "error" { 11 } else { 5 };
            let size = bytes(span).saturating_sub(details);
            items.push(Item { level, distance: last - index, size, what: What::Span(index) });
        }
        text(span.status_message.as_deref(), Text::Status(index), items);
    }
    let last = bundle.trace.span_path.len();
    for (index, span) in bundle.trace.span_path.iter().enumerate() {
        let details = details(&span.attrs, &span.events);
        if details > 0 {
            let level = if index + 1 == last { 15 } else { 12 };
            items.push(Item { level, distance: last - index, size: details, what: What::PathDetails(index) });
        }
        text(span.status_message.as_deref(), Text::PathStatus(index), items);
    }
}

fn details(attrs: &Attributes, events: &[crate::model::EventEvidence]) -> usize {
    if attrs.is_empty() && events.is_empty() { 0 } else { bytes(attrs) + bytes(&events) }
}

fn lines(bundle: &Bundle, failed_at: Timestamp, items: &mut Vec<Item>) {
    let window = &bundle.logs.window;
    let failed_at = failed_at.to_rfc3339();
    let pivot = window.partition_point(|line| line.time <= failed_at);
    let suspects = suspected(bundle, "/logs/window");
    for (index, line) in window.iter().enumerate() {
        let is_before = index < pivot;
        let distance = if is_before { pivot - index } else { index - pivot + 1 };
        let level = match is_before {
            true if distance <= LAST_LINES => 13,
            _ if suspects.contains(&index) => 13,
            _ if is_severe(line) => 10,
            true => 7,
            false => 3,
        };
        let others = if line.others.is_empty() { 0 } else { bytes(&line.others) };
        if others > 0 {
            items.push(Item { level: 1, distance, size: others, what: What::Others(index) });
        }
        items.push(Item { level, distance, size: bytes(line).saturating_sub(others), what: What::Line(index) });
    }
    for (index, template) in bundle.logs.templates.iter().enumerate() {
        items.push(Item { level: 6, distance: index, size: bytes(template), what: What::Template(index) });
    }
}

fn is_severe(line: &LogLine) -> bool {
    let level = line.level.to_ascii_lowercase();
    ["err", "fatal", "crit", "panic", "alert", "emerg"].iter().any(|word| level.starts_with(word))
}

fn stacks(bundle: &Bundle, items: &mut Vec<Item>) {
    let Some(exception) = &bundle.exception else { return };
    if let Some(raw) = &exception.stacktrace {
        // Where frames were read the text says nothing else.
        let level = if exception.frames.is_empty() || exception.partial { 15 } else { 4 };
        items.push(Item { level, distance: usize::MAX, size: bytes(raw), what: What::Stacktrace });
    }
    let mut of = |cause: Option<usize>, frames: &[Frame]| {
        for (index, frame) in frames.iter().enumerate() {
            let locals = if frame.locals.is_empty() { 0 } else { bytes(&frame.locals) };
            if locals > 0 {
                let level = match (cause, frame.in_app) {
                    (_, false) => 1,
                    (Some(_), true) => 8,
                    (None, true) => 12,
                };
                items.push(Item { level, distance: index, size: locals, what: What::Locals(cause, index) });
            }
            let level = match (cause, frame.in_app) {
                (Some(_), false) => 8,
                (Some(_), true) => 12,
                (None, _) if index < INNERMOST => continue,
                (None, false) => 9,
                (None, true) => 14,
            };
            let size = bytes(frame).saturating_sub(locals);
            items.push(Item { level, distance: index, size, what: What::Frame(cause, index) });
        }
    };
    of(None, &exception.frames);
    for (index, cause) in exception.causes.iter().enumerate() {
        of(Some(index), &cause.frames);
    }
    text(exception.message.as_deref(), Text::Message, items);
    for (index, cause) in exception.causes.iter().enumerate() {
        text(cause.message.as_deref(), Text::CauseMessage(index), items);
    }
}

fn text(text: Option<&str>, what: Text, items: &mut Vec<Item>) {
    let Some(text) = text.filter(|text| text.chars().nth(TEXT).is_some()) else { return };
    items.push(Item { level: 16, distance: text.len(), size: text.len().saturating_sub(TEXT), what: What::Text(what) });
}

/// Indices of the items of a list that suspects point to.
fn suspected(bundle: &Bundle, list: &str) -> BTreeSet<usize> {
    bundle.suspects.iter().filter_map(|suspect| Some(below(&suspect.at, list)?.0)).collect()
}

/// Bytes of a value and what divides it from the next.
fn bytes<T: Serialize>(value: &T) -> usize {
    serde_json::to_vec(value).map_or(0, |bytes| bytes.len() + 1)
}

/// What was taken out so far.
struct Cuts {
    /// What was said before.
    said: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl Cuts {
    fn take(&mut self, bundle: &mut Bundle, items: &[Item]) {
        let mut gone = Gone::default();
        for Item { what, .. } in items {
            let part = self.take_one(bundle, *what, &mut gone);
            *self.counts.entry(part).or_default() += 1;
        }
        let Gone { lists, fields } = gone;
        fields.iter().for_each(|field| forget(bundle, field));
        remove(&mut bundle.metrics.exemplars, lists.get("/metrics/exemplars"));
        remove(&mut bundle.logs.ambient, lists.get("/logs/ambient"));
        remove(&mut bundle.attachments, lists.get("/attachments"));
        remove(&mut bundle.trace.spans, lists.get("/trace/spans"));
        remove(&mut bundle.logs.window, lists.get("/logs/window"));
        remove(&mut bundle.logs.templates, lists.get("/logs/templates"));
        if let Some(exception) = &mut bundle.exception {
            let mut elided = remove(&mut exception.frames, lists.get("/exception/frames"));
            for (index, cause) in exception.causes.iter_mut().enumerate() {
                elided += remove(&mut cause.frames, lists.get(&format!("/exception/causes/{index}/frames")));
            }
            exception.elided += elided;
        }
        lists.iter().for_each(|(list, gone)| renumber(bundle, list, gone));
        let known: BTreeSet<u64> = bundle.logs.templates.iter().map(|template| template.id).collect();
        for line in &mut bundle.logs.window {
            line.template = line.template.filter(|template| known.contains(template));
        }
        let shown: u64 = bundle.logs.window.iter().map(|line| line.count).sum();
        bundle.logs.collapsed = bundle.logs.total.saturating_sub(bundle.logs.window.len() as u64);
        let others = bundle.metrics.exemplars.len() + bundle.attachments.len() + bundle.logs.ambient.len();
        bundle.completeness.shown = bundle.trace.spans.len() as u64 + shown + others as u64;
    }

    /// Empties a field, or notes what is to go from a list. Answers what it is of.
    fn take_one(&self, bundle: &mut Bundle, what: What, gone: &mut Gone) -> &'static str {
        match what {
            What::Attachment(index) => gone.item("/attachments", index, "attachments"),
            What::Ambient(index) => gone.item("/logs/ambient", index, "logs.ambient"),
            What::Exemplar(index) => gone.item("/metrics/exemplars", index, "metrics.exemplars"),
            What::Span(index) => gone.item("/trace/spans", index, "trace.spans"),
            What::Line(index) => gone.item("/logs/window", index, "logs.window"),
            What::Template(index) => gone.item("/logs/templates", index, "logs.templates"),
            What::Frame(None, index) => gone.item("/exception/frames", index, "exception.frames"),
            What::Frame(Some(cause), index) => {
                gone.item(&format!("/exception/causes/{cause}/frames"), index, "exception.causes[].frames")
            }
            What::Others(index) => {
                bundle.logs.window[index].others.clear();
                gone.field(format!("/logs/window/{index}/others"), "logs.window[].others")
            }
            What::Details(index) => {
                let span = &mut bundle.trace.spans[index];
                (span.attrs, span.events) = (Attributes::new(), Vec::new());
                gone.field(format!("/trace/spans/{index}/attrs"), "");
                gone.field(format!("/trace/spans/{index}/events"), "trace.spans[].attrs")
            }
            What::PathDetails(index) => {
                let span = &mut bundle.trace.span_path[index];
                (span.attrs, span.events) = (Attributes::new(), Vec::new());
                gone.field(format!("/trace/span_path/{index}/attrs"), "");
                gone.field(format!("/trace/span_path/{index}/events"), "trace.span_path[].attrs")
            }
            What::Locals(cause, index) => {
                let Some(exception) = &mut bundle.exception else { return "exception.frames[].locals" };
                let (frames, at) = match cause {
                    None => (&mut exception.frames, "/exception/frames".to_owned()),
                    Some(cause) => (&mut exception.causes[cause].frames, format!("/exception/causes/{cause}/frames")),
                };
                frames[index].locals.clear();
                gone.field(format!("{at}/{index}/locals"), "exception.frames[].locals")
            }
            What::Stacktrace => {
                bundle.exception.as_mut().and_then(|exception| exception.stacktrace.take());
                gone.field("/exception/stacktrace".to_owned(), "exception.stacktrace")
            }
            What::Body => {
                bundle.repro.request.as_mut().and_then(|request| request.body.take());
                gone.field("/repro/request/body".to_owned(), "repro.request.body")
            }
            What::Inputs => {
                bundle.repro.inputs.clear();
                gone.field("/repro/inputs".to_owned(), "repro.inputs")
            }
            What::Headers => {
                bundle.repro.request.iter_mut().for_each(|request| request.headers.clear());
                gone.field("/repro/request/headers".to_owned(), "repro.request.headers")
            }
            What::Environment => {
                bundle.repro.env.clear();
                gone.field("/repro/env".to_owned(), "repro.env")
            }
            What::Text(text) => {
                let (field, part) = match text {
                    Text::Message => {
                        (bundle.exception.as_mut().and_then(|found| found.message.as_mut()), "exception.message")
                    }
                    Text::CauseMessage(index) => (
                        bundle.exception.as_mut().and_then(|found| found.causes[index].message.as_mut()),
                        "exception.causes[].message",
                    ),
                    Text::Status(index) => {
                        (bundle.trace.spans[index].status_message.as_mut(), "trace.spans[].status_message")
                    }
                    Text::PathStatus(index) => {
                        (bundle.trace.span_path[index].status_message.as_mut(), "trace.span_path[].status_message")
                    }
                };
                if let Some(text) = field {
                    shorten(text);
                }
                part
            }
        }
    }

    /// Says what was taken out, in the place of what was said of it in an earlier round.
    fn tell(&self, bundle: &mut Bundle, size: &BundleSize) {
        let (spans, of) = (bundle.trace.spans.len(), bundle.trace.span_count);
        let mut said = self.said.clone();
        if self.counts.contains_key("trace.spans") {
            said.retain(|entry| !Completeness::is_spans_shown(entry));
            said.push(Completeness::spans_shown(spans, of));
        }
        let limits = size.to_string();
        for (part, count) in &self.counts {
            said.push(match *part {
                "bundle" => format!("bundle: larger than {limits}, though all is cut that may be"),
                part if part.ends_with("message") => format!("{part}: {count} shortened to fit into {limits}"),
                part => format!("{part}: {count} cut to fit into {limits}"),
            });
        }
        bundle.completeness.truncated = said;
    }
}

/// What is gone: indices by list, and fields.
#[derive(Default)]
struct Gone {
    lists: BTreeMap<String, BTreeSet<usize>>,
    fields: Vec<String>,
}

impl Gone {
    fn item(&mut self, list: &str, index: usize, part: &'static str) -> &'static str {
        self.lists.entry(list.to_owned()).or_default().insert(index);
        part
    }

    fn field(&mut self, field: String, part: &'static str) -> &'static str {
        self.fields.push(field);
        part
    }
}

/// Takes items out of a list; answers how many.
fn remove<T>(items: &mut Vec<T>, gone: Option<&BTreeSet<usize>>) -> u64 {
    let Some(gone) = gone else { return 0 };
    let mut index = 0;
    items.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
    gone.len() as u64
}

/// Takes back the pointers to what stands at `field` and below it.
fn forget(bundle: &mut Bundle, field: &str) {
    let is_there = |at: &str| at.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    bundle.redaction.remarks.retain(|remark| !is_there(&remark.path));
    bundle.suspects.retain(|suspect| !is_there(&suspect.at));
}

/// Moves the pointers into a list of which items are gone, and takes back those to the items.
fn renumber(bundle: &mut Bundle, list: &str, gone: &BTreeSet<usize>) {
    let gone: Vec<usize> = gone.iter().copied().collect();
    let moved = |at: &str| -> Option<String> {
        let Some((index, rest)) = below(at, list) else { return Some(at.to_owned()) };
        let before = gone.partition_point(|other| *other < index);
        (gone.get(before) != Some(&index)).then(|| format!("{list}/{}{rest}", index - before))
    };
    bundle.redaction.remarks.retain_mut(|remark| moved(&remark.path).map(|path| remark.path = path).is_some());
    bundle.redaction.remarks.sort();
    bundle.suspects.retain_mut(|suspect| moved(&suspect.at).map(|at| suspect.at = at).is_some());
}

/// The index of an item of the list at `list`, and what follows it in the pointer.
fn below<'a>(pointer: &'a str, list: &str) -> Option<(usize, &'a str)> {
    let rest = pointer.strip_prefix(list)?.strip_prefix('/')?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (index, rest) = rest.split_at(end);
    Some((index.parse().ok()?, rest))
}

/// The first [`TEXT`] characters of a text, cut between words where there are any. It has been redacted, or else half a secret could stay.
fn shorten(text: &mut String) {
    let Some((end, _)) = text.char_indices().nth(TEXT) else { return };
    let head = text.get(..end).unwrap_or_default();
    let whole = head.rsplit_once(char::is_whitespace).map_or(head, |(words, _)| words);
    *text = format!("{whole} …");
}
