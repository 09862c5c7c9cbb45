//! What a user sees of a configuration: that a wrong one ends in exit code 78 with file, line and what to write instead,
//! before anything listens; that the documented one loads; that the built-in one fits its own schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod security;

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// The documented example, without what this version does not have.
const EXAMPLE: &str = r#"
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "${env:MY_POD_IP:-127.0.0.1}:4317", max_recv_msg_size_mib: 64}
      http: {endpoint: "${env:MY_POD_IP:-127.0.0.1}:4318"}
processors:
  memory_limiter: {limit_mib: 2048, spike_limit_mib: 256}
  redaction:
    key: ${file:SECRETS/redaction.key}
    allow_all_keys: false
    allowed_keys: [app.cart.size]
    blocked_key_patterns: ['(?i)token|secret|passw|authorization|cookie']
    presets: [pii, pci, phi, secrets]
connectors:
  incident:
    tail_sampling:
      decision_wait: 10s
      policies:
        - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
    window: {storage: memory, retention: 60s, max_bytes: 4GiB}
    logs: {lookback: 30s, max_per_trace: 2000}
    incidents: {max_bundles: 5, per: 1h}
    services:
      checkout: {language: python, repository: "https://git.example/checkout", build: "pip install -e .", test_cmd: "pytest -q"}
exporters:
  bundle/main: {url: "s3://acme-casefiles/prod", compression: zstd}
  webhook/agents: {url: "https://agents.example/hooks", signing_secret: "${file:SECRETS/hook}"}
extensions:
  health_check: {endpoint: "0.0.0.0:13133"}
  api: {endpoint: "127.0.0.1:4380"}
service:
  extensions: [health_check, api]
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter], exporters: [incident]}
    logs: {receivers: [otlp], processors: [memory_limiter], exporters: [incident]}
    bundles: {receivers: [incident], processors: [redaction], exporters: [bundle/main, webhook/agents]}
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("redaction.key"), format!("{KEY}\n")).unwrap();
    std::fs::write(folder.path().join("hook"), "hook-secret-value\n").unwrap();
    folder
}

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("casefile.yaml");
    std::fs::write(&path, text.replace("SECRETS", folder.to_str().unwrap())).unwrap();
    path.to_str().unwrap().to_owned()
}

fn casefile(folder: &Path, arguments: &[&str]) -> Output {
    Command::cargo_bin("casefile")
        .unwrap()
        .args(arguments)
        .current_dir(folder)
        .env_remove("MY_POD_IP")
        .env_remove("CASEFILE_REDACTION_KEY")
        .timeout(std::time::Duration::from_secs(20))
        .output()
        .unwrap()
}

/// Scenario: the example with `from` replaced by `to`. Guarantee: both `casefile --config` and `casefile validate` end with 78
/// and a line on stderr that has the place and `parts`.
#[track_caller]
fn refused(from: &str, to: &str, parts: &[&str]) {
    assert!(EXAMPLE.contains(from), "`{from}` is in the example");
    refused_text(&EXAMPLE.replacen(from, to, 1), parts);
}

#[track_caller]
fn refused_text(text: &str, parts: &[&str]) {
    let folder = folder();
    let path = write(folder.path(), text);
    for arguments in [&["--config", path.as_str()][..], &["validate", "--config", path.as_str()][..]] {
        let output = casefile(folder.path(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(stderr.contains("casefile.yaml:"), "{arguments:?}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{arguments:?}: `{part}` in: {stderr}");
        }
        assert!(!stderr.contains(KEY) && !stderr.contains("hook-secret-value"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn an_unknown_key_is_refused() {
    refused(
        "    window:",
        "    windw:",
        &["casefile.yaml:21:5: connectors.incident.windw: unknown key", "did you mean `window`?"],
    );
}

#[test]
fn a_wrong_type_is_refused() {
    refused(
        "max_per_trace: 2000",
        "max_per_trace: many",
        &["casefile.yaml:22:42: connectors.incident.logs.max_per_trace: expected a whole number", "write the number"],
    );
}

#[test]
fn a_missing_secret_is_refused() {
    refused(
        "${file:SECRETS/redaction.key}",
        "${file:SECRETS/none.key}",
        &["casefile.yaml:10:10: processors.redaction.key: file `", "create it"],
    );
    refused(
        "${file:SECRETS/redaction.key}",
        "${env:CASEFILE_NO_SUCH}",
        &[
            "casefile.yaml:10:10: processors.redaction.key: environment variable `CASEFILE_NO_SUCH` is not set",
            "set it",
        ],
    );
    refused(
        "${file:SECRETS/redaction.key}",
        "\"\"",
        &["casefile.yaml:10:10: processors.redaction.key: the root key is empty", "openssl rand -hex 32"],
    );
}

/// The setting of the example that webhooks of alerts stand beside, and its place with `alerts` in it.
fn with_alerts(alerts: &str) -> (String, String) {
    let found = EXAMPLE.lines().find(|line| line.trim_start().starts_with("http: {")).unwrap();
    (found.to_owned(), found.replacen('{', &format!("{{alerts: {alerts}, "), 1))
}

#[test]
fn an_empty_secret_of_a_webhook_is_refused_and_lets_nobody_in() {
    for (alerts, says) in [
        ("{sentry: {client_secret: \"\"}}", "alerts.sentry.client_secret: an empty secret would let anybody in"),
        ("{datadog: {token: \"\"}}", "alerts.datadog.token: an empty secret would let anybody in"),
        ("{sentry: {client_secret: \"${env:CASEFILE_NO_SUCH}\"}}", "variable `CASEFILE_NO_SUCH` is not set"),
        ("{datadog: {token: x, token_header: \"X Token\"}}", "alerts.datadog.token_header: not the name of a header"),
        ("{sentry: {url_path: /v1/logs}}", "`/v1/logs` serves two signals"),
        ("{sentry: {secret: x}}", "alerts.sentry.secret: unknown key"),
    ] {
        let (from, to) = with_alerts(alerts);
        refused(&from, &to, &[says]);
    }
    let (from, to) = with_alerts("{sentry: {client_secret: \"${env:CASEFILE_NO_SUCH}\"}}");
    let folder = folder();
    let path = write(folder.path(), &EXAMPLE.replace(&from, &to));
    let output = casefile(folder.path(), &["validate", "--no-environment", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_bundles_pipeline_without_redaction_is_refused() {
    refused(
        "processors: [redaction], ",
        "",
        &[
            "casefile.yaml:37:5: service.pipelines.bundles.processors: bundles would be written without redaction",
            "add a `redaction` processor",
        ],
    );
}

#[test]
fn a_policy_of_unknown_type_is_refused() {
    refused(
        "type: status_code,",
        "type: statuscode,",
        &["casefile.yaml:20:32: connectors.incident.tail_sampling.policies[0].type:"],
    );
}

#[test]
fn a_duplicate_key_is_refused() {
    refused(
        "    logs: {lookback",
        "    window: {}\n    logs: {lookback",
        &["casefile.yaml:22:5: duplicate key `window`, first written on line 21"],
    );
}

#[test]
fn input_65_an_alias_bomb_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
    }
    refused_text(&bomb, &["with its aliases written out", "use fewer aliases"]);
}

#[test]
fn a_reference_to_nothing_is_refused() {
    refused(
        "[bundle/main, webhook/agents]",
        "[bundle/mian]",
        &[
            "casefile.yaml:37:75: service.pipelines.bundles.exporters[0]: exporter `bundle/mian` is not defined",
            "did you mean `bundle/main`?",
        ],
    );
}

#[test]
fn the_documented_example_is_valid_and_prints_no_secret() {
    let folder = folder();
    let path = write(folder.path(), EXAMPLE);
    let output = casefile(folder.path(), &["validate", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let output = casefile(folder.path(), &["print-config", "--config", &path]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("[secret]") && text.contains("127.0.0.1:4317"), "{text}");
    assert!(!text.contains(KEY) && !text.contains("hook-secret-value"), "{text}");
}

#[test]
fn the_documented_example_loads() {
    let folder = folder();
    let path = write(folder.path(), EXAMPLE);
    let config = casefile::config::load(&[path], &[], &casefile::config::ProcessEnvironment).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.pipelines.bundles.len(), 1);
    assert_eq!(config.pipelines.webhooks[0].1.signing_secret.expose(), "hook-secret-value");
    let printed = format!("{config:?}");
    assert!(!printed.contains(KEY) && !printed.contains("hook-secret-value"));
}

#[test]
fn the_built_in_configuration_fits_the_schema_as_written_and_as_run() {
    let printed = casefile(folder().path(), &["schema", "config"]).stdout;
    let schema: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let written: serde_json::Value = serde_saphyr::from_str(include_str!("../../src/config/default.yaml")).unwrap();
    assert!(
        validator.validate(&written).is_ok(),
        "{:?}",
        validator.iter_errors(&written).map(|error| error.to_string()).collect::<Vec<_>>()
    );
    let config = casefile::config::embedded(KEY, Some("PEM"), "/data", &[]).unwrap();
    let run = serde_json::to_value(&config.document).unwrap();
    assert!(
        validator.validate(&run).is_ok(),
        "{:?}",
        validator.iter_errors(&run).map(|error| error.to_string()).collect::<Vec<_>>()
    );
    let wrong: serde_json::Value = serde_json::json!({"receivers": {"otlp": {"protocol": {}}}});
    assert!(validator.validate(&wrong).is_err());
}

/// A recipient that no test has the identity of.
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

/// The example with this `raw` exporter in its pipeline.
fn with_raw(raw: &str) -> String {
    let text = EXAMPLE.replacen("exporters:\n", &format!("exporters:\n  raw/main: {raw}\n"), 1);
    text.replacen("exporters: [bundle/main,", "exporters: [bundle/main, raw/main,", 1)
}

#[test]
fn raw_evidence_without_a_sound_recipient_is_refused_and_a_private_key_is_not_shown() {
    const URL: &str = "url: \"s3://acme-raw/prod\"";
    const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    let cases: [(&str, &[&str]); 6] = [
        ("", &["exporters.raw/main.recipients: raw evidence is never written without a recipient", "age-keygen"]),
        (", recipients: []", &["exporters.raw/main.recipients: raw evidence is never written without a recipient"]),
        (", recipients: [age1qqqq]", &["exporters.raw/main.recipients[0]: not an age X25519 recipient"]),
        (
            &format!(", recipients: [{RECIPIENT}, {RECIPIENT}]"),
            &["exporters.raw/main.recipients[1]: the same recipient again"],
        ),
        (
            &format!(", recipients: [{RECIPIENT}], retention: 5m"),
            &["exporters.raw/main.retention: must be 1h or longer"],
        ),
        (&format!(", recipients: [{RECIPIENT}], compression: zstd"), &["exporters.raw/main.compression: unknown key"]),
    ];
    for (settings, parts) in cases {
        refused_text(&with_raw(&format!("{{{URL}{settings}}}")), parts);
    }
    let folder = folder();
    let path = write(folder.path(), &with_raw(&format!("{{{URL}, recipients: [{SECRET}]}}")));
    let output = casefile(folder.path(), &["validate", "--config", &path]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("recipients[0]: a private key") && !stderr.contains("GQ9778VQ"), "{stderr}");
}

#[test]
fn raw_evidence_stands_beside_bundles_and_in_one_place() {
    let raw = format!("{{url: \"s3://acme-raw/prod\", recipients: [{RECIPIENT}], retention: 168h}}");
    let text = with_raw(&raw);
    let folder = folder();
    let path = write(folder.path(), &text);
    let output = casefile(folder.path(), &["validate", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    refused_text(
        &text.replacen("exporters: [bundle/main, raw/main,", "exporters: [raw/main,", 1),
        &["service.pipelines.bundles.exporters: raw evidence stands beside bundles", "name a `bundle` exporter"],
    );
    let second = text.replacen("exporters:\n", &format!("exporters:\n  raw/more: {raw}\n"), 1);
    refused_text(
        &second.replacen("raw/main, webhook", "raw/main, raw/more, webhook", 1),
        &["service.pipelines.bundles.exporters[2]: a second `raw` exporter", "name all recipients in one"],
    );
    refused_text(
        &text.replacen("compression: zstd", "compression: zstd, retention: 59m", 1),
        &["exporters.bundle/main.retention: must be 1h or longer"],
    );
}

#[test]
fn raw_evidence_is_listed_among_the_components_and_has_a_schema() {
    let folder = folder();
    let components: serde_json::Value =
        serde_json::from_slice(&casefile(folder.path(), &["components", "--json"]).stdout).unwrap();
    assert_eq!(components["exporters"], serde_json::json!(["bundle", "raw", "webhook", "kafka"]));
    let schema: serde_json::Value =
        serde_json::from_slice(&casefile(folder.path(), &["schema", "config"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let with = |raw: serde_json::Value| serde_json::json!({"exporters": {"raw/main": raw}});
    let url = "s3://acme-raw/prod";
    let whole = serde_json::json!({"url": url, "recipients": [RECIPIENT], "retention": "168h"});
    assert!(validator.is_valid(&with(whole)));
    assert!(!validator.is_valid(&with(serde_json::json!({"url": url, "recipients": RECIPIENT}))), "a list");
    assert!(!validator.is_valid(&with(serde_json::json!({"url": url, "sending_queue": {}}))), "an unknown key");
}

#[test]
fn recipients_may_come_from_an_environment_that_is_not_there_yet() {
    let folder = folder();
    for recipients in ["[\"${env:CASEFILE_NO_SUCH}\"]", "\"${env:CASEFILE_NO_SUCH}\""] {
        let path =
            write(folder.path(), &with_raw(&format!("{{url: \"s3://acme-raw/prod\", recipients: {recipients}}}")));
        let output = casefile(folder.path(), &["validate", "--no-environment", "--config", &path]);
        assert_eq!(output.status.code(), Some(0), "{recipients}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

const REDACTION: &str = "    allow_all_keys: false\n";

#[test]
fn a_class_or_action_that_does_not_exist_is_refused() {
    let with = |line: &str| format!("{REDACTION}    {line}\n");
    refused(
        REDACTION,
        &with("actions: {emial: keep}"),
        &["casefile.yaml:12:15: processors.redaction.actions.emial: unknown", "did you mean `email`?"],
    );
    refused(
        REDACTION,
        &with("actions: {ip: hide}"),
        &["casefile.yaml:12:19: processors.redaction.actions.ip: unknown", "`token`, `withhold`, `keep`"],
    );
    refused(
        REDACTION,
        &with("services: {checkout: {alowed_keys: [a]}}"),
        &["casefile.yaml:12:27: processors.redaction.services.checkout.alowed_keys: unknown key", "`allowed_keys`"],
    );
}

#[test]
fn an_action_that_would_uncover_a_secret_is_refused() {
    let with = |line: &str| format!("{REDACTION}    {line}\n");
    refused(
        REDACTION,
        &with("actions: {secrets: keep}"),
        &["casefile.yaml:12:24: processors.redaction.actions.secrets: `secrets` cannot be `keep`", "`ignored_keys`"],
    );
    refused(
        REDACTION,
        &with("services: {checkout: {actions: {url_credential: token}}}"),
        &[
            "processors.redaction.services.checkout.actions.url_credential: `url_credential` cannot be `token`",
            "guessed",
        ],
    );
    refused(
        REDACTION,
        &with("services: {checkout: {blocked_key_patterns: ['(']}}"),
        &["processors.redaction.services.checkout.blocked_key_patterns[0]: the regex does not compile"],
    );
}

#[test]
fn settings_of_the_collectors_redaction_that_have_no_place_say_what_to_do_instead() {
    for (line, instead) in [
        ("redact_all_types: false", "values of every type are looked at"),
        ("hash_function: md5", "keyed with `key`"),
        ("summary: debug", "`redaction.remarks`"),
        ("url_sanitizer: {enabled: true, attributes: [http.url]}", "`casefile redact --keys`"),
        ("db_sanitizer: {sql: {enabled: true, attributes: [db.statement]}}", "lose their literals"),
    ] {
        let name = line.split(':').next().unwrap();
        refused(
            REDACTION,
            &format!("{REDACTION}    {line}\n"),
            &[&format!("casefile.yaml:12:5: processors.redaction.{name}: has no place here"), instead],
        );
    }
}

#[test]
fn every_setting_of_redaction_that_is_documented_loads_and_fits_the_schema() {
    let folder = folder();
    let more = r#"    redact_all_types: true
    ignored_keys: [build.tag]
    ignored_key_patterns: ['^cache\.']
    blocked_values: ['ACME-\d{6}']
    allowed_values: ['@acme\.example$']
    actions: {ip: keep, phone: withhold, name: token, identifiers: withhold, secrets: withhold, metadata: keep}
    services:
      checkout:
        allow_all_keys: true
        allowed_keys: [app.note]
        ignored_keys: [app.tag]
        ignored_key_patterns: ['^shop\.']
        blocked_key_patterns: ['note$']
        actions: {ip: token, content: withhold}
"#;
    let text = EXAMPLE.replacen(REDACTION, &format!("{REDACTION}{more}"), 1);
    let path = write(folder.path(), &text);
    let output = casefile(folder.path(), &["validate", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let schema: serde_json::Value =
        serde_json::from_slice(&casefile(folder.path(), &["schema", "config"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let config = casefile::config::load(&[path], &[], &casefile::config::ProcessEnvironment).unwrap();
    let run = serde_json::to_value(&config.document).unwrap();
    let errors: Vec<String> = validator.iter_errors(&run).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut wrong = run;
    wrong["processors"]["redaction"]["actions"] = serde_json::json!({"ip": "hide"});
    assert!(validator.validate(&wrong).is_err());
}
