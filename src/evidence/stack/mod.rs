//! Stack traces: from the text that a runtime wrote to frames, innermost first.
//!
//! Each file reads the forms of one family of languages, and names the source that defines them. All keep to this:
//!
//! - Only what stands in the text is read. A frame that is cut off, or a line that cannot be a frame, is left out, and
//!   [`Stack::partial`] says that there may be more. Text that is no stack gives `None`.
//! - Work is linear in the text: each line is looked at a fixed number of times, and `regex` does not backtrack.
//! - The text itself is kept by the caller; what is dropped here as boilerplate is counted in [`Stack::elided`].
//!
//! Text may arrive behind the prefixes of a logger, or as a string within JSON: [`wrapping`] takes these away.

mod annotated;
mod dart;
mod dotnet;
mod go;
mod in_app;
mod javascript;
mod jvm;
mod line;
mod native;
mod paths;
mod php;
mod python;
mod ruby;
mod rust;
mod wrapping;

use crate::model::{Cause, Frame, Place};

pub use self::in_app::{AppRules, RuleError};

/// Most frames of one exception: of a longer stack the innermost and the outermost are kept.
const MAX_FRAMES: usize = 1000;
/// How many of these are outermost.
const OUTERMOST: usize = 100;
/// Most exceptions behind the one that surfaced.
const MAX_CAUSES: usize = 100;

/// An exception that was read, and those it came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stack {
    pub(crate) kind: Option<String>,
    pub(crate) message: Option<String>,
    /// Innermost first.
    pub(crate) frames: Vec<Frame>,
    /// Nearest first. A group's members come right after it.
    pub(crate) causes: Vec<Cause>,
    /// The place it was thrown at, where the text says it apart from the frames.
    pub(crate) thrown_at: Option<Place>,
    /// Whether frames may be missing.
    pub(crate) partial: bool,
    /// Frames that were left out as boilerplate or for their number.
    pub(crate) elided: u64,
}

impl Stack {
    /// Frames of all its exceptions.
    fn count(&self) -> usize {
        self.frames.len() + self.causes.iter().map(|cause| cause.frames.len()).sum::<usize>()
    }
}

/// Languages whose stacks look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Python,
    Jvm,
    JavaScript,
    Go,
    Rust,
    DotNet,
    Ruby,
    Php,
    Dart,
    Native,
}

impl Family {
    /// The family of a language: a value of `telemetry.sdk.language`, or another usual name.
    pub(crate) fn of(language: &str) -> Option<Self> {
        Some(match language.to_ascii_lowercase().as_str() {
            "python" => Self::Python,
            "java" | "kotlin" | "scala" | "groovy" | "clojure" | "android" | "jvm" => Self::Jvm,
            "javascript" | "nodejs" | "node" | "webjs" | "typescript" | "browser" | "react-native" | "deno" | "bun" => {
                Self::JavaScript
            }
            "go" | "golang" => Self::Go,
            "rust" => Self::Rust,
            "dotnet" | "csharp" | "c#" | "fsharp" | "f#" | "vb" => Self::DotNet,
            "ruby" => Self::Ruby,
            "php" => Self::Php,
            "dart" | "flutter" => Self::Dart,
            "cpp" | "c++" | "c" | "native" | "swift" | "objc" => Self::Native,
            _ => return None,
        })
    }

    /// The family that a frame's file is written in, by its ending.
    pub(crate) fn of_file(frame: &Frame) -> Option<Self> {
        let (_, ending) = frame.file.as_deref()?.rsplit_once('.')?;
        Some(match ending {
            "py" => Self::Python,
            "java" | "kt" | "scala" | "groovy" | "clj" => Self::Jvm,
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "vue" | "svelte" | "bundle" => Self::JavaScript,
            "go" => Self::Go,
            "rs" => Self::Rust,
            "cs" | "fs" | "vb" => Self::DotNet,
            "rb" | "erb" | "rake" => Self::Ruby,
            "php" => Self::Php,
            "dart" => Self::Dart,
            "c" | "cc" | "cpp" | "cxx" | "h" | "hpp" | "m" | "mm" | "swift" => Self::Native,
            _ => return None,
        })
    }

    /// Texts of which any stack of the family has at least one: most other text is told apart by these alone.
    fn anchors(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["File \"", "Traceback (", "+-----"],
            Self::Jvm => &["at "],
            Self::JavaScript => &["at ", "@", "[native code]", "Line ", "called from ", ":"],
            Self::Go => &["goroutine ", "panic: ", "fatal error: ", "DATA RACE", ".go:", ".s:", "_cgo"],
            Self::Rust => &["panicked at ", "tack backtrace:", "BACKTRACE"],
            Self::DotNet => &["(", "---> "],
            Self::Ruby => &[":in `", ":in '", ".rb:", "from "],
            Self::Php => &["#", "at "],
            Self::Dart => &["dart:", ".dart", "package:", "packages/"],
            Self::Native => &["#", "0x", "runtime error: "],
        }
    }

    fn read(self, text: &str, lines: &[&str]) -> Option<Stack> {
        if !self.anchors().iter().any(|anchor| text.contains(anchor)) {
            return None;
        }
        match self {
            Self::Python => annotated::parse(lines).or_else(|| python::parse(lines)),
            Self::Jvm => jvm::parse(lines),
            Self::JavaScript => javascript::parse(lines),
            Self::Go => go::parse(lines),
            Self::Rust => rust::parse(lines),
            Self::DotNet => dotnet::parse(lines),
            Self::Ruby => ruby::parse(lines),
            Self::Php => php::parse(lines),
            Self::Dart => dart::parse(lines),
            Self::Native => native::parse(lines),
        }
    }
}

/// Families whose forms no other can be taken for, in the order they are tried.
const DISTINCT: [Family; 7] =
    [Family::Python, Family::Go, Family::Rust, Family::Dart, Family::Php, Family::Native, Family::Ruby];

/// Families whose frames begin with `at`: the one that reads most of them it is.
const ALIKE: [Family; 3] = [Family::Jvm, Family::DotNet, Family::JavaScript];

/// Reads the first stack in a text; `None` if there is none. `language` is tried first, and the others after it.
pub(crate) fn parse(text: &str, language: Option<&str>, rules: &AppRules) -> Option<Stack> {
    let hint = language.and_then(Family::of);
    let mut headed = None;
    for form in wrapping::forms(text) {
        let lines = line::lines(&form);
        match read(&form, &lines, hint) {
            Some((family, stack)) if stack.count() > 0 => return Some(finish(stack, family, rules)),
            found => headed = headed.or(found),
        }
    }
    headed.map(|(family, stack)| finish(stack, family, rules))
}

/// Frames that were recorded as such, innermost first, each with what the sender said of its being in-app: that holds where no rule says
/// otherwise.
pub(crate) fn of_frames(found: Vec<(Frame, Option<bool>)>, language: Option<&str>, rules: &AppRules) -> Stack {
    let family = language.and_then(Family::of).or_else(|| found.iter().find_map(|(frame, _)| Family::of_file(frame)));
    let (frames, said): (Vec<Frame>, Vec<Option<bool>>) = found.into_iter().unzip();
    let mut stack = Stack { frames, ..Stack::default() };
    for (frame, said) in stack.frames.iter_mut().zip(said) {
        frame.in_app = match family {
            Some(family) => rules.in_app_unless_said(family, frame, said),
            None => said.unwrap_or(true),
        };
    }
    bound(&mut stack);
    stack
}

/// Whether a frame of this family is the service's own code.
pub(crate) fn in_app(family: Family, frame: &Frame, rules: &AppRules) -> bool {
    rules.in_app(family, frame)
}

/// A place that was recorded without a stack, as one.
pub(crate) fn of_place(mut place: Frame, language: Option<&str>, rules: &AppRules) -> Stack {
    place.in_app = language.and_then(Family::of).is_none_or(|family| rules.in_app(family, &place));
    Stack { frames: vec![place], ..Stack::default() }
}

/// The family of the hint if it reads frames, else the first that does, else the first that reads an exception at all.
fn read(text: &str, lines: &[&str], hint: Option<Family>) -> Option<(Family, Stack)> {
    let mut headed = None;
    for family in hint.into_iter().chain(DISTINCT.into_iter().filter(|family| Some(*family) != hint)) {
        match family.read(text, lines) {
            Some(stack) if stack.count() > 0 => return Some((family, stack)),
            Some(stack) => headed = headed.or(Some((family, stack))),
            None => {}
        }
    }
    let mut best: Option<(Family, Stack)> = None;
    for family in ALIKE {
        let Some(stack) = family.read(text, lines) else { continue };
        if stack.count() > best.as_ref().map_or(0, |(_, best)| best.count()) {
            best = Some((family, stack));
        }
    }
    best.or(headed)
}

/// Keeps the numbers of frames and causes within their limits.
fn bound(stack: &mut Stack) {
    stack.causes.truncate(MAX_CAUSES);
    let Stack { frames, causes, elided, .. } = stack;
    for frames in std::iter::once(frames).chain(causes.iter_mut().map(|cause| &mut cause.frames)) {
        if frames.len() > MAX_FRAMES {
            let left_out = frames.len() - MAX_FRAMES;
            frames.drain(MAX_FRAMES - OUTERMOST..MAX_FRAMES - OUTERMOST + left_out);
            *elided += left_out as u64;
        }
    }
}

/// Says what is in-app, and keeps the numbers within their limits.
fn finish(mut stack: Stack, family: Family, rules: &AppRules) -> Stack {
    bound(&mut stack);
    let Stack { frames, causes, .. } = &mut stack;
    for frame in frames.iter_mut().chain(causes.iter_mut().flat_map(|cause| &mut cause.frames)) {
        frame.in_app = rules.in_app(family, frame);
    }
    if family == Family::Go {
        go::recovering(&mut stack.frames).for_each(|frame| frame.in_app = false);
    }
    stack
}
