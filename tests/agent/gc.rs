//! Retention: what is removed, and that readers find the rest whole.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::recording::{Folder, ended, log, logs, span, throwing, trace_id, traces};
use super::support::casefile::{command, run_json};
use super::support::store;

const ROOT: &str = "aaaaaaaaaaaaaa01";
const DAY: Duration = Duration::from_secs(86_400);

/// A failed request whose records come in two pieces, so that its bundle has an amendment.
fn record(folder: &Folder, trace: &str) {
    let root = span(trace, ROOT, "", "GET /pay", (0, 90), true);
    folder.replay(&[traces("shop", &[throwing(root, 85, "PaymentError", "payment refused", "")])]);
    folder.replay(&[logs("shop", &[log(trace, ROOT, 80, (17, "ERROR"), "could not pay")])]);
}

/// Makes every object of a trace look as if it had been stored so long ago.
fn age(folder: &Folder, trace: &str, by: Duration) {
    let mut aged = 0;
    for path in store::files(&folder.store()) {
        if path.to_string_lossy().contains(trace) {
            let then = SystemTime::now() - by;
            fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
            aged += 1;
        }
    }
    assert_eq!(aged, 8, "bundle, amendment, their manifests, and a reference of each by day and by incident");
}

fn gc(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).arg("gc").args(arguments).output().unwrap()
}

fn lists(folder: &Folder, trace: &str) -> bool {
    let page = folder.json(&["bundle", "ls", "--json"]);
    page["items"].as_array().unwrap().iter().any(|item| item["trace_id"] == trace)
}

#[test]
fn old_bundles_go_whole_and_readers_find_the_rest_sound() {
    let folder = Folder::new();
    let (old, young) = (trace_id(1), trace_id(2));
    record(&folder, &old);
    record(&folder, &young);
    age(&folder, &old, DAY * 8);
    let url = folder.url();
    let before = store::files(&folder.store());
    let show = |id: &str| folder.json(&["incident", "show", id, "--json"]);
    let incident = folder.json(&["bundle", "ls", "--json"])["items"][0]["incident_id"].as_str().unwrap().to_owned();
    assert_eq!(show(&incident)["incident"]["bundles"], 2);

    let dry = run_json(folder.root.path(), &["gc", "--store", &url, "--older-than", "168h", "--dry-run", "--json"]);
    assert_eq!((&dry["dry_run"], &dry["stores"][0]["bundles"]), (&Value::Bool(true), &Value::from(1)), "{dry}");
    assert_eq!(store::files(&folder.store()), before, "a dry run removes nothing");

    let done = run_json(folder.root.path(), &["gc", "--store", &url, "--older-than", "168h", "--json"]);
    assert_eq!(done["stores"][0]["names"], dry["stores"][0]["names"]);
    let stores = &done["stores"][0];
    assert_eq!((&stores["amendments"], &stores["references"]), (&Value::from(1), &Value::from(4)), "{done}");

    assert!(!lists(&folder, &old) && lists(&folder, &young));
    assert_eq!(ended(&folder.read(&["bundle", "get", &old])).0, 3);
    assert_eq!(ended(&folder.read(&["bundle", "verify", &young])).0, 0);
    assert_eq!(folder.json(&["bundle", "get", &young])["completeness"]["records"], 2);
    let shown = show(&incident);
    assert_eq!((&shown["incident"]["bundles"], &shown["bundles"]["total"]), (&Value::from(1), &Value::from(1)));
    let left = store::files(&folder.store());
    assert!(!left.iter().any(|path| path.to_string_lossy().contains(&old)), "{left:?}");
    assert!(left.iter().any(|path| path.to_string_lossy().contains("incidents/")), "counters stay: {left:?}");

    let again = ended(&gc(folder.root.path(), &["--store", &url, "--older-than", "168h"]));
    assert_eq!((again.0, again.1.contains(": 0 objects (0 bytes) removed")), (0, true), "{}", again.1);
}

#[test]
fn each_store_of_a_configuration_is_cleared_by_its_own_retention() {
    let folder = Folder::new();
    let (old, young) = (trace_id(1), trace_id(2));
    record(&folder, &old);
    record(&folder, &young);
    age(&folder, &old, DAY * 8);
    let raw = folder.root.path().join("raw-store/raw/default");
    fs::create_dir_all(&raw).unwrap();
    for (name, by) in [("old", DAY * 2), ("young", DAY / 2)] {
        let path = raw.join(format!("{}.{name}.otlp.age", trace_id(3)));
        fs::write(&path, name).unwrap();
        fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - by).unwrap();
    }
    let config = |bundle: &str| {
        configuration(&folder.url(), &format!("file:{}/raw-store", folder.root.path().display()), bundle)
    };
    let path = folder.root.path().join("casefile.yaml");
    let arguments = ["--config", path.to_str().unwrap()];

    fs::write(&path, config("")).unwrap();
    let (code, said) = ended(&gc(folder.root.path(), &arguments));
    assert_eq!(code, 0, "{said}");
    assert!(lists(&folder, &old), "bundles have no retention");
    let left: Vec<_> = store::files(&raw).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].to_string_lossy().contains("young"));

    fs::write(&path, config("retention: 168h")).unwrap();
    let (code, said) = ended(&gc(folder.root.path(), &arguments));
    assert_eq!(code, 0, "{said}");
    assert!(!lists(&folder, &old) && lists(&folder, &young), "{said}");
}

#[test]
fn a_bucket_gets_the_rules_of_its_own_prefixes() {
    let folder = Folder::new();
    let path = folder.root.path().join("casefile.yaml");
    let config = path.to_str().unwrap();
    fs::write(&path, configuration("s3://acme-casefiles/prod", "s3://acme-raw", "retention: 720h")).unwrap();
    let rules = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["gc", "--config", config, "--lifecycle"].iter().chain(arguments).copied().collect();
        run_json(folder.root.path(), &arguments)
    };
    let of_bundles = rules(&["s3", "--bucket", "acme-casefiles"]);
    let prefixes: Vec<_> =
        of_bundles["Rules"].as_array().unwrap().iter().map(|rule| &rule["Filter"]["Prefix"]).collect();
    assert_eq!(prefixes, ["prod/bundles/", "prod/index/", "prod/attachments/"]);
    assert_eq!(of_bundles["Rules"][0]["Expiration"]["Days"], 30);
    let of_raw = rules(&["s3", "--bucket", "acme-raw"]);
    assert_eq!(
        (&of_raw["Rules"][0]["Filter"]["Prefix"], &of_raw["Rules"][0]["Expiration"]["Days"]),
        (&"raw/".into(), &1.into())
    );

    let (code, said) = ended(&gc(folder.root.path(), &["--config", config, "--lifecycle", "s3"]));
    assert!(code == 1 && said.contains("acme-casefiles, acme-raw"), "{code} {said}");
    let (code, said) = ended(&gc(folder.root.path(), &["--config", config, "--lifecycle", "gcs"]));
    assert!(code == 1 && said.contains("no such bucket"), "{code} {said}");

    fs::write(&path, configuration("gs://acme/prod", "gs://acme/prod", "retention: 720h")).unwrap();
    let rules = rules(&["gcs"]);
    assert_eq!(rules["lifecycle"]["rule"].as_array().unwrap().len(), 8, "{rules}");
}

#[test]
fn what_is_a_tenants_goes_by_the_same_retention() {
    let folder = Folder::new();
    let (old, young) = (trace_id(1), trace_id(2));
    record(&folder, &old);
    record(&folder, &young);
    age(&folder, &old, DAY * 8);
    // As the part of a tenant of that name.
    let part = folder.store().join("tenants/acme");
    fs::create_dir_all(&part).unwrap();
    for own in ["bundles", "index", "incidents"] {
        fs::rename(folder.store().join(own), part.join(own)).unwrap();
    }
    let path = folder.root.path().join("casefile.yaml");
    let arguments = ["--config", path.to_str().unwrap()];
    let with_tenant = |store: &str, raw: &str| {
        configuration(store, raw, "retention: 168h").replace("{incident: {}}", "{incident: {tenants: {acme: {}}}}")
    };
    fs::write(&path, with_tenant(&folder.url(), &format!("file:{}/raw-store", folder.root.path().display()))).unwrap();
    fs::create_dir_all(folder.root.path().join("raw-store")).unwrap();
    let (code, said) = ended(&gc(folder.root.path(), &arguments));
    assert_eq!(code, 0, "{said}");
    let left: Vec<String> = store::files(&part).iter().map(|path| path.display().to_string()).collect();
    assert!(left.iter().any(|path| path.contains(&young)) && !left.iter().any(|path| path.contains(&old)), "{left:?}");

    fs::write(&path, with_tenant("s3://acme/prod", "s3://acme/raw")).unwrap();
    let rules = run_json(folder.root.path(), &["gc", "--config", arguments[1], "--lifecycle", "s3"]);
    let rules = rules["Rules"].as_array().unwrap();
    let prefixes: Vec<_> = rules.iter().map(|rule| rule["Filter"]["Prefix"].as_str().unwrap()).collect();
    for own in ["prod/bundles/", "prod/tenants/acme/bundles/", "prod/tenants/acme/index/", "raw/tenants/acme/raw/"] {
        assert!(prefixes.contains(&own), "{own}: {prefixes:?}");
    }
}

#[test]
fn nothing_is_removed_without_a_retention_or_sooner_than_an_hour() {
    let folder = Folder::new();
    record(&folder, &trace_id(1));
    let (url, before) = (folder.url(), store::files(&folder.store()));
    let (code, said) = ended(&gc(folder.root.path(), &[]));
    assert!(code == 1 && said.contains("everything is kept"), "{code} {said}");
    for wrong in [&["--store", &url][..], &["--store", &url, "--older-than", "59m"], &["--older-than", "168h"]] {
        assert_eq!(ended(&gc(folder.root.path(), wrong)).0, 2, "{wrong:?}");
    }
    let (code, said) = ended(&gc(folder.root.path(), &["--store", "file:./nowhere", "--older-than", "168h"]));
    assert_eq!(code, 1, "{said}");
    assert_eq!(store::files(&folder.store()), before);
}

/// A configuration whose bundles have this retention, and whose raw evidence has one of a day.
fn configuration(bundles: &str, raw: &str, retention: &str) -> String {
    format!(
        r#"receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}}}
processors: {{redaction: {{key: "${{env:CASEFILE_REDACTION_KEY}}"}}}}
connectors: {{incident: {{}}}}
exporters:
  bundle/main: {{url: "{bundles}", {retention}}}
  raw/main: {{url: "{raw}", retention: 24h, recipients: [age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj]}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [incident]}}
    bundles: {{receivers: [incident], processors: [redaction], exporters: [bundle/main, raw/main]}}
"#
    )
}
