//! What of a configuration can be changed while the process runs: what decides, what redacts, what is said of services, and where bundles go.
//! The rest is made once at start, and a change of it is refused by name.

use crate::config::{Problem, ValidatedConfig, ValidatedPipelines};

/// What differs between two configurations and needs a restart, each with its path.
#[must_use]
pub fn unchangeable(old: &ValidatedConfig, new: &ValidatedConfig) -> Vec<Problem> {
    let (old, new) = (&old.pipelines, &new.pipelines);
    if old.gateway.is_some() || new.gateway.is_some() {
        return of_gateway(old, new);
    }
    let (was, is) = (&old.incident, &new.incident);
    let mut changed = shared(old, new);
    let mut note = |path: &str, differs: bool| {
        if differs {
            changed.push(path.to_owned());
        }
    };
    note("connectors.incident.window", was.window != is.window);
    note("connectors.incident.logs", was.logs != is.logs);
    note("connectors.incident.incidents", was.incidents != is.incidents);
    note("connectors.incident.tenants", was.tenants != is.tenants);
    let cache = was.tail_sampling.decision_cache != is.tail_sampling.decision_cache;
    note("connectors.incident.tail_sampling.decision_cache", cache);
    // How far back a lane of Kafka begins to read follows from it.
    let wait = was.tail_sampling.decision_wait != is.tail_sampling.decision_wait;
    note("connectors.incident.tail_sampling.decision_wait", wait && !old.kafka.is_empty());
    // Digests of records, and what is on disk, are keyed with it.
    let key = old.redaction.key != new.redaction.key;
    note("processors.redaction.key", key);
    note("processors.redaction.key_id", old.redaction.key_id != new.redaction.key_id);
    let queue = |pipelines: &ValidatedPipelines| pipelines.bundles.first().map(|(_, one)| one.sending_queue.clone());
    if let Some((id, _)) = new.bundles.first() {
        note(&format!("exporters.{id}.sending_queue"), queue(old) != queue(new));
    }
    problems(changed)
}

fn of_gateway(old: &ValidatedPipelines, new: &ValidatedPipelines) -> Vec<Problem> {
    let mut changed = shared(old, new);
    if old.gateway != new.gateway {
        let id = new.gateway.as_ref().or(old.gateway.as_ref()).map(|(id, _)| id.as_str()).unwrap_or_default();
        changed.push(format!("exporters.{id}"));
    }
    problems(changed)
}

/// What every process makes once.
fn shared(old: &ValidatedPipelines, new: &ValidatedPipelines) -> Vec<String> {
    let mut changed = Vec::new();
    let mut note = |path: String, differs: bool| {
        if differs {
            changed.push(path);
        }
    };
    for at in 0..old.otlp.len().max(new.otlp.len()) {
        let (was, is) = (old.otlp.get(at), new.otlp.get(at));
        let id = is.or(was).map(|(id, ..)| id.as_str()).unwrap_or_default();
        note(format!("receivers.{id}"), was != is);
    }
    for at in 0..old.kafka.len().max(new.kafka.len()) {
        let (was, is) = (old.kafka.get(at), new.kafka.get(at));
        let id = is.or(was).map(|(id, ..)| id.as_str()).unwrap_or_default();
        note(format!("receivers.{id}"), was != is);
    }
    note("processors.memory_limiter".to_owned(), old.memory_limiter != new.memory_limiter);
    note("extensions.file_storage".to_owned(), old.file_storage != new.file_storage);
    note("extensions.health_check".to_owned(), old.health_check != new.health_check);
    note("extensions.api".to_owned(), old.api != new.api);
    for id in old.authenticators.keys().chain(new.authenticators.keys()) {
        let path = format!("extensions.{id}");
        let differs = old.authenticators.get(id) != new.authenticators.get(id);
        note(path, differs);
    }
    note("service.telemetry".to_owned(), old.telemetry != new.telemetry);
    note("service.shutdown_timeout".to_owned(), old.shutdown_timeout != new.shutdown_timeout);
    changed.dedup();
    changed
}

fn problems(changed: Vec<String>) -> Vec<Problem> {
    changed.into_iter().map(|path| Problem::new(path, "has changed, which takes a restart")).collect()
}
