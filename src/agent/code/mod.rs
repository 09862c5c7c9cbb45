//! The code at the commit that failed: the functions that the frames stand in, what they import, the nearest tests, and who last
//! changed the lines. Read from a repository on this machine, at the bundle's commit and not from what is checked out.
//!
//! Nothing of a blocked path leaves ([`Blocked`]), and what looks like a secret is cut out of everything that does ([`Scrub`]).

mod blocked;
mod body;
mod git;
mod locate;
mod nearby;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::blocked::Blocked;
pub use self::git::GitError;
use self::git::Repository;
use self::locate::Located;
use crate::model::{Bundle, Frame, IncidentHistory};

/// Frames of the service's own whose code is shown.
const MAX_FRAMES: usize = 8;
/// Commits that are named as suspects.
const MAX_COMMITS: usize = 20;
/// Lines of imports shown of one file.
const MAX_IMPORTS: usize = 40;
/// Letters of a commit's subject.
const MAX_SUBJECT: usize = 160;
/// Letters that name a commit.
const SHORT: usize = 12;

/// Cuts secrets out of the text of a file at this path (of a commit's message where it is empty), and keeps its lines where they
/// are. Fails where it cannot tell: then the text is not shown.
pub type Scrub<'a> = &'a (dyn Fn(&str, &str) -> Result<String, String> + Send + Sync);

/// What is read of a repository, and what is kept back.
pub struct CodeRequest<'a> {
    /// A folder in it.
    pub repository: &'a Path,
    /// What never leaves.
    pub blocked: &'a Blocked,
    /// What cuts secrets out.
    pub scrub: Scrub<'a>,
}

/// The code of a failure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Code {
    /// The commit that was read: the bundle's.
    pub commit: String,
    /// Parts of files, those that tell most first.
    pub parts: Vec<CodePart>,
    /// Who last changed the lines of the frames: commits, not people.
    pub blame: Vec<BlamedLine>,
    /// Commits with which it may have begun, the latest first: those of the range in which it began that changed a file of the
    /// stack; without a range the last ones that did.
    pub suspects: Vec<SuspectCommit>,
    /// How the suspects were chosen.
    pub suspects_are: String,
    /// Lock files of the repository: what pins the versions of its dependencies.
    pub lockfiles: Vec<String>,
    /// What is not shown, and why.
    pub missing: Vec<String>,
}

/// A part of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CodePart {
    /// `function`, `lines`, `imports`, `test` or `schema`.
    pub kind: String,
    /// Path in the repository.
    pub file: String,
    /// First line, from 1.
    pub from: u32,
    /// Last line.
    pub to: u32,
    /// The line that the frame stands on; null where it is about no frame.
    pub line: Option<u32>,
    /// The text.
    pub text: String,
}

/// The commit that last changed a frame's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlamedLine {
    /// Path in the repository.
    pub file: String,
    /// Line at the commit that failed.
    pub line: u32,
    /// The commit.
    pub commit: String,
}

/// A commit with which it may have begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SuspectCommit {
    /// Its id.
    pub commit: String,
    /// RFC 3339.
    pub time: String,
    /// The first line of its message.
    pub subject: String,
    /// Whether it last changed a line that a frame stands on.
    pub blamed: bool,
}

impl CodeRequest<'_> {
    /// The code of a bundle's failure. What cannot be told stands in `missing`.
    ///
    /// # Errors
    /// If the repository cannot be read.
    pub fn read(&self, bundle: &Bundle, history: Option<&IncidentHistory>) -> Result<Code, GitError> {
        let repository = Repository::open(self.repository)?;
        let mut code = Code::default();
        let Some(sha) = &bundle.commit_sha else {
            code.missing.push("code: the bundle names no commit".to_owned());
            return Ok(code);
        };
        let Some(commit) = repository.commit(sha) else {
            let sha: String = sha.chars().take(64).filter(char::is_ascii_hexdigit).collect();
            code.missing.push(format!("code: commit {sha} is not in the repository: fetch it"));
            return Ok(code);
        };
        let mut reading = Reading { request: self, files: repository.files(&commit)?, repository, commit, code };
        let places = reading.frames(bundle)?;
        reading.imports(&places)?;
        reading.tests(&places)?;
        if bundle.incident.class == "schema_drift" {
            reading.schemas()?;
        }
        reading.code.lockfiles = nearby::lockfiles(&reading.files, self.blocked);
        reading.history(&places, history)?;
        reading.code.commit.clone_from(&reading.commit);
        Ok(reading.code)
    }

    /// Lines of one file at the bundle's commit; `None` where there is nothing that may be shown, with the reason.
    ///
    /// # Errors
    /// If the repository cannot be read.
    pub fn file(&self, bundle: &Bundle, path: &str, lines: (u32, u32)) -> Result<Result<CodePart, String>, GitError> {
        let repository = Repository::open(self.repository)?;
        let commit = bundle.commit_sha.as_ref().and_then(|sha| repository.commit(sha));
        let Some(commit) = commit else { return Ok(Err("the bundle's commit is not in the repository".to_owned())) };
        let mut reading =
            Reading { request: self, files: repository.files(&commit)?, repository, commit, code: Code::default() };
        let Some(text) = reading.text(path)? else {
            return Ok(Err(reading.code.missing.pop().unwrap_or_else(|| "there is no such file".to_owned())));
        };
        let last = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
        let (from, to) = (lines.0.clamp(1, last.max(1)), lines.1.clamp(lines.0.max(1), last.max(1)));
        let part = reading.part("lines", path, &text, (from, to), None);
        Ok(part.ok_or_else(|| reading.code.missing.pop().unwrap_or_default()))
    }
}

/// A line of a file that a frame stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PlaceInFile {
    file: String,
    line: u32,
}

struct Reading<'a> {
    request: &'a CodeRequest<'a>,
    repository: Repository,
    commit: String,
    /// Files of the commit with their sizes.
    files: BTreeMap<String, u64>,
    code: Code,
}

impl Reading<'_> {
    /// The functions of the service's own frames, the innermost first; where none is its own, of all frames.
    fn frames(&mut self, bundle: &Bundle) -> Result<Vec<PlaceInFile>, GitError> {
        let exception = bundle.exception.iter();
        let all: Vec<&Frame> = exception
            .flat_map(|found| found.frames.iter().chain(found.causes.iter().flat_map(|cause| &cause.frames)))
            .collect();
        let own: Vec<&Frame> = all.iter().copied().filter(|frame| frame.in_app).collect();
        let frames = if own.is_empty() { all } else { own };
        if frames.is_empty() {
            self.code.missing.push("code: the bundle has no frames".to_owned());
        }
        let (mut places, mut shown) = (Vec::new(), BTreeSet::new());
        for frame in frames.into_iter().take(MAX_FRAMES) {
            let name = frame.file.as_deref().unwrap_or("(unknown file)");
            let file = match locate::locate(frame, &self.files) {
                Located::File(file) => file,
                Located::Nowhere => {
                    self.code.missing.push(format!("code: no file of the commit ends like {name}"));
                    continue;
                }
                Located::Ambiguous(files) => {
                    let files = files.into_iter().take(4).collect::<Vec<_>>().join(", ");
                    self.code.missing.push(format!("code: several files end like {name}: {files}"));
                    continue;
                }
            };
            let (Some(line), Some(text)) = (frame.line, self.text(&file)?) else { continue };
            let Some(lines) = body::around(&file, &text, line) else {
                self.code.missing.push(format!("code: {file} has no line {line} at this commit"));
                continue;
            };
            let kind = if lines.whole { "function" } else { "lines" };
            if shown.insert((file.clone(), lines.from, lines.to))
                && let Some(part) = self.part(kind, &file, &text, (lines.from, lines.to), Some(line))
            {
                self.code.parts.push(part);
            }
            places.push(PlaceInFile { file, line });
        }
        Ok(places)
    }

    fn imports(&mut self, places: &[PlaceInFile]) -> Result<(), GitError> {
        for file in files_of(places).into_iter().take(3) {
            let Some(text) = self.text(&file)? else { continue };
            let imports = nearby::imports(&text, MAX_IMPORTS);
            let (Some(first), Some(last)) = (imports.first(), imports.last()) else { continue };
            let joined = imports.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
            match (self.request.scrub)(&file, &joined) {
                Ok(text) => {
                    let (kind, from, to) = ("imports".to_owned(), first.0, last.0);
                    self.code.parts.push(CodePart { kind, file, from, to, line: None, text });
                }
                Err(why) => self.code.missing.push(format!("code: {file} is held back: {why}")),
            }
        }
        Ok(())
    }

    fn tests(&mut self, places: &[PlaceInFile]) -> Result<(), GitError> {
        let Some(first) = places.first() else { return Ok(()) };
        let found = nearby::tests(&first.file, &self.files);
        if found.is_empty() {
            self.code.missing.push(format!("code: no test of {} was found by its name", first.file));
        }
        self.heads("test", found)
    }

    fn schemas(&mut self) -> Result<(), GitError> {
        self.heads("schema", nearby::schemas(&self.files))
    }

    /// The beginnings of these files.
    fn heads(&mut self, kind: &str, files: Vec<String>) -> Result<(), GitError> {
        for file in files {
            let Some(text) = self.text(&file)? else { continue };
            let to = u32::try_from(text.lines().count()).unwrap_or(u32::MAX).min(nearby::HEAD);
            let part = self.part(kind, &file, &text, (1, to), None);
            self.code.parts.extend(part);
        }
        Ok(())
    }

    fn history(&mut self, places: &[PlaceInFile], history: Option<&IncidentHistory>) -> Result<(), GitError> {
        let mut blamed = BTreeSet::new();
        for place in places {
            for found in self.repository.blame(&self.commit, &place.file, (place.line, place.line))? {
                let commit: String = found.commit.chars().take(SHORT).collect();
                blamed.insert(found.commit);
                self.code.blame.push(BlamedLine { file: place.file.clone(), line: found.line, commit });
            }
        }
        self.code.blame.dedup();
        let files = files_of(places);
        if files.is_empty() {
            return Ok(());
        }
        let paths: Vec<&str> = files.iter().map(String::as_str).collect();
        // Both ends are checked before git sees them: a range of a manifest is text.
        let range = history.and_then(|history| history.commit_range.as_ref()).and_then(|range| {
            let (from, to) = range.split_once("..")?;
            Some(format!("{}..{}", self.repository.commit(from)?, self.repository.commit(to)?))
        });
        let (commits, chosen) = match &range {
            Some(range) => {
                let all = self.repository.count(range)?;
                let found = self.repository.log(range, MAX_COMMITS, &paths)?;
                (
                    found,
                    format!(
                        "of the {all} commits since the last version without it, those that changed a file of the stack"
                    ),
                )
            }
            None => {
                let found = self.repository.log(&self.commit, MAX_COMMITS / 4, &paths)?;
                (found, "the last commits that changed a file of the stack: where it began is not known".to_owned())
            }
        };
        self.code.suspects_are = chosen;
        for commit in commits {
            let subject: String = commit.subject.chars().take(MAX_SUBJECT).collect();
            let Ok(subject) = (self.request.scrub)("", &subject) else { continue };
            let time =
                jiff::Timestamp::from_second(commit.time).map_or_else(|_| String::new(), |time| time.to_string());
            let is_blamed = blamed.contains(&commit.id);
            let commit: String = commit.id.chars().take(SHORT).collect();
            self.code.suspects.push(SuspectCommit { commit, time, subject, blamed: is_blamed });
        }
        Ok(())
    }

    /// The text of a file of the commit; `None` where nothing of it may be shown, which `missing` then says.
    fn text(&mut self, path: &str) -> Result<Option<String>, GitError> {
        if self.request.blocked.is_blocked(path) {
            self.code.missing.push(format!("code: {path} is blocked"));
            return Ok(None);
        }
        let Some(size) = self.files.get(path).copied() else {
            self.code.missing.push(format!("code: {path} is not a file of the commit"));
            return Ok(None);
        };
        let text = self.repository.read(&self.commit, path, size)?;
        if text.is_none() {
            self.code.missing.push(format!("code: {path} is no text, or too large"));
        }
        Ok(text)
    }

    /// Lines of a text without the secrets in them. The whole file is looked at, since a key spans lines.
    fn part(
        &mut self,
        kind: &str,
        file: &str,
        text: &str,
        (from, to): (u32, u32),
        line: Option<u32>,
    ) -> Option<CodePart> {
        match (self.request.scrub)(file, text) {
            Ok(clean) => {
                let skip = usize::try_from(from).ok()?.saturating_sub(1);
                let take = usize::try_from(to.saturating_sub(from)).ok()? + 1;
                let text = clean.lines().skip(skip).take(take).collect::<Vec<_>>().join("\n");
                Some(CodePart { kind: kind.to_owned(), file: file.to_owned(), from, to, line, text })
            }
            Err(why) => {
                self.code.missing.push(format!("code: {file} is held back: {why}"));
                None
            }
        }
    }
}

/// The files of places, each once, in their order.
fn files_of(places: &[PlaceInFile]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    places.iter().map(|place| place.file.clone()).filter(|file| seen.insert(file.clone())).collect()
}
