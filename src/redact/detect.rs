//! The engine: every detector over a text and over what it says once it is decoded, resolved to edits that do not overlap.
//!
//! Detectors are anchored scans (a byte, a keyword, a digit run) that look a bounded way around their anchor, and regexes of
//! the `regex` family: no input makes one of them worse than linear. A text is also scanned in its decoded views (percent,
//! JSON and HTML escapes in place, base64 and hex runs as a whole), and what is found there is mapped back onto the text as
//! written, so that one value is one token however it is spelled.
//!
//! Overlaps: leftmost, then longest, then the detector's rank; what a loser covers beyond the winner is withheld, so no
//! choice between two detectors uncovers anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::RegexSet;

use super::actions::Actions;
use super::edits::{Edit, Origin, Piece};
use super::encoding;
use super::gate::{Anchor, Gate, Seen};
use super::keys::Keys;
use super::near;
use super::survey::{Span, Survey};
use super::token::{self, Class, Tokens};
use crate::config::ClassAction;

/// What stands where a value was that has no token.
pub(crate) const WITHHELD: &str = "[withheld]";

/// How many layers of encoding are looked through.
const MAX_DEPTH: u8 = 3;

/// How often a text is scanned again after it was changed.
const MAX_ROUNDS: usize = 6;

/// Name of the rule for JSON Web Tokens.
pub(crate) const JWT: &str = "jwt";

/// Most people that one credential names.
const MAX_BEARERS: usize = 4;

/// What becomes of the text of a [`Finding`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is one of our tokens already.
    Keep,
    /// It becomes the token of this canonical value.
    Token(Class, String),
    /// It becomes [`WITHHELD`]: a stable token of a guessable secret would be an oracle.
    Withhold,
}

/// A part of a text that must not stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// Name of the rule, for remarks and metrics.
    pub(crate) rule: &'static str,
    /// What becomes of it.
    pub(crate) action: Action,
    /// Whether it goes by the name of its value alone, whatever the value looks like.
    pub(crate) is_by_name: bool,
    /// Position of the detector in the list: the last resort among findings of equal extent.
    pub(crate) rank: usize,
    /// Whose it is, as class and canonical value: what a credential says of its bearer. Their tokens are joined to its own.
    pub(crate) of: Vec<(Class, String)>,
}

impl Finding {
    /// A finding that becomes a token.
    pub(crate) fn token(
        start: usize,
        end: usize,
        rule: &'static str,
        class: Class,
        canonical: impl Into<String>,
    ) -> Self {
        Self {
            start,
            end,
            rule,
            action: Action::Token(class, canonical.into()),
            is_by_name: false,
            rank: 0,
            of: Vec::new(),
        }
    }

    /// The same finding as one that goes by the name of its value alone.
    pub(crate) fn by_name(self) -> Self {
        Self { is_by_name: true, ..self }
    }

    /// A finding that is withheld.
    pub(crate) fn withhold(start: usize, end: usize, rule: &'static str) -> Self {
        Self { start, end, rule, action: Action::Withhold, is_by_name: false, rank: 0, of: Vec::new() }
    }

    fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }
}

/// Name of the rule for what is written like a token of ours.
const LOOKALIKE: &str = "token_lookalike";

/// Name of the class of what is withheld, in remarks.
const WITHHELD_CLASS: &str = "withheld";

/// Finds one kind of thing.
pub(crate) trait Detector: std::fmt::Debug + Send + Sync {
    /// Appends what is in the text, in any order. Offsets are on character boundaries.
    fn find(&self, seen: Seen<'_>, found: &mut Vec<Finding>);

    /// What must occur in a text for [`Detector::find`] to find something in it.
    fn anchor(&self) -> Anchor {
        Anchor::Any
    }

    /// The words whose places it goes by, in any case (ASCII).
    fn words(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The detectors in force, in order of rank.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    detectors: Arc<Vec<Box<dyn Detector>>>,
    gate: Arc<Gate>,
    /// Values that stay, whatever finds them.
    allowed: RegexSet,
    tokens: Arc<Tokens>,
    /// What the names of values tell.
    keys: Arc<Keys>,
    actions: Actions,
}

impl Engine {
    /// The engine of these detectors.
    pub(crate) fn new(detectors: Vec<Box<dyn Detector>>, allowed: RegexSet, tokens: Tokens, keys: Arc<Keys>) -> Self {
        let gate = Gate::new(detectors.iter().map(|detector| (detector.anchor(), detector.words())));
        let (detectors, gate, tokens) = (Arc::new(detectors), Arc::new(gate), Arc::new(tokens));
        Self { detectors, gate, allowed, tokens, keys, actions: Actions::default() }
    }

    /// The same detectors and tokens, with the actions and keys of a service.
    pub(crate) fn of_service(&self, actions: Actions, keys: Arc<Keys>) -> Self {
        Self { actions, keys, ..self.clone() }
    }

    /// What the configuration wants done with each class.
    pub(crate) fn actions(&self) -> &Actions {
        &self.actions
    }

    /// The id of the key that makes tokens.
    pub(crate) fn key_id(&self) -> char {
        self.tokens.key_id()
    }

    /// Adds a detector of the lowest rank.
    #[cfg(test)]
    pub(crate) fn push(&mut self, detector: Box<dyn Detector>) {
        Arc::get_mut(&mut self.detectors).unwrap().push(detector);
        self.gate = Arc::new(Gate::new(self.detectors.iter().map(|detector| (detector.anchor(), detector.words()))));
    }

    /// What must go from `text`: sorted, disjoint.
    pub(crate) fn scan(&self, text: &str) -> Vec<Finding> {
        self.scan_at(text, 0)
    }

    /// What must go from `text` besides what is known already.
    pub(crate) fn scan_with(&self, text: &str, mut known: Vec<Finding>) -> Vec<Finding> {
        let value = |finding: &Finding| text.get(finding.start..finding.end).unwrap_or_default();
        known.retain(|finding| !self.keeps(finding) && !self.allowed.is_match(value(finding)));
        with_names(text, self.scan_at(text, 0), known)
    }

    /// Whether a value is found for nothing, because its class stays. It is as if it had not been found, so that it hides
    /// nothing from the others.
    fn keeps(&self, finding: &Finding) -> bool {
        matches!(finding.action, Action::Token(class, _) if self.actions.of(class) == ClassAction::Keep)
    }

    /// What a finding becomes; `None` where it stays.
    pub(crate) fn replacement(&self, action: &Action) -> Option<String> {
        match action {
            Action::Keep => None,
            Action::Token(class, _) if self.actions.of(*class) == ClassAction::Withhold => Some(WITHHELD.to_owned()),
            Action::Token(class, canonical) => Some(self.tokens.token(*class, canonical)),
            Action::Withhold => Some(WITHHELD.to_owned()),
        }
    }

    /// The class of what a finding becomes, for remarks.
    fn class(&self, finding: &Finding) -> &'static str {
        match finding.action {
            Action::Token(class, _) if self.actions.of(class) != ClassAction::Withhold => class.name(),
            _ => WITHHELD_CLASS,
        }
    }

    /// Replaces findings, and then what they hid, until nothing is left: so that redacting the result changes nothing.
    /// Also what was replaced, by its place in `text`.
    pub(crate) fn settle(&self, text: &str, mut findings: Vec<Finding>) -> (String, Vec<Edit>) {
        let mut settled = text.to_owned();
        let mut edits = Vec::new();
        let mut origin = Origin::default();
        for _ in 0..MAX_ROUNDS {
            findings.retain(|finding| finding.action != Action::Keep);
            if findings.is_empty() {
                return (settled, edits);
            }
            edits.extend(findings.iter().map(|finding| Edit {
                rule: finding.rule,
                class: self.class(finding),
                start: origin.of(finding.start, false),
                end: origin.of(finding.end, true),
            }));
            settled = self.replace(&settled, &findings, &mut origin);
            findings = self.scan_edited(&settled, origin.rounds.last().map_or(&[], Vec::as_slice));
        }
        // No rule is known to go on for ever; a text on which they do is not worth its risk.
        if findings.iter().any(|finding| finding.action != Action::Keep) {
            settled = WITHHELD.to_owned();
            edits.push(Edit { rule: "unsettled", class: WITHHELD_CLASS, start: 0, end: text.len() });
        }
        (settled, edits)
    }

    /// What an edited text holds that was found already or hidden by what was: near the edits.
    fn scan_edited(&self, text: &str, edits: &[Piece]) -> Vec<Finding> {
        let Some(parts) = near::parts(text, edits.iter().map(|edit| edit.start..edit.end)) else {
            return self.scan(text);
        };
        let found = parts.into_iter().flat_map(|part| {
            let offset = part.start;
            let found = self.scan(text.get(part).unwrap_or_default()).into_iter();
            found.map(move |finding| Finding { start: finding.start + offset, end: finding.end + offset, ..finding })
        });
        found.collect()
    }

    /// `text` with its findings replaced.
    pub(crate) fn apply(&self, text: &str, findings: &[Finding]) -> String {
        self.replace(text, findings, &mut Origin::default())
    }

    fn replace(&self, text: &str, findings: &[Finding], origin: &mut Origin) -> String {
        let mut out = String::with_capacity(text.len());
        let mut round = Vec::new();
        let mut at = 0;
        // One value often stands in a text again and again.
        let mut made: BTreeMap<(Class, &str), String> = BTreeMap::new();
        for finding in findings {
            let replacement = match &finding.action {
                Action::Token(class, canonical) => made
                    .entry((*class, canonical.as_str()))
                    .or_insert_with(|| self.replacement(&finding.action).unwrap_or_default()),
                Action::Withhold => WITHHELD,
                Action::Keep => continue,
            };
            out.push_str(text.get(at..finding.start).unwrap_or_default());
            let start = out.len();
            out.push_str(replacement);
            self.tell_bearer(&finding.of, &mut out);
            round.push(Piece { start, end: out.len(), from: finding.start, to: finding.end });
            at = finding.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        origin.rounds.push(round);
        out
    }

    fn scan_at(&self, text: &str, depth: u8) -> Vec<Finding> {
        let survey = Survey::of(text);
        let mut found = self.scan_plain(text, &survey);
        if depth < MAX_DEPTH {
            for view in encoding::views(text, &survey) {
                let decoded: Vec<Finding> = self
                    .scan_at(&view.text, depth + 1)
                    .into_iter()
                    .map(|finding| Finding {
                        start: view.source(finding.start),
                        end: view.source(finding.end),
                        ..finding
                    })
                    .collect();
                found.retain(|raw| !explained_by(raw, &decoded, &view));
                found.extend(decoded);
            }
            found.extend(encoding::runs(text, &survey).iter().filter_map(|run| self.in_run(run, depth)));
            for jwt in found.iter_mut().filter(|finding| finding.rule == JWT) {
                jwt.of = self.bearer(text.get(jwt.start..jwt.end).unwrap_or_default(), depth);
            }
        }
        if found.is_empty() {
            return found;
        }
        let (named, found): (Vec<Finding>, Vec<Finding>) = found.into_iter().partition(|finding| finding.is_by_name);
        with_names(text, resolve(found), named)
    }

    fn scan_plain(&self, text: &str, survey: &Survey) -> Vec<Finding> {
        let mut found = Vec::new();
        // Every token of ours has a colon.
        if survey.has_any(b":") {
            found.extend(self.tokens.lookalikes(text).map(|seen| {
                let action = match text.get(seen.start..seen.end) {
                    Some(raw) if !seen.genuine => Action::Token(Class::Opaque, raw.to_owned()),
                    _ => Action::Keep,
                };
                Finding {
                    start: seen.start,
                    end: seen.end,
                    rule: LOOKALIKE,
                    action,
                    is_by_name: false,
                    rank: 0,
                    of: Vec::new(),
                }
            }));
        }
        // Letters of our own tokens are no words.
        let tokens: Vec<Span> =
            found.iter().filter(|finding| finding.action == Action::Keep).map(Finding::span).collect();
        self.gate.open(text, survey, &tokens, |rank, words| {
            let before = found.len();
            if let Some(detector) = self.detectors.get(rank) {
                detector.find(Seen { text, survey, words, tokens: &tokens, keys: &self.keys }, &mut found);
            }
            for finding in found.iter_mut().skip(before) {
                finding.rank = rank + 1;
            }
        });
        // Lookalikes of tokens are no findings of a class: they must go whatever becomes of it.
        found.retain(|finding| finding.rule == LOOKALIKE || !self.keeps(finding));
        if !self.allowed.is_empty() {
            let value = |finding: &Finding| text.get(finding.start..finding.end).unwrap_or_default();
            found.retain(|finding| finding.action == Action::Keep || !self.allowed.is_match(value(finding)));
        }
        found
    }

    /// Whom the claims of a JSON Web Token speak of.
    fn bearer(&self, jwt: &str, depth: u8) -> Vec<(Class, String)> {
        let claims = jwt.split('.').nth(1).and_then(encoding::printable);
        let mut of = Vec::new();
        for finding in claims.map(|claims| self.scan_at(&claims, depth + 1)).unwrap_or_default() {
            if let Action::Token(class, canonical) = finding.action
                && class.is_identity()
                && !of.iter().any(|(known, value)| (*known, value) == (class, &canonical))
                && of.len() < MAX_BEARERS
            {
                of.push((class, canonical));
            }
        }
        of
    }

    /// The tokens of whom a credential is.
    fn tell_bearer(&self, of: &[(Class, String)], out: &mut String) {
        let shown = of.iter().filter(|(class, _)| self.actions.of(*class) == ClassAction::Token);
        for (class, canonical) in shown {
            out.push(token::OF);
            out.push_str(&self.tokens.token(*class, canonical));
        }
    }

    /// A run of base64 or hex goes as a whole: as the token of the one thing in it, or withheld if there are several.
    fn in_run(&self, run: &encoding::Run, depth: u8) -> Option<Finding> {
        let inner = self.scan_at(&run.text, depth + 1);
        let mut actions = inner.iter().filter(|finding| finding.action != Action::Keep);
        let first = actions.next()?;
        let action =
            if actions.all(|other| other.action == first.action) { first.action.clone() } else { Action::Withhold };
        Some(Finding { start: run.start, end: run.end, action, rank: 0, of: Vec::new(), ..*first })
    }
}

/// Whether `found` (sorted, disjoint) is all that `text[start..end]` says: besides it stand no letters or digits, but the port of an
/// address.
pub(crate) fn says_all(text: &str, start: usize, end: usize, found: &[Finding]) -> bool {
    let from = found.partition_point(|finding| finding.start < start);
    let inside = found.iter().skip(from).take_while(|finding| finding.end <= end);
    let (mut at, mut is_address, mut any) = (start, false, false);
    for finding in inside {
        if !says_nothing(text.get(at..finding.start), is_address) {
            return false;
        }
        at = finding.end;
        is_address = match finding.action {
            Action::Token(class, _) => class == Class::Ip,
            _ => text.get(finding.start..).is_some_and(|token| token.starts_with("ip:")),
        };
        any = true;
    }
    any && says_nothing(text.get(at..end), is_address)
}

/// `found` (sorted, disjoint) and what goes by names besides. An address is an address under every name: its token is the one that it
/// has elsewhere.
fn with_names(text: &str, found: Vec<Finding>, mut named: Vec<Finding>) -> Vec<Finding> {
    if named.is_empty() {
        return found;
    }
    let is_token = |finding: &&Finding| finding.action != Action::Withhold;
    let tokens: Vec<Finding> = found.iter().filter(is_token).cloned().collect();
    named.retain(|finding| !(is_token(&finding) && says_all(text, finding.start, finding.end, &tokens)));
    named.extend(found);
    resolve(named)
}

fn says_nothing(gap: Option<&str>, is_behind_address: bool) -> bool {
    let Some(gap) = gap else { return false };
    let port = gap.trim_start_matches(']').strip_prefix(':').filter(|_| is_behind_address);
    let rest = port.map_or(gap, |port| match port.bytes().take_while(u8::is_ascii_digit).count() {
        digits @ 1..=5 => port.get(digits..).unwrap_or_default(),
        _ => gap,
    });
    !rest.contains(char::is_alphanumeric)
}

/// Whether a finding in the text as written is a misreading of one in the decoded view: all that it covers besides parts
/// of escapes is covered there (`nalice@…` in `\nalice@…`).
fn explained_by(raw: &Finding, decoded: &[Finding], view: &encoding::View) -> bool {
    let (start, end) = view.without_escapes(raw.start, raw.end);
    let at = decoded.partition_point(|finding| finding.end <= start);
    // A name alone explains no form: `email=a+b@x.example` is an address, whatever its `+` may be read as.
    let explains = |finding: &Finding| raw.is_by_name || !finding.is_by_name;
    decoded.get(at).is_some_and(|finding| finding.start <= start && end <= finding.end && explains(finding))
}

fn resolve(mut found: Vec<Finding>) -> Vec<Finding> {
    found.retain(|finding| finding.start < finding.end);
    found.sort_by(|a, b| (a.start, b.end, a.rank).cmp(&(b.start, a.end, b.rank)));
    let mut kept: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        let covered = kept.last().map_or(0, |last| last.end);
        if finding.start >= covered {
            kept.push(finding);
        } else if finding.end > covered && finding.action != Action::Keep {
            kept.push(Finding { start: covered, action: Action::Withhold, ..finding });
        }
    }
    kept
}
