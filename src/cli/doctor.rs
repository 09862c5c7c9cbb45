//! `casefile doctor`: what stands in the way of a configuration on this machine and this network.

use std::io::Write;
use std::path::Path;

use super::sources::ConfigArgs;
use super::store::block_on;
use crate::config::{DeadLetter, ValidatedConfig};
use crate::exporter::{self, Store};
use crate::model::{Finding, State};
use crate::pipeline::check;
use crate::receiver::kafka;

/// Connects to everything that a configuration names, and says what would not work. It joins no group and leaves nothing behind.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct DoctorArgs {
    /// JSON instead of text
    #[arg(long)]
    json: bool,
}

/// # Errors
/// If something is broken, the configuration cannot run, or `out` cannot be written.
pub(super) fn run(args: &DoctorArgs, sources: &ConfigArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = sources.inspect()?;
    let findings = findings(&config)?;
    let broken = findings.iter().filter(|finding| finding.state == State::Broken).count();
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &serde_json::json!({"findings": findings, "broken": broken}))?;
        writeln!(out)?;
    } else {
        for Finding { subject, state, detail } in &findings {
            let state = match state {
                State::Ok => "ok     ",
                State::Warning => "warning",
                State::Broken => "BROKEN ",
            };
            writeln!(out, "{state}  {subject}: {detail}")?;
        }
    }
    anyhow::ensure!(broken == 0, "{broken} of {} things that were looked at would not work", findings.len());
    Ok(())
}

fn findings(config: &ValidatedConfig) -> anyhow::Result<Vec<Finding>> {
    let problems = check(config);
    let mut findings: Vec<Finding> =
        problems.into_iter().map(|problem| Finding::new(problem.path, State::Broken, problem.message)).collect();
    if findings.is_empty() {
        findings.push(Finding::new("configuration", State::Ok, config.digest.clone()));
    }
    for warning in &config.warnings {
        findings.push(Finding::new(warning.path.clone(), State::Warning, warning.message.clone()));
    }
    let pipelines = &config.pipelines;
    for (id, receiver, signals) in &pipelines.kafka {
        let writing = |to: &DeadLetter| exporter::examine_writing(&receiver.connection().properties(), &[&to.topic]);
        let writing = receiver.dead_letter.iter().flat_map(writing);
        findings.extend(kafka::examine(receiver, signals).into_iter().chain(writing).map(|finding| of(id, finding)));
    }
    if let Some((id, gateway)) = &pipelines.gateway {
        findings.extend(
            exporter::examine(id, gateway, &pipelines.otlp_signals()).into_iter().map(|finding| of(id, finding)),
        );
    }
    let bundles = pipelines.bundles.iter().map(|(id, it)| (id, &it.url, it.client()));
    let raw = pipelines.raw.iter().map(|(id, it)| (id, &it.url, it.client()));
    for (id, url, client) in bundles.chain(raw) {
        let probed = match Store::open(url, client) {
            Err(problem) => Err(problem.message),
            Ok(store) => block_on(async { Ok(store.probe().await.map_err(|error| error.chain())) })?,
        };
        findings.push(match probed {
            Ok(()) => Finding::new(id, State::Ok, format!("`{url}` can be written, read and removed from")),
            Err(error) => Finding::new(id, State::Broken, format!("`{url}`: {error}")),
        });
    }
    if let Some(storage) = &pipelines.file_storage {
        let subject = "file_storage";
        findings.push(match writable(Path::new(&storage.directory)) {
            Ok(()) => Finding::new(subject, State::Ok, format!("`{}` can be written", storage.directory)),
            Err(error) => Finding::new(subject, State::Broken, format!("`{}`: {error}", storage.directory)),
        });
    }
    Ok(findings)
}

/// What was found of a component.
fn of(id: &str, finding: Finding) -> Finding {
    Finding { subject: format!("{id}: {}", finding.subject), ..finding }
}

/// Whether files can be made in a directory, which may still have to be made itself: then in the nearest one above it that is there.
fn writable(directory: &Path) -> std::io::Result<()> {
    let there = directory.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("."));
    let path = there.join(format!(".casefile-doctor-{}", std::process::id()));
    std::fs::File::create_new(&path)?;
    std::fs::remove_file(path)
}
