//! The command line: one file a subcommand. With no subcommand it serves, as the Collector does.

mod audit;
mod bundle;
mod code;
mod components;
mod dead_letter;
mod demo;
mod doctor;
mod exit;
mod export;
mod forge;
mod gc;
mod incident;
mod inspect;
mod k8s;
mod keys;
mod ledger;
mod mcp;
mod patch;
mod pr;
mod print_config;
mod probe;
mod raw;
mod redact;
mod reload;
mod repair;
mod replay;
mod schema;
mod serve;
mod snippet;
mod sources;
mod store;
mod term;
mod test;
mod validate;
mod workshop;

use std::ffi::OsString;
use std::io::BufWriter;

use clap::{Parser, Subcommand};

pub use exit::{Exit, NotFound};
use sources::{BadConfig, ConfigArgs};

/// Turns production failures seen through OpenTelemetry into redacted, signed evidence bundles.
///
/// With no command it serves: OTLP in, bundles out. With no configuration it serves an embedded default on loopback,
/// with bundles under ./casefile-data.
///
/// Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 done but to be looked at, 78 bad configuration.
#[derive(Debug, Parser)]
#[command(name = "casefile", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a small failing shop and shows the bundle of its first failure.
    Demo(demo::DemoArgs),
    /// Runs recorded OTLP through the pipeline in virtual time, offline and deterministic.
    Replay(replay::ReplayArgs),
    /// Checks a configuration.
    Validate(validate::ValidateArgs),
    /// Connects to what a configuration names (brokers, topics, stores, disks) and says what would not work.
    Doctor(doctor::DoctorArgs),
    /// Prints the configuration that would run, expanded and merged, without its secrets.
    PrintConfig(print_config::PrintConfigArgs),
    /// Redacts text from stdin with the rules in force: for people who tune them.
    Redact(redact::RedactArgs),
    /// Shows what the readers of evidence make of a text: for people who tune rules or extend readers.
    #[command(subcommand)]
    Inspect(inspect::Command),
    /// Lists the components that a configuration may name.
    Components(components::ComponentsArgs),
    /// Prints a JSON Schema.
    Schema(schema::SchemaArgs),
    /// Prints a configuration to begin with, for what stands before Casefile.
    #[command(subcommand)]
    Snippet(snippet::Command),
    /// Prints what Kubernetes is given, for those who use no Helm.
    #[command(subcommand)]
    K8s(k8s::Command),
    /// Asks a running Casefile whether it is ready: for health checks of containers.
    Probe(probe::ProbeArgs),
    /// Reads incidents from a store.
    #[command(subcommand)]
    Incident(incident::Command),
    /// Reads bundles from a store.
    #[command(subcommand)]
    Bundle(bundle::Command),
    /// Serves incidents and bundles to agents over the Model Context Protocol: on stdin and stdout, or by HTTP.
    Mcp(mcp::McpArgs),
    /// Keeps and checks the ledger of what became of evidence: rendered, tested, patched, merged.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Tells what came of repairs: time to a merged fix, acceptance, failures after it.
    Stats(audit::StatsArgs),
    /// Tells whether a new version has mended an incident.
    #[command(subcommand)]
    Rollout(audit::RolloutCommand),
    /// Decrypts a message that could not be read, from the dead-letter topic of a Kafka receiver.
    DeadLetter(dead_letter::DeadLetterArgs),
    /// Reads raw evidence from a store, with a key.
    #[command(subcommand)]
    Raw(raw::Command),
    /// Makes failing tests out of bundles, and verifies that they fail as the bundle says.
    #[command(subcommand)]
    Test(test::Command),
    /// Judges patches: whether they mend what a bundle tells of, and nothing else.
    #[command(subcommand)]
    Patch(patch::Command),
    /// Lets a repair agent mend what a bundle tells of, with the guard behind it.
    Repair(repair::RepairArgs),
    /// Writes and opens pull requests, and checks changelogs.
    #[command(subcommand)]
    Pr(pr::Command),
    /// Writes what other programs take in.
    #[command(subcommand)]
    Export(export::Command),
    /// Removes what is past its retention: that of each exporter of the configuration, or of one store by --older-than.
    ///
    /// Age is counted from when an object was stored. A bundle goes with its amendments, manifests and references, and is as
    /// old as the youngest of them; the counters of incidents stay. Run it now and then, or let buckets do it: --lifecycle.
    Gc(gc::GcArgs),
}

/// Runs a command line and says how the process should end. Errors go to stderr.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    prepare_process();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            let exit = if message.use_stderr() { Exit::Usage } else { Exit::Ok };
            // A closed pipe (`casefile --help | head -1`) is not worth an error.
            message.print().unwrap_or_default();
            return exit;
        }
    };
    let sources = &arguments.config;
    let out = &mut std::io::stdout();
    let result = match arguments.command {
        None => serve::run(sources),
        Some(Command::Demo(args)) => demo::run(&args, &sources.set),
        Some(Command::Replay(args)) => replay::run(&args, sources),
        Some(Command::Validate(args)) => validate::run(&args, sources, &crate::pipeline::check, out),
        Some(Command::Doctor(args)) => doctor::run(&args, sources, out),
        Some(Command::DeadLetter(args)) => dead_letter::run(&args, sources, &mut std::io::stdin().lock(), out),
        Some(Command::PrintConfig(args)) => print_config::run(&args, sources, out),
        Some(Command::Redact(args)) => {
            redact::run(&args, sources, &mut std::io::stdin().lock(), &mut BufWriter::new(out))
        }
        Some(Command::Inspect(command)) => inspect::run(&command, sources, &mut BufWriter::new(out)),
        Some(Command::Components(args)) => components::run(&args, out),
        Some(Command::Schema(args)) => schema::run(&args, out),
        Some(Command::Snippet(command)) => snippet::run(&command, out),
        Some(Command::K8s(command)) => k8s::run(&command, out),
        Some(Command::Probe(args)) => probe::run(&args),
        Some(Command::Incident(command)) => incident::run(&command),
        Some(Command::Bundle(command)) => bundle::run(&command),
        Some(Command::Audit(command)) => audit::run(&command),
        Some(Command::Stats(args)) => audit::run_stats(&args),
        Some(Command::Rollout(command)) => audit::run_rollout(&command),
        Some(Command::Mcp(args)) => mcp::run(&args),
        Some(Command::Raw(command)) => raw::run(&command),
        Some(Command::Test(command)) => test::run(&command),
        Some(Command::Patch(command)) => patch::run(&command),
        Some(Command::Repair(args)) => repair::run(&args),
        Some(Command::Pr(command)) => pr::run(&command),
        Some(Command::Export(command)) => export::run(&command, sources),
        Some(Command::Gc(args)) => gc::run(&args, sources),
    };
    result.map_or_else(|error| report(&error), |()| Exit::Ok)
}

/// What holds for the whole process: memory that is free goes back, one TLS implementation, and panics that do not print what they were
/// working on.
fn prepare_process() {
    #[cfg(not(fuzzing))]
    crate::give_back_soon();
    // An error means that one is installed already, which is as good.
    rustls::crypto::ring::default_provider().install_default().map_or_else(drop, drop);
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote a record: only its place is told.
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        report_panic(&place);
    }));
}

#[expect(clippy::print_stderr, reason = "logs may not have been set up yet")]
fn report_panic(place: &str) {
    eprintln!("casefile: internal error at {place}: please report it");
}

#[expect(clippy::print_stderr, reason = "this is where errors reach the user")]
fn report(error: &anyhow::Error) -> Exit {
    if is_closed_pipe(error) {
        return Exit::Ok;
    }
    if let Some(errors) = error.downcast_ref::<BadConfig>() {
        eprintln!("{errors}");
        return Exit::Config;
    }
    eprintln!("casefile: {error:#}");
    match () {
        () if error.is::<NotFound>() => Exit::NotFound,
        () if error.is::<exit::Partial>() => Exit::Partial,
        () => Exit::Failure,
    }
}

/// Whether the reader of our output has gone away (`casefile bundle ls | head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}
