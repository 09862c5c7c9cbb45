//! The bounded queue between the synchronous core and the stores.
//!
//! A case leaves the queue with an outcome, always and once. Its records count as bundled when **every** bundle exporter
//! has committed it: a store that the operator asked for and that does not have the evidence is a loss there, and is
//! counted as one (`export_failed`), though another store may hold it. Where raw evidence is kept, it is stored before any
//! of them, and what holds for a bundle exporter holds for its store. The webhooks are told once it is bundled.
//!
//! Cases of one trace are written one after another, in the order they came: a late piece that overtook the bundle it amends would
//! be the bundle.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::error::ExportError;
use super::raw::RawWriter;
use super::webhook::Webhook;
use super::writer::{BundleWriter, Receipt};
use crate::bundle::{Sealed, SealedRaw};
use crate::config::SendingQueue;
use crate::model::{DropReason, Outcome, TraceId};
use crate::telemetry::names as metric;

/// The queue is closed; here is the case back.
#[derive(Debug, thiserror::Error)]
#[error("the export queue takes no more bundles")]
pub struct QueueError {
    /// The case.
    pub sealed: Box<Sealed>,
    /// Whether it is closed for good, and not just full.
    pub closed: bool,
}

/// A queue of sealed cases and the workers that write them.
#[derive(Debug)]
pub struct ExportQueue {
    shared: Arc<Shared>,
    workers: tokio::sync::Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    cases: Mutex<Cases>,
    arrived: Notify,
    places: Arc<Semaphore>,
    /// How many there are in all.
    capacity: usize,
    /// No case comes any more: workers end when none waits.
    closing: AtomicBool,
    /// Set when the drain deadline has passed: workers give up what they are at.
    abandon: tokio::sync::watch::Sender<bool>,
    /// Held for reading while a case is written.
    outlets: tokio::sync::RwLock<Outlets>,
    /// Set while outlets are to be changed: workers give up what they are at, and do it again with the new ones.
    changing: tokio::sync::watch::Sender<bool>,
    /// The exporters whose gauge shows what waits.
    gauged: Mutex<Vec<String>>,
}

/// Where cases go. Unchanged ones are handed on from one configuration to the next.
#[derive(Debug, Clone, Default)]
pub struct Outlets {
    /// For raw evidence, before anything else.
    pub raw: Option<Arc<RawWriter>>,
    /// For bundles: all of them.
    pub writers: Vec<Arc<BundleWriter>>,
    /// Who is told of each.
    pub webhooks: Vec<Arc<Webhook>>,
}

#[derive(Debug, Default)]
struct Cases {
    waiting: VecDeque<(Box<Sealed>, OwnedSemaphorePermit)>,
    /// Traces that a worker is writing a case of.
    writing: BTreeSet<TraceId>,
}

impl Cases {
    /// The first one of whose trace nothing is being written.
    fn take(&mut self) -> Option<(Box<Sealed>, OwnedSemaphorePermit)> {
        let at = self.waiting.iter().position(|(sealed, _)| !self.writing.contains(&sealed.trace_id()))?;
        let (sealed, place) = self.waiting.remove(at)?;
        self.writing.insert(sealed.trace_id());
        Some((sealed, place))
    }
}

impl ExportQueue {
    /// Starts `num_consumers` workers. The raw evidence of a case is written by `raw`, then the case by every one of
    /// `writers`, then it is told to every webhook.
    ///
    /// Must be called in a tokio runtime.
    #[must_use]
    pub fn spawn(
        raw: Option<RawWriter>,
        writers: Vec<BundleWriter>,
        webhooks: Vec<Webhook>,
        config: &SendingQueue,
    ) -> Self {
        let outlets = Outlets {
            raw: raw.map(Arc::new),
            writers: writers.into_iter().map(Arc::new).collect(),
            webhooks: webhooks.into_iter().map(Arc::new).collect(),
        };
        Self::with(outlets, config)
    }

    /// As [`ExportQueue::spawn`].
    #[must_use]
    pub fn with(outlets: Outlets, config: &SendingQueue) -> Self {
        let shared = Arc::new(Shared {
            cases: Mutex::default(),
            arrived: Notify::new(),
            capacity: config.queue_size.clamp(1, Semaphore::MAX_PERMITS),
            places: Arc::new(Semaphore::new(config.queue_size.clamp(1, Semaphore::MAX_PERMITS))),
            closing: AtomicBool::new(false),
            abandon: tokio::sync::watch::Sender::new(false),
            gauged: Mutex::new(outlets.ids()),
            outlets: tokio::sync::RwLock::new(outlets),
            changing: tokio::sync::watch::Sender::new(false),
        });
        shared.gauge_capacity();
        let mut workers = JoinSet::new();
        for _ in 0..config.num_consumers.max(1) {
            workers.spawn(work(Arc::clone(&shared)));
        }
        Self { shared, workers: tokio::sync::Mutex::new(workers) }
    }

    /// Where cases go.
    pub async fn outlets(&self) -> Outlets {
        self.shared.outlets.read().await.clone()
    }

    /// Changes where cases go. What is being written is finished first, or, where that takes longer than `patience`, given up and written
    /// anew to the new ones: every write can be repeated. Nothing that waits is lost. Webhooks that are told no more send what waits there.
    pub async fn replace(&self, outlets: Outlets, patience: Duration) {
        let mut held = match tokio::time::timeout(patience, self.shared.outlets.write()).await {
            Ok(held) => held,
            Err(_) => {
                self.shared.changing.send_replace(true);
                self.shared.outlets.write().await
            }
        };
        *self.shared.gauged.lock() = outlets.ids();
        self.shared.gauge_capacity();
        let old = std::mem::replace(&mut *held, outlets);
        self.shared.changing.send_replace(false);
        let gone = old.webhooks.into_iter().filter(|old| !held.webhooks.iter().any(|new| Arc::ptr_eq(old, new)));
        for webhook in gone {
            tokio::spawn(async move { webhook.finish().await });
        }
    }

    /// Puts a case in, waiting while the queue is full: that is the back-pressure.
    ///
    /// # Errors
    /// If the queue has been closed.
    pub async fn send(&self, sealed: Sealed) -> Result<(), QueueError> {
        match Arc::clone(&self.shared.places).acquire_owned().await {
            Ok(place) => self.put(Box::new(sealed), place),
            Err(_) => Err(QueueError { sealed: Box::new(sealed), closed: true }),
        }
    }

    /// Puts a case in if there is room.
    ///
    /// # Errors
    /// If the queue is full or closed.
    pub fn try_send(&self, sealed: Sealed) -> Result<(), QueueError> {
        match Arc::clone(&self.shared.places).try_acquire_owned() {
            Ok(place) => self.put(Box::new(sealed), place),
            Err(error) => {
                let closed = error == tokio::sync::TryAcquireError::Closed;
                Err(QueueError { sealed: Box::new(sealed), closed })
            }
        }
    }

    /// Cases that wait, without those being written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.cases.lock().waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cases that wait or are being written.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        let cases = self.shared.cases.lock();
        cases.waiting.len() + cases.writing.len()
    }

    /// Takes no more cases, writes those that are in, and settles what is not written after `deadline` as dropped
    /// (`shutdown_deadline`). Returns how many cases that were.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.shared.close();
        let mut workers = self.workers.lock().await;
        let end = tokio::time::Instant::now() + deadline;
        let finished = tokio::time::timeout_at(end, async { while workers.join_next().await.is_some() {} }).await;
        let mut left = 0;
        if finished.is_err() {
            left = self.unfinished();
            self.shared.abandon.send_replace(true);
            self.shared.settle_waiting();
            // Each worker drops its request at its next poll, so this ends at once.
            while workers.join_next().await.is_some() {}
        }
        let outlets = self.outlets().await;
        let told = futures::future::join_all(outlets.webhooks.iter().map(|webhook| webhook.finish()));
        if tokio::time::timeout_at(end, told).await.is_err() {
            tracing::warn!("events that waited were not sent; their bundles are stored");
        }
        left
    }

    fn put(&self, sealed: Box<Sealed>, place: OwnedSemaphorePermit) -> Result<(), QueueError> {
        {
            let mut cases = self.shared.cases.lock();
            // Under the lock that `close` takes: a case cannot slip in behind the last worker.
            if self.shared.closing.load(Ordering::Acquire) {
                return Err(QueueError { sealed, closed: true });
            }
            cases.waiting.push_back((sealed, place));
            self.shared.gauge(cases.waiting.len());
        }
        self.shared.arrived.notify_one();
        Ok(())
    }
}

impl Drop for ExportQueue {
    /// Dropped without [`ExportQueue::drain`]: what waits is settled, as at a deadline of zero.
    fn drop(&mut self) {
        self.shared.close();
        self.shared.abandon.send_replace(true);
        self.shared.settle_waiting();
    }
}

impl Shared {
    fn close(&self) {
        let cases = self.cases.lock();
        self.closing.store(true, Ordering::Release);
        drop(cases);
        self.places.close();
        self.arrived.notify_waiters();
    }

    fn settle_waiting(&self) {
        let waiting = std::mem::take(&mut self.cases.lock().waiting);
        for (sealed, _) in waiting {
            sealed.into_tracked().settle(Outcome::Dropped(DropReason::ShutdownDeadline));
        }
    }

    fn gauge(&self, waiting: usize) {
        for exporter in self.gauged.lock().iter() {
            // A queue length is far below 2^52.
            #[expect(clippy::cast_precision_loss, reason = "a queue length is far below 2^52")]
            metrics::gauge!(metric::EXPORTER_QUEUE, "exporter" => exporter.clone()).set(waiting as f64);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a queue length is far below 2^52")]
    fn gauge_capacity(&self) {
        for exporter in self.gauged.lock().iter() {
            let gauge = metrics::gauge!(metric::EXPORTER_QUEUE_CAPACITY, "exporter" => exporter.clone());
            gauge.set(self.capacity as f64);
        }
    }

    /// The next case, or `None` when no more will come.
    async fn next(&self) -> Option<Box<Sealed>> {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            // Registered before the look, so that a case that comes in between wakes this worker.
            arrived.as_mut().enable();
            {
                let mut cases = self.cases.lock();
                if let Some((sealed, place)) = cases.take() {
                    self.gauge(cases.waiting.len());
                    drop(place);
                    return Some(sealed);
                }
                // One whose trace is being written has its turn when that is done.
                if cases.waiting.is_empty() && self.closing.load(Ordering::Acquire) {
                    return None;
                }
            }
            arrived.await;
        }
    }
}

impl Outlets {
    fn ids(&self) -> Vec<String> {
        self.writers.iter().map(|writer| writer.id().to_owned()).collect()
    }

    /// Writes a case to every store, its raw evidence first; the first receipt, if all of them have it.
    async fn write(&self, sealed: &mut Sealed, objects: &[SealedRaw]) -> Option<Receipt> {
        if let Some(writer) = &self.raw {
            match writer.write(objects).await {
                Ok(stored) => sealed.promise_raw(stored),
                Err(error) => return give_up(writer.id(), sealed, &error),
            }
        }
        let sealed = &*sealed;
        let results = futures::future::join_all(self.writers.iter().map(|writer| writer.write(sealed))).await;
        let mut first = None;
        for (writer, result) in self.writers.iter().zip(results) {
            match result {
                Ok(receipt) => first = first.or(Some(receipt)),
                Err(error) => return give_up(writer.id(), sealed, &error),
            }
        }
        first
    }
}

fn give_up(exporter: &str, sealed: &Sealed, error: &ExportError) -> Option<Receipt> {
    let trace_id = sealed.trace_id();
    tracing::error!(exporter, %trace_id, error = error.chain(), "a bundle is given up and counted as dropped");
    None
}

/// Settles the case it holds when it is dropped undecided: a worker that panics or is cancelled loses no count.
struct Held<'a> {
    sealed: Option<Box<Sealed>>,
    trace_id: TraceId,
    shared: &'a Shared,
}

impl Held<'_> {
    fn settle(&mut self, outcome: Outcome) {
        if let Some(sealed) = self.sealed.take() {
            sealed.into_tracked().settle(outcome);
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        let reason = if panicking { DropReason::ExportFailed } else { DropReason::ShutdownDeadline };
        self.settle(Outcome::Dropped(reason));
        self.shared.cases.lock().writing.remove(&self.trace_id);
        // Another one of this trace may have waited for its turn; and whoever looked for the last one is to look again.
        self.shared.arrived.notify_waiters();
    }
}

async fn work(shared: Arc<Shared>) {
    let mut abandon = shared.abandon.subscribe();
    while let Some(sealed) = shared.next().await {
        let mut held = Held { trace_id: sealed.trace_id(), sealed: Some(sealed), shared: &shared };
        let Some(sealed) = held.sealed.as_deref_mut() else { continue };
        let objects = sealed.take_raw();
        let span = tracing::info_span!("store_bundle", trace_id = %held.trace_id);
        let receipt = loop {
            let written = async {
                let outlets = shared.outlets.read().await;
                let mut changing = shared.changing.subscribe();
                tokio::select! {
                    biased;
                    receipt = outlets.write(sealed, &objects).instrument(span.clone()) => {
                        let tell = |receipt: Receipt| outlets.webhooks.iter().for_each(|webhook| webhook.tell(&receipt));
                        Some(receipt.map(tell))
                    }
                    _ = changing.wait_for(|changing| *changing) => None,
                }
            };
            tokio::select! {
                biased;
                written = written => if let Some(receipt) = written { break receipt },
                _ = abandon.wait_for(|abandon| *abandon) => return,
            }
        };
        match receipt {
            Some(()) => {
                held.settle(Outcome::Bundled);
            }
            None => held.settle(Outcome::Dropped(DropReason::ExportFailed)),
        }
    }
}
