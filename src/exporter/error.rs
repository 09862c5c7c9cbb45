//! What went wrong at a store or an endpoint, and what the caller does about it.

use std::error::Error as StdError;
use std::fmt;

/// What the caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Tries again, until `max_elapsed_time` has passed.
    Retryable,
    /// Tries again until someone has mended it: the store refuses us, or is not there (credentials, bucket). Giving up
    /// would lose evidence for a mistake that is not the evidence's.
    Denied,
    /// Gives up: the same request cannot succeed.
    Permanent,
}

impl ErrorKind {
    /// The name used in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Denied => "denied",
            Self::Permanent => "permanent",
        }
    }
}

/// A failed request. Its cause is in the chain.
#[derive(Debug)]
pub struct ExportError {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ExportError {
    /// An error without a deeper cause.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller does about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message with all of its causes, for one line of a log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let line = error.to_string();
            // Several layers below repeat their cause in their own text.
            if !text.contains(&line) {
                text.push_str(": ");
                text.push_str(&line);
            }
            cause = error.source();
        }
        text
    }

    /// Wraps what `object_store` answered to `action`.
    pub(crate) fn from_store(action: &str, name: &str, error: object_store::Error) -> Self {
        Self::new(kind_of(&error), format!("could not {action} `{name}`")).because(error)
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for ExportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Error codes that S3 answers with status 400 when credentials have run out, where others answer 401 or 403.
const EXPIRED: [&str; 3] = ["ExpiredToken", "TokenRefreshRequired", "InvalidToken"];

fn kind_of(error: &object_store::Error) -> ErrorKind {
    use object_store::Error;
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::NotFound { .. } => ErrorKind::Denied,
        Error::NotSupported { .. }
        | Error::NotImplemented { .. }
        | Error::InvalidPath { .. }
        | Error::UnknownConfigurationKey { .. } => ErrorKind::Permanent,
        // Without a variant of its own; the status is known to the text alone.
        other => {
            let text = other.to_string();
            if EXPIRED.iter().any(|code| text.contains(code)) { ErrorKind::Denied } else { ErrorKind::Retryable }
        }
    }
}
