//! From the records of a failed trace to a case: what failed, where, with which inputs, after which logs.
//!
//! The result is a function of the set of distinct records, the settings and the version: not of the order in which the
//! records came, how they were batched, or how often each was delivered. The way of a trace:
//!
//! 1. `gather` decodes and digests every record, drops repeated ones, and sorts the rest.
//! 2. `tree` makes a tree of the spans, whatever shape they came in.
//! 3. `critical` finds the span in which the failure began.
//! 4. `slow` says where the time went.
//! 5. `exception` (with `stack`, which reads stack traces, and `symbolicate`, which tells their source), `logs`, `environment`, `baggage` and `repro` read the evidence around it.
//! 6. `files` shows what was attached: test reports, coverage, dumps.
//! 7. `incident` names the class of failures that it belongs to, `suspects` the places where its fault may lie.

mod baggage;
mod class;
mod critical;
mod environment;
mod exception;
mod files;
mod gaps;
mod gather;
mod incident;
mod locals;
mod logs;
mod repro;
mod seeds;
mod slow;
mod spans;
mod stack;
mod suspects;
mod symbolicate;
mod test_run;
mod tree;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::Span;
use sha2::{Digest, Sha256};

use self::critical::Critical;
use self::exception::Recorded;
pub use self::exception::of_text as exception_of;
pub(crate) use self::files::same_file;
use self::gather::{Digester, Gathered, Loaded, LogFact};
use self::incident::Failure;
pub(crate) use self::incident::normalise;
pub use self::stack::{AppRules, RuleError};
pub use self::suspects::suspects;
use self::symbolicate::Symbolicator;
use self::tree::{Node, Tree};
use crate::config::{LogJoin, ServiceFacts};
use crate::model::{
    Attributes, Bundle, Case, ClosedTrace, Completeness, DropReason, Exception, ExemplarEvidence, LooseSet,
    MetricEvidence, Outcome, Provenance, RedactionReport, RootKey, SpanEvidence, TestRun, Timestamp, TraceEvidence,
    TraceId, Tracked,
};
use crate::otlp::{Body, decode};
use crate::symbols::Symbols;

/// Most spans that a bundle shows.
const MAX_SPANS: usize = 200;
/// Most spans of a path; of a longer one, the top and the spans nearest the error are shown.
const MAX_PATH: usize = 100;
/// Most exemplars that a bundle shows.
const MAX_EXEMPLARS: usize = 100;

/// What the assembler knows besides the records.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tenant of the records.
    pub tenant: String,
    /// Which logs are shown.
    pub logs: LogJoin,
    /// Facts about services' code.
    pub services: BTreeMap<String, ServiceFacts>,
    /// Which frames are in-app.
    pub in_app: AppRules,
    /// Digest of the configuration, for `provenance`.
    pub config_digest: String,
    /// What tells the source of minified, obfuscated and stripped frames, if anything does.
    pub symbols: Option<Arc<Symbols>>,
}

/// Log records without a trace id, as far as they may be evidence of a trace.
pub struct Beside<'a> {
    /// Those that share an id with it.
    pub sharing: LooseSet,
    /// Those without any id that the instance of this resource (the wire's bytes of its message) wrote around this instant.
    pub around: &'a dyn Fn(&[u8], Timestamp) -> LooseSet,
}

/// Turns closed traces into cases.
#[derive(Debug)]
pub struct Assembler {
    settings: Settings,
    digester: Digester,
}

/// Why no case could be made of a trace; its records are still owed an outcome.
#[derive(Debug, thiserror::Error)]
#[error("no evidence could be assembled: {reason}")]
pub struct EvidenceError {
    /// Why.
    pub reason: String,
    /// The records.
    pub tracked: Tracked,
}

impl Assembler {
    /// An assembler. Record digests are keyed with a key derived from `root`.
    #[must_use]
    pub fn new(settings: Settings, root: &RootKey) -> Self {
        Self { settings, digester: Digester::new(root) }
    }

    /// How the content of an attachment is called: `hmac-sha256:` and 32 hex digits, by a key of this deployment.
    #[must_use]
    pub fn attachment_digest(&self, content: &[u8]) -> String {
        files::digest(&self.digester, content)
    }

    /// Decodes the records, drops repeated ones (their outcome is settled here), and builds the case.
    ///
    /// # Errors
    /// If no record of the trace can be decoded.
    pub fn assemble(&self, trace: ClosedTrace, beside: &Beside<'_>, policy: &str) -> Result<Case, EvidenceError> {
        let ClosedTrace { trace_id, records, mut tracked, opened, .. } = trace;
        let gathered = gather::gather(records, &beside.sharing.logs, &self.digester);
        if gathered.digests.len() as u64 == gathered.undecodable {
            let reason = format!("none of {} records can be decoded", gathered.digests.len());
            return Err(EvidenceError { reason, tracked });
        }
        tracked.split(gathered.duplicates).settle(Outcome::Dropped(DropReason::Duplicate));
        let mut case = self.case(trace_id, gathered, beside, policy, tracked);
        // Nothing in the records says when: what a manifest and its index go by is when they came.
        if case.failed_at == Timestamp::default() {
            case.failed_at = opened;
        }
        Ok(case)
    }

    fn case(&self, trace_id: TraceId, gathered: Gathered, beside: &Beside<'_>, policy: &str, tracked: Tracked) -> Case {
        let Gathered {
            spans,
            logs,
            exemplars,
            files,
            flags,
            scopes,
            undecodable,
            conflicting,
            mut digests,
            mut loose,
            ..
        } = gathered;
        let files = files::read(&files, &self.digester);
        let mut complete = Completeness::default();
        let tree = Tree::new(spans);
        let critical = critical::find(&tree, &logs);
        let path = Path::to(&tree, &critical, &mut complete);
        gaps::of_shape(&tree, &path, conflicting, undecodable, &mut complete);

        let anchor = Anchor::of(&path, &critical, &logs, &files);
        let facts = self.settings.services.get(&anchor.service);
        let language = environment::language(facts, &anchor.resource);
        let recorded = recorded(&tree, &critical, &logs).map_or_else(
            || self.buried(&tree, &critical, &logs, language.as_deref()),
            |found| Some(self.with_stack(found, &tree, &critical, &logs, language.as_deref())),
        );
        let failed_at = failed_at(&tree, &critical, &logs, recorded.as_ref());
        let mut exception = recorded
            .map(|found| exception::read(found, language.as_deref(), &self.settings.in_app, &mut complete))
            .or_else(|| match critical {
                Critical::Nothing => files::failure(&files, &self.settings.in_app),
                _ => None,
            });
        // As its events and records have it.
        let said = exception.as_ref().map(|found| Exception {
            kind: found.kind.clone(),
            message: found.message.clone(),
            ..Exception::default()
        });
        let mut symbolicator =
            self.settings.symbols.as_deref().map(|symbols| Symbolicator::new(symbols, &self.settings.in_app));
        match (&mut exception, &mut symbolicator) {
            (None, _) => complete.missing.push(Completeness::NO_EXCEPTION.to_owned()),
            (Some(found), Some(symbolicator)) => {
                symbolicator.look_up(&anchor.resource, language.as_deref(), [found]);
                symbolicator.tell("exception.frames", &mut complete);
            }
            _ => {}
        }

        let shown: Vec<SpanEvidence> = tree
            .around(&path.nodes, MAX_SPANS)
            .into_iter()
            .filter_map(|node| Some(spans::evidence(&tree.spans[node].load()?, said.as_ref())))
            .collect();
        if shown.len() < tree.spans.len() {
            complete.truncated.push(Completeness::spans_shown(shown.len(), tree.spans.len() as u64));
        }
        let (mut logs_shown, log_records, cut) = logs::window(&logs, failed_at, &self.settings.logs);
        complete.truncated.extend(cut);
        if beside.sharing.more {
            complete.truncated.push(format!(
                "logs: of the records without a trace id that share an id with this trace, the last {} are taken in",
                beside.sharing.logs.len()
            ));
        }
        let place = path.nodes.last().map(|node| &tree.spans[*node].record);
        let around = place.or_else(|| anchor_log(&critical, &logs).map(|log| &log.record));
        let around = around.map(|record| (beside.around)(record.resource(), failed_at)).unwrap_or_default();
        let (ambient, taken) = gather::beside(&around.logs, &digests, &self.digester);
        digests.extend(ambient.iter().map(|log| log.digest));
        digests.sort_unstable();
        loose.extend(taken);
        logs_shown.ambient = logs::ambient(&ambient);
        locals::forget(&mut logs_shown.window, said.as_ref());
        if around.more {
            complete.truncated.push(format!(
                "logs.ambient: {} are shown of more that were written around the failure without any id",
                ambient.len()
            ));
        }
        let exemplars_total = exemplars.len();
        let exemplars: Vec<_> = exemplars.iter().take(MAX_EXEMPLARS).filter_map(exemplar).collect();
        if exemplars.len() < exemplars_total {
            complete.truncated.push(format!("metrics.exemplars: {} of {exemplars_total} are shown", exemplars.len()));
        }
        let reported = seeds::reported(&files, &mut complete);
        let service = files::Service { resource: &anchor.resource, language: language.as_deref() };
        let rules = &self.settings.in_app;
        let attachments = files::shown(files, exception.as_ref(), service, rules, symbolicator.as_mut(), &mut complete);
        complete.records = digests.len() as u64;
        complete.shown = (shown.len() + ambient.len() + exemplars.len() + attachments.len()) as u64 + log_records;

        let baggage = baggage::baggage(&path, &logs, &mut complete);
        let environment = environment::environment(&anchor.resource, &scopes, flags, baggage);
        let mut repro = repro::repro(&path, environment.timezone.as_deref());
        repro.test = test_of(&path, &anchor);
        seeds::put(&mut repro, &path, (&anchor.attrs, &anchor.resource), reported, &mut complete);
        complete.missing.extend(repro.lacks());
        let root = path.loaded.first().map(|span| &*span.resource);
        let commit_sha = environment::commit(&[&anchor.resource, &anchor.attrs, root.unwrap_or(&anchor.resource)]);
        if commit_sha.is_none() {
            complete.missing.push(Completeness::NO_COMMIT.to_owned());
        }
        let failure = Failure {
            way: way(&critical, exception.is_some()),
            told: class::told(exception.as_ref(), &anchor.said),
            service: &anchor.service,
            span: &anchor.span,
            test: test_run::failed_case(repro.test.as_ref()),
            exception: exception.as_ref(),
            said: &anchor.said,
        };
        let services: BTreeSet<String> =
            path.loaded.iter().map(|span| span.service().to_owned()).chain([anchor.service.clone()]).collect();
        let incident = incident::incident(&failure, services.into_iter().filter(|name| !name.is_empty()).collect());
        let is_of_report = matches!(critical, Critical::Nothing) && attachments.iter().any(|file| file.tests.is_some());
        seeds::note_missing(&repro, &incident.class, is_of_report, &mut complete);
        let top = path.nodes.first().copied();
        let (critical_path, left_out) = top.map(|top| slow::steps(&tree, top)).unwrap_or_default();
        if left_out > 0 {
            complete.truncated.push(format!("trace.critical_path: {left_out} spans that took less are left out"));
        }
        let mut span_path: Vec<SpanEvidence> =
            path.loaded.iter().map(|span| spans::evidence(span, said.as_ref())).collect();
        if let (Some(failed), Some(node)) = (span_path.last_mut(), path.nodes.last()) {
            spans::with_scope(failed, &tree.spans[*node].record);
        }
        let mut bundle = Bundle {
            version: 1,
            bundle_id: bundle_id(&self.settings.tenant, trace_id),
            commit_sha,
            repository: environment::repository(facts, &anchor.resource),
            build: facts.and_then(|facts| facts.build.clone()),
            test_cmd: facts.and_then(|facts| facts.test_cmd.clone()),
            language,
            incident,
            trace: TraceEvidence {
                trace_id,
                root: if tree.has_root() { "present" } else { "missing" }.to_owned(),
                span_path,
                spans: shown,
                span_count: tree.spans.len() as u64,
                critical_path,
                repeated: slow::repeated(&tree),
            },
            exception,
            suspects: Vec::new(),
            logs: logs_shown,
            metrics: MetricEvidence { exemplars },
            environment,
            repro,
            attachments,
            redaction: RedactionReport::default(),
            completeness: complete,
            provenance: Provenance {
                policy: policy.to_owned(),
                config: self.settings.config_digest.clone(),
                casefile: env!("CARGO_PKG_VERSION").to_owned(),
            },
        };
        bundle.suspects = suspects(&bundle);
        let tenant = self.settings.tenant.clone();
        Case { tenant, trace_id, bundle, records: digests, loose, failed_at, tracked }
    }
}

impl Assembler {
    /// Where no exception was recorded: the stack in the body of an error that was logged there.
    fn buried(&self, tree: &Tree, critical: &Critical, logs: &[LogFact], language: Option<&str>) -> Option<Recorded> {
        let within = |span| exception::choose(&exception::buried(logs, span, language, &self.settings.in_app));
        match critical {
            Critical::Span { node, passed_on } => {
                std::iter::once(node).chain(passed_on).find_map(|node| within(Some(tree.spans[*node].id)))
            }
            Critical::Log(_) => within(None),
            Critical::Slow(_) | Critical::Nothing => None,
        }
    }

    /// An exception that was recorded without its stack takes that of the same exception in the body of an error.
    fn with_stack(
        &self,
        found: Recorded,
        tree: &Tree,
        critical: &Critical,
        logs: &[LogFact],
        language: Option<&str>,
    ) -> Recorded {
        if found.has_stack() {
            return found;
        }
        match self.buried(tree, critical, logs, language) {
            Some(buried) => found.or_stack_of(buried),
            None => found,
        }
    }
}

/// The spans from the top down to the critical one.
struct Path {
    nodes: Vec<Node>,
    loaded: Vec<Loaded<Span>>,
    /// The attributes of each: many look for theirs in them.
    attrs: Vec<Attributes>,
}

impl Path {
    fn to(tree: &Tree, critical: &Critical, complete: &mut Completeness) -> Self {
        let mut nodes = match critical {
            Critical::Span { node, .. } | Critical::Slow(node) => tree.path(*node),
            Critical::Log(_) | Critical::Nothing => Vec::new(),
        };
        if nodes.len() > MAX_PATH {
            let left_out = nodes.len() - MAX_PATH;
            nodes.drain(1..=left_out);
            complete.truncated.push(format!("trace.span_path: {left_out} spans below the first are left out"));
        }
        let loaded: Vec<Loaded<Span>> = nodes.iter().filter_map(|node| tree.spans[*node].load()).collect();
        let attrs = loaded.iter().map(|span| values::attributes(&span.body.attributes)).collect();
        Self { nodes, loaded, attrs }
    }
}

/// What is said of the failing place itself: its span, or the log record where there is no span.
#[derive(Debug, Default)]
struct Anchor {
    service: String,
    span: String,
    resource: Arc<Attributes>,
    attrs: Attributes,
    said: String,
}

impl Anchor {
    fn of(path: &Path, critical: &Critical, logs: &[LogFact], files: &[files::File]) -> Self {
        if let Some((span, attrs)) = path.loaded.last().zip(path.attrs.last()) {
            let message = span.body.status.as_ref().map(|status| status.message.clone()).unwrap_or_default();
            return Self {
                service: span.service().to_owned(),
                span: span.body.name.clone(),
                resource: Arc::clone(&span.resource),
                attrs: attrs.clone(),
                said: match critical {
                    Critical::Slow(_) => String::new(),
                    _ if message.is_empty() => error_logged_in(logs, &span.body),
                    _ => message,
                },
            };
        }
        let Some(log) = anchor_log(critical, logs).and_then(LogFact::load) else {
            let resource = files.first().map(|file| Arc::clone(&file.resource)).unwrap_or_default();
            let service = values::string(&resource, "service.name").unwrap_or_default().to_owned();
            return Self { service, resource, ..Self::default() };
        };
        Self {
            service: log.service().to_owned(),
            span: String::new(),
            attrs: values::attributes(&log.body.attributes),
            said: values::said(log.body.body.as_ref()),
            resource: log.resource,
        }
    }
}

/// The log record that stands for the failing place where no span does.
fn anchor_log<'l>(critical: &Critical, logs: &'l [LogFact]) -> Option<&'l LogFact> {
    match critical {
        Critical::Log(index) => logs.get(*index),
        _ => logs.first(),
    }
}

/// The message of the first error that was logged in a span.
fn error_logged_in(logs: &[LogFact], span: &Span) -> String {
    let id = values::span_id(&span.span_id);
    let log = logs.iter().find(|log| log.span == id && log.is_error()).and_then(LogFact::load);
    log.map(|log| values::said(log.body.body.as_ref())).unwrap_or_default()
}

/// The exception of the critical span; where it recorded none, that of the nearest span which passed the failure on.
fn recorded(tree: &Tree, critical: &Critical, logs: &[LogFact]) -> Option<Recorded> {
    match critical {
        Critical::Span { node, passed_on } => std::iter::once(node).chain(passed_on).find_map(|node| {
            let fact = &tree.spans[*node];
            let events =
                fact.exception.as_ref().and_then(|_| fact.load()).map(|span| exception::of_events(&span.body.events));
            let mut candidates = events.unwrap_or_default();
            candidates.extend(exception::of_logs(logs, Some(fact.id)));
            exception::choose(&candidates)
        }),
        Critical::Log(_) => exception::choose(&exception::of_logs(logs, None)),
        Critical::Slow(_) | Critical::Nothing => None,
    }
}

/// When it failed: at the exception, else at the first error logged in the span, else at the span's end.
fn failed_at(tree: &Tree, critical: &Critical, logs: &[LogFact], recorded: Option<&Recorded>) -> Timestamp {
    let thrown = recorded.map(|recorded| recorded.at).filter(|at| at.0 > 0);
    thrown.unwrap_or_else(|| match critical {
        Critical::Span { node, .. } => {
            let span = &tree.spans[*node];
            let logged = logs.iter().find(|log| log.span == span.id && log.is_error() && log.time.0 > 0);
            logged.map_or(span.end.max(span.start), |log| log.time)
        }
        Critical::Slow(node) => tree.spans[*node].end.max(tree.spans[*node].start),
        Critical::Log(index) => logs.get(*index).map_or(Timestamp::default(), |log| log.time),
        Critical::Nothing => logs.last().map_or(Timestamp::default(), |log| log.time),
    })
}

/// How it failed, whatever the fault was: part of the fingerprint.
fn way(critical: &Critical, thrown: bool) -> &'static str {
    match critical {
        _ if thrown => "crash",
        Critical::Span { .. } | Critical::Log(_) => "error",
        Critical::Slow(_) | Critical::Nothing => "performance",
    }
}

fn exemplar(fact: &gather::ExemplarFact) -> Option<ExemplarEvidence> {
    use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as Measured;
    let Ok(Body::Exemplar { exemplar, metric, unit }) = decode(&fact.record) else { return None };
    let loaded = Loaded { resource: Arc::clone(&fact.resource), body: Arc::new(exemplar) };
    Some(ExemplarEvidence {
        time: fact.time.to_rfc3339(),
        metric,
        unit,
        value: match loaded.body.value {
            Some(Measured::AsInt(number)) => values::integer(number),
            Some(Measured::AsDouble(number)) => values::double(number),
            None => serde_json::Value::Null,
        },
        span_id: values::present(values::span_id(&loaded.body.span_id)),
        service: loaded.service().to_owned(),
        attrs: values::attributes(&loaded.body.filtered_attributes),
    })
}

/// What the spans of the path, from the failing one up, say of a test; then what their resources do.
fn test_of(path: &Path, anchor: &Anchor) -> Option<TestRun> {
    let attrs = path.attrs.iter().rev().chain(path.loaded.is_empty().then_some(&anchor.attrs));
    let resources = path.loaded.iter().rev().map(|span| &*span.resource).chain([&*anchor.resource]);
    test_run::read(&attrs.chain(resources).collect::<Vec<_>>())
}

/// Hash of tenant and trace id.
fn bundle_id(tenant: &str, trace_id: TraceId) -> String {
    let digest = Sha256::digest(format!("casefile/bundle\0{tenant}\0{trace_id}"));
    data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or_default())
}
