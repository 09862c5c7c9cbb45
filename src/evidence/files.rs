//! Attachments: what their readers found, with stacks read into frames, within the bounds of a bundle.
//!
//! Whole texts are left out where they do not fit, and none is cut: the redactor cuts, afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::gather::{Digester, FileFact};
use super::stack::{self, AppRules};
use super::symbolicate::Symbolicator;
use super::{exception_of, values};
use crate::attachments::{self, Block, Content, Failure, FileLines, Kind, Profile, Seed, Status, Tests};
use crate::model::{
    Attachment, Attributes, Cause, Completeness, Coverage, DumpStack, Exception, FileCoverage, Frame, ProfileStack,
    ProfileSummary, SpanId, TestFailure, TestSummary,
};

/// Most attachments that a bundle shows.
const MAX_ATTACHMENTS: usize = 50;
/// Most failures of one report.
const MAX_FAILURES: usize = 50;
/// Most files of one coverage report, and most ranges of lines of one file.
const MAX_FILES: usize = 100;
const MAX_RANGES: usize = 500;
/// Most stacks of one dump, and most names of threads that stood in one.
const MAX_STACKS: usize = 100;
const MAX_THREADS: usize = 10;
/// Most frames of one exception, and most exceptions behind one.
const MAX_FRAMES: usize = 50;
const MAX_CAUSES: usize = 5;
/// Bytes of the stacks of one profile.
const MAX_PROFILE: usize = 24 * 1024;
/// Bytes of text that all attachments of a bundle have together: what the redactor has to go through.
const MAX_TEXT: usize = 1024 * 1024;

/// An attachment that has been read.
pub(super) struct File {
    pub(super) resource: Arc<Attributes>,
    pub(super) name: String,
    /// Random seeds that it names, and how many more there are.
    pub(super) seeds: (Vec<Seed>, u64),
    kind: Kind,
    digest: String,
    sha256: Option<String>,
    size: u64,
    span: SpanId,
    content: Content,
    text: Option<String>,
}

/// How the content of an attachment is called: in its bundle, and to its sender.
pub(super) fn digest(digester: &Digester, content: &[u8]) -> String {
    format!("hmac-sha256:{}", data_encoding::HEXLOWER.encode(&digester.of_content(content).0))
}

/// Reads the attachments, sorted by name and content.
pub(super) fn read(facts: &[FileFact], digester: &Digester) -> Vec<File> {
    let mut files: Vec<File> = facts.iter().filter_map(|fact| File::of(fact, digester)).collect();
    files.sort_by(|a, b| (&a.name, &a.digest, a.kind).cmp(&(&b.name, &b.digest, b.kind)));
    files
}

/// The exception of the first test that failed or of the first stack of a crash, for a trace in which nothing else tells of a failure.
pub(super) fn failure(files: &[File], rules: &AppRules) -> Option<Exception> {
    let found = files.iter().find_map(|file| match &file.content {
        Content::Tests(tests) => {
            let failed = tests.failures.iter().find(|failure| failure.status != Status::Flaky)?;
            Some(thrown(failed, language(file), rules))
        }
        Content::Stacks(blocks) if file.content.tells_of_failure(file.kind) => {
            blocks.iter().find_map(|block| exception_of(&block.text, language(file), None, None, rules))
        }
        _ => None,
    });
    found.map(|exception| bounded(exception, &mut Room { left: MAX_TEXT, full: false }))
}

/// The service that failed.
#[derive(Clone, Copy)]
pub(super) struct Service<'a> {
    pub(super) resource: &'a Attributes,
    pub(super) language: Option<&'a str>,
}

/// The attachments as a bundle shows them. What is left out is said.
pub(super) fn shown(
    files: Vec<File>,
    exception: Option<&Exception>,
    service: Service<'_>,
    rules: &AppRules,
    mut symbolicator: Option<&mut Symbolicator<'_>>,
    complete: &mut Completeness,
) -> Vec<Attachment> {
    let total = files.len();
    let mut room = Room { left: MAX_TEXT, full: false };
    let places = places(exception);
    let mut all = Vec::new();
    for file in files.into_iter().take(MAX_ATTACHMENTS) {
        room.full = false;
        let language = language(&file).or(service.language);
        let File { resource, name, kind, digest, sha256, size, span, content, mut text, .. } = file;
        let mut shown = Attachment {
            name: room.take(Some(name)).unwrap_or_default(),
            kind: kind.as_str().to_owned(),
            digest,
            sha256,
            size,
            service: values::string(&resource, "service.name").unwrap_or_default().to_owned(),
            span_id: values::present(span),
            ..Attachment::default()
        };
        let resource = released(&resource, service.resource);
        let mut reader =
            Reader { language, rules, resource, symbolicator: symbolicator.as_deref_mut(), room: &mut room };
        match content {
            Content::Tests(tests) => {
                shown.tests = Some(reader.summary(tests));
                text = None;
            }
            Content::Coverage(files) => {
                shown.coverage = Some(coverage(files, &places, &mut room));
                text = None;
            }
            Content::Stacks(blocks) => {
                shown.stacks = reader.stacks(blocks);
                shown.unread = shown.stacks.is_empty();
                text = text.filter(|_| shown.unread);
            }
            Content::Profile(profile) => {
                shown.profile = Some(summary_of(profile, &mut room));
                text = None;
            }
            Content::Unread => shown.unread = true,
            Content::Opaque => room.full = !kind.is_binary(),
            Content::Text => {}
        }
        shown.text = room.take(text);
        shown.cut = room.full;
        all.push(shown);
    }
    tell_cuts(&all, total, complete);
    if let Some(symbolicator) = symbolicator {
        symbolicator.tell("attachments[].frames", complete);
    }
    all
}

/// By which resource symbols are looked up: the file's own where it says the version, else the failed service's where the file names no
/// other. Whoever sends a file by HTTP can name no version.
fn released<'a>(own: &'a Attributes, failed: &'a Attributes) -> &'a Attributes {
    let [mine, theirs] = [own, failed].map(|resource| values::string(resource, "service.name"));
    let is_told = values::string(own, "service.version").is_some();
    if is_told || (mine.is_some() && mine != theirs) { own } else { failed }
}

/// Says what is left out of the attachments, each kind once.
fn tell_cuts(shown: &[Attachment], total: usize, complete: &mut Completeness) {
    if shown.len() < total {
        complete.truncated.push(format!("attachments: {} of {total} are shown", shown.len()));
    }
    let sum = |of: fn(&Attachment) -> Option<u64>| shown.iter().filter_map(of).sum::<u64>();
    let parts = [
        ("tests.failures", sum(|file| Some(file.tests.as_ref()?.more))),
        ("coverage.files", sum(|file| Some(file.coverage.as_ref()?.more))),
        ("profile.stacks", sum(|file| Some(file.profile.as_ref()?.more))),
    ];
    for (part, more) in parts.into_iter().filter(|(_, more)| *more > 0) {
        complete.truncated.push(format!("attachments[].{part}: {more} are left out"));
    }
    let cut = shown.iter().filter(|file| file.cut).count();
    if cut > 0 {
        complete.truncated.push(format!("attachments: text, stacks or lines of {cut} are left out for their length"));
    }
}

/// Room for text. What does not fit is left out whole.
struct Room {
    left: usize,
    full: bool,
}

impl Room {
    fn take(&mut self, text: Option<String>) -> Option<String> {
        let text = text?;
        if text.len() > self.left {
            self.full = true;
            return None;
        }
        self.left -= text.len();
        Some(text)
    }
}

impl File {
    fn of(fact: &FileFact, digester: &Digester) -> Option<Self> {
        let loaded = fact.load()?;
        let (name, kind, bytes) = crate::otlp::attachment_in(&loaded.body)?;
        let kind = Kind::named(kind).unwrap_or_else(|_| Kind::told("", name, bytes));
        let content = attachments::read(kind, bytes);
        let has_text = matches!(content, Content::Text | Content::Unread | Content::Stacks(_));
        Some(Self {
            name: name.to_owned(),
            kind,
            digest: digest(digester, bytes),
            // Of a file of which nothing is shown, nothing that was redacted can be guessed by it.
            sha256: (kind.is_binary() && content == Content::Opaque)
                .then(|| format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)))),
            size: bytes.len() as u64,
            seeds: attachments::seeds(kind, bytes),
            span: values::span_id(&loaded.body.span_id),
            text: has_text.then(|| attachments::text(bytes).into_owned()),
            content,
            resource: Arc::clone(&loaded.resource),
        })
    }

    /// Whether a test of this package failed, by a report that names packages.
    pub(super) fn failed_in(&self, package: &str) -> bool {
        matches!(&self.content, Content::Tests(tests) if tests.failures.iter().any(|failure| failure.suite == package))
    }
}

/// The language that a kind of file is of.
fn language(file: &File) -> Option<&'static str> {
    match file.kind {
        Kind::Pytest => Some("python"),
        Kind::Jest => Some("javascript"),
        Kind::GoTest => Some("go"),
        Kind::Core => Some("native"),
        _ => None,
    }
}

/// Reads the stacks of one file into frames.
struct Reader<'a, 's> {
    language: Option<&'a str>,
    rules: &'a AppRules,
    /// What tells the release that the file is of.
    resource: &'a Attributes,
    symbolicator: Option<&'a mut Symbolicator<'s>>,
    room: &'a mut Room,
}

impl Reader<'_, '_> {
    fn summary(&mut self, tests: Tests) -> TestSummary {
        let Tests { counts, failures } = tests;
        let failures: Vec<TestFailure> = failures
            .into_iter()
            .take(MAX_FAILURES)
            .map(|failure| {
                let exception = self.fitted(thrown(&failure, self.language, self.rules));
                let Failure { suite, name, status, failed_runs, passed_runs, .. } = failure;
                TestFailure {
                    suite: self.room.take(Some(suite)).unwrap_or_default(),
                    name: self.room.take(Some(name)).unwrap_or_default(),
                    status: status.as_str().to_owned(),
                    failed_runs,
                    passed_runs,
                    exception,
                }
            })
            .collect();
        let more = (counts.failed + counts.errors + counts.flaky).saturating_sub(failures.len() as u64);
        TestSummary { counts, failures, more }
    }

    /// The stacks of a dump, equal ones once, in the dump's order.
    fn stacks(&mut self, blocks: Vec<Block>) -> Vec<DumpStack> {
        let mut stacks: Vec<DumpStack> = Vec::new();
        for Block { thread, text } in blocks {
            let Some(mut exception) = exception_of(&text, self.language, None, None, self.rules) else { continue };
            if exception.frames.is_empty() && exception.causes.is_empty() {
                continue;
            }
            exception.stacktrace = None;
            let known = stacks.iter().position(|known| same(&known.exception, &exception));
            if known.is_none() && stacks.len() == MAX_STACKS {
                self.room.full = true;
                continue;
            }
            let at = known.unwrap_or(stacks.len());
            if at == stacks.len() {
                stacks.push(DumpStack { threads: Vec::new(), count: 0, exception });
            }
            let Some(stack) = stacks.get_mut(at) else { continue };
            stack.count += 1;
            if stack.threads.len() < MAX_THREADS && !thread.is_empty() {
                stack.threads.extend(self.room.take(Some(thread)));
            }
        }
        for stack in &mut stacks {
            stack.exception = self.fitted(std::mem::take(&mut stack.exception));
        }
        stacks
    }

    /// With the source of its frames, where symbols tell it, within what an attachment may have of frames and text.
    fn fitted(&mut self, mut exception: Exception) -> Exception {
        if let Some(symbolicator) = &mut self.symbolicator {
            few(&mut exception);
            symbolicator.look_up(self.resource, self.language, [&mut exception]);
        }
        bounded(exception, self.room)
    }
}

fn summary_of(profile: Profile, room: &mut Room) -> ProfileSummary {
    let Profile { kind, unit, total, stacks, more } = profile;
    let all = stacks.len();
    let share = |value: f64| if total > 0.0 { (value / total * 1e4).round() / 1e4 } else { 0.0 };
    // The heaviest that fit: stacks are deep, and a profile is there to tell where to look.
    let mut own = Room { left: MAX_PROFILE.min(room.left), full: false };
    let own_room = own.left;
    let stacks: Vec<ProfileStack> = stacks
        .into_iter()
        .map_while(|(folded, value)| Some(ProfileStack { folded: own.take(Some(folded))?, value, share: share(value) }))
        .collect();
    room.left -= own_room - own.left;
    room.full |= own.full;
    let more = more + (all - stacks.len()) as u64;
    let mut text = |text| room.take(Some(text)).unwrap_or_default();
    ProfileSummary { kind: text(kind), unit: text(unit), total, stacks, more }
}

/// What a test threw, as its report tells it.
fn thrown(failure: &Failure, language: Option<&str>, rules: &AppRules) -> Exception {
    let Failure { kind, message, text, frames, .. } = failure.clone();
    if !frames.is_empty() {
        let in_app = |frame: Frame| stack::of_place(frame, Some("python"), rules).frames;
        let frames = frames.into_iter().flat_map(in_app).collect();
        return Exception { kind, message, frames, stacktrace: text, ..Exception::default() };
    }
    let read = text.as_deref().and_then(|text| exception_of(text, language, kind.clone(), message.clone(), rules));
    read.unwrap_or(Exception { kind, message, stacktrace: text, ..Exception::default() })
}

/// Within what an attachment may have of frames and text. Frames that are left out are counted.
fn bounded(mut exception: Exception, room: &mut Room) -> Exception {
    few(&mut exception);
    let (kind, message) = (exception.kind.take(), exception.message.take());
    exception.kind = room.take(kind);
    exception.message = room.take(message);
    let text = exception.stacktrace.take();
    exception.stacktrace = room.take(text);
    let places = exception.frames.iter().chain(exception.causes.iter().flat_map(|cause| &cause.frames));
    let bytes = places.map(bytes).sum::<usize>();
    if bytes > room.left {
        room.full = true;
        exception.elided += exception.frames.len() as u64;
        exception.frames.clear();
        exception.causes.clear();
    } else {
        room.left -= bytes;
    }
    exception
}

/// Bytes of text that a frame has, source lines among it.
fn bytes(frame: &Frame) -> usize {
    let source =
        frame.pre_context.iter().chain(&frame.context).chain(&frame.post_context).map(String::len).sum::<usize>();
    frame.func.len() + frame.file.as_ref().map_or(0, String::len) + source
}

/// Not more frames and causes than an attachment may have of each.
fn few(exception: &mut Exception) {
    exception.elided += exception.frames.len().saturating_sub(MAX_FRAMES) as u64;
    exception.frames.truncate(MAX_FRAMES);
    exception.causes.truncate(MAX_CAUSES);
    exception.causes.iter_mut().for_each(|cause| cause.frames.truncate(MAX_FRAMES));
}

/// Whether two threads stood in one place: by their frames, whatever is said of the threads.
fn same(a: &Exception, b: &Exception) -> bool {
    let frames = |causes: &[Cause]| causes.iter().map(|cause| cause.frames.clone()).collect::<Vec<_>>();
    a.frames == b.frames && frames(&a.causes) == frames(&b.causes)
}

/// The files in which frames of the exception lie, the in-app ones where there are any.
fn places(exception: Option<&Exception>) -> BTreeSet<String> {
    let Some(exception) = exception else { return BTreeSet::new() };
    let frames = exception.frames.iter().chain(exception.causes.iter().flat_map(|cause| &cause.frames));
    frames.filter(|frame| frame.in_app).filter_map(|frame| frame.file.clone()).collect()
}

/// Whether a path of a report and one of a frame are of one file: one of them may begin higher up.
pub(crate) fn same_file(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_start_matches("./"), b.trim_start_matches("./"));
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '\\']))
    };
    !a.is_empty() && !b.is_empty() && (ends(a, b) || ends(b, a))
}

fn coverage(files: Vec<FileLines>, places: &BTreeSet<String>, room: &mut Room) -> Coverage {
    let count = |ranges: &[[u32; 2]]| -> u64 {
        ranges.iter().map(|[first, last]| u64::from(last.saturating_sub(*first)) + 1).sum()
    };
    let (hit, missed): (u64, u64) = files
        .iter()
        .map(|file| (count(&file.hit), count(&file.missed)))
        .fold((0, 0), |sum, lines| (sum.0 + lines.0, sum.1 + lines.1));
    let mut files: Vec<FileCoverage> = files
        .into_iter()
        .map(|FileLines { file, hit, missed }| FileCoverage {
            in_stack: places.iter().any(|place| same_file(place, &file)),
            file,
            hit,
            missed,
        })
        .collect();
    files.sort_by(|a, b| {
        let rank = |file: &FileCoverage| (!file.in_stack, std::cmp::Reverse(count(&file.missed)));
        rank(a).cmp(&rank(b)).then_with(|| a.file.cmp(&b.file))
    });
    let more = files.len().saturating_sub(MAX_FILES) as u64;
    files.truncate(MAX_FILES);
    for file in &mut files {
        room.full |= file.hit.len().max(file.missed.len()) > MAX_RANGES;
        file.hit.truncate(MAX_RANGES);
        file.missed.truncate(MAX_RANGES);
        let path = std::mem::take(&mut file.file);
        file.file = room.take(Some(path)).unwrap_or_default();
    }
    Coverage { lines: hit + missed, hit, files, more }
}
