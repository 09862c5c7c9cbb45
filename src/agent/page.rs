//! A part of a list. Every list answer says how much there is and how to go on.

use schemars::JsonSchema;
use serde::Serialize;

/// Some items of a list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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

/// Where an item stands in a list that begins with the latest: by time, then by id. Written as `next`, it names a place and
/// not an item, so that pages neither skip nor repeat when items come and go between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// RFC 3339 with nanoseconds: equal instants are equal text.
    pub(super) at: String,
    /// Tells items of one instant apart.
    pub(super) id: String,
}

impl Place {
    /// Reads a `next`; `None` if it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once(',')?;
        let is_time = at.len() >= 20 && at.ends_with('Z') && at.starts_with(|c: char| c.is_ascii_digit());
        (is_time && !id.is_empty()).then(|| Self { at: at.to_owned(), id: id.to_owned() })
    }

    /// The order of lists: the latest first, and within an instant by id.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        other.at.cmp(&self.at).then_with(|| self.id.cmp(&other.id))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.at, self.id)
    }
}

/// At most `limit` (at least one) of the items behind the first `after`, and how many those before the next ones are; `None` where there are no
/// more.
pub(super) fn slice<T>(all: impl ExactSizeIterator<Item = T>, limit: usize, after: usize) -> (Vec<T>, Option<usize>) {
    let total = all.len();
    let items: Vec<T> = all.skip(after).take(limit.max(1)).collect();
    let end = after.saturating_add(items.len());
    (items, (end < total).then_some(end))
}

/// Sorts `all` and takes at most `limit` (at least one) of them that stand behind `after`.
pub(super) fn cut<T>(mut all: Vec<(Place, T)>, limit: usize, after: Option<&Place>) -> Page<T> {
    let total = all.len();
    all.sort_by(|(a, _), (b, _)| a.order(b));
    let begin = after.map_or(0, |after| all.partition_point(|(place, _)| place.order(after).is_le()));
    let (places, items): (Vec<Place>, Vec<T>) = all.into_iter().skip(begin).take(limit.max(1)).unzip();
    let truncated = begin + items.len() < total;
    let next = places.last().filter(|_| truncated).map(Place::to_string);
    Page { returned: items.len(), items, total, truncated, next }
}
