//! How a late piece of a trace is merged into its bundle.
//!
//! Nothing of either is lost and nothing is shown twice. Spans are told apart by their id, log lines and exemplars by what
//! they say, where the two documents may share records. Each document says where the failure began as far as its own records
//! tell; if the late one's place lies below the bundle's, the failure began there: path, exception and the failing service's
//! facts follow it. An exception that is not the one shown stays as one of its `causes`, with the relation `other`.

use std::collections::{BTreeMap, BTreeSet};

use super::remarks::{Marked, Remarks, step};
use super::{completeness, files};
use crate::evidence::suspects;
use crate::model::{
    Attachment, Bundle, Cause, Environment, Exception, ExemplarEvidence, LogLine, LogTemplate, Repro, Seed,
    SpanEvidence, SpanId,
};

const PATH: &str = "/trace/span_path";
const SPANS: &str = "/trace/spans";
const LINES: &str = "/logs/window";
const TEMPLATES: &str = "/logs/templates";
const AMBIENT: &str = "/logs/ambient";
const EXEMPLARS: &str = "/metrics/exemplars";
pub(super) const ATTACHMENTS: &str = "/attachments";
const SEEDS: &str = "/repro/seeds";
/// What of the environment is the request's, whichever service failed.
const OF_THE_REQUEST: [&str; 2] = ["/environment/feature_flags", "/environment/baggage"];

/// Whether two documents may hold the same records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    /// Every record is in one of them only.
    None,
    /// They share some, or it is not known.
    Possible,
}

/// A document taken apart.
struct Open {
    bundle: Bundle,
    remarks: Remarks,
    path: Vec<Marked<SpanEvidence>>,
    spans: Vec<Marked<SpanEvidence>>,
    lines: Vec<Marked<LogLine>>,
    templates: Vec<Marked<LogTemplate>>,
    exemplars: Vec<Marked<ExemplarEvidence>>,
    attachments: Vec<Marked<Attachment>>,
    seeds: Vec<Marked<Seed>>,
}

/// The bundle with what `late` adds.
pub(super) fn amend(bundle: Bundle, late: Bundle, overlap: Overlap) -> Bundle {
    let (mut base, mut late) = (Open::of(bundle), Open::of(late));
    files::attachments(&mut base.attachments, std::mem::take(&mut late.attachments));
    files::seeds(&mut base.seeds, std::mem::take(&mut late.seeds));
    if late.brings_files_alone() {
        // Of the failure it knows nothing: what it says of it is made of the files.
        let mut merged = base.close();
        completeness::merge_files(&mut merged, &late.bundle);
        return merged;
    }
    let distinct = base.bundle.trace.span_count + late.bundle.trace.span_count;
    let shared = union_spans(&mut base.spans, std::mem::take(&mut late.spans));
    base.bundle.trace.span_count = match overlap {
        Overlap::None => distinct - shared.min(distinct),
        Overlap::Possible => {
            base.bundle.trace.span_count.max(late.bundle.trace.span_count).max(base.spans.len() as u64)
        }
    };
    let leads = late_leads(&base, &late);
    exceptions(&mut base, &mut late, leads);
    facts(&mut base, &mut late, leads);
    base.path = path(&base, &late, leads);
    if late.bundle.trace.root == "present" {
        base.bundle.trace.root = late.bundle.trace.root.clone();
    }
    services(&mut base);
    logs(&mut base, &mut late, overlap);
    exemplars(&mut base, &mut late, overlap);
    slow_path(&mut base, &mut late);
    let mut merged = base.close();
    completeness::merge(&mut merged, &late.bundle);
    merged.suspects = suspects(&merged);
    merged
}

impl Open {
    fn of(mut bundle: Bundle) -> Self {
        let mut remarks = Remarks::of(&mut bundle.redaction.remarks);
        Self {
            path: remarks.lift(PATH, &mut bundle.trace.span_path),
            spans: remarks.lift(SPANS, &mut bundle.trace.spans),
            lines: remarks.lift(LINES, &mut bundle.logs.window),
            templates: remarks.lift(TEMPLATES, &mut bundle.logs.templates),
            exemplars: remarks.lift(EXEMPLARS, &mut bundle.metrics.exemplars),
            attachments: remarks.lift(ATTACHMENTS, &mut bundle.attachments),
            seeds: remarks.lift(SEEDS, &mut bundle.repro.seeds),
            remarks,
            bundle,
        }
    }

    fn close(mut self) -> Bundle {
        self.bundle.trace.span_path = self.remarks.lay(PATH, self.path);
        self.bundle.trace.spans = self.remarks.lay(SPANS, self.spans);
        self.bundle.logs.window = self.remarks.lay(LINES, self.lines);
        self.bundle.logs.templates = self.remarks.lay(TEMPLATES, self.templates);
        self.bundle.metrics.exemplars = self.remarks.lay(EXEMPLARS, self.exemplars);
        self.bundle.attachments = self.remarks.lay(ATTACHMENTS, self.attachments);
        self.bundle.repro.seeds = self.remarks.lay(SEEDS, self.seeds);
        files::rank(&mut self.bundle, &mut self.remarks);
        self.bundle.redaction.remarks = self.remarks.sorted();
        self.bundle
    }

    /// Whether it has attachments and nothing else.
    fn brings_files_alone(&self) -> bool {
        self.bundle.trace.span_count == 0 && self.bundle.logs.total == 0 && self.exemplars.is_empty()
    }

    /// The span in which the failure began, as far as this document knows.
    fn critical(&self) -> Option<&SpanEvidence> {
        self.path.last().map(|span| &span.value)
    }

    fn service(&self) -> Option<&serde_json::Value> {
        self.bundle.environment.service.get("name")
    }
}

/// Adds the spans whose ids are new, and says how many are not. Of two spans with one id the failed one is shown, then the
/// one that lasted longer, as in a bundle made of both.
fn union_spans(spans: &mut Vec<Marked<SpanEvidence>>, late: Vec<Marked<SpanEvidence>>) -> u64 {
    let mut shared = 0;
    let mut by_id: BTreeMap<SpanId, usize> =
        spans.iter().enumerate().map(|(index, span)| (span.value.span_id, index)).collect();
    for span in late {
        let Some(known) = by_id.get(&span.value.span_id).and_then(|index| spans.get_mut(*index)) else {
            by_id.insert(span.value.span_id, spans.len());
            spans.push(span);
            continue;
        };
        shared += 1;
        let rank = |span: &SpanEvidence| (span.status == "error", span.duration_ms.unwrap_or(0.0));
        if rank(&span.value) > rank(&known.value) {
            *known = span;
        }
    }
    spans.sort_by(|a, b| (&a.value.start, a.value.span_id).cmp(&(&b.value.start, b.value.span_id)));
    shared
}

/// Whether the failure began where the late document says: below the bundle's place, or where the bundle has none.
fn late_leads(base: &Open, late: &Open) -> bool {
    let Some(place) = late.critical() else { return false };
    let Some(known) = base.critical() else { return true };
    if place.status != "error" {
        return false;
    }
    known.status != "error"
        || climb(place, &index(base, late), base, late).iter().skip(1).any(|span| span.value.span_id == known.span_id)
}

/// From the highest span known down to the one in which the failure began.
fn path(base: &Open, late: &Open, leads: bool) -> Vec<Marked<SpanEvidence>> {
    let Some(place) = (if leads { late.critical() } else { base.critical() }) else { return Vec::new() };
    let mut path: Vec<_> = climb(place, &index(base, late), base, late).into_iter().cloned().collect();
    path.reverse();
    path
}

/// Every span known, by id.
fn index<'a>(base: &'a Open, late: &'a Open) -> BTreeMap<SpanId, &'a Marked<SpanEvidence>> {
    let all = late.path.iter().chain(&base.path).chain(&base.spans);
    all.map(|span| (span.value.span_id, span)).collect()
}

/// A span and those above it. Where spans of a long path were left out, the path itself says what comes next.
fn climb<'a>(
    place: &SpanEvidence,
    index: &BTreeMap<SpanId, &'a Marked<SpanEvidence>>,
    base: &'a Open,
    late: &'a Open,
) -> Vec<&'a Marked<SpanEvidence>> {
    let mut above = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next = index.get(&place.span_id).copied();
    while let Some(span) = next.filter(|span| seen.insert(span.value.span_id)) {
        above.push(span);
        let parent = span.value.parent_span_id;
        next = parent.and_then(|parent| index.get(&parent).copied()).or_else(|| {
            let before = |path: &'a [Marked<SpanEvidence>]| {
                let at = path.iter().position(|known| known.value.span_id == span.value.span_id)?;
                path.get(at.checked_sub(1)?)
            };
            parent.and_then(|_| before(&base.path).or_else(|| before(&late.path)))
        });
    }
    above
}

/// The exception of the place where the failure began; the other one becomes one of its causes.
fn exceptions(base: &mut Open, late: &mut Open, leads: bool) {
    const AT: &str = "/exception";
    let (mine, theirs) = (base.bundle.exception.take(), late.bundle.exception.take());
    let (mut mine, mut theirs) = match (mine, theirs) {
        (Some(mine), Some(theirs)) => (mine, theirs),
        (None, Some(theirs)) => {
            base.remarks.put(AT, late.remarks.take(AT));
            base.bundle.exception = Some(theirs);
            return;
        }
        (mine, None) => {
            base.bundle.exception = mine;
            return;
        }
    };
    let same = (&mine.kind, &mine.message) == (&theirs.kind, &theirs.message);
    let swap = if same { mine.frames.is_empty() && !theirs.frames.is_empty() } else { leads };
    let (mut marks, mut other_marks) = (base.remarks.take(AT), late.remarks.take(AT));
    if swap {
        std::mem::swap(&mut mine, &mut theirs);
        std::mem::swap(&mut marks, &mut other_marks);
    }
    let (mut marks, mut other_marks) = (Remarks::of(&mut marks), Remarks::of(&mut other_marks));
    let Exception { kind, message, frames, mut causes, stacktrace, .. } = theirs;
    let behind = other_marks.lift("/causes", &mut causes);
    let is_known = mine.causes.iter().any(|cause| (&cause.kind, &cause.message) == (&kind, &message));
    if !same && !is_known {
        let at = mine.causes.len();
        mine.causes.push(Cause { kind, message, frames, relation: "other".to_owned(), common: 0 });
        for field in ["/type", "/message", "/frames"] {
            marks.put(&format!("/causes/{at}{field}"), other_marks.take(field));
        }
    }
    let mut causes = marks.lift("/causes", &mut mine.causes);
    for cause in behind {
        let is_surfaced = (&cause.value.kind, &cause.value.message) == (&mine.kind, &mine.message);
        let said = causes
            .iter()
            .any(|known| (&known.value.kind, &known.value.message) == (&cause.value.kind, &cause.value.message));
        if !is_surfaced && !said {
            causes.push(cause);
        }
    }
    mine.causes = marks.lay("/causes", causes);
    // The raw text of both: it may say what the frames do not.
    if let Some(raw) = stacktrace
        && mine.stacktrace.as_ref().is_none_or(|text| text.trim_end() != raw.trim_end())
        && !same
    {
        marks.put("/stacktrace", other_marks.take("/stacktrace"));
        mine.stacktrace =
            Some(mine.stacktrace.map_or_else(|| raw.clone(), |text| format!("{}\n\n{raw}", text.trim_end())));
    }
    base.remarks.put(AT, marks.sorted());
    base.bundle.exception = Some(mine);
}

/// The services of the path, with those that were known before.
fn services(base: &mut Open) {
    const AT: &str = "/incident/services";
    let mut services = base.remarks.lift(AT, &mut base.bundle.incident.services);
    for span in &base.path {
        let service = &span.value.service;
        if !service.is_empty() && services.iter().all(|known| known.value != *service) {
            services.push(span.field("/service", service.clone()));
        }
    }
    services.sort_by(|a, b| a.value.cmp(&b.value));
    base.bundle.incident.services = base.remarks.lay(AT, services);
}

/// What is said of the failing service and of how to reproduce the failure.
fn facts(base: &mut Open, late: &mut Open, leads: bool) {
    let same_service = base.service() == late.service() || base.service().is_none() || late.service().is_none();
    if leads && !same_service {
        // Another service's code failed: what is known of the first one's would be wrong of it.
        for at in ["/commit_sha", "/language", "/build", "/test_cmd", "/repository", "/repro/command", "/repro/image"] {
            drop(base.remarks.take(at));
        }
        let mine = &mut base.bundle;
        (mine.commit_sha, mine.language, mine.build) = (None, None, None);
        (mine.test_cmd, mine.repository) = (None, None);
        (mine.repro.command, mine.repro.image) = (Vec::new(), None);
        let Environment { feature_flags, baggage, .. } = std::mem::take(&mut mine.environment);
        let marks = OF_THE_REQUEST.map(|at| (at, base.remarks.take(at)));
        drop(base.remarks.take("/environment"));
        mine.environment = Environment { feature_flags, baggage, ..Environment::default() };
        marks.into_iter().for_each(|(at, marks)| base.remarks.put(at, marks));
    }
    let mut move_in = Fill { base: &mut base.remarks, late: &mut late.remarks, prefer: leads };
    let (mine, theirs) = (&mut base.bundle, &mut late.bundle);
    let (here, there) = (&mut mine.environment, &mut theirs.environment);
    let [flags, baggage] = OF_THE_REQUEST;
    move_in.map(flags, &mut here.feature_flags, &mut there.feature_flags);
    move_in.map(baggage, &mut here.baggage, &mut there.baggage);
    if same_service || leads {
        move_in.field("/commit_sha", &mut mine.commit_sha, &mut theirs.commit_sha);
        move_in.field("/language", &mut mine.language, &mut theirs.language);
        move_in.field("/build", &mut mine.build, &mut theirs.build);
        move_in.field("/test_cmd", &mut mine.test_cmd, &mut theirs.test_cmd);
        move_in.field("/repository", &mut mine.repository, &mut theirs.repository);
        move_in.map("/environment/runtime", &mut here.runtime, &mut there.runtime);
        move_in.map("/environment/os", &mut here.os, &mut there.os);
        move_in.map("/environment/container", &mut here.container, &mut there.container);
        move_in.map("/environment/k8s", &mut here.k8s, &mut there.k8s);
        move_in.map("/environment/service", &mut here.service, &mut there.service);
        move_in.map("/environment/client", &mut here.client, &mut there.client);
        move_in.map("/environment/libraries", &mut here.libraries, &mut there.libraries);
        move_in.field("/environment/timezone", &mut here.timezone, &mut there.timezone);
        move_in.field("/environment/locale", &mut here.locale, &mut there.locale);
        move_in.list("/repro/command", &mut mine.repro.command, &mut theirs.repro.command);
        move_in.field("/repro/image", &mut mine.repro.image, &mut theirs.repro.image);
    }
    // The request stands at the top of the path, which the bundle knows unless it has none.
    move_in.prefer = false;
    let (Repro { env, inputs, request, test, time, .. }, late) = (&mut mine.repro, &mut theirs.repro);
    move_in.map("/repro/env", env, &mut late.env);
    move_in.map("/repro/inputs", inputs, &mut late.inputs);
    move_in.field("/repro/request", request, &mut late.request);
    move_in.field("/repro/test", test, &mut late.test);
    move_in.field("/repro/time", time, &mut late.time);
}

/// Moves fields with the remarks about them.
struct Fill<'a> {
    base: &'a mut Remarks,
    late: &'a mut Remarks,
    /// Whether what came late stands where both say something.
    prefer: bool,
}

impl Fill<'_> {
    fn field<T>(&mut self, at: &str, mine: &mut Option<T>, theirs: &mut Option<T>) {
        if theirs.is_some() && (mine.is_none() || self.prefer) {
            *mine = theirs.take();
            self.marks(at);
        }
    }

    fn list<T>(&mut self, at: &str, mine: &mut Vec<T>, theirs: &mut Vec<T>) {
        if !theirs.is_empty() && (mine.is_empty() || self.prefer) {
            *mine = std::mem::take(theirs);
            self.marks(at);
        }
    }

    fn map<T>(&mut self, at: &str, mine: &mut BTreeMap<String, T>, theirs: &mut BTreeMap<String, T>) {
        for (key, value) in std::mem::take(theirs) {
            if self.prefer || !mine.contains_key(&key) {
                self.marks(&format!("{at}/{}", step(&key)));
                mine.insert(key, value);
            }
        }
    }

    fn marks(&mut self, at: &str) {
        drop(self.base.take(at));
        self.base.put(at, self.late.take(at));
    }
}

fn logs(base: &mut Open, late: &mut Open, overlap: Overlap) {
    templates(base, late, overlap);
    for line in std::mem::take(&mut late.lines) {
        let known = base.lines.iter_mut().find(|known| {
            overlap == Overlap::Possible
                && known.value.time == line.value.time
                && says_the_same(&known.value, &line.value)
        });
        match known {
            Some(known) => {
                known.value.count = known.value.count.max(line.value.count);
                known.value.template = known.value.template.or(line.value.template);
            }
            None => base.lines.push(line),
        }
    }
    base.lines.sort_by(|a, b| a.value.time.cmp(&b.value.time));
    base.lines.dedup_by(|next, line| {
        let same = says_the_same(&next.value, &line.value);
        if same {
            // Where the two may count the same records, the larger count is the one that is certain.
            line.value.count = match overlap {
                Overlap::None => line.value.count + next.value.count,
                Overlap::Possible => line.value.count.max(next.value.count),
            };
            line.value.template = line.value.template.or(next.value.template);
        }
        same
    });
    // What stood around the failure is one choice, made when its bundle was.
    if base.bundle.logs.ambient.is_empty() {
        base.bundle.logs.ambient = std::mem::take(&mut late.bundle.logs.ambient);
        let remarks = late.remarks.take(AMBIENT);
        base.remarks.put(AMBIENT, remarks);
    }
    let shown: u64 = base.lines.iter().map(|line| line.value.count).sum();
    let (mine, theirs) = (&mut base.bundle.logs, &late.bundle.logs);
    mine.total = match overlap {
        Overlap::None => mine.total + theirs.total,
        Overlap::Possible => mine.total.max(theirs.total).max(shown),
    };
    mine.collapsed = mine.total.saturating_sub(base.lines.len() as u64);
}

/// Adds the templates of `late` to those that say the same, and gives its lines the numbers of those.
fn templates(base: &mut Open, late: &mut Open, overlap: Overlap) {
    let mut numbers = BTreeMap::new();
    for mut new in std::mem::take(&mut late.templates) {
        let next = base.templates.iter().map(|known| known.value.id).max().unwrap_or_default() + 1;
        let known = base.templates.iter_mut().find(|known| {
            let (a, b) = (&known.value, &new.value);
            (&a.template, &a.level, &a.service) == (&b.template, &b.level, &b.service)
        });
        let Some(Marked { value: known, .. }) = known else {
            numbers.insert(std::mem::replace(&mut new.value.id, next), next);
            base.templates.push(new);
            continue;
        };
        numbers.insert(new.value.id, known.id);
        known.count = match overlap {
            Overlap::None => known.count + new.value.count,
            Overlap::Possible => known.count.max(new.value.count),
        };
        known.first = std::mem::take(&mut known.first).min(new.value.first);
        known.last = std::mem::take(&mut known.last).max(new.value.last);
    }
    base.templates.sort_by_key(|template| std::cmp::Reverse(template.value.count));
    for line in &mut late.lines {
        line.value.template = line.value.template.and_then(|template| numbers.get(&template).copied());
    }
}

/// Whether two lines are one with a count where nothing stands between them.
fn says_the_same(a: &LogLine, b: &LogLine) -> bool {
    let says = |line: &LogLine| (line.span_id, line.correlated);
    (&a.level, &a.msg, &a.service, &a.attrs) == (&b.level, &b.msg, &b.service, &b.attrs) && says(a) == says(b)
}

/// Where the time went can be told by whoever saw all spans of a trace. The document that knows a top is nearer to that.
fn slow_path(base: &mut Open, late: &mut Open) {
    const REPEATED: &str = "/trace/repeated";
    if base.bundle.trace.critical_path.is_empty() {
        base.bundle.trace.critical_path = std::mem::take(&mut late.bundle.trace.critical_path);
    }
    if base.bundle.trace.repeated.is_empty() {
        base.bundle.trace.repeated = std::mem::take(&mut late.bundle.trace.repeated);
        let remarks = late.remarks.take(REPEATED);
        base.remarks.put(REPEATED, remarks);
    }
}

fn exemplars(base: &mut Open, late: &mut Open, overlap: Overlap) {
    for exemplar in std::mem::take(&mut late.exemplars) {
        let known = overlap == Overlap::Possible && base.exemplars.iter().any(|known| known.value == exemplar.value);
        if !known {
            base.exemplars.push(exemplar);
        }
    }
    base.exemplars.sort_by(|a, b| a.value.time.cmp(&b.value.time));
}
