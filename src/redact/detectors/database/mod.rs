//! What databases and their drivers quote in messages: statements, the values bound to them, the rows and keys that an error speaks of.
//!
//! Names of tables, columns and constraints stay: they are the evidence. Forms are those of the messages of PostgreSQL, MySQL, SQL Server,
//! Oracle, SQLite, H2, MongoDB, Redis and Elasticsearch, and of the libraries that print them (SQLAlchemy, Hibernate, MyBatis, Rails,
//! Laravel, Django, Entity Framework).

mod errors;
mod phrases;
mod statements;
mod stores;

use aho_corasick::AhoCorasick;

use self::errors::Line;
use self::phrases::{PHRASES, Shape};
use self::statements::{Froms, Statements};
use self::stores::Hints;
use crate::redact::detect::{Detector, Finding, WITHHELD};
use crate::redact::gate::{Anchor, Seen, Word};
use crate::redact::keys::Keys;
use crate::redact::literals::Literal;
use crate::redact::structured::{is_ours, judged};

/// Name of the rule.
const RULE: &str = "database_value";

#[derive(Debug)]
pub(super) struct Database {
    statements: Statements,
    hints: AhoCorasick,
}

impl Database {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { statements: Statements::new()?, hints: stores::finder_of_hints()? })
    }
}

impl Detector for Database {
    fn find(&self, seen: Seen<'_>, found: &mut Vec<Finding>) {
        let Seen { text, keys, .. } = seen;
        let (mut done, mut froms, mut line) = (0, Froms::default(), Line::default());
        let mut hints = Hints::new(&self.hints);
        let mut words = seen.words_apart().peekable();
        while let Some(Word { index, start, end, .. }) = words.next() {
            let Some((_, shape)) = PHRASES.get(index).filter(|_| start >= done) else { continue };
            let mut values = Sink { text, keys, found };
            let end = match shape {
                Shape::Statement => self.statements.at(text, start, &mut froms, &mut values),
                Shape::Shell => stores::shell(text, end, &mut values),
                Shape::Search => stores::search(text, start, &mut hints, &mut values),
                Shape::GraphQl => stores::graphql(text, start, end, &mut values),
                // The next name of a store is looked behind in its turn.
                Shape::Command => {
                    let next = words
                        .peek()
                        .filter(|next| PHRASES.get(next.index).is_some_and(|(_, shape)| *shape == Shape::Command));
                    stores::command(text, end, next.map_or(text.len(), |next| next.start), &mut values)
                }
                shape => errors::at(text, end, *shape, &mut line, &mut values),
            };
            done = end.unwrap_or(done);
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Words
    }

    fn words(&self) -> Vec<String> {
        PHRASES.iter().map(|(phrase, _)| (*phrase).to_owned()).collect()
    }
}

/// Takes values that are to go.
struct Sink<'t, 'f> {
    text: &'t str,
    keys: &'t Keys,
    found: &'f mut Vec<Finding>,
}

impl Sink<'_, '_> {
    /// A value whose name is not known, without the spaces around it.
    fn value(&mut self, start: usize, end: usize) {
        let Some(raw) = self.text.get(start..end) else { return };
        let value = raw.trim();
        let start = start + (raw.len() - raw.trim_start().len());
        if !is_ours(value) && value != "?" {
            self.found.push(Finding::withhold(start, start + value.len(), RULE));
        }
    }

    /// The value of a column.
    fn named(&mut self, name: &str, start: usize, end: usize) {
        let value = self.text.get(start..end).unwrap_or_default();
        match judged(self.keys, name, value, start, end) {
            Some(_) if is_ours(value.trim()) => {}
            Some(finding) => self.found.push(finding),
            None => self.value(start, end),
        }
    }

    fn literals(&mut self, literals: &[Literal]) {
        literals.iter().for_each(|literal| self.value(literal.start, literal.end));
    }
}

/// Whether what begins at `at` stands where a value was.
fn is_withheld(text: &str, at: usize) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(WITHHELD))
}
