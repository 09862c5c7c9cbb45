//! Files that are read again when their content changes. Content, and not the time of a file, tells: Kubernetes swaps symlinks.

use std::time::Duration;

use metrics::counter;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

/// The digest of contents, each with its length before it.
pub(super) fn digest<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for content in contents {
        hasher.update((content.len() as u64).to_be_bytes());
        hasher.update(content);
    }
    hasher.finalize().into()
}

/// What a look at the files found.
pub(super) enum Look {
    /// Nothing new.
    Same,
    /// What they hold now is in use.
    Changed,
    /// They cannot be used: why. What was in use stays so.
    Bad(String),
}

/// Reloads begin with none, so that a first failure is an increase to Prometheus.
pub(super) fn begin_counting(metric: &'static str, server: &'static str) {
    for result in ["ok", "failed"] {
        counter!(metric, "server" => server, "result" => result).increment(0);
    }
}

/// Looks every `interval` until `stop`. A change, and a new reason why there is none, is counted and told.
pub(super) async fn watch(
    metric: &'static str,
    what: &'static str,
    server: &'static str,
    interval: Duration,
    stop: CancellationToken,
    look: impl Fn() -> Look + Clone + Send + 'static,
) {
    if interval.is_zero() {
        return;
    }
    let mut told = String::new();
    while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
        let look = look.clone();
        // Files are read beside the threads that serve connections.
        match tokio::task::spawn_blocking(look).await.unwrap_or(Look::Same) {
            Look::Same => told.clear(),
            Look::Changed => {
                told.clear();
                counter!(metric, "server" => server, "result" => "ok").increment(1);
                tracing::info!(server, "{what} have changed, and hold for what comes from here on");
            }
            Look::Bad(why) if why == told => {}
            Look::Bad(why) => {
                counter!(metric, "server" => server, "result" => "failed").increment(1);
                tracing::warn!(server, why, "{what} have changed and cannot be used: the old ones stay");
                told = why;
            }
        }
    }
}
