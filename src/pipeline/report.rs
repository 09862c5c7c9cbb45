//! Carries the exact counts of the core into the metrics, a few times a second.

use std::time::Duration;

use metrics::{counter, gauge};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::tenants::Tenants;
use crate::model::{DropReason, Outcome, Totals};
use crate::telemetry::names;

const PERIOD: Duration = Duration::from_millis(200);

/// The task that reports.
pub(super) struct Reporter {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Reporter {
    /// Reports of all tenants, of the traces that others count, and by `tell_full` whether requests are refused for lack of room.
    pub(super) fn start(
        tenants: Tenants,
        others: Vec<impl Fn() -> usize + Send + 'static>,
        tell_full: impl Fn() + Send + 'static,
    ) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            loop {
                tell_full();
                report(&tenants, others.iter().map(|count| count()).sum());
                if stopped.is_cancelled() {
                    break;
                }
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = tokio::time::sleep(PERIOD) => {}
                }
            }
        });
        Self { stop, task }
    }

    /// Reports a last time.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap_or_default();
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point by their protocol")]
fn report(tenants: &Tenants, other_traces: usize) {
    let mut totals = Totals::default();
    for ledger in tenants.iter().map(|one| one.core.ledger()) {
        totals = totals.plus(ledger.totals());
    }
    counter!(names::RECORDS, "outcome" => Outcome::Bundled.as_str(), "reason" => "").absolute(totals.bundled);
    counter!(names::RECORDS, "outcome" => Outcome::NotSampled.as_str(), "reason" => "").absolute(totals.not_sampled);
    counter!(names::RECORDS, "outcome" => Outcome::Carried.as_str(), "reason" => "").absolute(totals.carried);
    counter!(names::RECORDS, "outcome" => Outcome::Reread.as_str(), "reason" => "").absolute(totals.reread);
    for reason in DropReason::ALL {
        let outcome = Outcome::Dropped(reason);
        let dropped = tenants.iter().map(|one| one.core.ledger().dropped(reason)).sum();
        counter!(names::RECORDS, "outcome" => outcome.as_str(), "reason" => reason.as_str()).absolute(dropped);
    }
    counter!(names::UNDECIDED_RECORDS).absolute(totals.undecided);
    gauge!(names::WINDOW_BYTES).set(tenants.bytes() as f64);
    let logs: Vec<u64> = tenants.iter().filter_map(|one| one.core.log().map(|log| log.bytes())).collect();
    if !logs.is_empty() {
        gauge!(names::WINDOW_LOG_BYTES).set(logs.iter().sum::<u64>() as f64);
    }
    let open: usize = tenants.iter().map(|one| one.core.open_traces()).sum();
    gauge!(names::WINDOW_TRACES).set((open + other_traces) as f64);
    gauge!(names::TAIL_SAMPLING_ON_MEMORY).set((open + other_traces) as f64);
    gauge!(names::WINDOW_LOOSE_LOGS).set(tenants.iter().map(|one| one.core.loose_logs()).sum::<usize>() as f64);
    tenants.iter().for_each(|one| one.report());
}
