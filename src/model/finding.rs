//! What a look at the surroundings has found: for `casefile doctor`.

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but perhaps not as it is meant.
    Warning,
    /// It does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What.
    pub subject: String,
    /// How it stands.
    pub state: State,
    /// What was found, and what to do about it.
    pub detail: String,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(subject: impl Into<String>, state: State, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), state, detail: detail.into() }
    }
}
