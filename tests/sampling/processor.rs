//! The Collector's processor, as a program that answers line by line.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::generate::Trace;

/// A running program; killed when dropped.
pub(crate) struct Processor {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Processor {
    pub(crate) fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/tools/bin/casefile-test-tail-sampling");
        assert!(program.exists(), "no {}: run `tests/setup`, which installs what the tests need", program.display());
        let mut child = Command::new(program)
            .args(["-test.run", "TestDecide", "-test.timeout", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, answers }
    }

    /// The ids that it samples of these traces, each of which comes a second after the one before.
    pub(crate) fn ask(&mut self, config: &Value, traces: &[Trace]) -> BTreeSet<String> {
        let requests: Vec<String> = traces.iter().map(|trace| BASE64.encode(&trace.request)).collect();
        writeln!(self.asks, "{}", json!({"config": config, "traces": requests})).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(answer.get("error"), None, "{config:#}");
        answer["sampled"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
