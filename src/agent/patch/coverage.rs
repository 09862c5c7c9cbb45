//! Coverage before and after: reports that the suite leaves behind.

use std::path::Path;

use serde::Serialize;

use super::super::worktree::Worktree;
use crate::attachments::{Content, FileLines, Kind, read};

/// By how much of a percent coverage may fall without a word: what a line more or less of new code makes.
const SLACK: f64 = 0.1;

/// Lines that were hit, of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Lines that were hit.
    pub hit: u64,
    /// Lines of code.
    pub lines: u64,
}

impl Coverage {
    /// In percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "lines of code")]
        let share = if self.lines == 0 { 1.0 } else { self.hit as f64 / self.lines as f64 };
        share * 100.0
    }

    /// Whether `after` is worse.
    pub(super) fn falls_to(self, after: Self) -> bool {
        after.percent() + SLACK < self.percent()
    }
}

/// Reads a report of the tree: lcov, Cobertura, or Go's cover profile. `None` where there is none.
pub(super) fn of(tree: &Worktree, file: &str) -> Option<Coverage> {
    let text = tree.read(Path::new(file))?;
    let files = match read(Kind::told("", file, text.as_bytes()), text.as_bytes()) {
        Content::Coverage(files) => files,
        _ => return go_profile(&text),
    };
    let count = |ranges: &[[u32; 2]]| ranges.iter().map(|[first, last]| u64::from(last - first) + 1).sum::<u64>();
    let sum = |of: fn(&FileLines) -> &Vec<[u32; 2]>| files.iter().map(|file| count(of(file))).sum::<u64>();
    let (hit, missed) = (sum(|file| &file.hit), sum(|file| &file.missed));
    Some(Coverage { hit, lines: hit + missed })
}

/// Source: Go, `golang.org/x/tools/cover`: `file:line.column,line.column statements count`. Statements count as lines.
fn go_profile(text: &str) -> Option<Coverage> {
    let mut lines = text.lines();
    lines.next().filter(|line| line.starts_with("mode: "))?;
    let mut coverage = Coverage { hit: 0, lines: 0 };
    for line in lines {
        let mut words = line.rsplit(' ');
        let (count, statements) = (words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
        coverage.lines += statements;
        coverage.hit += if count > 0 { statements } else { 0 };
    }
    Some(coverage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_of_go_is_read() {
        let text = "mode: set\nm/a.go:3.1,5.2 2 1\nm/a.go:7.1,8.2 3 0\n";
        assert_eq!(go_profile(text), Some(Coverage { hit: 2, lines: 5 }));
        assert_eq!(go_profile("SF:a"), None);
        assert!(Coverage { hit: 5, lines: 10 }.falls_to(Coverage { hit: 4, lines: 10 }));
        assert!(!Coverage { hit: 500, lines: 1000 }.falls_to(Coverage { hit: 500, lines: 1001 }));
    }
}
