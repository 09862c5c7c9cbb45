//! Which kind a file is: as its sender says, as its media type says, or as its first bytes show.

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// JUnit XML.
    Junit,
    /// pytest: its terminal output, or JSON of `pytest-json-report`.
    Pytest,
    /// Jest: its terminal output, or JSON of `--json`.
    Jest,
    /// `go test`: its terminal output, or the events of `-json`.
    GoTest,
    /// lcov's trace files.
    Lcov,
    /// Cobertura XML.
    Cobertura,
    /// A report of Go's race detector or a sanitizer.
    Race,
    /// A dump of threads or goroutines.
    Dump,
    /// The backtrace of a core dump.
    Core,
    /// Folded stacks, as flame graphs are made of.
    Folded,
    /// Any other text.
    Text,
    /// A profile of pprof.
    Pprof,
    /// A recording of rr.
    Rr,
    /// A recording of Java's Flight Recorder.
    Jfr,
    /// A trace of Playwright.
    Playwright,
    /// Anything else.
    Binary,
}

/// Not the name of a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind; known are {}", Kind::ALL.map(Kind::as_str).join(", "))]
pub struct KindError;

/// Bytes that are looked at: a report names itself near its beginning.
const LOOK: usize = 4096;

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Junit,
        Self::Pytest,
        Self::Jest,
        Self::GoTest,
        Self::Lcov,
        Self::Cobertura,
        Self::Race,
        Self::Dump,
        Self::Core,
        Self::Folded,
        Self::Text,
        Self::Pprof,
        Self::Rr,
        Self::Jfr,
        Self::Playwright,
        Self::Binary,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Pytest => "pytest",
            Self::Jest => "jest",
            Self::GoTest => "go_test",
            Self::Lcov => "lcov",
            Self::Cobertura => "cobertura",
            Self::Race => "race",
            Self::Dump => "dump",
            Self::Core => "core",
            Self::Folded => "folded",
            Self::Text => "text",
            Self::Pprof => "pprof",
            Self::Rr => "rr",
            Self::Jfr => "jfr",
            Self::Playwright => "playwright",
            Self::Binary => "binary",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, KindError> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name)).ok_or(KindError)
    }

    /// Whether it is no text: a digest of all of it tells nothing of what was redacted.
    #[must_use]
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Pprof | Self::Rr | Self::Jfr | Self::Playwright | Self::Binary)
    }

    /// As the content shows; `media_type` decides only where that says more than "some text" or "some bytes".
    #[must_use]
    pub fn told(media_type: &str, name: &str, content: &[u8]) -> Self {
        let found = Self::of_content(content);
        let of_type = || match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/vnd.google.protobuf.pprof" | "application/x-pprof" => Some(Self::Pprof),
            "application/x-junit+xml" | "application/junit+xml" => Some(Self::Junit),
            _ => None,
        };
        let lower = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        match found {
            Self::Text | Self::Binary => of_type().unwrap_or(match found {
                Self::Binary if ends(&[".pprof", ".pb.gz"]) => Self::Pprof,
                Self::Binary if ends(&[".jfr"]) => Self::Jfr,
                Self::Binary if lower.contains("rr-trace") || lower.contains("rr_trace") => Self::Rr,
                Self::Binary if ends(&[".zip"]) && lower.contains("trace") => Self::Playwright,
                found => found,
            }),
            found => found,
        }
    }

    fn of_content(content: &[u8]) -> Self {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        if content.starts_with(b"FLR\0") {
            return Self::Jfr;
        }
        let head = content.get(..LOOK).unwrap_or(content);
        // What is cut at the end of the look is no fault of the text.
        let valid = match std::str::from_utf8(head) {
            Ok(_) => head.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return if plausible(head) { Self::Text } else { Self::Binary },
        };
        let head = head.get(..valid).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default();
        if head.contains('\0') {
            return Self::Binary;
        }
        Self::of_text(head.trim_start(), content)
    }

    fn of_text(head: &str, content: &[u8]) -> Self {
        let has = |mark: &str| head.contains(mark);
        if head.starts_with('<') {
            return match () {
                () if has("<testsuite") => Self::Junit,
                () if has("<coverage") && (has("line-rate") || has("cobertura")) => Self::Cobertura,
                () => Self::Text,
            };
        }
        if head.starts_with('{') {
            let all = |mark: &str| memchr::memmem::find(content, mark.as_bytes()).is_some();
            return match () {
                () if has("\"Action\":") && (has("\"Package\":") || has("\"ImportPath\":")) => Self::GoTest,
                () if all("\"numFailedTests\"") || all("\"assertionResults\"") => Self::Jest,
                () if all("\"nodeid\"") && all("\"outcome\"") => Self::Pytest,
                () => Self::Text,
            };
        }
        let line = |starts: &[&str]| head.lines().any(|line| starts.iter().any(|start| line.starts_with(start)));
        match () {
            () if line(&["SF:"]) && line(&["DA:", "FN:", "FNDA:", "BRDA:", "LF:", "end_of_record"]) => Self::Lcov,
            () if has("WARNING: DATA RACE") || has("WARNING: ThreadSanitizer") => Self::Race,
            () if has("=== test session starts ===") || has("== FAILURES ==") || has("= short test summary info =") => {
                Self::Pytest
            }
            () if has("LOGGING RETRY ERRORS  ") => Self::Jest,
            () if line(&["PASS ", "FAIL "]) && (has("●") || has("Test Suites:") || has("✕") || has("✓")) => {
                Self::Jest
            }
            () if head.lines().any(super::go::printed::is_result) => Self::GoTest,
            () if has("Core was generated by") || has("[New LWP ") || line(&["#0  0x", "#0 0x"]) => Self::Core,
            () if has("Full thread dump ") || line(&["goroutine ", "Thread 0x", "Current thread 0x"]) => Self::Dump,
            () if line(&["Thread "]) && has("#0 ") => Self::Core,
            () if super::profile::is_folded(head) => Self::Folded,
            () => Self::Text,
        }
    }
}

/// Whether bytes that are not UTF-8 are text in some other encoding all the same: no zeros, few other control characters.
fn plausible(head: &[u8]) -> bool {
    let odd = head.iter().filter(|byte| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte)).count();
    !head.contains(&0) && odd * 100 < head.len().max(1) && {
        let high = head.iter().filter(|byte| !byte.is_ascii()).count();
        high * 3 < head.len()
    }
}
