//! The same decisions as the Collector: generated policies and traces, put to the Collector's own processor and to Casefile.
//!
//! The processor runs in `tests/support/tail_sampling`, on a clock of its own. By default it is asked about few; all that is claimed:
//!
//!     CASEFILE_POLICY_SETS=500 CASEFILE_TRACES=1000 cargo test --test sampling -- --nocapture

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod generate;
mod processor;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use casefile::config::TailSampling;
use casefile::model::{Batch, Budget, CloseReason, ClosedTrace, Decision, Ledger, Outcome, Record, Signal, Timestamp};
use casefile::otlp::{Limits, scan};
use casefile::sampling::Sampler;
use serde_json::{Value, json};

use generate::{Rng, Trace};
use processor::Processor;

/// The decision clock of the first trace; each further one is decided a second later.
const START: u64 = 946_684_801_000_000_000;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// The ids that Casefile samples.
fn ours(config: &Value, traces: &[Trace]) -> BTreeSet<String> {
    let config: TailSampling = serde_json::from_value(config.clone()).unwrap();
    let sampler = Sampler::compile(&config).unwrap_or_else(|problems| panic!("{problems:?}: {config:?}"));
    let ledger = Arc::<Ledger>::default();
    let mut sampled = BTreeSet::new();
    for (second, trace) in traces.iter().enumerate() {
        let now = Timestamp(START + second as u64 * 1_000_000_000);
        let request = trace.request.clone();
        let entries = scan(Signal::Traces, &request, &Limits::default()).unwrap().entries;
        let permit = Budget::new(1 << 24).take(request.len()).unwrap();
        let batch =
            Arc::new(Batch { signal: Signal::Traces, bytes: Bytes::from(request), packed: None, permit, origin: None });
        let records: Vec<_> = entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect();
        let tracked = ledger.accept(records.len() as u64);
        let trace_id = records[0].entry.head.trace_id;
        let reason = CloseReason::DecisionWait;
        let closed = ClosedTrace { trace_id, records, tracked, reason, missed: false, opened: now, closed: now };
        if let Decision::Sampled { .. } = sampler.decide(now, &closed) {
            sampled.insert(trace.id.clone());
        }
        closed.tracked.settle(Outcome::NotSampled);
    }
    sampled
}

/// Guarantees: Casefile samples the traces that the Collector's processor samples, whatever the policies, but for what `docs/sampling.md`
/// names.
#[test]
fn casefile_samples_what_the_collector_samples() {
    let (sets, count) = (number("CASEFILE_POLICY_SETS", 60), number("CASEFILE_TRACES", 200));
    let seed = number("CASEFILE_SEED", 1);
    let mut processor = Processor::start();
    let mut rng = Rng::new(seed);
    let (mut kinds, mut explained) = (BTreeMap::<String, u64>::new(), BTreeMap::<&str, u64>::new());
    let (mut sampled, mut unexplained) = (0, Vec::new());
    for set in 0..sets {
        let config = json!({"policies": generate::policies(&mut rng)});
        let plain = generate::want_plain_times(&config);
        let traces: Vec<Trace> = (0..count).map(|_| generate::trace(&mut rng, plain)).collect();
        generate::kinds(&config, &mut kinds);
        let mut types = BTreeMap::new();
        generate::kinds(&config, &mut types);
        let theirs = processor.ask(&config, &traces);
        let ours = ours(&config, &traces);
        sampled += theirs.len();
        let differing = traces.iter().filter(|trace| ours.contains(&trace.id) != theirs.contains(&trace.id));
        for trace in differing {
            match generate::explanation(&config, trace) {
                Some(name) => *explained.entry(name).or_default() += 1,
                None => {
                    let who = if ours.contains(&trace.id) { "only Casefile" } else { "only the Collector" };
                    unexplained
                        .push(format!("set {set} {types:?}: {who} samples {}\n{trace:#?}\nby {config:#}", trace.id));
                }
            }
        }
    }
    eprintln!(
        "{sets} policy sets, {count} traces each, seed {seed}: {sampled} sampled; explained: {explained:?}; types: {kinds:?}"
    );
    let places: Vec<&str> = unexplained.iter().map(|text| text.lines().next().unwrap_or_default()).collect();
    assert!(
        unexplained.is_empty(),
        "{} unexplained:\n{}\nthe first:\n{}",
        unexplained.len(),
        places.join("\n"),
        unexplained[0]
    );
    let all = sets * count;
    assert!(
        sampled as u64 > all / 10 && (sampled as u64) < all - all / 10,
        "the policies tell traces apart: {sampled} of {all}"
    );
    for kind in generate::KINDS {
        assert!(kinds.contains_key(kind), "no policy of type {kind} was generated: {kinds:?}");
    }
}
