//! The synchronous middle of the program as one value: from admitted bytes to sealed bundles.
//!
//! `serve` drives it with the machine's clock from several threads, `replay` with the recording's own timestamps.

mod admission;
mod attachment;

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::counter;
use parking_lot::Mutex;

use super::counts::{count_completeness, count_decision, missing_parts, report_dry_run};
use super::limit::IncidentLimiter;
use super::normals::Normals;
use super::rules::{Local, Rules};
use crate::bundle::{Closed, Sealed, seal};
use crate::config::{IncidentConnector, Problem, ValidatedConfig};
use crate::evidence::Beside;
use crate::model::{
    Budget, CloseReason, ClosedTrace, Decision, DropReason, Ledger, LooseSet, Outcome, Record, Tenant, Timestamp,
    TraceId,
};
use crate::sampling::Judgement;
use crate::telemetry::names;
use crate::window::{Hasher, LetGo, LooseLogs, Settings, Unpacker, Window, WindowLog};

/// Part of the byte budget from which traces are decided before their time, and from which even those that have failed are.
const RELIEVE_PERCENT: usize = 80;
const URGENT_PERCENT: usize = 95;
/// What a client should wait before it sends a refused request again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Windows, policies, assembler and redactor, built from a configuration. What decides and shapes bundles can be changed while it runs
/// ([`Core::reload`]); what is in the windows stays there.
#[derive(Debug)]
pub struct Core {
    stages: Arc<Stages>,
    /// One a shard; or one for all, where all that is done under its lock is to note where records stand.
    windows: Box<[Mutex<Window>]>,
    shards: usize,
    /// Whether a trace is open only if a record of it has triggered ([`Window::by_trigger`]).
    by_trigger: bool,
    hasher: foldhash::fast::FixedState,
    /// The first window's, of the ids in requests.
    ids: Hasher,
    local: ArcSwap<Local>,
    /// Keeps records on disk as well, if windows are to outlive the process.
    log: Option<Arc<WindowLog>>,
    /// Log records without a trace id, which belong to no shard.
    loose: LooseLogs,
}

/// What the windows of a process share, however many there are.
#[derive(Debug)]
struct Stages {
    tenant: Tenant,
    rules: ArcSwap<Rules>,
    limiter: IncidentLimiter,
    normals: Normals,
    unpacker: Unpacker,
    budget: Budget,
    ledger: Arc<Ledger>,
}

impl Core {
    /// Compiles every stage of `config` for `shards` shards that share `max_bytes` of records.
    ///
    /// # Errors
    /// Every problem that the stages found, with its path in the configuration.
    pub fn build(config: &ValidatedConfig, shards: usize, max_bytes: usize) -> Result<Self, Vec<Problem>> {
        Self::build_for(config, &Tenant::default(), shards, Budget::new(max_bytes))
    }

    /// The same for a tenant: the keys of its redaction and record digests are its own, and its bundles carry its name.
    ///
    /// # Errors
    /// As [`Core::build`].
    pub fn build_for(
        config: &ValidatedConfig,
        tenant: &Tenant,
        shards: usize,
        budget: Budget,
    ) -> Result<Self, Vec<Problem>> {
        let rules = Arc::new(Rules::compile(config, tenant)?);
        let found = |found: Vec<Problem>| {
            found.into_iter().map(|problem| problem.under("connectors.incident.logs")).collect::<Vec<_>>()
        };
        let loose = loose_logs(&rules.incident, &budget).map_err(found)?;
        let local = Local { sampler: rules.sampler.with_own_memory(1), rules: Arc::clone(&rules) };
        let stages = Stages {
            tenant: tenant.clone(),
            limiter: IncidentLimiter::new(&rules.incident.incidents),
            rules: ArcSwap::new(rules),
            normals: Normals::default(),
            unpacker: Unpacker::new(&budget),
            budget,
            ledger: Arc::default(),
        };
        let by_trigger = local.sampler.needs_triggers();
        let window = || match by_trigger {
            true => Window::by_trigger(local.rules.window, stages.budget.take_anyway(0)),
            false => Window::new(local.rules.window),
        };
        let shards = shards.max(1);
        let windows = (0..if by_trigger { 1 } else { shards }).map(|_| Mutex::new(window())).collect();
        Ok(Self { shards, by_trigger, ..Self::on(Arc::new(stages), windows, local, loose) })
    }

    fn on(stages: Arc<Stages>, windows: Box<[Mutex<Window>]>, local: Local, loose: LooseLogs) -> Self {
        Self {
            shards: windows.len(),
            ids: windows.first().map(|window| window.lock().hasher()).unwrap_or_default(),
            windows,
            by_trigger: false,
            stages,
            hasher: foldhash::fast::FixedState::default(),
            local: ArcSwap::from_pointee(local),
            log: None,
            loose,
        }
    }

    /// Compiles `config` anew; from then on traces are judged by it, in every window that shares these stages. What windows, decisions
    /// and limits remember stays. Settings of windows, logs and limits are taken as they were: see [`super::unchangeable`].
    ///
    /// # Errors
    /// Every problem that the stages found; nothing has changed then.
    pub fn reload(&self, config: &ValidatedConfig) -> Result<Reloaded<'_>, Vec<Problem>> {
        let rules = Rules::compile(config, &self.stages.tenant)?;
        if self.by_trigger && !rules.sampler.needs_triggers() {
            let problem = "has a policy now that looks at traces which nothing triggers, and windows keep none: that takes a restart";
            return Err(vec![Problem::new("connectors.incident.tail_sampling.policies", problem)]);
        }
        Ok(Reloaded { core: self, rules: Arc::new(rules) })
    }

    /// The rules in force. A change of them reaches the windows of this core here.
    fn local(&self) -> Arc<Local> {
        let (local, rules) = (self.local.load_full(), self.stages.rules.load());
        if Arc::ptr_eq(&local.rules, &rules) {
            return local;
        }
        let rules = Arc::clone(&rules);
        for window in &self.windows {
            window.lock().configure(rules.window);
        }
        let local = Arc::new(Local { sampler: rules.sampler.with_memory_of(&local.sampler), rules });
        self.local.store(Arc::clone(&local));
        local
    }

    /// A window of its own, in memory, with a memory of past decisions of its own (one of `n`), on the same stages, budget and
    /// ledger. What is read into it without an origin has had its outcome before.
    ///
    /// # Errors
    /// What [`Core::build`] would have found.
    pub fn apart(&self, n: u64) -> Result<Self, Vec<Problem>> {
        let local = self.local();
        let loose = loose_logs(&local.rules.incident, &self.stages.budget)?;
        let local = Local { sampler: local.sampler.with_own_memory(n), rules: Arc::clone(&local.rules) };
        let settings = local.rules.window;
        let remembered = settings.remembered.div_ceil(usize::try_from(n.max(1)).unwrap_or(usize::MAX));
        let settings = Settings { remembered, ..settings };
        let window = match self.by_trigger {
            true => Window::by_trigger_with_rereads(settings, self.stages.budget.take_anyway(0)),
            false => Window::new(local.rules.window),
        };
        let windows = Box::new([Mutex::new(window)]);
        Ok(Self { by_trigger: self.by_trigger, ..Self::on(Arc::clone(&self.stages), windows, local, loose) })
    }

    /// Has every request that is admitted appended to `log` first.
    #[must_use]
    pub fn with_log(self, log: Arc<WindowLog>) -> Self {
        Self { log: Some(log), ..self }
    }

    /// Takes up a decision of an earlier process.
    pub(super) fn recall_decision(&self, trace_id: TraceId, decision: &Decision) {
        self.local().sampler.recall(trace_id, decision);
    }

    /// Takes up which traces an earlier process let go, before the first record comes.
    pub(super) fn recall_let_go(&self, notes: &[LetGo]) {
        self.windows.iter().for_each(|window| window.lock().recall_let_go(notes));
    }

    /// What keeps records on disk, if anything does.
    pub(super) fn log(&self) -> Option<&Arc<WindowLog>> {
        self.log.as_ref()
    }

    /// Exact counts of records by outcome.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.stages.ledger
    }

    /// Bytes that open windows hold.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.stages.budget
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// Open traces: those that wait for a decision.
    #[must_use]
    pub fn open_traces(&self) -> usize {
        self.windows.iter().map(|window| window.lock().traces()).sum()
    }

    /// Log records without a trace id that are held.
    #[must_use]
    pub fn loose_logs(&self) -> usize {
        self.loose.len()
    }

    /// Does something under the lock of a shard's window, and after it what can wait.
    fn with_window<T>(&self, shard: usize, work: impl FnOnce(&mut Window) -> T) -> Option<T> {
        let mut window = self.windows.get(shard % self.windows.len().max(1))?.lock();
        let done = work(&mut window);
        let spent = window.take_spent();
        drop(window);
        let let_go = spent.remember();
        if let Some(log) = &self.log {
            log.note_let_go(&let_go);
        }
        // After that: it keeps the files which say the same.
        drop(spent);
        Some(done)
    }

    /// Closes at most `limit` traces of a shard that are due.
    pub fn close_due(&self, now: Timestamp, shard: usize, limit: usize) -> Vec<ClosedTrace> {
        self.loose.expire(now);
        self.with_window(shard, |window| window.advance(now, limit)).unwrap_or_default()
    }

    /// Closes at most `limit` traces of a shard, due or not. What has no trace to be judged is left to the next start, where that
    /// finds it on disk, and otherwise is not sampled.
    pub fn close_all(&self, now: Timestamp, shard: usize, reason: CloseReason, limit: usize) -> Vec<ClosedTrace> {
        let is_kept = reason == CloseReason::Shutdown && self.log.is_some();
        let outcome = if is_kept { Outcome::Carried } else { Outcome::NotSampled };
        self.drain(now, shard, outcome, reason, limit)
    }

    /// The same, where what has no trace to be judged has the outcome `waiting`.
    fn drain(
        &self,
        now: Timestamp,
        shard: usize,
        waiting: Outcome,
        reason: CloseReason,
        limit: usize,
    ) -> Vec<ClosedTrace> {
        let drain = |window: &mut Window| {
            window.let_go_waiting(waiting);
            window.drain(now, reason, limit)
        };
        self.with_window(shard, drain).unwrap_or_default()
    }

    /// Closes at most `limit` traces of a shard before their time, if the byte budget runs short. Log records without a trace
    /// id give way first.
    pub fn relieve(&self, now: Timestamp, shard: usize, limit: usize) -> Vec<ClosedTrace> {
        let short = |percent| self.stages.budget.is_short(percent);
        while short(RELIEVE_PERCENT) && self.loose.forget_oldest() {}
        if !short(RELIEVE_PERCENT) {
            return Vec::new();
        }
        while short(RELIEVE_PERCENT)
            && self.with_window(shard, |window| window.relieve_waiting(now, short(URGENT_PERCENT))).unwrap_or_default()
        {
        }
        let urgent = short(URGENT_PERCENT);
        self.with_window(shard, |window| window.relieve(now, urgent, limit)).unwrap_or_default()
    }

    /// Lets go of the log records without a trace id that no bundle has taken in: no trace is to come any more, or the next
    /// start finds them on disk.
    pub fn end(&self) {
        if self.log.is_some() { self.loose.carry() } else { self.loose.clear() }
    }

    /// Lets go of everything that is open, undecided: whoever reads it next takes it up.
    pub(super) fn let_go(&self, now: Timestamp) {
        for shard in 0..self.shards() {
            for trace in self.drain(now, shard, Outcome::Carried, CloseReason::Shutdown, usize::MAX) {
                trace.tracked.settle(Outcome::Carried);
            }
        }
        self.loose.carry();
    }

    /// Remembers the decision about a trace that has had its outcome before, for what comes late of it.
    pub(super) fn recall(&self, now: Timestamp, trace: ClosedTrace) {
        self.local().sampler.decide(now, &trace);
        trace.tracked.settle(Outcome::Reread);
    }

    /// The longest time that a record waits for its outcome, but for what holds up decisions.
    pub(super) fn reach(&self) -> Duration {
        let rules = self.stages.rules.load();
        rules.window.retention.saturating_add(rules.window.decision_wait).max(held(&rules.incident))
    }

    /// Takes a closed trace through sampling, evidence, redaction and sealing. `None` means that its records have had
    /// their outcome here.
    pub fn judge(&self, now: Timestamp, mut trace: ClosedTrace) -> Option<Sealed> {
        self.stages.unpacker.unpack(&mut trace);
        if self.by_trigger {
            // Measured when it was admitted.
            return self.decide(now, trace);
        }
        let durations = self.stages.normals.read(now, trace.records.iter().cloned());
        let sealed = self.decide(now, trace);
        // After its bundle was made, so that nothing is measured against itself.
        self.stages.normals.add(now, durations);
        sealed
    }

    fn decide(&self, now: Timestamp, mut trace: ClosedTrace) -> Option<Sealed> {
        let local = self.local();
        // At the end of all input a late piece is closed for that reason, and is one all the same.
        let is_late = trace.reason == CloseReason::Late || local.sampler.sampled_before(trace.trace_id);
        let Judgement { decision, was_unwanted } = local.sampler.judge(now, &trace);
        if trace.reason == CloseReason::Pressure {
            counter!(names::TAIL_SAMPLING_TOO_EARLY).increment(1);
        }
        let fails_late = !is_late && (trace.missed || was_unwanted) && matches!(decision, Decision::Sampled { .. });
        if fails_late {
            trace.reason = CloseReason::Late;
            counter!(names::WINDOW_LATE_FAILURES).increment(1);
        }
        if is_late {
            counter!(names::WINDOW_LATE_RECORDS).increment(trace.records.len() as u64);
        }
        counter!(names::WINDOW_CLOSED_TRACES, "reason" => trace.reason.as_str()).increment(1);
        trace.tracked.decided(&decision);
        let policy = match decision {
            Decision::Sampled { policy } => policy,
            Decision::NotSampled => {
                count_decision("not_sampled", "");
                trace.tracked.settle(Outcome::NotSampled);
                return None;
            }
            Decision::Dropped { policy } => {
                count_decision("dropped", &policy);
                trace.tracked.settle(Outcome::Dropped(DropReason::DropPolicy));
                return None;
            }
        };
        count_decision("sampled", &policy);
        if let Some(window) = self.windows.get(self.window_of(trace.trace_id)) {
            window.lock().keep_open(now, trace.trace_id, trace.closed);
        }
        self.make_bundle(now, trace, &local, &policy, is_late)
    }

    fn make_bundle(
        &self,
        now: Timestamp,
        trace: ClosedTrace,
        local: &Local,
        policy: &str,
        is_late: bool,
    ) -> Option<Sealed> {
        let (trace_id, rules) = (trace.trace_id, &local.rules);
        let closed = Closed { reason: trace.reason, opened: trace.opened, closed: trace.closed };
        // A late piece amends a bundle that has been counted against its incident's limit already, or goes as what it belongs to did.
        let shape = self.stages.limiter.shape(&trace.records);
        let is_over =
            if is_late { local.sampler.was_over_limit(trace_id) } else { self.stages.limiter.is_over(now, shape) };
        if is_over {
            local.sampler.remember_over_limit(trace_id);
            trace.tracked.settle(Outcome::Dropped(DropReason::IncidentLimit));
            return None;
        }
        let _span = tracing::info_span!("make_bundle", %trace_id, policy, late = is_late).entered();
        let mut records = rules.raw.as_ref().map(|_| trace.records.clone()).unwrap_or_default();
        let ids = self.loose.ids(&trace.records);
        // Remembered before they are looked for, so that none falls between the two.
        self.loose.keep(now, trace_id, &ids);
        // What stands around the failure is in its bundle, which a late piece amends.
        let around = |resource: &[u8], at| if is_late { LooseSet::default() } else { self.loose.around(resource, at) };
        let beside = Beside { sharing: self.loose.sharing(&ids), around: &around };
        let case = match rules.assembler.assemble(trace, &beside, policy) {
            Ok(case) => case,
            Err(error) => {
                tracing::error!(%trace_id, error = %error.reason, "no evidence could be assembled");
                error.tracked.settle(Outcome::Dropped(DropReason::EvidenceFailed));
                return None;
            }
        };
        if !is_late && !self.stages.limiter.allows(now, &case.bundle) {
            self.stages.limiter.remember_over(now, shape);
            local.sampler.remember_over_limit(trace_id);
            self.loose.release(trace_id, &ids);
            case.tracked.settle(Outcome::Dropped(DropReason::IncidentLimit));
            return None;
        }
        if rules.raw.is_some() {
            records.extend(case.loose.iter().map(|loose| loose.record().clone()));
        }
        let missing = missing_parts(&case);
        let latencies = self.stages.normals.of(now, &case.bundle);
        let redacted = match rules.redactor.redact(case) {
            Ok(redacted) => redacted,
            Err(error) => {
                tracing::error!(%trace_id, reason = %error.reason, "redaction failed, bundle held back");
                error.tracked.settle(Outcome::Dropped(DropReason::RedactionFailed));
                return None;
            }
        };
        if rules.redactor.is_dry_run() {
            report_dry_run(redacted);
            return None;
        }
        match seal(redacted, closed, &rules.incident.bundle) {
            Ok(sealed) => {
                count_completeness(missing);
                self.with_raw(rules, sealed.with_normal_latencies(latencies), &records)
            }
            Err(error) => {
                tracing::error!(%trace_id, %error, "bundle could not be sealed");
                error.tracked.settle(Outcome::Dropped(DropReason::EvidenceFailed));
                None
            }
        }
    }

    /// Adds the records of a bundle that will be written, encrypted, where they are to be kept.
    fn with_raw(&self, rules: &Rules, sealed: Sealed, records: &[Record]) -> Option<Sealed> {
        let Some(sealer) = &rules.raw else { return Some(sealed) };
        match sealer.seal(&sealed, records, &self.stages.budget) {
            Ok(raw) => Some(sealed.with_raw(raw)),
            Err(error) => {
                let trace_id = sealed.trace_id();
                tracing::error!(%trace_id, %error, "records could not be encrypted, bundle held back");
                sealed.into_tracked().settle(Outcome::Dropped(DropReason::ExportFailed));
                None
            }
        }
    }

    /// Whether the decision to keep this trace is remembered.
    #[must_use]
    pub fn sampled_before(&self, trace_id: TraceId) -> bool {
        self.local().sampler.sampled_before(trace_id)
    }

    /// What comes for this trace from here on is late evidence, whatever the policies would say of it.
    pub fn keep(&self, trace_id: TraceId) {
        self.local().sampler.keep(trace_id);
    }

    fn window_of(&self, trace_id: TraceId) -> usize {
        usize::try_from(self.hasher.hash_one(trace_id.0) % self.windows.len() as u64).unwrap_or(0)
    }
}

/// Rules that have been compiled and are not in force yet.
#[derive(Debug)]
#[must_use]
pub struct Reloaded<'c> {
    core: &'c Core,
    rules: Arc<Rules>,
}

impl Reloaded<'_> {
    /// Puts them in force.
    pub fn apply(self) {
        self.core.stages.rules.store(self.rules);
    }
}

fn loose_logs(incident: &IncidentConnector, budget: &Budget) -> Result<LooseLogs, Vec<Problem>> {
    LooseLogs::compile(&incident.logs, held(incident), budget)
}

/// How long a log record without a trace id is held: what was written before a failure must be there when its trace is decided.
fn held(incident: &IncidentConnector) -> Duration {
    let before = incident.logs.lookback.0.max(incident.logs.ambient.lookback.0);
    incident.window.retention.0.max(before.saturating_add(incident.tail_sampling.decision_wait.0))
}
