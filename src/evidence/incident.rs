//! The incident: class, fingerprint, id and a line for a person.
//!
//! A fingerprint is made of the failing service, the exception's type, and its in-app frames (all frames, where none is
//! in-app) without their lines; without frames, of the span's name and the message. Each part is stripped of what
//! varies, and a frame counts once, so that a recursion's depth does not matter. A test case that failed is a place by its
//! name: wherever in it the exception came from.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use regex::Regex;
use sha2::{Digest, Sha256};

use crate::model::{Exception, Frame, Incident};

/// What an incident is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure<'a> {
    /// How it failed: `crash`, `error` or `performance`.
    pub(super) way: &'static str,
    /// The class that signs tell.
    pub(super) told: Option<&'static str>,
    pub(super) service: &'a str,
    /// Name of the critical span; empty where there is none.
    pub(super) span: &'a str,
    /// Name of the test case that failed, which then is the place of the failure.
    pub(super) test: Option<&'a str>,
    pub(super) exception: Option<&'a Exception>,
    /// What was said where no exception was recorded: status message or log message.
    pub(super) said: &'a str,
}

/// The incident that a failure belongs to.
pub(super) fn incident(failure: &Failure<'_>, services: Vec<String>) -> Incident {
    let digest = digest(failure);
    let hex = data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or_default());
    Incident {
        id: format!("INC-{}", base32(&digest)),
        fingerprint: format!("v1:{hex}"),
        class: failure.told.unwrap_or(failure.way).to_owned(),
        summary: summary(failure),
        services,
    }
}

fn digest(failure: &Failure<'_>) -> [u8; 32] {
    let exception = failure.exception;
    let kind = exception.and_then(|exception| exception.kind.as_deref()).unwrap_or_default();
    let mut parts = vec![failure.way.to_owned(), failure.service.to_owned(), kind.to_owned()];
    let frames = exception.map(|exception| places(&exception.frames)).unwrap_or_default();
    if let Some(test) = failure.test {
        // Whole: the numbers of `test_utf8` and of `test_parse[3]` tell it from others.
        parts.extend(["test".to_owned(), test.to_owned()]);
    } else if frames.is_empty() {
        parts.push(normalise(failure.span));
        // The message of an unhurried trace is a duration, which says nothing about its class.
        parts.push(normalise(message(failure)));
    } else {
        parts.extend(frames);
    }
    let mut hash = Sha256::new();
    hash.update(b"casefile/fingerprint/v1");
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The distinct places of a stack, innermost first: module (else the end of the path) and function.
fn places(frames: &[Frame]) -> Vec<String> {
    let app = frames.iter().any(|frame| frame.in_app);
    let mut seen = BTreeSet::new();
    let place = |frame: &Frame| {
        let module = frame
            .module
            .clone()
            .or_else(|| Some(frame.file.as_deref()?.rsplit(['/', '\\']).take(2).collect::<Vec<_>>().join("/")))
            .unwrap_or_default();
        format!("{}:{}", normalise(&module), frame.func)
    };
    frames.iter().filter(|frame| frame.in_app || !app).map(place).filter(|place| seen.insert(place.clone())).collect()
}

fn message<'a>(failure: &Failure<'a>) -> &'a str {
    match failure.exception {
        Some(exception) => exception.message.as_deref().unwrap_or_default(),
        None => failure.said,
    }
}

fn summary(failure: &Failure<'_>) -> String {
    let exception = failure.exception;
    let kind = exception.and_then(|exception| exception.kind.as_deref());
    let what = kind.unwrap_or(match failure.way {
        "crash" => "Exception",
        "performance" => "Slow",
        _ => "Error",
    });
    let frames = exception.map(|exception| exception.frames.as_slice()).unwrap_or_default();
    let frame = frames.iter().find(|frame| frame.in_app).or(frames.first()).map(|frame| frame.func.as_str());
    let place = if failure.span.is_empty() { frame.unwrap_or_default() } else { failure.span };
    let place = failure.test.unwrap_or(place);
    let mut line = what.to_owned();
    if !place.is_empty() {
        line.push_str(" in ");
        line.push_str(place);
    }
    if !failure.service.is_empty() {
        line.push_str(&format!(" ({})", failure.service));
    }
    let message = first_line(message(failure));
    if !message.is_empty() {
        line.push_str(": ");
        line.push_str(message);
    }
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The first line, whole: half an address or half a card number would get past the detectors that know the whole, so it
/// is the redactor that cuts a long summary, afterwards.
fn first_line(message: &str) -> &str {
    message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
}

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests")]
static VARIABLE: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "<email>"),
        (r#""(?:[^"\\]|\\.)*"|(?:^|\b|\s|[(\[=:,])'(?:[^'\\]|\\.)*'|`[^`]*`"#, "<str>"),
        (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?", "<time>"),
        (r"[a-z][a-z0-9+.-]*://\S+", "<url>"),
        (r"(?:[A-Za-z]:)?(?:[/\\][\w.@~+-]+){2,}[/\\]?", "<path>"),
        (r"0[xX][0-9a-fA-F]+", "<hex>"),
        (r"\b\d+(?:[.,]\d+)+\b", "<n>"),
        (r"(?i)\b[0-9a-f]*\d[0-9a-f]*\b", "<n>"),
        (r"\d+", "<n>"),
    ]
    .into_iter()
    .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
    .collect()
});

/// The text with numbers, ids, quoted text, paths, addresses and times as placeholders.
pub(crate) fn normalise(text: &str) -> String {
    VARIABLE.iter().fold(text.to_owned(), |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned())
}

/// The first 50 bits in Crockford's alphabet.
fn base32(digest: &[u8]) -> String {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    let encoding: Option<Encoding> = specification.encoding().ok();
    let text = encoding.map(|encoding| encoding.encode(digest.get(..10).unwrap_or_default())).unwrap_or_default();
    text.chars().take(10).collect()
}
