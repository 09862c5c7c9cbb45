use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::*;

mod gateway;

const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// An environment of variables and files held in memory.
#[derive(Default)]
struct Fake(BTreeMap<String, String>);

impl Fake {
    fn with(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }
}

impl Environment for Fake {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.0.get(name).cloned())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.0.get(path));
        text.cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// A configuration that runs, with `more` in place of its connectors.
fn document(connectors: &str) -> String {
    format!(
        "receivers:
  otlp:
    protocols:
      grpc:
processors:
  redaction:
    key: \"{KEY}\"
connectors:
{connectors}
exporters:
  bundle/main: {{url: \"file:/tmp/bundles\"}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [incident]}}
    bundles: {{receivers: [incident], processors: [redaction], exporters: [bundle/main]}}
"
    )
}

fn with(text: &str, env: &[(&str, &str)]) -> Result<ValidatedConfig, ConfigErrors> {
    let mut env = Fake::with(env);
    env.0.insert("c.yaml".to_owned(), text.to_owned());
    load(&["c.yaml".to_owned()], &[], &env)
}

#[track_caller]
fn errors(text: &str, env: &[(&str, &str)]) -> String {
    with(text, env).unwrap_err().to_string()
}

#[track_caller]
fn connector(text: &str, env: &[(&str, &str)]) -> IncidentConnector {
    with(&document(text), env).unwrap().pipelines.incident
}

#[test]
fn the_built_in_configuration_is_valid() {
    let config = embedded(KEY, Some("PEM"), "/data", &[]).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.pipelines.bundles[0].1.url, "file:/data");
    assert_eq!(config.pipelines.redaction.key.expose(), KEY);
    assert!(embedded(KEY, None, "/data", &[]).unwrap().pipelines.signing.is_none());
}

#[test]
fn sets_lie_over_the_built_in_configuration() {
    let sets = [
        "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:0".to_owned(),
        "service.telemetry.metrics.level=none".to_owned(),
    ];
    let config = embedded(KEY, None, "/data", &sets).unwrap();
    assert_eq!(config.pipelines.otlp[0].1.protocols.grpc.as_ref().unwrap().endpoint, "127.0.0.1:0");
    assert_eq!(config.pipelines.telemetry.metrics.level, "none");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_likely_key() {
    let text = errors(&document("  incident:\n    windw: {retention: 5s}"), &[]);
    assert_eq!(text, "c.yaml:10:5: connectors.incident.windw: unknown key; did you mean `window`?");
}

#[test]
fn several_faults_are_reported_at_once_each_at_its_place() {
    let text = errors(
        &document(
            "  incident:\n    tail_sampling: {decision_wait: 5, polices: []}\n    window: {max_bytes: lots, retentoin: 1s}",
        ),
        &[],
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(
        text.contains(
            "c.yaml:10:36: connectors.incident.tail_sampling.decision_wait: expected a string, found a whole number"
        ),
        "{text}"
    );
    assert!(
        text.contains("c.yaml:10:39: connectors.incident.tail_sampling.polices: unknown key; did you mean `policies`?"),
        "{text}"
    );
    assert!(text.contains("c.yaml:11:25: connectors.incident.window.max_bytes: `lots` is not a size"), "{text}");
    assert!(text.contains("connectors.incident.window.retentoin: unknown key; did you mean `retention`?"), "{text}");
}

#[test]
fn a_duplicate_key_is_refused_with_both_lines() {
    let text = errors(&document("  incident:\n    window: {}\n    window: {}"), &[]);
    assert_eq!(text, "c.yaml:11:5: duplicate key `window`, first written on line 10; keep one of the two");
}

#[test]
fn input_65_an_alias_bomb_is_refused_quickly() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 9].join(", ")));
    }
    let text = errors(&bomb, &[]);
    assert!(text.contains("with its aliases written out; use fewer aliases"), "{text}");
}

#[test]
fn aliases_and_merge_keys_work_within_bounds() {
    let incident = connector(
        "  incident:\n    window: &w {retention: 7s}\n    logs: {lookback: 9s}\n    services:\n      a: &a {language: python, build: make}\n      b: {<<: *a, build: just}",
        &[],
    );
    assert_eq!(incident.services["b"].language.as_deref(), Some("python"));
    assert_eq!(incident.services["b"].build.as_deref(), Some("just"));
}

#[test]
fn an_expression_takes_the_type_that_is_wanted() {
    let text = "  incident:\n    logs: {max_per_trace: \"${env:N}\"}\n    window: {max_bytes: \"${SIZE:-3}\"}\n    services:\n      a: {language: \"${env:N}\", build: \"x-${N}-$$y$z\"}";
    let incident = connector(text, &[("N", "17")]);
    assert_eq!(incident.logs.max_per_trace, 17);
    assert_eq!(incident.window.max_bytes.0, 3);
    assert_eq!(incident.services["a"].language.as_deref(), Some("17"));
    assert_eq!(incident.services["a"].build.as_deref(), Some("x-17-$y$z"));
}

#[test]
fn a_key_of_digits_from_a_file_stays_a_string_without_its_newline() {
    let text = document("  incident:").replace(&format!("\"{KEY}\""), "${file:/k}");
    let config = with(&text, &[("/k", &format!("{KEY}\n"))]).unwrap();
    assert_eq!(config.pipelines.redaction.key.expose(), KEY);
}

#[test]
fn a_secret_with_dollar_signs_is_taken_as_it_is() {
    let text = document("  incident:\n    services: {a: {build: \"${P}\"}}");
    let config = with(&text, &[("P", "$$a${b}")]).unwrap();
    assert_eq!(config.pipelines.incident.services["a"].build.as_deref(), Some("$$a${b}"));
}

#[test]
fn a_missing_variable_or_file_says_which_where_and_what_to_do() {
    let text = document("  incident:").replace(&format!("\"{KEY}\""), "${env:KEY}");
    assert_eq!(
        errors(&text, &[]),
        "c.yaml:7:10: processors.redaction.key: environment variable `KEY` is not set; set it, or write a default: `${env:KEY:-default}`"
    );
    let text = text.replace("${env:KEY}", "${file:/k}");
    assert!(errors(&text, &[]).starts_with("c.yaml:7:10: processors.redaction.key: file `/k` cannot be read: "));
}

#[test]
fn no_message_shows_what_was_fetched() {
    let places = [
        "  incident:\n    window: {retention: \"${env:S}\"}",
        "  incident:\n    window: {max_bytes: \"${env:S}\"}",
        "  incident:\n    window: {storage: \"${env:S}\"}",
        "  incident:\n    window: \"${env:S}\"",
        "  incident:\n    logs: {max_per_trace: \"a${env:S}\"}",
        "  incident:\n    tail_sampling: {policies: \"${env:S}\"}",
    ];
    for secret in ["hunter2-secret", "9d8f7", "{hunter2: x}", "[hunter2]", "hunter2: {a: b}"] {
        for place in places {
            let text = errors(&document(place), &[("S", secret)]);
            assert!(!text.contains("hunter2") && !text.contains("9d8f7"), "{text}");
        }
    }
    for key in ["hunter2", "{hunter2: x}"] {
        let text = document("  incident:").replace(&format!("\"{KEY}\""), "${env:S}");
        let text = errors(&text, &[("S", key)]);
        assert!(
            text.contains("processors.redaction.key: the root key is neither hex nor base64")
                && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
fn later_sources_lie_over_earlier_ones() {
    let mut env = Fake::default();
    env.0.insert("a.yaml".to_owned(), document("  incident: {logs: {lookback: 5s, max_per_trace: 5}}"));
    let sources = ["a.yaml", "yaml:connectors::incident::logs: {max_per_trace: 6}", "env:MORE"].map(str::to_owned);
    env.0.insert("MORE".to_owned(), "service: {telemetry: {logs: {level: debug}}}".to_owned());
    let config = load(&sources, &["connectors.incident.logs.lookback=7s".to_owned()], &env).unwrap();
    let expected = LogJoin { lookback: Duration::seconds(7), max_per_trace: 6, ..LogJoin::default() };
    assert_eq!(config.pipelines.incident.logs, expected);
    assert_eq!(config.pipelines.telemetry.logs.level, "debug");
}

#[test]
fn what_is_not_in_this_version_is_refused_with_what_to_use() {
    let text = document("  incident: {}")
        .replace("receivers:\n", "receivers:\n  jaeger: {}\n")
        .replace("exporters:\n", "exporters:\n  otlphttp: {}\n");
    let text = errors(&text, &[]);
    for expected in [
        "receivers.jaeger: receiver type `jaeger` is not available in this version; known here: `otlp`, `kafka`",
        "exporters.otlphttp: exporter type `otlphttp` is not available in this version; use `bundle`",
    ] {
        assert!(text.contains(expected), "{expected} in:\n{text}");
    }
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn bundles_without_redaction_or_store_are_refused() {
    let text = document("  incident:").replace("processors: [redaction], ", "");
    assert!(
        errors(&text, &[]).starts_with(
            "c.yaml:15:5: service.pipelines.bundles.processors: bundles would be written without redaction"
        )
    );
    let text = document("  incident:")
        .replace("bundle/main: {url: \"file:/tmp/bundles\"}", "webhook/a: {url: \"https://a/b\", signing_secret: x}")
        .replace("[bundle/main]", "[webhook/a]");
    assert!(errors(&text, &[]).contains("a webhook tells of bundles but does not keep them"));
}

#[test]
fn an_undefined_reference_is_refused_with_what_was_perhaps_meant() {
    let text = errors(&document("  incident:").replace("[bundle/main]", "[bundle/mian]"), &[]);
    assert_eq!(
        text,
        "c.yaml:15:75: service.pipelines.bundles.exporters[0]: exporter `bundle/mian` is not defined; define it under `exporters`, or: did you mean `bundle/main`?"
    );
}

#[test]
fn stages_problems_get_their_place() {
    let config =
        with(&document("  incident:\n    tail_sampling:\n      policies:\n        - {name: a, type: b}"), &[]).unwrap();
    let text =
        config.locate(vec![Problem::new("connectors.incident.tail_sampling.policies[0].type", "unknown")]).to_string();
    assert_eq!(text, "c.yaml:12:27: connectors.incident.tail_sampling.policies[0].type: unknown");
}

#[test]
fn the_digest_changes_with_the_rules_and_not_with_keys_or_stores() {
    let digest = |text: &str| with(text, &[]).unwrap().digest;
    let plain = document("  incident:");
    assert_eq!(digest(&plain), digest(&plain.replace(KEY, &"2".repeat(64)).replace("/tmp/bundles", "/tmp/others")));
    assert_ne!(digest(&plain), digest(&document("  incident: {logs: {lookback: 1s}}")));
    assert_ne!(digest(&plain), digest(&plain.replace("    key:", "    allow_all_keys: true\n    key:")));
}

#[test]
fn without_the_environment_open_values_fit_anywhere_and_the_rest_is_still_checked() {
    let text =
        document("  incident:\n    logs: {max_per_trace: \"${env:N}\"}").replace(&format!("\"{KEY}\""), "${file:/k}");
    let env = |text: &str| Fake::with(&[("c.yaml", text)]);
    load_without_environment(&["c.yaml".to_owned()], &[], &env(&text)).unwrap();
    let errors =
        load_without_environment(&["c.yaml".to_owned()], &[], &env(&text.replace("logs:", "lgs:"))).unwrap_err();
    assert!(errors.to_string().contains("did you mean `logs`?"), "{errors}");
}

#[test]
fn unused_components_are_warned_of() {
    let config =
        with(&document("  incident:").replace("exporters:\n", "exporters:\n  bundle/spare: {url: \"s3://b\"}\n"), &[])
            .unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert_eq!(config.warnings[0].path, "exporters.bundle/spare");
}

/// Guarantees: what newer Collectors, and the operator of OpenTelemetry, write of own metrics means the same.
#[test]
fn readers_of_metrics_take_the_place_of_their_address() {
    let of = |metrics: &str| {
        let text = format!("{}  telemetry: {{metrics: {metrics}}}\n", document("  incident:"));
        with(&text, &[]).map(|config| config.pipelines.telemetry.metrics.endpoint())
    };
    let reader = |prometheus: &str| of(&format!("{{readers: [{{pull: {{exporter: {{prometheus: {prometheus}}}}}}}]}}"));
    assert_eq!(of("{}").unwrap(), "127.0.0.1:8888");
    assert_eq!(of("{address: \"0.0.0.0:9999\"}").unwrap(), "0.0.0.0:9999");
    assert_eq!(reader("{host: 0.0.0.0, port: 9464, without_units: true}").unwrap(), "0.0.0.0:9464");
    assert_eq!(reader("{host: \"::1\"}").unwrap(), "[::1]:8888");
    let refused = |found: Result<String, ConfigErrors>, part: &str| {
        let said = found.unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    };
    refused(reader("{host: \"a/b\"}"), "readers[0].pull.exporter.prometheus.host");
    let one = "{pull: {exporter: {prometheus: {}}}}";
    refused(of(&format!("{{readers: [{one}, {one}]}}")), "one place for metrics");
    refused(of("{readers: [{periodic: {}}]}"), "periodic");
}

/// Guarantees: a rule that quotes a value quotes the expression where the value was fetched, which may be a secret in the wrong place.
#[test]
fn what_was_fetched_is_not_shown_by_rules_either() {
    let text = document("  incident: {in_app: [\"${env:HIDDEN}\"]}")
        .replace("  otlp:\n", "  kafka: {brokers: [\"${env:HIDDEN}\"], group_id: a, traces: {topics: [b]}}\n  otlp:\n")
        .replace("receivers: [otlp]", "receivers: [otlp, kafka]");
    let said = with(&text, &[("HIDDEN", "top-secret-value")]).unwrap_err().to_string();
    assert!(said.contains("`${env:HIDDEN}` is not a broker") && !said.contains("top-secret"), "{said}");
    let whole = text.replace("brokers: [\"${env:HIDDEN}\"]", "brokers: \"${env:LIST}\"");
    let said = with(&whole, &[("LIST", "[top-secret-value]"), ("HIDDEN", "a")]).unwrap_err().to_string();
    assert!(said.contains("is not a broker") && !said.contains("top-secret"), "{said}");
    // What a stage says of it later.
    let text = text.replace("  kafka: {brokers: [\"${env:HIDDEN}\"]", "  kafka: {brokers: [\"a:9092\"]");
    let config = with(&text, &[("HIDDEN", "top-secret-value")]).unwrap();
    let problem = Problem::new("connectors.incident.in_app[0]", "`top-secret-value` is no rule");
    let said = config.locate(vec![problem]).to_string();
    assert!(said.contains("`${env:HIDDEN}` is no rule"), "{said}");
}
