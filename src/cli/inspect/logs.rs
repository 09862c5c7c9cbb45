//! `casefile inspect logs`: the template of each line.

use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::ops::Range;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::Bad;
use crate::templates::Miner;

/// Lines that are compared with one another before the first of them is written.
const PORTION_LINES: usize = 1 << 16;
/// Bytes after which a portion is full, however few lines it has.
const PORTION_BYTES: usize = 32 << 20;

/// What is read of a line. The rest of it is handed through byte for byte.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    body: Cow<'l, str>,
    #[serde(default, deserialize_with = "is_there")]
    template_id: bool,
    #[serde(default, deserialize_with = "is_there")]
    template: bool,
}

fn is_there<'l, D: Deserializer<'l>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Finds the templates of log lines.
///
/// One JSON object a line, with the text in `body`; each comes back with `template_id`, which lines of one template share, and `template`, in
/// which `<*>` stands for what varies. All other fields stay as they are. Lines are compared with one another before they are written, so
/// output begins when the input ends or has had many thousand lines. A line that is no such object is told on stderr, the rest goes on, and the
/// command ends with 1.
#[derive(Debug, Args)]
pub(in crate::cli) struct LogsArgs {
    /// The file; stdin if there is none, or `-`
    file: Option<PathBuf>,
}

/// Reads the input to its end.
///
/// # Errors
/// If the input cannot be read, or a line of it could not.
pub(super) fn run(args: &LogsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut input = super::input(args.file.as_ref())?;
    let (mut miner, mut number, mut bad) = (Miner::new(), 0, Bad::default());
    loop {
        let portion = Portion::read(&mut *input, &mut number).context("reading the input")?;
        if portion.lines.is_empty() {
            out.flush()?;
            return bad.end();
        }
        let mut lines = Vec::with_capacity(portion.lines.len());
        for (number, range) in &portion.lines {
            let text = portion.bytes.get(range.clone()).unwrap_or_default();
            match parse(text) {
                Ok(line) => lines.push((text, line)),
                Err(error) => bad.tell(*number, &error.to_string()),
            }
        }
        let templates = miner.read(lines.iter().map(|(_, line)| &*line.body));
        for ((text, line), template) in lines.iter().zip(templates) {
            write(text, line, template, miner.text(template), out)?;
        }
    }
}

/// Lines that are not blank, with their numbers, counted from 1.
struct Portion {
    bytes: Vec<u8>,
    lines: Vec<(u64, Range<usize>)>,
}

impl Portion {
    fn read(input: &mut dyn BufRead, number: &mut u64) -> std::io::Result<Self> {
        let mut portion = Self { bytes: Vec::new(), lines: Vec::new() };
        while portion.lines.len() < PORTION_LINES && portion.bytes.len() < PORTION_BYTES {
            let start = portion.bytes.len();
            if input.read_until(b'\n', &mut portion.bytes)? == 0 {
                break;
            }
            *number += 1;
            if portion.bytes.get(start..).is_some_and(|line| !line.trim_ascii().is_empty()) {
                portion.lines.push((*number, start..portion.bytes.len()));
            } else {
                portion.bytes.truncate(start);
            }
        }
        Ok(portion)
    }
}

/// An error of serde may quote the line, so only its place is told.
fn parse(text: &[u8]) -> anyhow::Result<Line<'_>> {
    anyhow::ensure!(text.trim_ascii_start().starts_with(b"{"), "not a JSON object");
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        Category::Data => anyhow::anyhow!("there is no `body`, or it is not a string"),
        _ => anyhow::anyhow!("column {}: not a JSON object", error.column()),
    })
}

fn write(text: &[u8], line: &Line<'_>, id: usize, template: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let id = id + 1;
    if line.template_id || line.template {
        let mut fields: Map<String, Value> = serde_json::from_slice(text).context("a field cannot be read")?;
        fields.insert("template_id".to_owned(), id.into());
        fields.insert("template".to_owned(), template.into());
        serde_json::to_writer(&mut *out, &fields)?;
    } else {
        let fields = text.trim_ascii_end().strip_suffix(b"}").unwrap_or_default();
        out.write_all(fields.trim_ascii())?;
        write!(out, ",\"template_id\":{id},\"template\":")?;
        serde_json::to_writer(&mut *out, template)?;
        out.write_all(b"}")?;
    }
    Ok(out.write_all(b"\n")?)
}
