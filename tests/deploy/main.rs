//! What `deploy/` and `helm/` hold is checked against the program: they are examples that people copy.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod chart;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use support::casefile::{command, run};
use support::store;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The names in `src/telemetry/names.rs`.
fn known_metrics() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("src/telemetry/names.rs")).unwrap();
    let pattern = Regex::new(r#"pub const [A-Z_0-9]+: &str =\s*"(casefile_[a-z0-9_]+)";"#).unwrap();
    pattern.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_metric_that_a_rule_or_panel_asks_for_exists() {
    let known = known_metrics();
    assert!(known.contains(casefile::telemetry::names::RECORDS), "names.rs was read: {known:?}");
    let pattern = Regex::new(r"casefile_[a-z0-9_]+").unwrap();
    for file in ["deploy/prometheus/rules.yaml", "deploy/grafana/casefile.json"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let asked: BTreeSet<&str> = pattern.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(!asked.is_empty(), "{file} asks for nothing");
        let is_known = |name: &str| {
            let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| name.strip_suffix(part));
            known.contains(name) || parts.into_iter().any(|name| known.contains(name))
        };
        let unknown: Vec<_> = asked.iter().filter(|name| !is_known(name)).collect();
        assert!(unknown.is_empty(), "{file} asks for metrics that do not exist: {unknown:?}");
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let text = fs::read_to_string(root().join("deploy/grafana/casefile.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let unseen: Vec<_> = known_metrics().into_iter().filter(|name| !text.contains(name.as_str())).collect();
    assert!(unseen.is_empty(), "no panel shows {unseen:?}");
}

#[test]
fn the_reference_page_of_metrics_is_what_the_program_says() {
    let page = root().join("docs/metrics.md");
    let made = run(&root(), &["components", "--metrics"]).stdout;
    if std::env::var_os("CASEFILE_WRITE_DOCS").is_some() {
        fs::write(&page, &made).unwrap();
    }
    let written = fs::read_to_string(&page).unwrap();
    assert!(
        written == String::from_utf8(made).unwrap(),
        "write it anew: casefile components --metrics > docs/metrics.md"
    );
}

#[test]
fn every_drop_reason_of_a_rule_exists() {
    let known: BTreeSet<&str> = casefile::model::DropReason::ALL.iter().map(|reason| reason.as_str()).collect();
    let text = fs::read_to_string(root().join("deploy/prometheus/rules.yaml")).unwrap();
    let pattern = Regex::new(r#"casefile_records_total\{outcome="dropped",reason=~"([a-z_|]+)""#).unwrap();
    let found = pattern.captures(&text).expect("a rule about lost records");
    for reason in found[1].split('|') {
        assert!(known.contains(reason), "`{reason}` is no drop reason: {known:?}");
    }
}

#[test]
fn the_example_configurations_are_valid_without_their_environment() {
    for file in [
        "deploy/casefile.yaml",
        "deploy/compose.casefile.yaml",
        "deploy/kafka/casefile.yaml",
        "deploy/kafka/gateway.yaml",
    ] {
        let path = root().join(file).display().to_string();
        run(&root(), &["validate", "--no-environment", "--config", &path]);
    }
}

#[test]
fn a_configuration_with_a_misspelt_key_is_refused_with_its_line_and_exit_code_78() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("deploy/casefile.yaml")).unwrap();
    let wrong = text.replace("retention:", "retension:");
    let line = wrong.lines().position(|line| line.contains("retension")).unwrap() + 1;
    let path = folder.path().join("casefile.yaml");
    fs::write(&path, wrong).unwrap();
    let output = command(folder.path())
        .args(["validate", "--no-environment", "--config", &path.display().to_string()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("casefile.yaml:{line}")) && said.contains("retention"), "{said}");
}

/// Scenario: the model of a group's size is run as it stands.
///
/// Guarantees: the page shows the table that it prints, and its formulas have the model's numbers.
#[test]
fn the_page_on_kafka_shows_what_its_model_prints() {
    let output = Command::new("python3").arg("deploy/kafka/simulate.py").current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let page = fs::read_to_string(root().join("deploy/kafka/README.md")).unwrap();
    let (_, shown) = page.split_once("<!-- simulate.py -->").unwrap();
    let (shown, _) = shown.split_once("<!-- /simulate.py -->").unwrap();
    assert_eq!(shown.trim(), printed.trim());

    let model = fs::read_to_string(root().join("deploy/kafka/simulate.py")).unwrap();
    let constant = |name: &str| -> f64 {
        let pattern = Regex::new(&format!(r"(?m)^{name} = ([0-9.e]+)$")).unwrap();
        pattern.captures(&model).unwrap_or_else(|| panic!("{name}"))[1].parse().unwrap()
    };
    let (cpu, busy) = (constant("CPU_SECONDS_PER_MILLION_SPANS"), constant("BUSY"));
    for said in [
        format!("× {cpu} s per million spans + *B* × {} ms", constant("CPU_SECONDS_PER_BUNDLE") * 1000.0),
        format!("*S* × {} / 10⁶", cpu / busy),
        format!("`retention` × {} a lane", constant("MEMORY_PER_WIRE_BYTE")),
    ] {
        assert!(page.contains(&said), "the page does not say `{said}`");
    }
}

#[test]
fn the_image_copies_what_the_build_needs() {
    let ignore = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let kept: BTreeSet<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for needed in ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "src"] {
        assert!(kept.contains(needed), ".dockerignore keeps {needed} out of the image's build");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for folder in ["collector", "kafka", "kubernetes"] {
        let kept = kept.contains(format!("deploy/{folder}").as_str());
        assert!(
            kept,
            ".dockerignore keeps deploy/{folder}, whose examples are in the binary, out of the image's build"
        );
    }
    assert!(
        kept.contains("deploy/sbom.sh"),
        ".dockerignore keeps deploy/sbom.sh, which the build runs, out of the image's build"
    );
    for (folder, needs) in [("benches", "[[bench]]"), ("proto", "build.rs"), ("build.rs", "build.rs")] {
        let used = manifest.contains(needs) || root().join(needs).exists();
        assert!(!used || kept.contains(folder), ".dockerignore keeps {folder} out of the image's build");
    }
}

/// Guarantees: the image has no shell to run its health check with, and needs none; it is no root's, and every service of the demo that
/// the compose file waits for is there.
#[test]
fn the_image_and_the_demo_fit_together() {
    let text = fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
    assert!(
        text.contains(r#"CMD ["/usr/local/bin/casefile", "probe"]"#) && text.contains("\nUSER 10001:10001\n"),
        "{text}"
    );
    let compose = fs::read_to_string(root().join("deploy/docker-compose.yaml")).unwrap();
    let compose: serde_json::Value = serde_saphyr::from_str(&compose).unwrap();
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        // What a tag that moves brings tomorrow, nobody has tested.
        if let Some(image) = service["image"].as_str() {
            let tag = image.rsplit('/').next().unwrap().split_once(':').map(|(_, tag)| tag);
            assert!(tag.is_some_and(|tag| tag != "latest"), "{name}: {image} is not of a version");
        }
        let waits = match &service["depends_on"] {
            serde_json::Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
            serde_json::Value::Object(names) => names.keys().cloned().collect(),
            _ => Vec::new(),
        };
        for other in waits {
            assert!(services.contains_key(&other), "{name} waits for {other}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let (source, _) = volume.as_str().unwrap().split_once(':').unwrap();
            if source.starts_with('.') {
                assert!(root().join("deploy").join(source).exists(), "{name} mounts {source}");
            } else {
                assert!(compose["volumes"].as_object().unwrap().contains_key(source), "{name} mounts {source}");
            }
        }
    }
    assert_eq!(services["casefile"]["read_only"], true);

    // The Collector is of the version that its configuration is tested with, and both sides name the topics that are made.
    let build = fs::read_to_string(root().join("tests/support/collector/builder.yaml")).unwrap();
    let build: serde_json::Value = serde_saphyr::from_str(&build).unwrap();
    let version = build["dist"]["version"].as_str().unwrap();
    assert!(services["collector"]["image"].as_str().unwrap().ends_with(&format!("-contrib:{version}")));
    let yaml = |file: &str| -> serde_json::Value {
        serde_saphyr::from_str(&fs::read_to_string(root().join("deploy").join(file)).unwrap()).unwrap()
    };
    let (writer, reader) = (yaml("collector/kafka.yaml"), yaml("compose.casefile.yaml"));
    let made = services["topics"]["command"][2].as_str().unwrap();
    for signal in ["traces", "logs"] {
        let topic = writer["exporters"]["kafka"][signal]["topic"].as_str().unwrap();
        assert_eq!(reader["receivers"]["kafka"][signal]["topics"][0], topic);
        assert!(made.split([' ', ';']).any(|word| word == topic), "{topic} is not made: {made}");
    }
    assert_eq!(services["collector"]["environment"]["KAFKA_BROKERS"], reader["receivers"]["kafka"]["brokers"][0]);
}

#[test]
fn no_example_holds_a_key() {
    let key = Regex::new(r"(?i)-----BEGIN|\b[0-9a-f]{64}\b").unwrap();
    let sums = Regex::new("(?:sha256:|checksum/config: )[0-9a-f]{64}").unwrap();
    for folder in ["deploy", "helm"] {
        for path in store::files(&root().join(folder)) {
            let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
            // Sums of what is public look the same.
            let text = sums.replace_all(&text, "");
            assert!(!key.is_match(&text), "{} looks as if it held a key", path.display());
        }
    }
}
