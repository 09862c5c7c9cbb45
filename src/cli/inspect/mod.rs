//! `casefile inspect`: what the readers of evidence make of a text, line by line.
//!
//! JSON Lines in, JSON Lines out: an object's other fields come back as they are. A line that is not what is asked for is
//! told on stderr by its number, and the rest goes on; the command then fails.

mod logs;
mod stack;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::sources::ConfigArgs;

/// Longest line that is read.
const MAX_LINE: u64 = 64 << 20;

/// What is looked into.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Stack traces: reads `raw` (and `lang`, and `given` with type and message) and adds `exception`, or null where there is none.
    Stack(stack::StackArgs),
    /// Log lines: reads `body` and adds `template_id`, which lines of one template share, and `template`, where `<*>` stands for what varies.
    Logs(logs::LogsArgs),
}

/// Runs one of them.
///
/// # Errors
/// If the configuration cannot run, the input cannot be read, or a line of it could not.
pub(super) fn run(command: &Command, sources: &ConfigArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        Command::Stack(args) => stack::run(args, sources, out),
        Command::Logs(args) => logs::run(args, out),
    }
}

/// The input: a file, or stdin.
fn input(file: Option<&PathBuf>) -> anyhow::Result<Box<dyn BufRead>> {
    match file {
        Some(file) if file != Path::new("-") => {
            let opened = std::fs::File::open(file).with_context(|| format!("opening {}", file.display()))?;
            Ok(Box::new(BufReader::new(opened)))
        }
        _ => Ok(Box::new(BufReader::new(std::io::stdin()))),
    }
}

/// Lines that could not be read: told as they come, and a failure in the end.
#[derive(Debug, Default)]
struct Bad(u64);

impl Bad {
    #[expect(clippy::print_stderr, reason = "stdout is the answer")]
    fn tell(&mut self, number: u64, error: &str) {
        self.0 += 1;
        eprintln!("casefile: line {number}: {error}");
    }

    fn end(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.0 == 0, "{} lines could not be read", self.0);
        Ok(())
    }
}

/// Hands each object of the input to `each`, and writes what that makes of it.
fn lines(
    mut input: Box<dyn BufRead>,
    out: &mut dyn Write,
    mut each: impl FnMut(&mut Map<String, Value>) -> Result<(), String>,
) -> anyhow::Result<()> {
    let (mut line, mut number, mut bad) = (Vec::new(), 0_u64, Bad::default());
    loop {
        line.clear();
        number += 1;
        let read =
            std::io::Read::take(&mut input, MAX_LINE).read_until(b'\n', &mut line).context("reading the input")?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE && !line.ends_with(b"\n") {
            anyhow::bail!("line {number}: longer than {MAX_LINE} bytes");
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        // An error of serde may quote the line, so only its place is told.
        let object = serde_json::from_slice::<Map<String, Value>>(&line)
            .map_err(|error| format!("column {}: not a JSON object", error.column()));
        match object.and_then(|mut object| each(&mut object).map(|()| object)) {
            Ok(object) => {
                serde_json::to_writer(&mut *out, &object)?;
                out.write_all(b"\n")?;
            }
            Err(error) => bad.tell(number, &error),
        }
    }
    out.flush()?;
    bad.end()
}
