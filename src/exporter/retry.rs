//! Exponential backoff with jitter, and how long to be patient.

use std::time::Duration;

use super::error::{ErrorKind, ExportError};
use crate::config::RetryOnFailure;

/// Waits between tries: each is `multiplier` times the one before, at most `max_interval`, and shortened by up to half
/// at random, so that writers that failed together do not come back together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

const MULTIPLIER: f64 = 1.5;

impl Backoff {
    pub(crate) fn new(config: &RetryOnFailure) -> Self {
        let max = config.max_interval.0.max(Duration::from_millis(1));
        Self { next: config.initial_interval.0.clamp(Duration::from_millis(1), max), max }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.mul_f64(MULTIPLIER).min(self.max);
        wait.mul_f64(1.0 - random_fraction() / 2.0)
    }
}

/// A number from 0 to 1; 0 where the system has no randomness to give.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}

/// What a retried operation tells of itself.
pub(crate) trait Watch: Sync {
    /// A try failed and another will follow.
    fn failed(&self, error: &ExportError);
    /// A try succeeded.
    fn succeeded(&self);
}

/// Runs `operation` until it succeeds, fails for good, or `max_elapsed_time` has passed since the first try (which is
/// never for [`ErrorKind::Denied`]).
///
/// # Errors
/// The last error.
pub(crate) async fn retry<T, F: Future<Output = Result<T, ExportError>>>(
    config: &RetryOnFailure,
    watch: &dyn Watch,
    mut operation: impl FnMut() -> F,
) -> Result<T, ExportError> {
    let started = now();
    let mut backoff = Backoff::new(config);
    loop {
        let error = match operation().await {
            Ok(value) => {
                watch.succeeded();
                return Ok(value);
            }
            Err(error) => error,
        };
        watch.failed(&error);
        let wait = backoff.next();
        let limit = config.max_elapsed_time.0;
        let used_up = !limit.is_zero() && now().duration_since(started) + wait > limit;
        let over = match error.kind() {
            ErrorKind::Permanent => true,
            ErrorKind::Retryable => used_up,
            ErrorKind::Denied => false,
        };
        if over || !config.enabled {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}

/// The timer's clock, which tests may pause.
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
