//! A part of a list. Every list answer says how much there is and how to go on.

use serde::Serialize;

/// Some items of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// How many there are.
    pub total: usize,
    /// How many are here.
    pub returned: usize,
    /// Whether there are more.
    pub truncated: bool,
    /// Pass it as `after` to get the next ones; null where there are none.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The line under a table.
    #[must_use]
    pub fn footer(&self, what: &str) -> String {
        let more = self.next.as_ref().map_or_else(String::new, |next| format!("; go on with --after {next}"));
        format!("{} of {} {what}{more}", self.returned, self.total)
    }
}

/// At most `limit` of the sorted `all`, from the one behind `after`. `key` names an item in `next`.
pub(super) fn cut<T>(all: Vec<T>, limit: usize, after: &str, key: impl Fn(&T) -> String) -> Page<T> {
    let total = all.len();
    let begin = if after.is_empty() {
        0
    } else {
        all.iter().position(|item| key(item) == after).map_or(total, |index| index + 1)
    };
    let items: Vec<T> = all.into_iter().skip(begin).take(limit.max(1)).collect();
    let truncated = begin + items.len() < total;
    let next = items.last().filter(|_| truncated).map(key);
    Page { returned: items.len(), items, total, truncated, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_without_gap_or_overlap() {
        let all: Vec<u32> = (0..7).collect();
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = cut(all.clone(), 3, &after, ToString::to_string);
            assert_eq!((page.total, page.returned), (7, page.items.len()));
            assert_eq!(page.truncated, page.next.is_some());
            seen.extend(page.items);
            let Some(next) = page.next else { break };
            after = next;
        }
        assert_eq!(seen, all);
    }
}
