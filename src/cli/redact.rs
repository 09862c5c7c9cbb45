//! `casefile redact`: what the rules in force make of a text, for people who tune them.

use std::io::{BufRead, Read as _, Write};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::sources::{BadConfig, ConfigArgs};
use crate::config::{Problem, ProcessEnvironment};
use crate::model::{DEFAULT_TENANT, RootKey};
use crate::redact::{Inspected, KeyRow, Redactor, RuleForm, TextKind, TextRemark, catalogue, key_rows, why};

/// Bytes of text that are taken as one: a longer text is cut behind a line.
const CHUNK: usize = 4 << 20;

/// Redacts text from stdin with the rules in force and writes it to stdout.
///
/// Without --config: the built-in rules, under the key of ./casefile-data, which is made if there is none.
#[derive(Debug, Args)]
pub(super) struct RedactArgs {
    /// One JSON object a line: its `text` is redacted, `remarks` are added, all other fields stay
    #[arg(long)]
    jsonl: bool,
    /// Say for each replacement which rule made it and why (to stderr; with --jsonl in the remarks)
    #[arg(long)]
    explain: bool,
    /// Print every rule with what it finds and who defines that, and redact nothing
    #[arg(long, group = "table", conflicts_with_all = ["jsonl", "explain"])]
    rules: bool,
    /// Print every attribute key that is known with its class, what becomes of it and who defines it, and redact nothing
    #[arg(long, group = "table", conflicts_with_all = ["jsonl", "explain"])]
    keys: bool,
    /// JSON in place of a table, with --rules or --keys
    #[arg(long, requires = "table")]
    json: bool,
    /// The service whose rules hold (`services` of the redaction processor)
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    service: String,
    /// What kind of field the text is
    #[arg(long, value_enum, default_value_t = Field::Message, value_name = "KIND")]
    field: Field,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Field {
    Sql,
    Url,
    Json,
    Message,
}

impl From<Field> for TextKind {
    fn from(field: Field) -> Self {
        match field {
            Field::Sql => Self::Sql,
            Field::Url => Self::Url,
            Field::Json => Self::Json,
            Field::Message => Self::Message,
        }
    }
}

/// Reads `input` to its end.
///
/// # Errors
/// If the configuration cannot run, a line is not a JSON object with a `text`, or a detector panicked.
pub(super) fn run(
    args: &RedactArgs,
    sources: &ConfigArgs,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if args.rules {
        return rules(args.json, out);
    }
    if args.keys {
        return keys(args.json, out);
    }
    let redactor = redactor(sources)?;
    if args.jsonl {
        lines(args, &redactor, input, out)?;
    } else {
        text(args, &redactor, input, out)?;
    }
    Ok(out.flush()?)
}

fn rules(json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let row =
        |RuleForm { rule, class, finds, source }: &RuleForm| format!("{rule:<18} {class:<12} {finds:<66} {source}");
    list(json, &catalogue(), row, "forms", out)
}

fn keys(json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let row = |KeyRow { key, class, becomes, source }: &KeyRow| format!("{key:<56} {class:<12} {becomes:<22} {source}");
    list(json, &key_rows(), row, "keys and patterns; any other key is withheld", out)
}

/// Prints a table, or the same as JSON, and says how many of `what` there are.
fn list<T: serde::Serialize>(
    json: bool,
    rows: &[T],
    row: impl Fn(&T) -> String,
    what: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, rows)?;
        writeln!(out)?;
    } else {
        for one in rows {
            writeln!(out, "{}", row(one))?;
        }
        writeln!(out, "{} {what}", rows.len())?;
    }
    Ok(out.flush()?)
}

/// The redactor of the rules in force.
pub(super) fn redactor(sources: &ConfigArgs) -> anyhow::Result<Redactor> {
    let (config, _) = sources.load(&ProcessEnvironment)?;
    let rules = &config.pipelines.redaction;
    let under = |problems: Vec<Problem>| {
        let problems = problems.into_iter().map(|problem| problem.under("processors.redaction")).collect();
        BadConfig(config.locate(problems))
    };
    let root =
        RootKey::parse(rules.key.expose()).map_err(|error| under(vec![Problem::new("key", error.to_string())]))?;
    Ok(Redactor::compile(rules, DEFAULT_TENANT, &root).map_err(under)?)
}

fn text(args: &RedactArgs, redactor: &Redactor, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut from = 0;
    loop {
        let chunk = chunk(input).context("reading stdin")?;
        if chunk.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&chunk);
        let Inspected { text, remarks } =
            redactor.inspect_of(&args.service, args.field.into(), &text).map_err(anyhow::Error::msg)?;
        out.write_all(text.as_bytes())?;
        if args.explain {
            explain(from, &remarks);
        }
        from += chunk.len();
    }
}

/// The next [`CHUNK`] bytes and the rest of their last line.
fn chunk(input: &mut dyn BufRead) -> std::io::Result<Vec<u8>> {
    let mut chunk = Vec::new();
    input.take(CHUNK as u64).read_to_end(&mut chunk)?;
    if chunk.len() == CHUNK && !chunk.ends_with(b"\n") {
        input.read_until(b'\n', &mut chunk)?;
    }
    Ok(chunk)
}

#[expect(clippy::print_stderr, reason = "stdout is the text")]
fn explain(from: usize, remarks: &[TextRemark]) {
    for TextRemark { rule, class, start, end } in remarks {
        eprintln!("bytes {}-{}: {class}, rule {rule}: {}", from + start, from + end, why(rule));
    }
}

fn lines(args: &RedactArgs, redactor: &Redactor, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        number += 1;
        if input.read_until(b'\n', &mut line).context("reading stdin")? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        // An error of serde may quote the line, so only its place is told.
        let mut object: Map<String, Value> = serde_json::from_slice(&line)
            .map_err(|error| anyhow::anyhow!("line {number}, column {}: not a JSON object", error.column()))?;
        let Some(Value::String(text)) = object.get("text") else {
            anyhow::bail!("line {number}: there is no `text`, or it is not a string");
        };
        let inspected = redactor
            .inspect_of(&args.service, args.field.into(), text)
            .map_err(|error| anyhow::anyhow!("line {number}: {error}"))?;
        object.insert("text".to_owned(), inspected.text.into());
        object.insert("remarks".to_owned(), remarks(&inspected.remarks, args.explain)?);
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
}

fn remarks(remarks: &[TextRemark], explain: bool) -> serde_json::Result<Value> {
    let with_reason = |remark: &TextRemark| {
        let mut value = serde_json::to_value(remark)?;
        if let (true, Value::Object(fields)) = (explain, &mut value) {
            fields.insert("why".to_owned(), why(remark.rule).into());
        }
        Ok(value)
    };
    remarks.iter().map(with_reason).collect::<serde_json::Result<Vec<_>>>().map(Value::Array)
}
