//! Of several patches for one failure the one to take.

use serde::Serialize;

use super::{Decision, Judgement};

/// A patch and its verdict.
#[derive(Debug, Serialize)]
pub struct Ranked {
    /// Its name: the file of its diff.
    pub name: String,
    /// Its verdict.
    pub judgement: Judgement,
}

/// The best first: what is accepted before what needs a look before what is refused; then most tests that pass (of the made test's runs and
/// of the suite), then the smallest diff, the nearest to the evidence, the simplest; names decide last.
pub fn rank(patches: &mut [Ranked]) {
    patches.sort_by(|a, b| {
        let tests = |ranked: &Ranked| {
            let suite = ranked.judgement.suite.as_ref().map_or(0, |suite| suite.after.passed);
            suite + u64::from(ranked.judgement.passed)
        };
        let size = |ranked: &Ranked| {
            (ranked.judgement.size.counted, ranked.judgement.size.added + ranked.judgement.size.removed)
        };
        let decision = |ranked: &Ranked| -> Decision { ranked.judgement.decision };
        let score = |ranked: &Ranked| ranked.judgement.localisation + ranked.judgement.simplicity;
        decision(a)
            .cmp(&decision(b))
            .then_with(|| tests(b).cmp(&tests(a)))
            .then_with(|| size(a).cmp(&size(b)))
            .then_with(|| score(b).total_cmp(&score(a)))
            .then_with(|| a.name.cmp(&b.name))
    });
}
