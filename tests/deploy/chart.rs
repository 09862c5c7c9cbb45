//! The chart, as Helm renders it in each mode: against the schemas of Kubernetes, and what it carries against the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::root;
use crate::support::casefile::{Home, Settings, command, run};

/// One `ci/*-values.yaml` each.
const VARIANTS: [&str; 6] = ["statefulset", "deployment", "kafka", "sidecar", "everything", "alternate-config"];
/// Those whose rendering is kept in `helm/examples`.
const EXAMPLES: [&str; 4] = ["statefulset", "deployment", "kafka", "sidecar"];

fn tool(name: &str) -> PathBuf {
    let path = root().join(".cache/tools/bin").join(name);
    assert!(path.exists(), "{} is missing: run tests/setup first", path.display());
    path
}

fn values(variant: &str) -> String {
    format!("helm/casefile/ci/{variant}-values.yaml")
}

fn helm(arguments: &[&str]) -> Output {
    Command::new(tool("helm")).args(arguments).current_dir(root()).output().unwrap()
}

/// What `helm template` makes of a chart with these arguments.
fn render(chart: &str, arguments: &[&str]) -> String {
    let output = helm(&[&["template", "casefile", chart, "--kube-version", "1.32.0"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn variant(name: &str) -> String {
    render("helm/casefile", &["--values", &values(name)])
}

fn documents(rendered: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(rendered).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> Vec<&'d Value> {
    documents.iter().filter(|document| document["kind"] == kind).collect()
}

/// The specifications of the pods that these documents make.
fn pods(documents: &[Value]) -> Vec<&Value> {
    let specs = documents.iter().filter_map(|document| match document["kind"].as_str()? {
        "Pod" => document.get("spec"),
        "StatefulSet" | "Deployment" => document.pointer("/spec/template/spec"),
        _ => None,
    });
    specs.collect()
}

/// Why Helm refuses the chart with these arguments.
fn refusal(arguments: &[&str]) -> String {
    let output = helm(&[&["template", "casefile", "helm/casefile", "--kube-version", "1.32.0"], arguments].concat());
    assert!(!output.status.success(), "{arguments:?} was taken");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_mode_passes_helms_lint() {
    for name in VARIANTS {
        let output =
            helm(&["lint", "--strict", "helm/casefile", "--kube-version", "1.32.0", "--values", &values(name)]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let written = fs::read_dir(root().join("helm/casefile/ci")).unwrap().count();
    assert_eq!(written, VARIANTS.len(), "each of ci/ is tested");
}

/// Guarantees: the API servers of Kubernetes, the Prometheus operator and KEDA know every field, and miss none.
#[test]
fn every_object_of_every_mode_is_valid_by_the_schemas_of_its_kind() {
    for name in VARIANTS {
        conforms(name, &variant(name));
    }
    conforms("app", &app());
}

/// Fails unless the schemas of their kinds know all of these objects.
fn conforms(name: &str, rendered: &str) {
    let location = root().join(".cache/kubernetes/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json");
    let mut kubeconform = Command::new(tool("kubeconform"))
        .args(["-strict", "-summary", "-schema-location", &location.display().to_string(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut kubeconform.stdin.take().unwrap(), rendered.as_bytes()).unwrap();
    let output = kubeconform.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Skipped: 0"), "{name}: {said}");
}

/// Guarantees: the operator of OpenTelemetry takes the example as it stands, and Casefile the configuration in it, with what the operator
/// writes into it: the path of the probes, and a reader of metrics where there is none.
#[test]
fn the_operator_of_opentelemetry_can_run_it() {
    let text = fs::read_to_string(root().join("deploy/kubernetes/operator.yaml")).unwrap();
    conforms("operator.yaml", &text);
    let mut document: Value = serde_saphyr::from_str(&text).unwrap();
    let config = &mut document["spec"]["config"];
    assert_eq!(config["extensions"]["health_check"]["path"], "/livez", "what it probes for both");
    let valid = |config: &Value| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("collector.yaml");
        fs::write(&path, config.to_string()).unwrap();
        run(folder.path(), &["validate", "--no-environment", "--config", &path.display().to_string()]);
    };
    valid(config);
    config["extensions"]["health_check"]["path"] = json!("/");
    config["service"]["telemetry"] = json!({"metrics": {
        "level": "basic", "readers": [{"pull": {"exporter": {"prometheus": {"host": "0.0.0.0", "port": 8888}}}}]}});
    valid(config);
}

#[test]
fn the_configuration_that_each_mode_carries_is_valid_without_its_secrets() {
    for name in VARIANTS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("casefile.yaml");
        fs::write(&path, configuration(&documents(&variant(name)))).unwrap();
        run(folder.path(), &["validate", "--no-environment", "--config", &path.display().to_string()]);
    }
}

/// The configuration in the ConfigMap.
fn configuration(documents: &[Value]) -> String {
    let found: Vec<_> = documents.iter().filter_map(|document| document["data"]["casefile.yaml"].as_str()).collect();
    let [text] = found.as_slice() else { panic!("{} configurations", found.len()) };
    (*text).to_owned()
}

/// Guarantees: no container runs as root, writes to its root file system, or gains rights; none has a token of the API server.
#[test]
fn every_container_is_confined() {
    for name in VARIANTS {
        let documents = documents(&variant(name));
        for pod in pods(&documents) {
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            for container in pod["containers"].as_array().unwrap() {
                if !container["image"].as_str().unwrap().contains("casefile") {
                    continue;
                }
                let context = &container["securityContext"];
                assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{name}");
            }
        }
    }
}

#[test]
fn replicas_of_a_stateful_set_have_volumes_and_names_that_stay() {
    let documents = documents(&variant("statefulset"));
    let [set] = of_kind(&documents, "StatefulSet")[..] else { panic!("one set") };
    assert_eq!(set["spec"]["replicas"], 3);
    assert_eq!(set["spec"]["serviceName"], "casefile-headless");
    assert_eq!(set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "data");
    let config = configuration(&documents);
    assert!(
        config.contains("storage: file_storage") && config.contains("directory: /var/lib/casefile/window"),
        "{config}"
    );
    assert!(config.contains("limit_mib: 1536"), "three quarters of the container's memory: {config}");

    let documents = self::documents(&variant("kafka"));
    let config = configuration(&documents);
    assert!(config.contains("group_instance_id: ${env:POD_NAME}"), "{config}");
    let env = &of_kind(&documents, "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(env[0]["name"], "POD_NAME");
    let [scaled] = of_kind(&documents, "ScaledObject")[..] else { panic!("one scaled object") };
    let triggers = scaled["spec"]["triggers"].as_array().unwrap();
    let topics: Vec<_> = triggers.iter().map(|trigger| trigger["metadata"]["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["otlp_spans", "otlp_logs"]);
    assert!(of_kind(&documents, "StatefulSet")[0]["spec"].get("replicas").is_none(), "KEDA sets them");
}

#[test]
fn a_changed_configuration_restarts_the_pods() {
    let sum = |arguments: &[&str]| {
        let documents = documents(&render("helm/casefile", arguments));
        let annotations = &of_kind(&documents, "StatefulSet")[0]["spec"]["template"]["metadata"]["annotations"];
        annotations["checksum/config"].as_str().unwrap().to_owned()
    };
    let values = values("statefulset");
    let before = sum(&["--values", &values]);
    assert_eq!(sum(&["--values", &values, "--set", "replicaCount=4"]), before);
    assert_ne!(sum(&["--values", &values, "--set", "config.service.telemetry.logs.level=debug"]), before);
}

#[test]
fn what_is_missing_or_misspelt_is_refused_with_what_to_do() {
    assert!(refusal(&[]).contains("set existingSecret"));
    assert!(refusal(&["--set", "existingSecret=a"]).contains("set config.exporters.bundle.url"));
    let values = values("statefulset");
    let with = |setting: &str| refusal(&["--values", &values, "--set", setting]);
    assert!(with("replicaCount=many").contains("/replicaCount"));
    assert!(with("replicas=3").contains("replicas"));
    assert!(with("image.digest=latest").contains("/image/digest"));
    assert!(with("mode=daemonset").contains("/mode"));
    assert!(with("config.exporter.a=b").contains("exporter"));
    assert!(with("keda.enabled=true").contains("config.receivers.kafka"));
    assert!(with("autoscaling.enabled=true,keda.enabled=true").contains("enable one of them"));
}

#[test]
fn the_schema_has_every_value_and_no_other() {
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(root().join("helm/casefile/values.schema.json")).unwrap()).unwrap();
    let values: Value =
        serde_saphyr::from_str(&fs::read_to_string(root().join("helm/casefile/values.yaml")).unwrap()).unwrap();
    let names = |object: &Value| {
        let names = object.as_object().unwrap().keys().filter(|name| *name != "global");
        names.cloned().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&schema["properties"]), names(&values));
}

/// The example application, with the chart as its dependency.
fn app() -> String {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    copy(&root().join("helm/examples/app"), &app);
    fs::create_dir_all(app.join("charts")).unwrap();
    copy(&root().join("helm/casefile"), &app.join("charts/casefile"));
    render(&app.display().to_string(), &["--namespace", "shop"])
}

/// Copies a folder; what links point to is copied in their place, as Helm packages it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What `casefile k8s sidecar` prints.
fn printed(arguments: &[&str]) -> Value {
    let output = run(&root(), &[&["k8s", "sidecar"], arguments].concat());
    serde_saphyr::from_str(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

/// Guarantees: whoever uses no Helm gets the same sidecar.
#[test]
fn the_sidecar_of_the_chart_is_the_one_that_the_program_prints() {
    let printed = printed(&[]);
    let documents = documents(&app());
    let pod = pods(&documents)[0];
    let mut containers = pod["initContainers"].clone();
    let names = ["POD_NAME", "MY_POD_IP"];
    let env = containers[0]["env"].as_array_mut().unwrap();
    env.retain(|variable| names.contains(&variable["name"].as_str().unwrap()));
    assert_eq!(containers, printed["initContainers"]);
    assert_eq!(containers[0]["restartPolicy"], "Always");
    let mut volumes = pod["volumes"].clone();
    // The chart names the ConfigMap after its release.
    volumes[0]["configMap"]["name"] = json!("casefile");
    assert_eq!(volumes, printed["volumes"]);
    let config = configuration(&documents);
    assert!(config.contains("endpoint: 127.0.0.1:4317") && !config.contains("0.0.0.0:4317"), "{config}");

    let printed = self::printed(&["--image", "r.example/c@sha256:ab", "--config-map", "one", "--secret", "two"]);
    assert_eq!(printed["initContainers"][0]["image"], "r.example/c@sha256:ab");
    assert_eq!(printed["volumes"][0]["configMap"]["name"], "one");
    assert_eq!(printed["volumes"][1]["secret"]["secretName"], "two");
}

#[test]
fn the_rendered_examples_are_what_the_chart_makes() {
    let mut renderings: Vec<_> = EXAMPLES.iter().map(|name| (*name, variant(name))).collect();
    renderings.push(("app", app()));
    for (name, rendered) in renderings {
        let path = root().join("helm/examples").join(format!("{name}.yaml"));
        if std::env::var_os("CASEFILE_UPDATE_EXAMPLES").is_some() {
            fs::write(&path, &rendered).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == rendered, "{} is out of date: see helm/examples/README.md", path.display());
    }
}

/// What Helm says after an installation. It says so to a cluster only, so the notes are rendered as an object of a copy of the chart.
fn notes(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("casefile");
    copy(&root().join("helm/casefile"), &chart);
    let text = fs::read_to_string(chart.join("templates/NOTES.txt")).unwrap();
    let object = format!(
        "{{{{- define \"test.notes\" }}}}{text}{{{{ end }}}}\napiVersion: v1\nkind: Notes\nnotes: |\n  {{{{- include \"test.notes\" . | nindent 2 }}}}\n"
    );
    fs::write(chart.join("templates/notes.yaml"), object).unwrap();
    let documents = documents(&render(&chart.display().to_string(), arguments));
    of_kind(&documents, "Notes")[0]["notes"].as_str().unwrap().to_owned()
}

/// Guarantees: what the notes tell a user of a Collector to add is what a Collector takes, and takes none of its own pipelines away.
#[test]
fn the_notes_hold_a_configuration_that_a_collector_takes() {
    let values = values("statefulset");
    for (replicas, exporter) in [("1", "otlp_grpc/casefile"), ("3", "loadbalancing/casefile")] {
        let set = format!("replicaCount={replicas}");
        let notes = notes(&["--namespace", "obs", "--values", &values, "--set", &set]);
        let (_, snippet) = notes.split_once("\nexporters:\n").expect("a snippet in the notes");
        let (snippet, _) = snippet.split_once("\n\n").unwrap();
        assert!(snippet.contains(exporter) && snippet.contains(".obs.svc:4317"), "{notes}");
        let snippet = format!("exporters:\n{snippet}\n");
        // A pipeline of the same name would lose the exporters that its owner gave it.
        let added: Value = serde_saphyr::from_str(&snippet).unwrap();
        let added: Vec<_> = added["service"]["pipelines"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(added, ["logs/casefile", "traces/casefile"]);
        let folder = tempfile::tempdir().unwrap();
        let own = "receivers: {otlp: {protocols: {grpc: {}}}}\nexporters: {otlp_grpc: {endpoint: 'backend:4317'}}\n\
                   service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_grpc]}}}\n";
        fs::write(folder.path().join("own.yaml"), own).unwrap();
        fs::write(folder.path().join("casefile.yaml"), &snippet).unwrap();
        let checked = Command::new(tool("casefile-test-collector"))
            .args(["validate", "--config", "own.yaml", "--config", "casefile.yaml"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}\n{snippet}", String::from_utf8_lossy(&checked.stderr));
    }
    let split = notes(&["--values", &values, "--set", "mode=deployment"]);
    assert!(split.contains("WARNING: 3 replicas"), "{split}");
}

/// Guarantees: what `helm test` and a container's health check run tells a Casefile that answers from one that does not.
#[test]
fn a_probe_tells_whether_casefile_answers() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let otlp = format!("http://127.0.0.1:{}", home.http);
    let health = format!("http://127.0.0.1:{}/", home.health);
    let probe =
        |arguments: &[&str]| command(folder.path()).arg("probe").args(arguments).output().unwrap().status.code();
    assert_eq!(probe(&["--otlp", &otlp]), Some(1));
    assert_eq!(probe(&[&health]), Some(1));
    let casefile = home.start();
    assert_eq!(probe(&["--otlp", &otlp, "--timeout", "30s"]), Some(0));
    assert_eq!(probe(&[&health, "--timeout", "30s"]), Some(0));
    assert_eq!(probe(&[&format!("{health}nothing-here")]), Some(1));
    drop(casefile);
}
