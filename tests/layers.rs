//! The layers of ARCHITECTURE.md: imports point upstream, and a stage names nothing of a stage but its output type.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may import from.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("templates", &[]),
    ("symbols", &[]),
    ("attachments", &["model"]),
    ("alerts", &["model"]),
    ("otlp", &["model"]),
    ("config", &["model"]),
    ("telemetry", &["model", "config"]),
    ("transport", &["model", "config", "telemetry"]),
    ("receiver", &["model", "attachments", "alerts", "otlp", "config", "telemetry", "transport"]),
    ("window", &["model", "otlp", "config", "telemetry"]),
    ("sampling", &["model", "otlp", "config", "telemetry"]),
    ("evidence", &["model", "templates", "attachments", "symbols", "otlp", "config", "telemetry"]),
    ("redact", &["model", "templates", "otlp", "config", "telemetry"]),
    ("bundle", &["model", "otlp", "config", "telemetry", "redact"]),
    ("exporter", &["model", "otlp", "config", "telemetry", "transport", "bundle"]),
    ("agent", &["model", "attachments", "config", "telemetry", "transport", "evidence", "bundle", "exporter"]),
    (
        "pipeline",
        &[
            "model",
            "symbols",
            "otlp",
            "config",
            "telemetry",
            "transport",
            "receiver",
            "window",
            "sampling",
            "evidence",
            "redact",
            "bundle",
            "exporter",
            "agent",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "templates",
            "otlp",
            "config",
            "telemetry",
            "transport",
            "receiver",
            "window",
            "sampling",
            "evidence",
            "redact",
            "bundle",
            "exporter",
            "agent",
            "pipeline",
        ],
    ),
];

/// What of an earlier stage a later one may name.
const OUTPUTS: &[(&str, &str, &[&str])] = &[("bundle", "redact", &["RedactedCase", "Parts"])];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The `crate::room::Item` paths of a file (outside its tests), as (line, room, the text after it).
fn imports(text: &str) -> Vec<(usize, String, String)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .flat_map(|(number, line)| {
            line.match_indices("crate::").map(move |(at, found)| {
                let path = &line[at + found.len()..];
                let room: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let rest = path[room.len()..].trim_start_matches("::").to_owned();
                (number + 1, room, rest)
            })
        })
        .collect()
}

#[test]
fn imports_point_upstream() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    for (room, allowed) in LAYERS {
        for file in sources(&src.join(room)) {
            let is_test = file.file_name().is_some_and(|name| name == "tests.rs")
                || file.components().any(|part| part.as_os_str() == "tests");
            if is_test {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            for (line, target, rest) in imports(&text) {
                let known = LAYERS.iter().any(|(name, _)| *name == target);
                let place = || format!("{}:{line}", file.strip_prefix(&src).unwrap().display());
                if !known || target == *room {
                    continue;
                }
                if !allowed.contains(&target.as_str()) {
                    faults.push(format!("{}: `{room}` must not import `{target}`", place()));
                }
                for (stage, upstream, names) in OUTPUTS {
                    let named =
                        rest.trim_start_matches('{').split([',', '}', ';', ':', '(', ')', '<', '>', ' ']).next();
                    if stage == room && *upstream == target && !named.is_some_and(|name| names.contains(&name)) {
                        faults.push(format!("{}: `{room}` may name only {names:?} of `{upstream}`", place()));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "imports against the layers:\n{}", faults.join("\n"));
}

#[test]
fn every_room_has_a_place_in_the_layers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            assert!(LAYERS.iter().any(|(room, _)| *room == name), "`src/{name}` stands in no layer");
        }
    }
}
