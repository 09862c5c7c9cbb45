//! `blocked_values`: the user's own regexes.

use regex::Regex;

use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::Seen;

#[derive(Debug)]
pub(super) struct BlockedValues(pub(super) Vec<Regex>);

impl Detector for BlockedValues {
    fn find(&self, Seen { text, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        for pattern in &self.0 {
            let matches = pattern.find_iter(text).filter(|one| !one.is_empty());
            found.extend(matches.map(|one| Finding::withhold(one.start(), one.end(), "blocked_value")));
        }
    }
}
