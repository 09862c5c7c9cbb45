//! What the pages say to type is typed: each page's commands in a folder of its own, from top to bottom.
//!
//! A block that needs a broker or a cluster has a comment before it, `<!-- elsewhere: PATH -->`, with the file that runs the same.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

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
fn every_configuration_that_a_page_lays_over_another_is_valid() {
    let mut checked = 0;
    for page in pages() {
        for block in
            blocks(&fs::read_to_string(&page).unwrap()).into_iter().filter(|block| block.kind == "yaml overlay")
        {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("overlay.yaml"), &block.text).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_casefile"))
                .args(["validate", "--no-environment", "--config"])
                .arg(root().join("deploy/casefile.yaml"))
                .args(["--config", "overlay.yaml"])
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{}: {}", page.display(), String::from_utf8_lossy(&output.stderr));
            checked += 1;
        }
    }
    assert!(checked > 1, "pages have configurations: {checked}");
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)#]+)").unwrap();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for found in link.captures_iter(&text).filter(|found| !found[1].contains("://")) {
            let target = page.parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{}: there is no {}", page.display(), &found[1]);
        }
    }
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
