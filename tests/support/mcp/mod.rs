//! The protocol's own client, as a program.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Calls tools and answers with what they said: `stdio CALLS COMMAND…` or `http CALLS URL`.
pub(crate) fn client(arguments: &[&str]) -> Value {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".cache/mcp-client/bin/python");
    assert!(python.exists(), "{} is missing: run `tests/setup`", python.display());
    let output = Command::new(python).arg(root.join("tests/support/mcp/client.py")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
