//! Stack traces of any language.

use std::sync::LazyLock;

use casefile::evidence::{AppRules, exception_of};

const LANGUAGES: [&str; 10] = ["python", "java", "nodejs", "go", "rust", "dotnet", "ruby", "php", "dart", "cpp"];

static RULES: LazyLock<AppRules> = LazyLock::new(|| AppRules::new(&["+app.**".to_owned()]).unwrap_or_default());

/// The first byte is the language, or none; the rest is the text.
pub(crate) fn check(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let language = LANGUAGES.get(usize::from(*first) % (LANGUAGES.len() + 1)).copied();
    let Some(found) = exception_of(&text, language, None, None, &RULES) else { return };
    assert!(found.frames.len() <= 1000 && found.causes.len() <= 100, "frames and causes are bounded");
    for frame in found.frames.iter().chain(found.causes.iter().flat_map(|cause| &cause.frames)) {
        // Only what stands in the text is read: no part of a frame can be longer than it.
        let file = frame.file.as_deref().unwrap_or_default();
        assert!(file.len() <= text.len() && frame.func.len() <= text.len(), "{frame:?}");
        if let Some(line) = frame.line {
            assert!(text.contains(&line.to_string()), "no line {line} in the text");
        }
    }
}
