//! `casefile inspect`: what the readers of evidence make of a text, for people who tune and extend them.

mod logs;

use std::io::{BufRead, Write};

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Finds the templates of log lines from stdin.
    ///
    /// One JSON object a line, with the text in `body`; each comes back with `template_id`, which lines of one template
    /// share, and `template`, in which `<*>` stands for what varies. All other fields stay as they are. Lines are compared
    /// with one another before they are written, so output begins when the input ends or has had many thousand lines.
    Logs,
}

/// Reads `input` to its end.
///
/// # Errors
/// If a line is not what the command reads, or stdin or stdout fail.
pub(super) fn run(command: &Command, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        Command::Logs => logs::run(input, out)?,
    }
    Ok(out.flush()?)
}
