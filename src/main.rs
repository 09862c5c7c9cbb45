//! `casefile`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    casefile::cli::run(std::env::args_os()).into()
}
