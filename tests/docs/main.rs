//! What the pages say to type is typed: each page's commands in a folder of its own, from top to bottom.
//!
//! A block that needs a broker, a cluster or an engine of containers has a comment before it, `<!-- elsewhere: PATH -->`, with the file that
//! runs the same. Configurations say behind their fence what they are: `yaml whole`, `yaml overlay` (over `deploy/casefile.yaml`) or `yaml
//! collector` (over a Collector's own).

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// A fenced block.
struct Block {
    /// What stands behind its fence.
    kind: String,
    text: String,
    /// The file that runs it, where it is not run here.
    elsewhere: Option<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let fence = Regex::new(r"(?ms)(?:^<!-- elsewhere: (\S+) -->\n)?^```([^\n]*)\n(.*?)^```$").unwrap();
    let found = fence.captures_iter(page).map(|found| Block {
        kind: found[2].to_owned(),
        text: found[3].to_owned(),
        elsewhere: found.get(1).map(|path| path.as_str().to_owned()),
    });
    found.collect()
}

/// Runs a script with `casefile` on its path, on a network of its own where that can be had: ports are as in the page.
fn run(script: &str, folder: &Path) -> Result<(), String> {
    let alone = Command::new("unshare").args(["-rn", "ip", "link", "set", "lo", "up"]).output();
    let alone = alone.is_ok_and(|output| output.status.success());
    let network = if alone {
        "exec unshare -rn bash -c 'ip link set lo up && exec bash script.sh'"
    } else {
        "exec bash script.sh"
    };
    let binary = Path::new(env!("CARGO_BIN_EXE_casefile")).parent().unwrap();
    fs::write(
        folder.join("script.sh"),
        format!("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"),
    )
    .unwrap();
    let said = fs::File::create(folder.join("said")).unwrap();
    let status = Command::new("bash")
        .args(["-c", network])
        .current_dir(folder)
        .env("PATH", format!("{}:{}", binary.display(), std::env::var("PATH").unwrap()))
        .stdin(Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .status()
        .unwrap();
    if status.success() { Ok(()) } else { Err(fs::read_to_string(folder.join("said")).unwrap()) }
}

#[test]
fn every_command_of_a_page_works_where_it_stands() {
    let mut ran = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut script = String::new();
        for block in blocks(&text).into_iter().filter(|block| block.kind == "sh") {
            match block.elsewhere {
                Some(path) => assert!(root().join(&path).exists(), "{}: there is no {path}", page.display()),
                None => script += &block.text,
            }
        }
        if script.is_empty() {
            continue;
        }
        ran += 1;
        let folder = tempfile::tempdir().unwrap();
        run(&script, folder.path()).unwrap_or_else(|said| panic!("{}:\n{script}\n{said}", page.display()));
    }
    assert!(ran > 5, "pages have commands: {ran}");
}

#[test]
fn every_configuration_that_a_page_shows_is_valid() {
    let mut checked = BTreeMap::new();
    for page in pages() {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            let folder = tempfile::tempdir().unwrap();
            let write = |name: &str, text: &str| {
                let path = folder.path().join(name);
                fs::write(&path, text).unwrap();
                path.display().to_string()
            };
            let (program, over) = match block.kind.as_str() {
                "yaml overlay" => (PathBuf::from(env!("CARGO_BIN_EXE_casefile")), Some(example())),
                "yaml whole" => (PathBuf::from(env!("CARGO_BIN_EXE_casefile")), None),
                "yaml collector" => (collector(), Some(write("own.yaml", COLLECTORS_OWN))),
                _ => continue,
            };
            let mut command = Command::new(&program);
            command.arg("validate").current_dir(folder.path());
            if program != collector() {
                command.arg("--no-environment");
            }
            for file in over.into_iter().chain([write("shown.yaml", &block.text)]) {
                command.args(["--config", &file]);
            }
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:\n{}\n{said}", page.display(), block.text);
            *checked.entry(block.kind).or_insert(0) += 1;
        }
    }
    assert!(checked.len() == 3 && checked["yaml overlay"] > 5, "pages have configurations: {checked:?}");
}

/// The configuration for production, which pages change.
fn example() -> String {
    root().join("deploy/casefile.yaml").display().to_string()
}

/// What stands in a Collector before Casefile is added.
const COLLECTORS_OWN: &str = "\
receivers: {otlp: {protocols: {grpc: {}}}}
exporters: {otlp_grpc: {endpoint: 'backend:4317'}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_grpc]}}}
";

fn collector() -> PathBuf {
    let path = root().join(".cache/tools/bin/casefile-test-collector");
    assert!(path.exists(), "{} is missing: run tests/setup first", path.display());
    path
}

/// Every page of the repository, those beside examples among them.
fn all_pages() -> Vec<PathBuf> {
    let mut pages = pages();
    for page in ["ARCHITECTURE.md", "CHANGELOG.md", "helm/examples/README.md"] {
        pages.push(root().join(page));
    }
    for folder in fs::read_dir(root().join("deploy")).unwrap() {
        let page = folder.unwrap().path().join("README.md");
        if page.exists() {
            pages.push(page);
        }
    }
    pages
}

/// The pages and files that a page links to, each with the heading that is meant.
fn links(page: &Path) -> Vec<(PathBuf, Option<String>)> {
    let link = Regex::new(r"\]\(([^)#]*)(?:#([^)]+))?\)").unwrap();
    let text = fs::read_to_string(page).unwrap();
    let found = link.captures_iter(&text).filter(|found| !found[1].contains("://")).map(|found| {
        let target = if found[1].is_empty() { page.to_owned() } else { page.parent().unwrap().join(&found[1]) };
        assert!(target.exists(), "{}: there is no {}", page.display(), &found[1]);
        (target.canonicalize().unwrap(), found.get(2).map(|heading| heading.as_str().to_owned()))
    });
    found.collect()
}

/// What a heading is linked by: its words in lower case, without signs.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading() {
    for page in all_pages() {
        for (target, heading) in links(&page) {
            let Some(heading) = heading else { continue };
            let text = fs::read_to_string(&target).unwrap();
            let known = text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
            assert!(known, "{}: {} has no heading for #{heading}", page.display(), target.display());
        }
    }
}

/// Guarantees: whoever begins with the README finds every page.
#[test]
fn the_readme_leads_to_every_page() {
    let mut seen = BTreeSet::new();
    let mut open = vec![root().join("README.md").canonicalize().unwrap()];
    while let Some(page) = open.pop() {
        if seen.insert(page.clone()) && page.extension().is_some_and(|kind| kind == "md") {
            open.extend(links(&page).into_iter().map(|(target, _)| target));
        }
    }
    for page in all_pages() {
        assert!(seen.contains(&page.canonicalize().unwrap()), "nothing leads to {}", page.display());
    }
}

/// Guarantees: commands that a page mentions within its sentences are there, and have the options that it gives them.
#[test]
fn every_command_that_a_page_mentions_exists() {
    let mention = Regex::new("`casefile ([^`]+)`").unwrap();
    let option = Regex::new(r"(?:^|[\s\[|])(--[a-z][a-z0-9-]*)").unwrap();
    let mut known = BTreeMap::new();
    let mut mentioned = 0;
    for page in all_pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        let text = fs::read_to_string(&page).unwrap();
        // In a table a bar is written `\|`, and a sentence may be broken inside of a command.
        let text = text.replace("\\|", "|").replace('\n', " ");
        for found in mention.captures_iter(&text) {
            let mut words: Vec<&str> = found[1].split(' ').collect();
            // Options of all commands may stand before the command.
            while matches!(words.first(), Some(&"--config" | &"--set")) {
                words.drain(..2.min(words.len()));
            }
            let is_name = |word: &&&str| {
                word.chars().all(|c| c.is_ascii_lowercase() || "-|".contains(c)) && !word.starts_with('-')
            };
            let names: Vec<&str> = words.iter().take_while(is_name).copied().collect();
            let options: Vec<&str> =
                option.captures_iter(&found[1]).map(|found| found.get(1).unwrap().as_str()).collect();
            for path in alternatives(&names) {
                let help: &String = known.entry(path.clone()).or_insert_with(|| help(&path));
                assert!(!help.is_empty(), "{}: `casefile {}`: there is no such command", page.display(), &found[1]);
                for option in &options {
                    assert!(help.contains(option), "{}: `casefile {}` has no {option}", page.display(), path.join(" "));
                }
                mentioned += 1;
            }
        }
    }
    assert!(mentioned > 50, "pages mention commands: {mentioned}");
}

/// `bundle ls|get` is `bundle ls` and `bundle get`.
fn alternatives(names: &[&str]) -> Vec<Vec<String>> {
    names.iter().fold(vec![Vec::new()], |paths, name| {
        let each = |path: Vec<String>| name.split('|').map(move |one| [path.clone(), vec![one.to_owned()]].concat());
        paths.into_iter().flat_map(each).collect()
    })
}

/// What the command says of itself; nothing where there is none.
fn help(path: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_casefile")).args(path).arg("--help").output().unwrap();
    if output.status.success() { String::from_utf8(output.stdout).unwrap() } else { String::new() }
}

/// Guarantees: a user of a Collector finds the eight lines of `casefile snippet collector` in the pages.
#[test]
fn the_pages_show_what_the_program_prints_for_a_collector() {
    let example = fs::read_to_string(root().join("deploy/collector/addition.yaml")).unwrap();
    let lines: Vec<&str> = example.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    for page in ["README.md", "docs/collector.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for line in &lines {
            assert!(text.contains(line), "{page} lacks `{line}`");
        }
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let first = readme.lines().position(|line| line == "## Your Collector").unwrap();
    assert!(first <= 60, "the first success is within sixty lines: {first}");
}
