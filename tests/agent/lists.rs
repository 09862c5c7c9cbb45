//! Lists, page by page, over the command line.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::recording::{Folder, ended, failure, trace_id};

/// Seven failures of three incidents, each a second after the one before.
pub(crate) fn seven() -> Folder {
    let folder = Folder::new();
    let requests: Vec<Value> = (1..=7)
        .map(|number| {
            let name = ["GET /pay", "GET /report", "GET /cart"][usize::try_from(number % 3).unwrap()];
            failure(number, number * 1000, name)
        })
        .collect();
    let summary = folder.replay(&requests);
    assert_eq!(summary["records"]["bundled"], 7, "{summary}");
    folder
}

/// Follows `next` to the end, holding every page to what it says of itself.
fn walk(folder: &Folder, arguments: &[&str], limit: usize) -> Vec<Value> {
    let (mut all, mut after, size) = (Vec::new(), String::new(), limit.to_string());
    loop {
        let mut command = arguments.to_vec();
        command.extend(["--json", "--limit", &size, "--after", &after]);
        let page = folder.json(&command);
        let items = page["items"].as_array().unwrap().clone();
        assert_eq!(page["returned"], items.len());
        assert!(items.len() <= limit && !items.is_empty(), "{page}");
        all.extend(items);
        assert_eq!(page["truncated"], page["total"].as_u64().unwrap() > all.len() as u64, "{page}");
        assert_eq!(page["truncated"], page["next"].is_string(), "{page}");
        let Some(next) = page["next"].as_str() else {
            assert_eq!(page["total"], all.len());
            return all;
        };
        after = next.to_owned();
    }
}

#[test]
fn bundles_come_the_latest_first_and_pages_have_no_gap_and_no_overlap() {
    let folder = seven();
    let expected: Vec<String> = (1..=7).rev().map(trace_id).collect();
    for limit in [1, 2, 3, 7, 50] {
        let found = walk(&folder, &["bundle", "ls"], limit);
        let found: Vec<&str> = found.iter().map(|bundle| bundle["trace_id"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{limit} at a time");
    }
    let incident = folder.json(&["bundle", "ls", "--json"])["items"][0]["incident_id"].as_str().unwrap().to_owned();
    let found = walk(&folder, &["bundle", "ls", "--incident", &incident], 2);
    let found: Vec<&str> = found.iter().map(|bundle| bundle["trace_id"].as_str().unwrap()).collect();
    assert_eq!(found, [trace_id(7), trace_id(4), trace_id(1)]);
}

#[test]
fn a_page_goes_on_where_the_one_before_ended_although_a_bundle_came_in_between() {
    let folder = seven();
    let first = folder.json(&["bundle", "ls", "--json", "--limit", "3"]);
    folder.replay(&[failure(8, 9000, "GET /pay")]);
    let next = first["next"].as_str().unwrap();
    let second = folder.json(&["bundle", "ls", "--json", "--after", next]);
    let found: Vec<&str> =
        second["items"].as_array().unwrap().iter().map(|bundle| bundle["trace_id"].as_str().unwrap()).collect();
    assert_eq!(found, [trace_id(4), trace_id(3), trace_id(2), trace_id(1)]);
    assert_eq!(second["total"], 8);

    let (code, said) = ended(&folder.read(&["bundle", "ls", "--after", "yesterday"]));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("yesterday"), "{said}");
}

#[test]
fn incidents_come_the_latest_first_with_how_often_and_when_they_were_seen() {
    let folder = seven();
    for limit in [1, 2, 50] {
        let found = walk(&folder, &["incident", "ls"], limit);
        let bundles: Vec<u64> = found.iter().map(|incident| incident["bundles"].as_u64().unwrap()).collect();
        assert_eq!(bundles, [3, 2, 2], "{limit} at a time: {found:?}");
        let seen: Vec<&str> = found.iter().map(|incident| incident["last_seen"].as_str().unwrap()).collect();
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    }
    let latest = folder.json(&["incident", "ls", "--json"])["items"][0].clone();
    assert_eq!(latest["count_24h"], 3);
    let id = latest["id"].as_str().unwrap();
    let shown = folder.json(&["incident", "show", id, "--json", "--limit", "2"]);
    assert_eq!(shown["incident"], latest);
    assert_eq!((shown["bundles"]["total"].as_u64(), shown["bundles"]["returned"].as_u64()), (Some(3), Some(2)));
    let text = folder.text(&["incident", "show", id]);
    assert!(text.contains(id) && text.contains(&trace_id(7)) && text.contains("3 of 3 bundles"), "{text}");
}

#[test]
fn a_store_without_bundles_is_an_empty_list() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.store()).unwrap();
    for list in [["bundle", "ls", "--json"], ["incident", "ls", "--json"]] {
        let page = folder.json(&list);
        assert_eq!((page["total"].as_u64(), page["truncated"].as_bool()), (Some(0), Some(false)), "{page}");
    }
}

/// The references under a folder of the index.
fn references(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(references(&entry)) } else { found.push(entry) }
    }
    found
}

/// Guarantees: names of references put a list in order, and a page reads no more than it shows.
#[test]
fn a_page_reads_only_what_it_shows() {
    let folder = seven();
    let shown = [trace_id(7), trace_id(6)];
    for reference in references(&folder.store().join("index/day")) {
        let name = reference.file_name().unwrap().to_string_lossy().into_owned();
        if !shown.iter().any(|trace| name.starts_with(trace)) {
            fs::write(&reference, "not read").unwrap();
        }
    }
    let page = folder.json(&["bundle", "ls", "--json", "--limit", "2"]);
    assert_eq!((&page["total"], &page["returned"]), (&7.into(), &2.into()), "{page}");
    let found: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|one| one["trace_id"].as_str().unwrap()).collect();
    assert_eq!(found, shown);
    let (code, said) = ended(&folder.read(&["bundle", "ls", "--limit", "3"]));
    assert!(code == 1 && said.contains(&trace_id(5)), "what is shown is read: {said}");
}

/// Scenario: version 0.1 named a reference by its trace alone. Guarantees: such a store is listed as before, also where a newer version
/// has gone on with it.
#[test]
fn references_of_version_0_1_are_listed_in_their_place() {
    let folder = seven();
    let expected = walk(&folder, &["bundle", "ls"], 3);
    let incidents = walk(&folder, &["incident", "ls"], 2);
    for reference in references(&folder.store().join("index")) {
        let name = reference.file_name().unwrap().to_string_lossy().into_owned();
        let (trace, _) = name.split_once('.').unwrap();
        fs::rename(&reference, reference.with_file_name(format!("{trace}.json"))).unwrap();
    }
    assert_eq!(walk(&folder, &["bundle", "ls"], 3), expected);
    assert_eq!(walk(&folder, &["incident", "ls"], 2), incidents);
    // The same failures again: nothing is new in them, and their references come under their new names.
    let again: Vec<Value> = (1..=7)
        .map(|number| {
            failure(
                number,
                number * 1000,
                ["GET /pay", "GET /report", "GET /cart"][usize::try_from(number % 3).unwrap()],
            )
        })
        .collect();
    folder.replay(&again);
    assert_eq!(walk(&folder, &["bundle", "ls"], 3), expected);
    assert_eq!(walk(&folder, &["incident", "ls"], 2), incidents);
}
