//! `casefile raw decrypt|ls`.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::store::{Format, PageArgs, StoreArgs, block_on, open, print_data};
use super::{NotFound, term};
use crate::agent::RawObject;
use crate::bundle::Identities;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Decrypts the records of a trace, for `casefile replay` and whatever else reads OTLP requests.
    Decrypt(DecryptArgs),
    /// Lists objects of raw evidence, the latest first.
    Ls {
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        page: PageArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct DecryptArgs {
    /// With --store, a trace id or the name of an object; else a file, or `-` for stdin.
    source: String,
    /// File with private keys (AGE-SECRET-KEY-1…), as `age-keygen` writes it. May be given several times.
    #[arg(long, short, required = true, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// The store that holds it: `file:DIR`, `s3://bucket/prefix` or `gs://bucket/prefix`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Setting of the store's client, as in the exporter's `options`.
    #[arg(long = "store-option", value_name = "KEY=VALUE", requires = "store")]
    options: Vec<String>,
    /// Where the records are written: protobuf requests, each after its length. A new file is for its owner alone.
    #[arg(long, short, default_value = "-", value_name = "FILE")]
    out: String,
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Decrypt(args) => decrypt(args),
        Command::Ls { store, page } => list(store, page),
    }
}

fn list(store: &StoreArgs, page: &PageArgs) -> anyhow::Result<()> {
    let catalog = store.open()?;
    let answer = block_on(async { Ok(catalog.raw(page.limit, &page.after).await?) })?;
    let format = page.format.or(Format::Text);
    if let Some(printed) = print_data(format, &answer) {
        return printed;
    }
    let mut out = term::stdout();
    let row = |object: &RawObject| {
        vec![object.stored_at.clone(), object.trace_id.to_string(), object.size.to_string(), object.name.clone()]
    };
    let rows: Vec<_> = answer.items.iter().map(row).collect();
    out.rows(format, &["stored at", "trace", "bytes", "object"], &rows)?;
    Ok(out.line(&answer.footer("objects"))?)
}

fn decrypt(args: &DecryptArgs) -> anyhow::Result<()> {
    if args.out == "-" && std::io::stdout().is_terminal() {
        anyhow::bail!("the records are binary: give --out FILE, or pipe them on");
    }
    let identities = identities(&args.identity)?;
    let mut plain = Vec::new();
    // All of it is opened before any of it is written.
    for (name, object) in objects(args)? {
        plain.push(identities.open(&object).with_context(|| format!("{name} cannot be decrypted"))?);
    }
    write(&args.out, &plain)
}

fn identities(files: &[PathBuf]) -> anyhow::Result<Identities> {
    let mut text = Zeroizing::new(String::new());
    for file in files {
        let read = std::fs::read_to_string(file).map(Zeroizing::new);
        let read = read.with_context(|| format!("reading the identity file {}", file.display()))?;
        Identities::parse(&read).with_context(|| format!("the identity file {}", file.display()))?;
        text.push_str(&read);
        text.push('\n');
    }
    Ok(Identities::parse(&text)?)
}

/// The objects to open, each with what it is called.
fn objects(args: &DecryptArgs) -> anyhow::Result<Vec<(String, bytes::Bytes)>> {
    let Some(url) = &args.store else {
        return Ok(vec![(args.source.clone(), read(&args.source)?.into())]);
    };
    let catalog = open(url, &args.options)?;
    let found = block_on(async { Ok(catalog.raw_of(&args.source).await?) })?;
    if found.is_empty() {
        return Err(NotFound(format!("no raw evidence of {} is in the store", args.source)).into());
    }
    Ok(found)
}

fn read(source: &str) -> anyhow::Result<Vec<u8>> {
    if source == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("reading stdin")?;
        return Ok(bytes);
    }
    match std::fs::read(source) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(NotFound(format!("there is no file {source}; a trace id needs --store")).into())
        }
        read => read.with_context(|| format!("reading {source}")),
    }
}

fn write(out: &str, parts: &[Zeroizing<Vec<u8>>]) -> anyhow::Result<()> {
    if out == "-" {
        let mut stdout = std::io::stdout().lock();
        parts.iter().try_for_each(|part| stdout.write_all(part))?;
        return Ok(stdout.flush()?);
    }
    let mut file = private_file(Path::new(out)).with_context(|| format!("--out {out}"))?;
    parts.iter().try_for_each(|part| file.write_all(part)).with_context(|| format!("writing {out}"))
}

/// A file that its owner alone can read, whatever was there before.
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if file.metadata()?.is_file() {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    Ok(file)
}
