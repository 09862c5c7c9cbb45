//! What a configuration says of decisions and bundles, compiled: the part of it that may change while the process runs.

use std::sync::Arc;

use super::symbols;
use crate::bundle::RawSealer;
use crate::config::{IncidentConnector, Problem, ValidatedConfig};
use crate::evidence::{self, AppRules, Assembler};
use crate::model::{RootKey, Tenant};
use crate::redact::Redactor;
use crate::sampling::Sampler;
use crate::window;

/// What a configuration says of decisions and bundles. Each trace is judged, and its bundle made, by one of these from the first policy
/// to the seal.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) incident: IncidentConnector,
    pub(super) window: window::Settings,
    /// With a memory that only serves to begin with.
    pub(super) sampler: Sampler,
    pub(super) assembler: Assembler,
    pub(super) redactor: Redactor,
    /// Only where raw evidence is configured: elsewhere no copy of the records is made.
    pub(super) raw: Option<RawSealer>,
}

/// The rules as the windows of one core go by them.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) rules: Arc<Rules>,
    /// Their policies, with the memory of this core.
    pub(super) sampler: Sampler,
}

impl Rules {
    pub(super) fn compile(config: &ValidatedConfig, tenant: &Tenant) -> Result<Self, Vec<Problem>> {
        let pipelines = &config.pipelines;
        let incident = &pipelines.incident;
        let root = RootKey::parse(pipelines.redaction.key.expose())
            .map_err(|error| vec![Problem::new("processors.redaction.key", error.to_string())])?;
        let under = |prefix: &'static str| {
            move |found: Vec<Problem>| found.into_iter().map(|problem| problem.under(prefix)).collect::<Vec<_>>()
        };
        let sampler = Sampler::compile(&incident.tail_sampling).map_err(under("connectors.incident.tail_sampling"))?;
        let redactor =
            Redactor::compile(&pipelines.redaction, tenant.as_str(), &root).map_err(under("processors.redaction"))?;
        let raw = match &pipelines.raw {
            None => None,
            Some((id, config)) => Some(RawSealer::compile(config).map_err(|found| {
                found.into_iter().map(|problem| problem.under(&format!("exporters.{id}"))).collect::<Vec<_>>()
            })?),
        };
        let in_app = AppRules::new(&incident.in_app).map_err(|(at, error)| {
            vec![Problem::new(format!("connectors.incident.in_app[{at}]"), error.to_string())]
        })?;
        let symbols =
            incident.symbols.as_ref().map(symbols::open).transpose().map_err(under("connectors.incident.symbols"))?;
        let assembler = Assembler::new(
            evidence::Settings {
                tenant: tenant.to_string(),
                logs: incident.logs.clone(),
                services: incident.services.clone(),
                in_app,
                config_digest: config.digest.clone(),
                symbols: symbols.map(Arc::new),
            },
            &root,
        );
        let remembered = incident.tail_sampling.decision_cache.non_sampled_cache_size;
        let window = window::Settings {
            decision_wait: incident.tail_sampling.decision_wait.0,
            decision_wait_after_root: incident.tail_sampling.decision_wait_after_root_received.0,
            retention: incident.window.retention.0,
            max_records: incident.window.max_records_per_trace.max(1),
            longest: sampler.longest(),
            whole_traces: sampler.needs_whole_traces(),
            remembered: usize::try_from(remembered).unwrap_or(usize::MAX),
        };
        Ok(Self { incident: incident.clone(), window, sampler, assembler, redactor, raw })
    }
}
