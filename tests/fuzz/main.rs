//! Every input in `corpus/` through its target, without instrumentation: seeds, and whatever a fuzzer found once. `run` beside this
//! file looks for more.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod targets;

use std::fs;
use std::path::{Path, PathBuf};

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Runs every input, and each cut off and broken at a few places.
fn replay(target: &str, check: fn(&[u8])) {
    let inputs = inputs(target);
    assert!(inputs.len() > 2, "{target} has seeds");
    for (path, input) in inputs {
        // What fails is named by its file, and a hang too.
        eprintln!("{}", path.display());
        check(&input);
        let length = input.len();
        for at in [length / 7, length / 3, length / 2, length * 4 / 5] {
            check(&input[..at]);
            let mut broken = input.clone();
            if let Some(byte) = broken.get_mut(at) {
                *byte ^= 0x81;
                check(&broken);
            }
        }
    }
}

#[test]
fn wire() {
    replay("wire", targets::wire::check);
}

#[test]
fn json() {
    replay("json", targets::json::check);
}

#[test]
fn config() {
    replay("config", targets::config::check);
}

#[test]
fn stack() {
    replay("stack", targets::stack::check);
}

#[test]
fn redact() {
    replay("redact", targets::redact::check);
}

#[test]
fn bundle() {
    replay("bundle", targets::bundle::check);
}
