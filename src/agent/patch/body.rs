//! What a pull request says of a patch: title and body, made of the bundle and the guard's verdict.
//!
//! Text of telemetry stands in code spans, which no host reads as markup, mentions or commands that close issues.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::prose::{code, one_line, prose};
use super::super::testgen::is_test;
use crate::model::{Bundle, Frame};

/// Characters of a title.
const TITLE: usize = 72;

/// Title and body. `verdict` is what `patch check --format json` wrote; `rationale` is the author's own account of the cause.
#[must_use]
pub fn pull_request(bundle: &Bundle, diff: &str, verdict: &Value, rationale: Option<&str>) -> (String, String) {
    let incident = &bundle.incident;
    let mut page = String::new();
    let mut line = |said: String| writeln!(page, "{said}").unwrap_or_default();
    let span = |text: &str| format!("`{}`", code(text));

    line("## Incident\n".to_owned());
    line(format!("{} ({}): {}", span(&incident.id), prose(&incident.class), span(&incident.summary)));
    let services: Vec<String> = incident.services.iter().map(|service| span(service)).collect();
    line(format!("\n- Services: {}", services.join(", ")));
    line(format!("- Trace: {}", span(&bundle.trace.trace_id.to_string())));
    if let Some(critical) = bundle.trace.span_path.last() {
        line(format!("- Span: {} {}", span(&critical.span_id.to_string()), span(&critical.name)));
    }
    line(format!("- Bundle: {}", span(&bundle.bundle_id)));
    if let Some(commit) = &bundle.commit_sha {
        line(format!("- Failed at: {}", span(commit)));
    }

    line("\n## Root cause\n".to_owned());
    match rationale.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => line(quoted(text)),
        None => line("Not told by the author. What the evidence points to:\n".to_owned()),
    }
    let frame = bundle.exception.iter().flat_map(|exception| &exception.frames).find(|frame| frame.in_app);
    if let (Some(frame), Some(exception)) = (frame, &bundle.exception) {
        let kind = exception.kind.as_deref().unwrap_or("exception");
        line(format!("\n- {} in {}", span(kind), place(frame)));
    }
    for suspect in bundle.suspects.iter().take(3) {
        line(format!("- {}: {}", prose(&suspect.kind), span(&suspect.reason)));
    }

    line("\n## Fix\n".to_owned());
    for (file, added, removed) in files(diff) {
        let what = if is_test(&file) { " (test)" } else { "" };
        line(format!("- {} +{added} -{removed}{what}", span(&file)));
    }

    let number = |pointer: &str| verdict.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let float = |pointer: &str| verdict.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
    let text = |pointer: &str| verdict.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    line("\n## Tests\n".to_owned());
    let before = verdict.pointer("/before/runs").and_then(Value::as_array).map_or(0, Vec::len);
    line(format!(
        "- The failing test failed {before} of {before} times without the patch, passed {} of {} times with it, and failed again with it taken back.",
        number("/passed"),
        number("/runs")
    ));
    if verdict.pointer("/suite/after").is_some() {
        line(format!(
            "- Suite: {} passed before, {} now.",
            number("/suite/before/passed"),
            number("/suite/after/passed")
        ));
    }
    for (name, check) in verdict.get("checks").and_then(Value::as_object).into_iter().flatten() {
        let passed = check.get("passed").and_then(Value::as_bool).unwrap_or_default();
        line(format!("- {}: {}", span(name), if passed { "nothing new" } else { "failed" }));
    }

    line("\n## Risk\n".to_owned());
    line(format!(
        "- Verdict of the guard: {}. {} lines of code in {} files; localisation {:.2}, simplicity {:.2} (1 is best).",
        text("/decision").replace('_', " "),
        number("/size/counted"),
        number("/size/files"),
        float("/localisation"),
        float("/simplicity")
    ));
    for finding in verdict.get("findings").and_then(Value::as_array).into_iter().flatten() {
        let of = |key: &str| finding.get(key).and_then(Value::as_str).unwrap_or_default();
        line(format!("- {} {}: {}", prose(of("level")), span(of("rule")), span(of("message"))));
    }
    for missing in &bundle.completeness.missing {
        line(format!("- Not in the evidence: {}", span(missing)));
    }
    (title(&incident.summary, &incident.id), page)
}

fn title(summary: &str, id: &str) -> String {
    // Hosts read a mention even in a title.
    let summary = one_line(summary).replace('@', "(at)").replace('#', "no. ");
    let tail = format!(" ({id})");
    let room = TITLE.saturating_sub(tail.len() + "Fix ".len());
    let short: String = if summary.chars().count() > room {
        summary.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    } else {
        summary
    };
    format!("Fix {short}{tail}")
}

fn place(frame: &Frame) -> String {
    let file = frame.file.as_deref().unwrap_or("an unknown file");
    let line = frame.line.map_or_else(String::new, |line| format!(":{line}"));
    let func = if frame.func.is_empty() { "a function without a name" } else { &frame.func };
    format!("`{}` (`{}{line}`)", code(func), code(file))
}

/// An author's text as a quotation. It may be a model's, and a model reads telemetry.
fn quoted(text: &str) -> String {
    text.lines()
        .map(|line| format!("> {}", prose(line).replace('@', "\\@").replace('#', "\\#")))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Files of a diff with lines added and removed.
fn files(diff: &str) -> Vec<(String, usize, usize)> {
    let mut found: Vec<(String, usize, usize)> = Vec::new();
    let mut inside = false;
    for line in diff.lines() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            inside = false;
            let name = names.rsplit_once(" b/").map_or(names, |(_, name)| name);
            found.push((name.trim_matches('"').to_owned(), 0, 0));
        } else if line.starts_with("@@ ") {
            inside = true;
        } else if let Some((_, added, removed)) = found.last_mut().filter(|_| inside) {
            *added += usize::from(line.starts_with('+'));
            *removed += usize::from(line.starts_with('-'));
        }
    }
    found
}

/// The lines that a diff adds to a file whose name begins so (`CHANGELOG`), and that say something.
#[must_use]
pub fn changelog_lines(diff: &str, name: &str) -> Vec<String> {
    let mut of_changelog = false;
    let mut inside = false;
    let mut found = Vec::new();
    for line in diff.lines() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            inside = false;
            let file = names.rsplit_once(" b/").map_or(names, |(_, file)| file);
            let file = file.rsplit('/').next().unwrap_or_default();
            of_changelog = file.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase());
        } else if line.starts_with("@@ ") {
            inside = true;
        } else if let Some(added) = line.strip_prefix('+').filter(|_| inside && of_changelog) {
            let said = added.trim_start_matches(['-', '*', '#', ' ']).trim();
            if said.chars().any(char::is_alphanumeric) {
                found.push(said.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "diff --git a/CHANGELOG.md b/CHANGELOG.md\n--- a/CHANGELOG.md\n+++ b/CHANGELOG.md\n@@ -1,0 +2 @@\n+- Reports without seconds are read\n\
                        diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-a\n+b\n";

    #[test]
    fn a_line_of_the_changelog_is_found() {
        assert_eq!(changelog_lines(DIFF, "CHANGELOG"), ["Reports without seconds are read"]);
        assert_eq!(changelog_lines(DIFF, "NEWS"), Vec::<String>::new());
        assert_eq!(files(DIFF), [("CHANGELOG.md".to_owned(), 1, 0), ("app.py".to_owned(), 1, 1)]);
    }

    #[test]
    fn a_title_is_short_and_calls_nobody() {
        let title = title(&"@everyone look at #1 ".repeat(20), "INC-7K2M9Q4T1X");
        assert!(title.chars().count() <= TITLE && !title.contains('@') && !title.contains('#'), "{title}");
        assert_eq!(quoted("see @ada, closes #4\n![x](http://e)"), "> see \\@ada, closes \\#4\n> !\\[x\\](http://e)");
    }
}
