//! The log window: from `lookback` before the critical error to the end of the trace.
//!
//! Consecutive equal records are one line with a count. Over the limit of lines, those last before the error are kept
//! first, then those after it, from the error on.

use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::gather::{Loaded, LogFact};
use super::values;
use crate::config::LogJoin;
use crate::model::{LogEvidence, LogLine, Timestamp};

/// The window, how many records it shows, and what was cut.
pub(super) fn window(logs: &[LogFact], failed_at: Timestamp, join: &LogJoin) -> (LogEvidence, u64, Vec<String>) {
    let from = failed_at.before(join.lookback.0);
    let begin = logs.partition_point(|log| log.time < from);
    // Records without a time are evidence too: nobody can say that they are too old.
    let timeless = logs.iter().take(begin).take_while(|log| log.time.0 == 0).count();
    let pivot = logs.partition_point(|log| log.time <= failed_at).max(begin);

    let mut lines = Lines { limit: join.max_per_trace, lines: Vec::new(), cut: 0 };
    logs[begin..pivot].iter().rev().chain(logs[..timeless].iter().rev()).for_each(|log| lines.push(log, true));
    lines.lines.reverse();
    logs[pivot..].iter().for_each(|log| lines.push(log, false));

    let shown: u64 = lines.lines.iter().map(|line| line.count).sum();
    let mut truncated = Vec::new();
    if begin > timeless {
        let old = begin - timeless;
        truncated.push(format!("logs.window: {old} records lie more than {} before the error", seconds(join)));
    }
    if lines.cut > 0 {
        truncated
            .push(format!("logs.window: {} records are over the limit of {} lines", lines.cut, join.max_per_trace));
    }
    let total = logs.len() as u64;
    let collapsed = total - lines.lines.len() as u64;
    (LogEvidence { window: lines.lines, total, collapsed }, shown, truncated)
}

struct Lines {
    limit: usize,
    lines: Vec<LogLine>,
    cut: u64,
}

impl Lines {
    fn push(&mut self, log: &LogFact, backwards: bool) {
        // Past the limit nothing more can be shown, so nothing more is decoded.
        if self.cut > 0 && self.lines.len() >= self.limit {
            self.cut += 1;
            return;
        }
        let Some(line) = log.load().map(|loaded| line(log, &loaded)) else { return };
        let full = self.lines.len() >= self.limit;
        match self.lines.last_mut() {
            Some(last) if equal(last, &line) => {
                last.count += 1;
                if backwards {
                    last.time = line.time;
                }
            }
            _ if full => self.cut += 1,
            _ => self.lines.push(line),
        }
    }
}

fn equal(a: &LogLine, b: &LogLine) -> bool {
    (&a.level, &a.msg, &a.service, &a.span_id, &a.attrs) == (&b.level, &b.msg, &b.service, &b.span_id, &b.attrs)
}

fn line(fact: &LogFact, loaded: &Loaded<LogRecord>) -> LogLine {
    let log = &loaded.body;
    let body = values::text(&values::optional(log.body.as_ref()));
    LogLine {
        time: fact.time.to_rfc3339(),
        level: level(&log.severity_text, log.severity_number),
        // An event without a body has nothing to say but its name.
        msg: if body.is_empty() { log.event_name.clone() } else { body },
        service: loaded.service().to_owned(),
        span_id: values::present(fact.span),
        attrs: values::attributes(&log.attributes),
        count: 1,
    }
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
