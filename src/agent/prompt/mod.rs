//! A failure as a prompt that fits a budget of tokens.
//!
//! What stands in it is chosen by value (`pieces`), never by place, and what was left out is listed. The contract is ours and stands
//! apart; everything recorded is fenced as data ([`fence`](super::fence)). The result is counted whole: it is never over its budget.

mod pieces;
mod target;
#[cfg(test)]
mod tests;

use self::pieces::{Piece, Section};
use super::BundleView;
use super::aliases::Aliases;
use super::code::Code;
use super::untrusted::neutralise;
use crate::bundle::tokens;

pub use self::target::{Target, UnknownTarget};

/// The smallest budget: the contract, and what failed in a line.
pub const MIN_TOKENS: u64 = 500;
/// The budget where none is said.
pub const DEFAULT_TOKENS: u64 = 8000;
/// The largest share of a budget that one text may take.
const SHARE: u64 = 8;
/// Tokens that are kept free for what the sum of parts does not tell: seams, and the list of cuts.
const SLACK: u64 = 60;
/// Letters of a text that are looked at: longer ones are shortened before anything is counted.
const MAX_TEXT: usize = 8_000;

/// What is asked of a prompt.
#[derive(Debug, Clone, Copy)]
pub struct PromptRequest<'a> {
    /// The failure.
    pub view: &'a BundleView,
    /// Its code, where there is a repository.
    pub code: Option<&'a Code>,
    /// Who reads it.
    pub target: Target,
    /// Most tokens (`o200k_base`).
    pub max_tokens: u64,
}

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The text.
    pub text: String,
    /// Its tokens (`o200k_base`).
    pub tokens: u64,
    /// What was left out or shortened for the budget, as the text says it.
    pub cuts: Vec<String>,
}

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The contract alone is larger.
    #[error("a budget of {0} tokens is too small: {MIN_TOKENS} is the least")]
    Budget(u64),
    /// The table of the encoding is broken.
    #[error("tokens cannot be counted")]
    Uncounted,
}

/// What is shown: pieces by section, with aliases for their tokens.
#[derive(Debug, Clone)]
struct Shown {
    sections: Vec<(Section, String)>,
    aliases: Vec<(String, String)>,
    cuts: Vec<String>,
}

impl PromptRequest<'_> {
    /// The prompt.
    ///
    /// # Errors
    /// If the budget is under [`MIN_TOKENS`], or tokens cannot be counted.
    pub fn render(&self) -> Result<Prompt, PromptError> {
        if self.max_tokens < MIN_TOKENS {
            return Err(PromptError::Budget(self.max_tokens));
        }
        let mut pieces = pieces::of(self.view, self.code);
        let most = self.max_tokens / SHARE;
        for piece in &mut pieces {
            piece.text = neutralise(&piece.text);
            let cut = shortened(&piece.text, most)?;
            piece.cut = cut.is_some();
            piece.text = cut.unwrap_or_else(|| std::mem::take(&mut piece.text));
        }
        let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>().join("\n");
        let mut by_value: Vec<usize> = (0..pieces.len()).collect();
        by_value.sort_by_key(|at| pieces.get(*at).map_or((0, 0), |piece| (u32::MAX - piece.value, *at)));

        let empty = self.write(&pieces, &[], &whole);
        let mut left = self.max_tokens.saturating_sub(count(&empty.0)? + SLACK);
        let (mut kept, mut aliases, mut opened) = (Vec::new(), Aliases::beside(&whole), Vec::new());
        for at in by_value {
            let Some(piece) = pieces.get(at) else { continue };
            let mut tried = aliases.clone();
            let text = tried.shorten(&piece.text);
            let rows = tried.given().get(aliases.given().len()..).unwrap_or_default();
            let rows: String = rows.iter().map(|(alias, token)| format!("| {alias} | {token} |\n")).collect();
            let begin = if opened.contains(&piece.section) { 0 } else { self.target.section_cost() };
            let cost = self.target.cost(&text)? + count(&rows)? + begin + 1;
            if cost > left {
                continue;
            }
            left -= cost;
            aliases = tried;
            opened.push(piece.section);
            kept.push(at);
        }
        // The sum is a guess, the whole is what counts.
        loop {
            let (text, cuts) = self.write(&pieces, &kept, &whole);
            let tokens = count(&text)?;
            if tokens <= self.max_tokens {
                return Ok(Prompt { text, tokens, cuts });
            }
            // What is left is the contract, which is smaller than any budget.
            let Some(_) = kept.pop() else { return Err(PromptError::Budget(self.max_tokens)) };
        }
    }

    /// The text with these pieces, and what it says of the others.
    fn write(&self, pieces: &[Piece], kept: &[usize], whole: &str) -> (String, Vec<String>) {
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        let mut aliases = Aliases::beside(whole);
        let mut sections: Vec<(Section, String)> = Vec::new();
        for piece in kept.iter().filter_map(|at| pieces.get(*at)) {
            let text = aliases.shorten(&piece.text);
            match sections.last_mut().filter(|(section, _)| *section == piece.section) {
                Some((_, shown)) => {
                    shown.push('\n');
                    shown.push_str(&text);
                }
                None => sections.push((piece.section, text)),
            }
        }
        let cuts = cuts(pieces, &kept);
        let shown = Shown { sections, aliases: aliases.given().to_vec(), cuts: cuts.clone() };
        (self.target.write(&self.view.bundle, &shown), cuts)
    }
}

/// What is left out and what is shortened, one line a section.
fn cuts(pieces: &[Piece], kept: &[usize]) -> Vec<String> {
    let mut found = Vec::new();
    for section in Section::ALL {
        let of_it = || pieces.iter().enumerate().filter(|(_, piece)| piece.section == section);
        let (all, shown) = (of_it().count(), of_it().filter(|(at, _)| kept.contains(at)).count());
        if shown < all {
            found.push(format!("{}: {} of {all} parts left out", section.name(), all - shown));
        }
        let short = of_it().filter(|(at, piece)| piece.cut && kept.contains(at)).count();
        if short > 0 {
            found.push(format!("{}: {short} shortened", section.name()));
        }
    }
    found
}

fn count(text: &str) -> Result<u64, PromptError> {
    tokens(text.as_bytes()).ok_or(PromptError::Uncounted)
}

/// The beginning of a text that has at most this many tokens; `None` where all of it has.
fn shortened(text: &str, most: u64) -> Result<Option<String>, PromptError> {
    let mut end = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(at, _)| at);
    let mut kept = text.get(..end).unwrap_or_default();
    loop {
        let tokens = count(kept)?;
        if tokens <= most {
            return Ok((end < text.len()).then(|| format!("{kept}… (cut)")));
        }
        // By the share that is too much, and one letter at least.
        let share = usize::try_from(most.saturating_mul(1000) / tokens.max(1)).unwrap_or(0);
        end = (end * share / 1000).min(end.saturating_sub(1));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        kept = text.get(..end).unwrap_or_default();
    }
}
