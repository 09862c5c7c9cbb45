//! Nothing leaves before it has been here: [`RedactedCase`] can be made by [`Redactor::redact`] only.
//!
//! Every string of a bundle is walked (`walk`) by the class of its field (`fields`); a field without a class does not compile.
//! Attributes are judged by their keys (`keys`): what the semantic conventions class as safe, or the user allows, passes
//! through the detectors (`detect`), the rest is withheld. What is found becomes a stable token (`token`) or, where it
//! could be guessed, `[withheld]`, or what the configuration wants of its class (`actions`), for all or for one service
//! (`walk::Policy`). What was found once is looked for everywhere else (`sweep`), and the case is held back
//! if it still stands anywhere.
//!
//! Known limits. A secret split over two attributes cannot be seen: each half is judged by its key and on its own. Values
//! that are one's own only by meaning (a name in a sentence) are seen by their key, not by their form.

mod actions;
mod catalogue;
mod detect;
mod detectors;
mod edits;
mod encoding;
mod fields;
mod gate;
mod guard;
mod inspect;
mod keys;
mod listing;
mod literals;
mod memo;
mod near;
mod registry;
mod remarks;
mod sql;
mod statement;
mod structured;
mod survey;
mod sweep;
mod templates;
mod token;
mod walk;
mod words;

use std::sync::Arc;

use metrics::counter;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use sha2::{Digest, Sha256};

pub use self::catalogue::{RuleForm, catalogue, why};
pub use self::inspect::{Inspected, TextKind, TextRemark};
pub use self::listing::{KeyRow, keys as key_rows};

use self::actions::Actions;
use self::detect::Engine;
use self::detectors::Rule;
use self::guard::Guard;
use self::keys::{KeyPatterns, Keys};
use self::memo::Memo;
use self::token::{Tokens, is_key_id};
use self::walk::{Policy, Rules, Walk, Walked};
use crate::config::{Problem, RedactionProcessor, ServiceRedaction};
use crate::model::{
    Attachment, Bundle, Case, Exception, Frame, Loose, RecordDigest, RedactionReport, RootKey, Timestamp, TraceId,
    Tracked,
};
use crate::telemetry::names::REDACTION_EDITS;

/// Largest compiled size of a user's regex: one that needs more is refused at start.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// Most characters of a summary.
const SUMMARY: usize = 300;
/// Most characters of a text in a variable, and of a source line.
const VARIABLE: usize = 1000;
const SOURCE: usize = 500;

/// Most characters of an attachment's text, of a failure's message in it, and of what was printed of that failure.
const ATTACHED_TEXT: usize = 16_384;
const ATTACHED_MESSAGE: usize = 2_000;
const ATTACHED_TRACE: usize = 4_000;

/// The compiled rules and keys. Shared by all shards.
#[derive(Debug)]
pub struct Redactor {
    compiled: Arc<Compiled>,
    guard: Guard,
    dry_run: bool,
}

/// The rules, and what they are called.
#[derive(Debug)]
struct Compiled {
    policy: Policy,
    /// `sha256:` of the rules, without the key.
    digest: String,
}

/// A case in which every field has been redacted. Its fields are private: no other module can make or change one.
#[derive(Debug)]
pub struct RedactedCase {
    tenant: String,
    trace_id: TraceId,
    bundle: Bundle,
    records: Vec<RecordDigest>,
    loose: Vec<Arc<Loose>>,
    failed_at: Timestamp,
    tracked: Tracked,
}

/// The parts of a [`RedactedCase`], given up for good when it is sealed.
#[derive(Debug)]
pub struct Parts {
    /// Tenant.
    pub tenant: String,
    /// Trace.
    pub trace_id: TraceId,
    /// The redacted document.
    pub bundle: Bundle,
    /// Digests of every record.
    pub records: Vec<RecordDigest>,
    /// Those of them that no trace owns.
    pub loose: Vec<Arc<Loose>>,
    /// The instant the failure counts for.
    pub failed_at: Timestamp,
    /// The records, which are owed an outcome.
    pub tracked: Tracked,
}

/// Why a case is held back. Says where, never what.
#[derive(Debug, thiserror::Error)]
#[error("redaction failed, so the bundle is held back: {reason}")]
pub struct RedactError {
    /// Why.
    pub reason: String,
    /// The records.
    pub tracked: Tracked,
}

impl RedactedCase {
    /// Takes it apart, to be sealed.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        let Self { tenant, trace_id, bundle, records, loose, failed_at, tracked } = self;
        Parts { tenant, trace_id, bundle, records, loose, failed_at, tracked }
    }
}

impl Redactor {
    /// Compiles the rules for one tenant, with the keys that `root` gives it.
    ///
    /// # Errors
    /// Every problem found, with its path under the processor.
    pub fn compile(config: &RedactionProcessor, tenant: &str, root: &RootKey) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let id = key_id(&config.key_id.0, "key_id", &mut problems);
        let previous = previous_keys(config, &mut problems);
        for (index, preset) in config.presets.iter().enumerate() {
            if !detectors::PRESETS.contains(&preset.as_str()) {
                let problem = Problem::new(format!("presets[{index}]"), format!("there is no preset `{preset}`"));
                problems.push(problem.instead(format!("use one of {}", detectors::PRESETS.join(", "))));
            }
        }
        patterns(&config.blocked_key_patterns, "blocked_key_patterns", &mut problems);
        patterns(&config.ignored_key_patterns, "ignored_key_patterns", &mut problems);
        patterns(&config.allowed_values, "allowed_values", &mut problems);
        let blocked_values = patterns(&config.blocked_values, "blocked_values", &mut problems);
        let (rules, sources) = rules(config, &mut problems);
        let general = Actions::with(&Actions::default(), &config.actions, "actions", &mut problems);
        let layers = layers(config, &general, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let build = || -> Result<Policy, String> {
            let keys = Arc::new(keys_of(config, &ServiceRedaction::default())?);
            let has_patterns = |layer: &ServiceRedaction| !layer.blocked_key_patterns.is_empty();
            let any_name = !config.blocked_key_patterns.is_empty() || config.services.values().any(has_patterns);
            let engine = Engine::new(
                detectors::of(&config.presets, blocked_values, rules, any_name)?,
                set(&config.allowed_values)?,
                Tokens::new(tenant, (id, root), &previous),
                Arc::clone(&keys),
            );
            let memo = Arc::new(Memo::new());
            let of_service = |number, actions, keys: Arc<Keys>| Rules {
                engine: engine.of_service(actions, Arc::clone(&keys)),
                keys,
                memo: Arc::clone(&memo),
                number,
                pii: is_on(config, "pii"),
                secrets: is_on(config, "secrets"),
            };
            let services = (1..).zip(layers).map(|(number, (name, layer, actions))| {
                Ok((name, of_service(number, actions, Arc::new(keys_of(config, layer)?))))
            });
            let services = services.collect::<Result<_, String>>()?;
            Ok(Policy { general: of_service(0, general, keys), services })
        };
        let policy = build().map_err(|error| vec![Problem::new("", error)])?;
        Ok(Self {
            compiled: Arc::new(Compiled { policy, digest: digest(config, &sources) }),
            guard: Guard::new(config.timeout.0),
            dry_run: config.dry_run,
        })
    }

    /// Whether what is redacted is only to be reported, and not to be written.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Redacts every field, keys included.
    ///
    /// # Errors
    /// If any field could not be redacted, a detector panicked or did not end in time, or a value that was found still stands
    /// somewhere: the case is not released.
    pub fn redact(&self, case: Case) -> Result<RedactedCase, RedactError> {
        let Case { tenant, trace_id, bundle, records, loose, failed_at, tracked } = case;
        let compiled = Arc::clone(&self.compiled);
        match self.guard.run(move || compiled.bundle(bundle)).flatten() {
            Ok(bundle) => Ok(RedactedCase { tenant, trace_id, bundle, records, loose, failed_at, tracked }),
            Err(reason) => Err(RedactError { reason, tracked }),
        }
    }
}

impl Compiled {
    fn bundle(&self, mut bundle: Bundle) -> Result<Bundle, String> {
        templates::clear(&mut bundle.logs);
        let Walked { mut remarks, known } = Walk::detect(&self.policy, &mut bundle);
        if let Some(sweeper) = known.sweeper() {
            let swept = Walk::sweep(&self.policy, &sweeper, &mut bundle);
            // A sweep that changed nothing need not be done again to see that nothing is left.
            if swept.first().is_some() {
                remarks.merge(swept);
                if let Some(path) = Walk::sweep(&self.policy, &sweeper, &mut bundle).first() {
                    return Err(format!("a value that was found elsewhere still stands at {path}"));
                }
            }
        }
        bundle.exception.as_mut().into_iter().for_each(shorten_frames);
        bundle.incident.summary = shorten(bundle.incident.summary, SUMMARY);
        bundle.attachments.iter_mut().for_each(shorten_attachment);
        templates::fill(&mut bundle.logs);
        for (rule, count) in remarks.counts() {
            counter!(REDACTION_EDITS, "rule" => rule).increment(count);
        }
        bundle.redaction = RedactionReport {
            policy: self.digest.clone(),
            key_id: self.policy.general.engine.key_id().to_string(),
            remarks: remarks.report(),
        };
        Ok(bundle)
    }
}

/// Shortens what frames say of variables and source.
fn shorten_frames(exception: &mut Exception) {
    let behind = exception.causes.iter_mut().flat_map(|cause| &mut cause.frames);
    for frame in exception.frames.iter_mut().chain(behind) {
        frame.locals.values_mut().for_each(shorten_value);
        let Frame { pre_context, context, post_context, .. } = frame;
        for line in pre_context.iter_mut().chain(context.as_mut()).chain(post_context) {
            *line = shorten(std::mem::take(line), SOURCE);
        }
    }
}

fn shorten_value(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = shorten(std::mem::take(text), VARIABLE),
        serde_json::Value::Array(items) => items.iter_mut().for_each(shorten_value),
        serde_json::Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| shorten_value(field)),
        _ => {}
    }
}

/// At most `most` characters of a text, cut between words where there are any. Only what is redacted may be cut: half a
/// secret would have got past the detectors.
fn shorten(text: String, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    let head = text.get(..end).unwrap_or_default();
    let whole = head.rsplit_once([' ', '\n']).map_or(head, |(words, _)| words);
    format!("{whole} …")
}

/// Cuts the texts of an attachment, and says so.
fn shorten_attachment(attachment: &mut Attachment) {
    let mut cut = attachment.cut;
    let mut shorten_to = |text: &mut Option<String>, most: usize| {
        if let Some(found) = text.take() {
            let length = found.len();
            let short = shorten(found, most);
            cut |= short.len() != length;
            *text = Some(short);
        }
    };
    shorten_to(&mut attachment.text, ATTACHED_TEXT);
    let failures = attachment.tests.iter_mut().flat_map(|tests| &mut tests.failures);
    let stacks = attachment.stacks.iter_mut().map(|stack| &mut stack.exception);
    for exception in failures.map(|failure| &mut failure.exception).chain(stacks) {
        shorten_to(&mut exception.message, ATTACHED_MESSAGE);
        shorten_to(&mut exception.stacktrace, ATTACHED_TRACE);
    }
    attachment.cut = cut;
}

/// The id of a key; the default's where it is none, which is a problem.
fn key_id(text: &str, path: &str, problems: &mut Vec<Problem>) -> char {
    let mut chars = text.chars();
    match (chars.next().filter(|id| is_key_id(*id)), chars.next()) {
        (Some(id), None) => id,
        _ => {
            let problem = Problem::new(path, format!("`{text}` is not the id of a key"));
            problems.push(problem.instead("use one digit or lower-case letter other than i, l, o and u"));
            'a'
        }
    }
}

/// The keys that made tokens before, each with an id of its own.
fn previous_keys(config: &RedactionProcessor, problems: &mut Vec<Problem>) -> Vec<(char, RootKey)> {
    let mut keys: Vec<(char, RootKey)> = Vec::new();
    for (index, previous) in config.previous_keys.iter().enumerate() {
        let path = format!("previous_keys[{index}]");
        let id = key_id(&previous.id.0, &format!("{path}.id"), problems);
        if config.key_id.0.starts_with(id) || keys.iter().any(|(other, _)| *other == id) {
            let problem = Problem::new(format!("{path}.id"), format!("`{id}` is the id of another key"));
            problems.push(problem.instead("give every key an id of its own, and the newest one as `key_id`"));
        }
        match RootKey::parse(previous.key.expose()) {
            Ok(root) => keys.push((id, root)),
            Err(error) => problems.push(Problem::new(format!("{path}.key"), error.to_string())),
        }
    }
    keys
}

/// The user's own rules, and the texts of the files that they stand in.
fn rules(config: &RedactionProcessor, problems: &mut Vec<Problem>) -> (Vec<Rule>, Vec<String>) {
    let (mut rules, mut sources) = (Vec::new(), Vec::new());
    for (index, pattern) in config.custom_patterns.iter().enumerate() {
        match detectors::from_pattern(pattern) {
            Ok(rule) => rules.push(rule),
            Err(error) => problems.push(Problem::new(format!("custom_patterns[{index}]"), error)),
        }
    }
    for (index, path) in config.rules.iter().enumerate() {
        let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
        match read.and_then(|text| Ok((detectors::from_gitleaks(&text)?, text))) {
            Ok((more, text)) => {
                rules.extend(more);
                sources.push(text);
            }
            Err(error) => {
                let problem = Problem::new(format!("rules[{index}]"), format!("{}: {error}", path.display()));
                problems.push(problem.instead("give a file in the TOML format of gitleaks"));
            }
        }
    }
    (rules, sources)
}

/// What is different for each service, checked, with the actions that hold there.
fn layers<'c>(
    config: &'c RedactionProcessor,
    general: &Actions,
    problems: &mut Vec<Problem>,
) -> Vec<(String, &'c ServiceRedaction, Actions)> {
    let mut layers = Vec::new();
    for (name, layer) in &config.services {
        let path = format!("services.{name}");
        patterns(&layer.blocked_key_patterns, &format!("{path}.blocked_key_patterns"), problems);
        patterns(&layer.ignored_key_patterns, &format!("{path}.ignored_key_patterns"), problems);
        let actions = Actions::with(general, &layer.actions, &format!("{path}.actions"), problems);
        layers.push((name.clone(), layer, actions));
    }
    layers
}

/// Whether a preset is in force.
fn is_on(config: &RedactionProcessor, preset: &str) -> bool {
    config.presets.is_empty() || config.presets.iter().any(|name| name == preset)
}

/// The rules of keys, with what is different for a service.
fn keys_of(config: &RedactionProcessor, layer: &ServiceRedaction) -> Result<Keys, String> {
    let both = |general: &[String], own: &[String]| general.iter().chain(own).cloned().collect::<Vec<_>>();
    let patterns = KeyPatterns {
        ignored: set(&both(&config.ignored_key_patterns, &layer.ignored_key_patterns))?,
        blocked: set(&both(&config.blocked_key_patterns, &layer.blocked_key_patterns))?,
    };
    Keys::new(
        layer.allow_all_keys.unwrap_or(config.allow_all_keys),
        both(&config.allowed_keys, &layer.allowed_keys).into_iter().collect(),
        both(&config.ignored_keys, &layer.ignored_keys).into_iter().collect(),
        patterns,
        is_on(config, "phi"),
        is_on(config, "pii"),
    )
}

/// The user's regexes, which [`patterns`] has found to compile, as one.
fn set(patterns: &[String]) -> Result<RegexSet, String> {
    RegexSetBuilder::new(patterns)
        .size_limit(REGEX_SIZE_LIMIT.saturating_mul(patterns.len().max(1)))
        .build()
        .map_err(|error| error.to_string())
}

/// Compiles a list of the user's regexes, each for itself so that each problem names its line.
fn patterns(list: &[String], name: &str, problems: &mut Vec<Problem>) -> Vec<Regex> {
    let mut compiled = Vec::new();
    for (index, pattern) in list.iter().enumerate() {
        match RegexBuilder::new(pattern).size_limit(REGEX_SIZE_LIMIT).build() {
            Ok(regex) => compiled.push(regex),
            Err(error) => {
                let problem = Problem::new(format!("{name}[{index}]"), format!("the regex does not compile: {error}"));
                problems.push(
                    problem.instead("use the syntax of the Rust `regex` crate (no look-around, no back-references)"),
                );
            }
        }
    }
    compiled
}

/// Digest of the rules in force: the tables of this version and the configuration, without the key.
fn digest(config: &RedactionProcessor, sources: &[String]) -> String {
    let RedactionProcessor {
        key: _,
        key_id: _,
        previous_keys: _,
        dry_run: _,
        custom_patterns,
        rules: _,
        timeout: _,
        allow_all_keys,
        allowed_keys,
        ignored_keys,
        ignored_key_patterns,
        allowed_values,
        blocked_key_patterns,
        blocked_values,
        presets,
        actions,
        services,
    } = config;
    let settings = serde_json::json!({
        "allow_all_keys": allow_all_keys,
        "allowed_keys": allowed_keys,
        "blocked_key_patterns": blocked_key_patterns,
        "blocked_values": blocked_values,
        "custom_patterns": custom_patterns,
        "ignored_keys": ignored_keys,
        "ignored_key_patterns": ignored_key_patterns,
        "allowed_values": allowed_values,
        "rules": sources,
        "presets": presets,
        "actions": actions,
        "services": services,
    });
    let mut hash = Sha256::new();
    for part in [settings.to_string(), keys::tables(), detectors::tables(), fields::TABLE.to_owned()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&hash.finalize()))
}

#[cfg(test)]
mod tests;
