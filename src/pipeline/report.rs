//! Carries the exact counts of the core into the metrics, a few times a second.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Core;
use crate::model::{DropReason, Outcome};
use crate::telemetry::names;

const PERIOD: Duration = Duration::from_millis(200);

/// The task that reports.
pub(super) struct Reporter {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Reporter {
    /// Reports of `core`, and of the traces that others count.
    pub(super) fn start(core: Arc<Core>, others: Vec<impl Fn() -> usize + Send + 'static>) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            loop {
                report(&core, others.iter().map(|count| count()).sum());
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
fn report(core: &Core, other_traces: usize) {
    let ledger = core.ledger();
    let totals = ledger.totals();
    counter!(names::RECORDS, "outcome" => Outcome::Bundled.as_str(), "reason" => "").absolute(totals.bundled);
    counter!(names::RECORDS, "outcome" => Outcome::NotSampled.as_str(), "reason" => "").absolute(totals.not_sampled);
    counter!(names::RECORDS, "outcome" => Outcome::Carried.as_str(), "reason" => "").absolute(totals.carried);
    counter!(names::RECORDS, "outcome" => Outcome::Reread.as_str(), "reason" => "").absolute(totals.reread);
    for reason in DropReason::ALL {
        let outcome = Outcome::Dropped(reason);
        counter!(names::RECORDS, "outcome" => outcome.as_str(), "reason" => reason.as_str())
            .absolute(ledger.dropped(reason));
    }
    counter!(names::UNDECIDED_RECORDS).absolute(totals.undecided);
    gauge!(names::WINDOW_BYTES).set(core.budget().used() as f64);
    if let Some(log) = core.log() {
        gauge!(names::WINDOW_LOG_BYTES).set(log.bytes() as f64);
    }
    gauge!(names::WINDOW_TRACES).set((core.open_traces() + other_traces) as f64);
    gauge!(names::WINDOW_LOOSE_LOGS).set(core.loose_logs() as f64);
}
