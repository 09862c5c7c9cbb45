//! What is told of an incident and the versions of its service, over restarts (each replay is a process of its own).

use serde_json::{Value, json};

use super::recording::{Folder, failure, string, trace_id};
use super::support::casefile::{Casefile, Home, Settings, run_json};
use super::support::schema::assert_all_valid;
use super::support::store;

const HOUR: u64 = 3_600_000;

/// A failure of `name`, `start` milliseconds after the epoch of the recordings, with attributes of its resource.
fn failed(number: u64, start: u64, name: &str, resource: &[(&str, &str)]) -> Value {
    let mut request = failure(number, start, name);
    let attributes = request["resourceSpans"][0]["resource"]["attributes"].as_array_mut().unwrap();
    attributes.extend(resource.iter().map(|(key, value)| string(key, value)));
    request
}

fn of(version: &str, commit: &'static str) -> Vec<(&'static str, String)> {
    vec![("service.version", version.to_owned()), ("vcs.ref.head.revision", commit.to_owned())]
}

fn at(number: u64, hours: u64, name: &str, version: &str, commit: &'static str) -> Value {
    let resource = of(version, commit);
    let resource: Vec<(&str, &str)> = resource.iter().map(|(key, value)| (*key, value.as_str())).collect();
    failed(number, hours * HOUR, name, &resource)
}

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";
const THREE: &str = "3333333333333333333333333333333333333333";

fn incident_of(folder: &Folder, trace: u64) -> Value {
    folder.json(&["bundle", "get", &trace_id(trace)])["incident"].clone()
}

#[test]
fn new_gone_and_back_is_told_with_the_commits_in_manifests_pages_and_lists() {
    let folder = Folder::new();
    folder.replay(&[at(1, 0, "GET /cart", "2.4.0", ONE)]);
    folder.replay(&[at(2, 1, "GET /pay", "2.4.1", TWO), at(3, 2, "GET /pay", "2.4.1", TWO)]);
    folder.replay(&[at(4, 3, "GET /cart", "2.5.0", THREE), at(5, 9, "GET /cart", "2.5.0", THREE)]);
    folder.replay(&[at(6, 10, "GET /pay", "2.6.0", ONE)]);
    assert_all_valid(&folder.store());

    let first = incident_of(&folder, 2)["history"].clone();
    assert_eq!((&first["new_in_version"], &first["regressed"]), (&json!(true), &json!(false)), "{first}");
    assert_eq!(first["before"], json!({"version": "2.4.0", "commit": ONE}));
    assert_eq!(first["commit_range"], format!("{ONE}..{TWO}"));
    let page = folder.text(&["bundle", "render", "--for", "page", &trace_id(2)]);
    assert!(
        page.contains("2.4.1, new in it") && page.contains(&format!("after 2.4.0, commits {ONE}..{TWO}")),
        "{page}"
    );

    let alone = incident_of(&folder, 1)["history"].clone();
    assert_eq!(alone["new_in_version"], Value::Null, "nothing was seen before: {alone}");
    assert!(alone["unknown"][0].as_str().unwrap().starts_with("new_in_version: "), "{alone}");

    let back = incident_of(&folder, 6)["history"].clone();
    assert_eq!((&back["new_in_version"], &back["regressed"]), (&json!(false), &json!(true)), "{back}");
    assert_eq!(back["absent"]["version"], "2.5.0");
    let versions = back["versions"].as_array().unwrap();
    let counts: Vec<_> =
        versions.iter().map(|one| (one["version"].as_str().unwrap(), one["count"].as_u64().unwrap())).collect();
    assert_eq!(counts, [("2.4.1", 2), ("2.6.0", 1)]);

    let id = incident_of(&folder, 6)["id"].as_str().unwrap().to_owned();
    let shown = folder.json(&["incident", "show", &id, "--json"])["incident"]["history"].clone();
    assert_eq!(shown, back, "the latest bundle was stored last");
    let text = folder.text(&["incident", "show", &id]);
    assert!(text.contains("not in version 2.5.0") && text.contains("2.6.0 1 times"), "{text}");
    let list = folder.text(&["incident", "ls"]);
    assert!(list.contains("2.6.0 (back)"), "{list}");
}

#[test]
fn what_is_shown_of_an_incident_is_the_same_in_whatever_order_its_failures_were_stored() {
    let failures = [
        at(1, 0, "GET /cart", "2.4.0", ONE),
        at(2, 1, "GET /pay", "2.4.1", TWO),
        at(3, 2, "GET /pay", "2.4.1", TWO),
        at(4, 3, "GET /cart", "2.5.0", THREE),
        at(5, 10, "GET /pay", "2.6.0", ONE),
        failure(6, 11 * HOUR, "GET /pay"),
    ];
    let mut told = Vec::new();
    for order in [vec![0, 1, 2, 3, 4, 5], vec![5, 4, 3, 2, 1, 0], vec![2, 5, 0, 4, 1, 3]] {
        let folder = Folder::new();
        for index in order {
            // Twice: what is delivered again is not counted again.
            folder.replay(&failures[index..=index]);
            folder.replay(&failures[index..=index]);
        }
        let id = incident_of(&folder, 5)["id"].as_str().unwrap().to_owned();
        told.push(folder.json(&["incident", "show", &id, "--json"])["incident"].clone());
    }
    assert_eq!((&told[0], &told[0]), (&told[1], &told[2]));
    assert_eq!(told[0]["count_24h"], 4);
    assert_eq!(told[0]["history"]["commit_range"], format!("{ONE}..{TWO}"));
    assert_eq!(told[0]["history"]["no_version"]["count"], 1);
}

#[test]
fn a_version_that_holds_a_secret_or_an_address_reaches_no_object_and_no_name() {
    const KEY: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    const EMAIL: &str = "ada.byron@example.org";
    let folder = Folder::new();
    let version = format!("2.4.1-{KEY}");
    let service = "checkout for ada.byron@example.org";
    let mut named = failed(2, HOUR, "GET /pay", &[("service.version", EMAIL), ("vcs.ref.head.revision", KEY)]);
    named["resourceSpans"][0]["resource"]["attributes"][0] = string("service.name", service);
    let long = format!("{} {KEY}", "x".repeat(70));
    let text = failed(3, 2 * HOUR, "GET /pay", &[("service.version", &long)]);
    folder.replay(&[failed(1, 0, "GET /pay", &[("service.version", &version)]), named, text]);

    let objects = store::files(&folder.store());
    let among = |part: &str| objects.iter().filter(|path| path.to_string_lossy().contains(part)).count();
    assert!(among("/services/") >= 2 && among("/incidents/") >= 2, "{objects:?}");
    let secrets = [KEY, EMAIL, "16C7e42F292c6912", "ada.byron"];
    store::assert_nowhere(&folder.store(), &secrets);
    for path in store::manifests(&folder.store()) {
        let manifest = store::manifest(&path).0.to_string();
        assert!(!secrets.iter().any(|secret| manifest.contains(secret)), "{manifest}");
    }
    for trace in 1..=3 {
        let incident = incident_of(&folder, trace);
        let version = incident["history"]["version"].as_str();
        let stored = folder.json(&["bundle", "get", &trace_id(trace)])["environment"]["service"]["version"].clone();
        assert!(version.is_none() || trace == 3 || stored == version.unwrap(), "{incident}: {stored}");
    }
    let told = incident_of(&folder, 2)["history"].clone();
    assert!(told["version"].as_str().unwrap().starts_with("email:E-"), "a token tells versions apart: {told}");
}

/// Scenario: two replicas share a store; one is killed (`kill -9`) while it writes bundles, the other is sent all of its
/// traces again, and so is the first after its restart. Guarantees: every trace counts once, in its version.
#[test]
fn counts_by_version_are_exact_when_a_replica_is_killed_and_all_is_sent_again() {
    const TRACES: u64 = 24;
    let send = |casefile: &Casefile<'_>, traces: std::ops::Range<u64>| {
        for number in traces {
            let request = at(number + 1, 0, "GET /pay", &format!("2.4.{}", number % 3), ONE);
            assert_eq!(casefile.send("traces", request.to_string().as_bytes()).status, 200);
        }
    };
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = Home::new(here.path(), &Settings::default());
    let two = Home::new(there.path(), &Settings { url: Some(one.store_url()), ..Settings::default() });
    let (mut killed, mut other) = (one.start(), two.start());
    send(&killed, 0..16);
    send(&other, 16..TRACES);
    killed.wait("its first bundle", |_| !store::manifests(&one.store()).is_empty());
    drop(killed);
    send(&other, 0..TRACES);
    other.settled();
    let mut again = one.start();
    send(&again, 0..TRACES);
    again.settled();
    assert!(again.stop().0.success() && other.stop().0.success());

    assert_eq!(store::manifests(&one.store()).len() as u64, TRACES);
    let url = one.store_url();
    let listed = run_json(here.path(), &["incident", "ls", "--json", "--store", &url]);
    let id = listed["items"][0]["id"].as_str().unwrap();
    let shown = run_json(here.path(), &["incident", "show", id, "--json", "--store", &url])["incident"].clone();
    assert_eq!(shown["count_24h"], TRACES, "{shown}");
    let versions = shown["history"]["versions"].as_array().unwrap();
    let counts: Vec<_> = versions.iter().map(|one| (one["version"].as_str().unwrap(), &one["count"])).collect();
    let eight = json!(8);
    assert_eq!(counts, [("2.4.0", &eight), ("2.4.1", &eight), ("2.4.2", &eight)]);
}
