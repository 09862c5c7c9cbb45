//! What was replaced in a text, and where what stands in it now came from.

/// A replacement that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Name of the rule.
    pub(crate) rule: &'static str,
    /// The class of the token, or `withheld`.
    pub(crate) class: &'static str,
    /// First byte in the text as it came.
    pub(crate) start: usize,
    /// One past the last byte in the text as it came.
    pub(crate) end: usize,
}

/// Where the bytes of an edited text came from: for each round of edits the places that were replaced.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(super) rounds: Vec<Vec<Piece>>,
}

/// `start..end` of an edited text stands for `from..to` of the text before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Origin {
    /// After one round of edits.
    pub(crate) fn after(round: Vec<Piece>) -> Self {
        Self { rounds: vec![round] }
    }

    /// The offset in the first text of an offset in the last. Within a replacement: where what it replaced begins or, for the
    /// end of a range, ends.
    pub(crate) fn of(&self, at: usize, is_end: bool) -> usize {
        self.rounds.iter().rev().fold(at, |at, round| {
            let index = round.partition_point(|piece| if is_end { piece.end < at } else { piece.end <= at });
            match round.get(index) {
                Some(piece) if piece.start < at || !is_end && piece.start == at => {
                    if is_end {
                        piece.to
                    } else {
                        piece.from
                    }
                }
                _ => match index.checked_sub(1).and_then(|last| round.get(last)) {
                    Some(piece) => piece.to + (at - piece.end),
                    None => at,
                },
            }
        })
    }
}
