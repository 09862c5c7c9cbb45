//! Single texts through the detectors.

use std::sync::LazyLock;

use casefile::config::RedactionProcessor;
use casefile::model::RootKey;
use casefile::redact::{Redactor, TextKind};

use super::CANARY;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    let root = RootKey::parse(&"5a".repeat(32)).unwrap();
    Redactor::compile(&RedactionProcessor::default(), "default", &root).unwrap()
});

/// The first byte is the kind of field, the rest is the text.
pub(crate) fn check(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let kind = [TextKind::Message, TextKind::Sql, TextKind::Url, TextKind::Json][usize::from(first % 4)];
    let found = REDACTOR.inspect(kind, &text).unwrap();
    assert!(!found.text.contains(CANARY), "an address stays: {}", found.text);
    for remark in &found.remarks {
        assert!(text.get(remark.start..remark.end).is_some(), "{remark:?} is no part of the text");
    }
}
