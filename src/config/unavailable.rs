//! Component types that do not exist in this version, and settings that have no place here.

use super::component::Component;
use super::errors::Fault;
use super::tree::{Kind, Node, Value};
use super::{Connector, Exporter, Extension, Problem, Processor, Receiver, suggest};

/// Components that are planned, and what to use until then.
const COMPONENTS: &[(&str, &str, &str)] = &[
    ("receivers", "kafka", "use `otlp`"),
    ("exporters", "kafka", "use `bundle` to store bundles and `webhook` to be told of them"),
    ("exporters", "otlp", "use `bundle` to store bundles and `webhook` to be told of them"),
    ("exporters", "otlphttp", "use `bundle` to store bundles and `webhook` to be told of them"),
    ("exporters", "debug", "use `bundle` with a `file:` URL"),
    ("exporters", "file", "use `bundle` with a `file:` URL"),
    ("processors", "batch", "leave it out: requests are taken as they come"),
    ("processors", "tail_sampling", "paste its block under `connectors.incident.tail_sampling`"),
];

/// Settings of the Collector's redaction processor that have no place here, and what to do instead.
const REDACTION: &[(&str, &str)] = &[
    ("redact_all_types", "leave it out: values of every type are looked at, always"),
    ("hash_function", "leave it out: what is found becomes a token keyed with `key` (HMAC-SHA256), or see `actions`"),
    ("hmac_key", "give `key`: tokens are keyed with it"),
    (
        "summary",
        "leave it out: every bundle lists what was redacted under `redaction.remarks`, and metrics count it by rule",
    ),
    (
        "url_sanitizer",
        "leave it out: the attributes of URLs are known (`casefile redact --keys`), and `blocked_values` takes patterns",
    ),
    (
        "db_sanitizer",
        "leave it out: the attributes of statements are known (`casefile redact --keys`), and lose their literals",
    ),
];

/// Reports what is not there, and sets it aside so that the rest can be read.
pub(super) fn check(root: &Node) -> Vec<Fault> {
    let mut faults = Vec::new();
    section::<Receiver>(root, "receivers", &mut faults);
    section::<Processor>(root, "processors", &mut faults);
    section::<Connector>(root, "connectors", &mut faults);
    section::<Exporter>(root, "exporters", &mut faults);
    section::<Extension>(root, "extensions", &mut faults);
    redaction(root, &mut faults);
    faults
}

fn redaction(root: &Node, faults: &mut Vec<Fault>) {
    let processors = root.get("processors").map(Node::entries).unwrap_or_default();
    for processor in processors.iter().filter(|entry| entry.key.split('/').next() == Some("redaction")) {
        for entry in processor.node.entries() {
            let Some((key, instead)) = REDACTION.iter().find(|(key, _)| *key == entry.key) else { continue };
            // What is asked for is done already.
            let is_met = *key == "redact_all_types"
                && matches!(&entry.node.value, Value::Scalar(scalar) if scalar.kind() == Kind::Bool(true));
            if !is_met {
                let path = format!("processors.{}.{key}", processor.key);
                faults.push(Fault::at(&entry.at, Problem::new(path, "has no place here").instead(*instead)));
            }
            entry.node.set_aside.set(true);
        }
    }
}

fn section<T: Component>(root: &Node, section: &str, faults: &mut Vec<Fault>) {
    let Some(components) = root.get(section) else { return };
    // What was fetched as a whole is judged, and kept from view, where it is read.
    let Value::Map(entries) = &components.value else { return };
    for entry in entries {
        let kind = entry.key.split('/').next().unwrap_or_default();
        if T::TYPES.contains(&kind) {
            continue;
        }
        let planned = COMPONENTS.iter().find(|(place, name, _)| *place == section && *name == kind);
        let problem = Problem::new(
            format!("{section}.{}", entry.key),
            format!("{} type `{kind}` is not available in this version", T::CLASS),
        )
        .instead(planned.map_or_else(|| suggest::one_of(kind, T::TYPES), |(_, _, instead)| (*instead).to_owned()));
        faults.push(Fault::at(&entry.at, problem));
        entry.node.set_aside.set(true);
    }
}
