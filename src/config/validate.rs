//! From a configuration that parses to one that can run.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::errors::{ConfigErrors, Fault};
use super::tree::Places;
use super::{
    ApiExtension, BearerTokenAuth, BundleExporter, Component, ComponentId, Components, Config, Connector, Exporter,
    Extension, FileStorage, HealthCheck, IncidentConnector, KafkaExporter, KafkaReceiver, MemoryLimiter, OtlpReceiver,
    Pipeline, Problem, Processor, RawExporter, Receiver, RedactionProcessor, Signing, Storage, Telemetry,
    WebhookExporter, WindowConfig, access, gateway, rules, suggest,
};
use crate::model::Signal;

/// A configuration that can run: every reference resolved, every rule of the pipelines held.
#[derive(Debug, Clone)]
pub struct ValidatedConfig {
    /// The document it came from, expanded and merged.
    pub document: Config,
    /// `sha256:` of the parts of the document that shape a bundle (without secrets, endpoints and stores).
    pub digest: String,
    /// The components that run.
    pub pipelines: ValidatedPipelines,
    /// What is not wrong, but perhaps not meant, such as a component that no pipeline uses.
    pub warnings: Vec<Problem>,
    /// Where each value was written.
    pub(super) places: Places,
}

/// The components that the pipelines name.
#[derive(Debug, Clone)]
pub struct ValidatedPipelines {
    /// OTLP receivers with the component's id, each with the signals that its pipelines take.
    pub otlp: Vec<(String, OtlpReceiver, Vec<Signal>)>,
    /// Kafka receivers with the component's id, each with the signals that its pipelines take.
    pub kafka: Vec<(String, KafkaReceiver, Vec<Signal>)>,
    /// The memory limit, if a pipeline has one.
    pub memory_limiter: Option<MemoryLimiter>,
    /// Where records are sent, with the component's id, if this is a gateway: then there is no connector, no window and no store, and what
    /// follows of these is at its default.
    pub gateway: Option<(String, KafkaExporter)>,
    /// The connector.
    pub incident: IncidentConnector,
    /// The redaction that bundles go through.
    pub redaction: RedactionProcessor,
    /// Stores, with the component's id.
    pub bundles: Vec<(String, BundleExporter)>,
    /// Where unredacted records are kept, encrypted, if they are; with the component's id.
    pub raw: Option<(String, RawExporter)>,
    /// Webhooks, with the component's id.
    pub webhooks: Vec<(String, WebhookExporter)>,
    /// The signing key, if bundles are signed.
    pub signing: Option<Signing>,
    /// Where windows are kept besides memory, if they are.
    pub file_storage: Option<FileStorage>,
    /// Probes.
    pub health_check: Option<HealthCheck>,
    /// The query API, with the component's id.
    pub api: Option<(String, ApiExtension)>,
    /// What asks clients who they are, by the component's id.
    pub authenticators: BTreeMap<String, BearerTokenAuth>,
    /// Own telemetry.
    pub telemetry: Telemetry,
    /// Time for a graceful stop.
    pub shutdown_timeout: std::time::Duration,
}

impl ValidatedPipelines {
    /// The signals that come by OTLP into any pipeline.
    #[must_use]
    pub fn otlp_signals(&self) -> Vec<Signal> {
        let is_taken = |signal: &Signal| self.otlp.iter().any(|(_, _, signals)| signals.contains(signal));
        Signal::ALL.into_iter().filter(is_taken).collect()
    }
}

/// Gives a problem its place. What was fetched may be a secret that was put in the wrong place: its expression is shown instead.
pub(super) fn place(places: &Places, mut problem: Problem) -> Fault {
    problem.message = places.without_fetched(&problem.path, problem.message);
    problem.instead = problem.instead.map(|instead| places.without_fetched(&problem.path, instead));
    Fault::at(places.find(&problem.path), problem)
}

/// Holds the document to the rules.
pub(super) fn validate(document: Config, places: Places) -> Result<ValidatedConfig, ConfigErrors> {
    let mut wiring = Wiring { document: &document, problems: Vec::new() };
    let pipelines = wiring.pipelines();
    let mut problems = wiring.problems;
    problems.extend(access::check(&document, &pipelines));
    problems.extend(rules::check(&document));
    // A rule cannot be held against a value that was left open.
    problems.retain(|problem| !places.is_unresolved(&problem.path));
    if !problems.is_empty() {
        return Err(ConfigErrors::new(problems.into_iter().map(|problem| place(&places, problem)).collect()));
    }
    let digest = digest(&pipelines).map_err(|problem| ConfigErrors::new(vec![place(&places, problem)]))?;
    let mut warnings = unused(&document);
    warnings.extend(access::warnings(&pipelines));
    warnings.extend(pipelines.gateway.iter().flat_map(|(id, kafka)| gateway::warnings(id, kafka)));
    if pipelines.redaction.dry_run {
        let problem = Problem::new("processors.redaction.dry_run", "no bundle is written");
        warnings.push(problem.instead("take it away once the rules are as you want them"));
    }
    Ok(ValidatedConfig { document, digest, pipelines, warnings, places })
}

/// Follows the references of `service`.
struct Wiring<'a> {
    document: &'a Config,
    problems: Vec<Problem>,
}

impl Wiring<'_> {
    fn pipelines(&mut self) -> ValidatedPipelines {
        let document = self.document;
        let service = &document.service;
        let mut found = ValidatedPipelines {
            otlp: Vec::new(),
            kafka: Vec::new(),
            memory_limiter: None,
            gateway: None,
            incident: IncidentConnector::default(),
            redaction: RedactionProcessor::default(),
            bundles: Vec::new(),
            raw: None,
            webhooks: Vec::new(),
            signing: None,
            file_storage: None,
            health_check: None,
            api: None,
            authenticators: BTreeMap::new(),
            telemetry: service.telemetry.clone(),
            shutdown_timeout: service.shutdown_timeout.0,
        };
        let mut connectors = Vec::new();
        self.inputs(&mut found, &mut connectors);
        self.extensions(&mut found);
        if let Some((id, _)) = &found.gateway {
            self.problems.extend(gateway::check(&document.service.pipelines, &found, id, &connectors));
            return found;
        }
        self.outputs(&mut found, &mut connectors);
        match connectors.as_slice() {
            [] => {}
            [id, others @ ..] => {
                if let Some(Connector::Incident(connector)) = document.connectors.0.get(id) {
                    found.incident = connector.clone();
                }
                if let Some(other) = others.iter().find(|other| *other != id) {
                    self.problem(
                        "service.pipelines",
                        format!("both `{id}` and `{other}` are used"),
                        "use one incident connector in all pipelines",
                    );
                }
                self.storage(&mut found, id);
            }
        }
        found
    }

    /// The extension that windows are kept with, where they are kept on disk.
    fn storage(&mut self, found: &mut ValidatedPipelines, connector: &ComponentId) {
        match found.incident.window.storage {
            Storage::Memory => found.file_storage = None,
            Storage::FileStorage if found.file_storage.is_none() => self.problem(
                &format!("connectors.{connector}.window.storage"),
                "no `file_storage` extension runs",
                "write `extensions: {file_storage: {directory: /var/lib/casefile}}`, and name it under `service.extensions`",
            ),
            Storage::FileStorage => {}
        }
    }

    /// `traces`, `logs` and `metrics`: from receivers to the connector.
    fn inputs(&mut self, found: &mut ValidatedPipelines, connectors: &mut Vec<ComponentId>) {
        let document = self.document;
        let pipelines = &document.service.pipelines;
        let mut receivers: Vec<(ComponentId, Vec<Signal>)> = Vec::new();
        let inputs = [
            ("traces", Signal::Traces, &pipelines.traces),
            ("logs", Signal::Logs, &pipelines.logs),
            ("metrics", Signal::Metrics, &pipelines.metrics),
        ];
        for (name, signal, pipeline) in inputs {
            let Some(pipeline) = pipeline else { continue };
            let path = format!("service.pipelines.{name}");
            for (at, id) in pipeline.receivers.iter().enumerate() {
                if self.defined(&document.receivers, id, &format!("{path}.receivers[{at}]")).is_some() {
                    match receivers.iter_mut().find(|(known, _)| known == id) {
                        Some((_, signals)) if signals.contains(&signal) => {}
                        Some((_, signals)) => signals.push(signal),
                        None => receivers.push((id.clone(), vec![signal])),
                    }
                }
            }
            self.not_empty(&pipeline.receivers, &path, "receivers", "name one: `receivers: [otlp]`");
            for (at, id) in pipeline.processors.iter().enumerate() {
                let path = format!("{path}.processors[{at}]");
                match self.defined(&document.processors, id, &path) {
                    Some(Processor::MemoryLimiter(limiter)) => found.memory_limiter = Some(limiter.clone()),
                    Some(Processor::Redaction(_)) => {
                        self.problem(
                            &path,
                            "redaction works on bundles",
                            "name it in `service.pipelines.bundles.processors`",
                        );
                    }
                    None => {}
                }
            }
            for (at, id) in pipeline.exporters.iter().enumerate() {
                let path = format!("{path}.exporters[{at}]");
                match document.exporters.0.get(id) {
                    Some(Exporter::Kafka(kafka)) => match &found.gateway {
                        Some((other, _)) if *other != id.to_string() => self.problem(
                            &path,
                            format!("`{other}` is used too"),
                            "use one `kafka` exporter in all pipelines: it has a topic for each signal",
                        ),
                        _ => found.gateway = Some((id.to_string(), (**kafka).clone())),
                    },
                    Some(_) => self.problem(
                        &path,
                        format!("`{id}` takes bundles, not {name}"),
                        "end this pipeline in the connector: `exporters: [incident]`",
                    ),
                    None if self.defined(&document.connectors, id, &path).is_some() => connectors.push(id.clone()),
                    None => {}
                }
            }
            self.not_empty(&pipeline.exporters, &path, "exporters", "end it in the connector: `exporters: [incident]`");
        }
        if pipelines.traces.is_none() && pipelines.logs.is_none() {
            self.problem(
                "service.pipelines",
                "there is neither a `traces` nor a `logs` pipeline",
                "add `traces: {receivers: [otlp], exporters: [incident]}`",
            );
        }
        for (id, signals) in receivers {
            match document.receivers.0.get(&id) {
                Some(Receiver::Otlp(receiver)) => {
                    found.otlp.push((id.to_string(), (**receiver).clone(), signals));
                }
                Some(Receiver::Kafka(receiver)) => {
                    found.kafka.push((id.to_string(), (**receiver).clone(), signals));
                }
                None => {}
            }
        }
    }

    /// `bundles`: from the connector through redaction to the stores.
    fn outputs(&mut self, found: &mut ValidatedPipelines, connectors: &mut Vec<ComponentId>) {
        let document = self.document;
        let path = "service.pipelines.bundles";
        let Some(pipeline) = &document.service.pipelines.bundles else {
            self.problem(
                "service.pipelines",
                "there is no `bundles` pipeline",
                "add `bundles: {receivers: [incident], processors: [redaction], exporters: [bundle/main]}`",
            );
            return;
        };
        self.bundle_source(pipeline, connectors);
        let mut redactions = 0;
        for (at, id) in pipeline.processors.iter().enumerate() {
            let path = format!("{path}.processors[{at}]");
            match self.defined(&document.processors, id, &path) {
                Some(Processor::Redaction(redaction)) => {
                    redactions += 1;
                    found.redaction = redaction.clone();
                    if redactions > 1 {
                        self.problem(&path, "a second redaction", "put all rules into one `redaction` processor");
                    }
                }
                Some(Processor::MemoryLimiter(_)) => {
                    self.problem(
                        &path,
                        "memory is limited where records come in",
                        "name it in the `traces` and `logs` pipelines",
                    );
                }
                None => {}
            }
        }
        if redactions == 0 && !pipeline.processors.iter().any(|id| id.kind == "redaction") {
            self.problem(
                &format!("{path}.processors"),
                "bundles would be written without redaction",
                "add a `redaction` processor with a `key`, and name it here: `processors: [redaction]`",
            );
        }
        for (at, id) in pipeline.exporters.iter().enumerate() {
            let path = format!("{path}.exporters[{at}]");
            match self.defined(&document.exporters, id, &path) {
                Some(_) if pipeline.exporters.iter().take(at).any(|earlier| earlier == id) => {
                    self.problem(&path, format!("`{id}` is named twice"), "name it once");
                }
                Some(Exporter::Bundle(exporter)) => found.bundles.push((id.to_string(), exporter.clone())),
                Some(Exporter::Raw(_)) if found.raw.is_some() => {
                    self.problem(&path, "a second `raw` exporter", "name all recipients in one");
                }
                Some(Exporter::Raw(exporter)) => found.raw = Some((id.to_string(), exporter.clone())),
                Some(Exporter::Webhook(exporter)) => found.webhooks.push((id.to_string(), exporter.clone())),
                Some(Exporter::Kafka(_)) => self.problem(
                    &path,
                    format!("`{id}` takes records, not bundles"),
                    "name a `bundle` exporter here; a gateway's `traces`, `logs` and `metrics` pipelines end in `kafka`",
                ),
                None => {}
            }
        }
        if !pipeline.exporters.iter().any(|id| id.kind == "bundle") {
            let message = if found.raw.is_some() {
                "raw evidence stands beside bundles, and these go nowhere"
            } else if found.webhooks.is_empty() {
                "bundles go nowhere"
            } else {
                "a webhook tells of bundles but does not keep them"
            };
            self.problem(
                &format!("{path}.exporters"),
                message,
                "name a `bundle` exporter, such as `bundle/main` with a `url`",
            );
        }
    }

    fn bundle_source(&mut self, pipeline: &Pipeline, connectors: &mut Vec<ComponentId>) {
        let document = self.document;
        let path = "service.pipelines.bundles.receivers";
        for (at, id) in pipeline.receivers.iter().enumerate() {
            let path = format!("{path}[{at}]");
            if document.receivers.0.contains_key(id) {
                self.problem(
                    &path,
                    format!("`{id}` makes no bundles"),
                    "begin this pipeline with the connector: `receivers: [incident]`",
                );
            } else if self.defined(&document.connectors, id, &path).is_some() {
                if !connectors.is_empty() && !connectors.contains(id) {
                    self.problem(
                        &path,
                        format!("no pipeline ends in `{id}`"),
                        "begin with the connector that the other pipelines end in",
                    );
                }
                connectors.push(id.clone());
            }
        }
        self.not_empty(
            &pipeline.receivers,
            "service.pipelines.bundles",
            "receivers",
            "begin it with the connector: `receivers: [incident]`",
        );
    }

    fn extensions(&mut self, found: &mut ValidatedPipelines) {
        let document = self.document;
        for (at, id) in document.service.extensions.iter().enumerate() {
            let path = format!("service.extensions[{at}]");
            let second = match self.defined(&document.extensions, id, &path) {
                Some(Extension::Signing(signing)) => found.signing.replace(signing.clone()).is_some(),
                Some(Extension::FileStorage(storage)) => found.file_storage.replace(storage.clone()).is_some(),
                Some(Extension::HealthCheck(health)) => found.health_check.replace(health.clone()).is_some(),
                Some(Extension::Api(api)) => found.api.replace((id.to_string(), api.clone())).is_some(),
                Some(Extension::BearerTokenAuth(tokens)) => {
                    found.authenticators.insert(id.to_string(), tokens.clone());
                    false
                }
                None => false,
            };
            if second {
                self.problem(&path, format!("a second extension of type `{}`", id.kind), "name one of them");
            }
        }
    }

    /// The component that a reference means; reports one that means none.
    fn defined<'c, T: Component>(
        &mut self,
        components: &'c Components<T>,
        id: &ComponentId,
        path: &str,
    ) -> Option<&'c T> {
        let component = components.0.get(id);
        if component.is_none() {
            let known: Vec<String> = components.0.keys().map(ToString::to_string).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let instead = if known.is_empty() {
                format!("define it under `{}s`", T::CLASS)
            } else {
                format!("define it under `{}s`, or: {}", T::CLASS, suggest::one_of(&id.to_string(), &known))
            };
            self.problem(path, format!("{} `{id}` is not defined", T::CLASS), instead);
        }
        component
    }

    fn not_empty(&mut self, ids: &[ComponentId], pipeline: &str, key: &str, instead: &str) {
        if ids.is_empty() {
            self.problem(&format!("{pipeline}.{key}"), format!("the pipeline has no {key}"), instead);
        }
    }

    fn problem(&mut self, path: &str, message: impl Into<String>, instead: impl Into<String>) {
        self.problems.push(Problem::new(path, message).instead(instead));
    }
}

/// Components that are defined and that nothing names: they do not run.
fn unused(document: &Config) -> Vec<Problem> {
    let pipelines = &document.service.pipelines;
    let all = [&pipelines.traces, &pipelines.logs, &pipelines.metrics, &pipelines.bundles];
    let named = |id: &ComponentId, list: fn(&Pipeline) -> &Vec<ComponentId>| {
        all.iter().copied().flatten().any(|pipeline| list(pipeline).contains(id))
    };
    let mut warnings = Vec::new();
    let mut warn = |section: &str, id: &ComponentId| {
        warnings.push(Problem::new(
            format!("{section}.{id}"),
            "defined, but nothing under `service` names it, so it does not run",
        ));
    };
    document
        .receivers
        .0
        .keys()
        .filter(|id| !named(id, |pipeline| &pipeline.receivers))
        .for_each(|id| warn("receivers", id));
    document
        .processors
        .0
        .keys()
        .filter(|id| !named(id, |pipeline| &pipeline.processors))
        .for_each(|id| warn("processors", id));
    document
        .connectors
        .0
        .keys()
        .filter(|id| !named(id, |pipeline| &pipeline.exporters))
        .for_each(|id| warn("connectors", id));
    document
        .exporters
        .0
        .keys()
        .filter(|id| !named(id, |pipeline| &pipeline.exporters))
        .for_each(|id| warn("exporters", id));
    document
        .extensions
        .0
        .keys()
        .filter(|id| !document.service.extensions.contains(id))
        .for_each(|id| warn("extensions", id));
    warnings
}

/// Digest of what shapes a bundle: the connector, the rules of redaction without their keys, and the version.
fn digest(pipelines: &ValidatedPipelines) -> Result<String, Problem> {
    let RedactionProcessor { key, key_id, previous_keys, timeout, dry_run, .. } = RedactionProcessor::default();
    let rules = RedactionProcessor { key, key_id, previous_keys, timeout, dry_run, ..pipelines.redaction.clone() };
    // Where windows are kept changes no bundle.
    let mut incident = pipelines.incident.clone();
    incident.window.storage = WindowConfig::default().storage;
    let shape = serde_json::json!({
        "incident": incident,
        "redaction": rules,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let canonical = serde_json_canonicalizer::to_vec(&shape)
        .map_err(|error| Problem::new("connectors", format!("a number that JSON cannot hold: {error}")))?;
    Ok(format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(canonical))))
}
