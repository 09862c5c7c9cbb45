//! The log window: from `lookback` before the critical error to the end of the trace.
//!
//! Consecutive equal records are one line with a count, and repetition is folded into a line of its template
//! ([`repetition`]). Over the limit of lines, the last ones before the error are kept first, then key events and the first and last line of
//! each service, then what is rare, then what else was before the error, then what came after, nearest first.

mod key;
mod repetition;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::gather::{Loaded, LogFact};
use super::values;
use crate::config::LogJoin;
use crate::model::{Attributes, LogEvidence, LogLine, Timestamp};

/// Lines before the error that are never folded.
const LAST: usize = 20;
/// Records that are read for each line that may be shown.
const READ_PER_LINE: usize = 10;

/// What may become a line, and what decides whether it is shown.
struct Entry<'l> {
    log: &'l LogFact,
    loaded: Loaded<LogRecord>,
    level: String,
    msg: String,
    count: u64,
    template: Option<u64>,
    others: Vec<String>,
    /// At or before the error.
    before: bool,
    /// Speaks of an error or a decision.
    key: bool,
    /// Is the first or the last of its service.
    end: bool,
    /// Is the only one of its template.
    rare: bool,
    /// Is the line that others of its template are counted by, or has no such.
    shown: bool,
}

/// The window, how many records it shows, and what was cut.
pub(super) fn window(logs: &[LogFact], failed_at: Timestamp, join: &LogJoin) -> (LogEvidence, u64, Vec<String>) {
    let from = failed_at.before(join.lookback.0);
    let begin = logs.partition_point(|log| log.time < from);
    // Records without a time are evidence too: nobody can say that they are too old.
    let timeless = logs.iter().take(begin).take_while(|log| log.time.0 == 0).count();
    let pivot = logs.partition_point(|log| log.time <= failed_at).max(begin);

    let before: Vec<&LogFact> = logs[..timeless].iter().chain(&logs[begin..pivot]).collect();
    let after = &logs[pivot..];
    let most = join.max_per_trace.saturating_mul(READ_PER_LINE);
    let (skipped, behind) = (before.len().saturating_sub(most), after.len().min(most.saturating_sub(before.len())));
    let mut cut = (skipped + after.len() - behind) as u64;

    let mut entries = Vec::new();
    before[skipped..].iter().for_each(|log| read(&mut entries, log, true));
    after[..behind].iter().for_each(|log| read(&mut entries, log, false));
    let folded = repetition::fold(&mut entries, LAST);
    mark(&mut entries, &folded.groups);
    cut += limit(&mut entries, join.max_per_trace);
    let templates = repetition::table(&mut entries, &folded);
    let window: Vec<LogLine> = entries.into_iter().filter(|entry| entry.shown).map(Entry::line).collect();

    let shown: u64 = window.iter().map(|line| line.count).sum();
    let mut truncated = Vec::new();
    if begin > timeless {
        let old = begin - timeless;
        truncated.push(format!("logs.window: {old} records lie more than {} before the error", seconds(join)));
    }
    if folded.records > 0 {
        truncated
            .push(format!("logs.window: {} records are counted by another line of their template", folded.records));
    }
    if cut > 0 {
        truncated.push(format!("logs.window: {cut} records are over the limit of {} lines", join.max_per_trace));
    }
    let total = logs.len() as u64;
    let collapsed = total - window.len() as u64;
    (LogEvidence { window, templates, total, collapsed, ambient: Vec::new() }, shown, truncated)
}

/// The lines of records that stand beside the trace: equal ones that follow one another are one.
pub(super) fn ambient(logs: &[LogFact]) -> Vec<LogLine> {
    let mut entries = Vec::new();
    logs.iter().for_each(|log| read(&mut entries, log, true));
    entries.into_iter().map(|entry| LogLine { correlated: false, ..entry.line() }).collect()
}

/// Adds a record: to the line before it, where it says the same.
fn read<'l>(entries: &mut Vec<Entry<'l>>, log: &'l LogFact, before: bool) {
    let Some(entry) = log.load().map(|loaded| Entry::new(log, loaded, before)) else { return };
    match entries.last_mut() {
        Some(last) if last.says_the_same(&entry) => last.count += 1,
        _ => entries.push(entry),
    }
}

impl<'l> Entry<'l> {
    fn new(log: &'l LogFact, loaded: Loaded<LogRecord>, before: bool) -> Self {
        let record = &loaded.body;
        let body = values::said(record.body.as_ref());
        Self {
            log,
            level: level(&record.severity_text, record.severity_number),
            // An event without a body has nothing to say but its name.
            msg: if body.is_empty() { record.event_name.clone() } else { body },
            count: 1,
            template: None,
            others: Vec::new(),
            before,
            key: false,
            end: false,
            rare: false,
            shown: true,
            loaded,
        }
    }

    fn service(&self) -> &str {
        self.loaded.service()
    }

    fn attrs(&self) -> Attributes {
        values::attributes(&self.loaded.body.attributes)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let said = |entry: &'_ Self| (entry.log.span, entry.log.loose);
        self.msg == other.msg
            && self.level == other.level
            && said(self) == said(other)
            && self.service() == other.service()
            && self.attrs() == other.attrs()
    }

    fn line(self) -> LogLine {
        LogLine {
            time: self.log.time.to_rfc3339(),
            service: self.service().to_owned(),
            span_id: values::present(self.log.span),
            attrs: self.attrs(),
            level: self.level,
            msg: self.msg,
            count: self.count,
            template: self.template,
            correlated: self.log.loose,
            others: self.others,
        }
    }
}

/// Marks the first and the last line of each service, and what is rare.
fn mark(entries: &mut [Entry<'_>], groups: &[Vec<usize>]) {
    let mut ends: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        ends.entry(entry.service()).or_insert([index; 2])[1] = index;
    }
    let ends: Vec<usize> = ends.into_values().flatten().collect();
    ends.into_iter().for_each(|index| entries[index].end = true);
    let alone = groups.iter().filter(|group| group.len() == 1).flatten();
    alone.for_each(|index| entries[*index].rare = true);
}

/// Takes what is over the limit of lines out of what is shown, and says how many records that is.
fn limit(entries: &mut [Entry<'_>], limit: usize) -> u64 {
    let shown: Vec<usize> = (0..entries.len()).filter(|index| entries[*index].shown).collect();
    if shown.len() <= limit {
        return 0;
    }
    let pivot = entries.partition_point(|entry| entry.before);
    let last = shown.iter().rev().filter(|index| **index < pivot).nth(LAST - 1).copied().unwrap_or_default();
    let mut ranked = shown;
    ranked.sort_by_key(|index| {
        let (index, entry) = (*index, &entries[*index]);
        let distance = if entry.before { pivot - index } else { index - pivot };
        let rank = match entry {
            Entry { before: true, .. } if index >= last => 0,
            Entry { key: true, .. } | Entry { end: true, .. } => 1,
            Entry { rare: true, .. } => 2,
            Entry { before: true, .. } => 3,
            Entry { before: false, .. } => 4,
        };
        (rank, distance)
    });
    let over = ranked.split_off(limit);
    over.iter().for_each(|index| entries[*index].shown = false);
    over.iter().map(|index| entries[*index].count).sum()
}

/// The text as it was logged, else the short name of the number (`INFO`, `INFO2`); empty where there is neither.
fn level(text: &str, number: i32) -> String {
    if !text.is_empty() {
        return text.to_owned();
    }
    const NAMES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let Some(index) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else {
        return String::new();
    };
    let Some(name) = NAMES.get(index / 4) else { return number.to_string() };
    if index % 4 == 0 { (*name).to_owned() } else { format!("{name}{}", index % 4 + 1) }
}

fn seconds(join: &LogJoin) -> String {
    humantime::format_duration(join.lookback.0).to_string()
}
