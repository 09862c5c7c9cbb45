//! Spans or bytes a second: a token bucket, as Go's `golang.org/x/time/rate` has it, which the Collector uses.

use parking_lot::Mutex;

use crate::model::Timestamp;

/// Lets so much pass in a second of the decision clock, and so much at once. A trace passes whole or not at all.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    /// Most that the bucket holds. It is full at first.
    burst: f64,
    bucket: Mutex<Option<Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Rate {
    /// A rate of `per_second`; a `burst` of 0 stands for twice that.
    #[expect(clippy::cast_precision_loss, reason = "no rate is near 2^53")]
    pub(super) fn new(per_second: u64, burst: u64) -> Self {
        let burst = if burst == 0 { per_second.saturating_mul(2) } else { burst };
        Self { per_second: per_second as f64, burst: burst as f64, bucket: Mutex::new(None) }
    }

    /// Whether `cost` more may pass at `now`; if so, it has passed.
    #[expect(clippy::cast_precision_loss, reason = "no trace is near 2^53 of anything")]
    pub(super) fn admit(&self, now: Timestamp, cost: u64) -> bool {
        let cost = cost as f64;
        let mut bucket = self.bucket.lock();
        let had = bucket.map_or(self.burst, |bucket| {
            // A clock that was set back brings nothing and takes nothing. Not `mul_add`, which rounds otherwise than Go.
            let brought = now.since(bucket.at).as_secs_f64() * self.per_second;
            (bucket.tokens + brought).min(self.burst)
        });
        let left = had - cost;
        // What is missing would be there within a nanosecond: rounding, and not a lack.
        let passes = cost <= self.burst && (left >= 0.0 || -left / self.per_second < 1e-9);
        if passes {
            *bucket = Some(Bucket { tokens: left, at: now });
        }
        passes
    }
}
