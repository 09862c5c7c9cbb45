//! `casefile inspect stack`: the `exception` that a bundle shows of a stack trace.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::sources::{BadConfig, ConfigArgs};
use crate::config::Problem;
use crate::evidence::{AppRules, exception_of};

/// Reads stack traces, one JSON object a line, and adds to each the `exception` that a bundle would show, or null.
///
/// `raw` is the text. `lang` is the language, as `telemetry.sdk.language` has it; without it the text tells. `given` holds
/// `type` and `message` where they were recorded beside the text. A line that is no such object is told on stderr, the
/// rest goes on, and the command ends with 1.
#[derive(Debug, Args)]
pub(in crate::cli) struct StackArgs {
    /// The file; stdin if there is none, or `-`
    file: Option<PathBuf>,
}

/// Reads the input to its end.
///
/// # Errors
/// If the configuration cannot run, the input cannot be read, or a line of it could not.
pub(super) fn run(args: &StackArgs, sources: &ConfigArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = sources.inspect()?;
    let rules = AppRules::new(&config.pipelines.incident.in_app).map_err(|(at, error)| {
        BadConfig(config.locate(vec![Problem::new(format!("connectors.incident.in_app[{at}]"), error.to_string())]))
    })?;
    super::lines(super::input(args.file.as_ref())?, out, |line| {
        let exception = exception(line, &rules)?;
        line.insert("exception".to_owned(), exception);
        Ok(())
    })
}

fn exception(line: &Map<String, Value>, rules: &AppRules) -> Result<Value, String> {
    let Some(Value::String(raw)) = line.get("raw") else {
        return Err("there is no `raw`, or it is not a string".to_owned());
    };
    let language = text(line.get("lang")).map_err(|()| "`lang` is not a string".to_owned())?;
    let given = |key| {
        let value = line.get("given").and_then(|given| given.get(key));
        text(value).map(|found| found.map(str::to_owned)).map_err(|()| format!("`given.{key}` is not a string"))
    };
    let found = exception_of(raw, language, given("type")?, given("message")?, rules);
    serde_json::to_value(found).map_err(|error| error.to_string())
}

/// A string that may be absent.
fn text(value: Option<&Value>) -> Result<Option<&str>, ()> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(()),
    }
}
