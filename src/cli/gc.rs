//! `casefile gc`: retention.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::sources::ConfigArgs;
use super::store::{block_on, open};
use super::term;
use crate::bundle::names;
use crate::config::{MIN_RETENTION, ValidatedPipelines};
use crate::exporter::{Bucket, BucketKind, Collected, ExpiryRule, Retention, Store, collect, lifecycle};
use crate::model::Tenant;
use crate::telemetry::{Clock as _, SystemClock};

/// Options of `casefile gc`.
#[derive(Debug, Args)]
pub(super) struct GcArgs {
    /// Removes from this store, instead of from those of the configuration.
    #[arg(long, value_name = "URL", requires = "older_than")]
    store: Option<String>,
    /// Setting of the store's client, as in the exporter's `options`.
    #[arg(long = "store-option", value_name = "KEY=VALUE", requires = "store")]
    options: Vec<String>,
    /// How long bundles and raw evidence are kept in the store: `168h`; at least `1h`.
    #[arg(long, value_name = "TIME", requires = "store", value_parser = kept)]
    older_than: Option<Duration>,
    /// Says what would be removed, and removes nothing.
    #[arg(long)]
    dry_run: bool,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Prints the lifecycle configuration of a bucket that does the same by prefix, in place of removing anything.
    #[arg(long, value_enum, conflicts_with_all = ["store", "dry_run", "json"], value_name = "KIND")]
    lifecycle: Option<Lifecycle>,
    /// The bucket, where the configuration names several.
    #[arg(long, requires = "lifecycle", value_name = "NAME")]
    bucket: Option<String>,
}

/// Whose lifecycle configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Lifecycle {
    /// Amazon S3: for `aws s3api put-bucket-lifecycle-configuration --lifecycle-configuration file://…`
    S3,
    /// Google Cloud Storage: for `gcloud storage buckets update --lifecycle-file=…`
    Gcs,
}

/// One exporter with a retention.
struct Kept<'a> {
    exporter: &'a str,
    url: &'a str,
    folders: &'static [&'static str],
    after: Duration,
}

fn kept(text: &str) -> Result<Duration, String> {
    let kept = humantime::parse_duration(text).map_err(|_| "write a duration such as `168h`".to_owned())?;
    if kept < MIN_RETENTION.0 { Err("must be 1h or longer".to_owned()) } else { Ok(kept) }
}

pub(super) fn run(args: &GcArgs, sources: &ConfigArgs) -> anyhow::Result<()> {
    if let (Some(url), Some(older_than)) = (&args.store, args.older_than) {
        let store = open(url, &args.options)?.store().clone();
        let retention = Retention { bundles: Some(older_than), raw: Some(older_than) };
        return remove(args, vec![(store, retention)]);
    }
    let config = sources.inspect()?;
    let exporters = exporters(&config.pipelines);
    anyhow::ensure!(!exporters.is_empty(), "no exporter of the configuration has a `retention`: everything is kept");
    match args.lifecycle {
        Some(kind) => print_lifecycle(kind, args.bucket.as_deref(), &exporters, &tenants(&config.pipelines)),
        None => remove(args, stores(&config.pipelines)?),
    }
}

/// The exporters that have a retention.
fn exporters(pipelines: &ValidatedPipelines) -> Vec<Kept<'_>> {
    const FOLDERS: &[&str] = &[names::BUNDLES, names::INDEX, names::ATTACHMENTS];
    let bundles = pipelines.bundles.iter().filter_map(|(id, bundle)| {
        Some(Kept { exporter: id, url: &bundle.url, folders: FOLDERS, after: bundle.retention?.0 })
    });
    let raw = pipelines.raw.iter().filter_map(|(id, raw)| {
        Some(Kept { exporter: id, url: &raw.url, folders: &[names::RAW], after: raw.retention?.0 })
    });
    bundles.chain(raw).collect()
}

/// All tenants. One that is declared no more keeps what it has: name its part as a store of its own.
fn tenants(pipelines: &ValidatedPipelines) -> BTreeSet<Tenant> {
    pipelines.incident.tenants.keys().map(|name| Tenant::new(name)).chain([Tenant::default()]).collect()
}

/// Their stores. Raw evidence goes first: it is what must not stay.
fn stores(pipelines: &ValidatedPipelines) -> anyhow::Result<Vec<(Store, Retention)>> {
    let mut stores = Vec::new();
    let raw = pipelines.raw.iter().map(|(id, raw)| {
        let retention = Retention { raw: raw.retention.map(|kept| kept.0), bundles: None };
        (id, &raw.url, raw.client(), retention)
    });
    let bundles = pipelines.bundles.iter().map(|(id, bundle)| {
        let retention = Retention { bundles: bundle.retention.map(|kept| kept.0), raw: None };
        (id, &bundle.url, bundle.client(), retention)
    });
    let tenants = tenants(pipelines);
    for (id, url, client, retention) in raw.chain(bundles) {
        if retention != Retention::default() {
            let store = Store::open_existing(url, client)
                .map_err(|problem| anyhow::anyhow!("exporters.{id}: {}", problem.message))?;
            stores.extend(tenants.iter().map(|tenant| (store.of_tenant(tenant), retention)));
        }
    }
    Ok(stores)
}

/// Removes from each store; one that fails does not keep the others from their turn.
fn remove(args: &GcArgs, stores: Vec<(Store, Retention)>) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let (mut done, mut failures) = (Vec::new(), Vec::new());
    for (store, retention) in &stores {
        match block_on(async { Ok(collect(store, retention, now, args.dry_run).await?) }) {
            Ok(collected) => done.push((store.url(), collected)),
            Err(error) => failures.push(format!("{}: {error:#}", store.url())),
        }
    }
    report(args, &done)?;
    anyhow::ensure!(failures.is_empty(), "not everything could be removed: {}", failures.join("; "));
    Ok(())
}

fn report(args: &GcArgs, done: &[(&str, Collected)]) -> anyhow::Result<()> {
    let mut out = term::stdout();
    if args.json {
        let answer = |(store, collected): &(&str, Collected)| {
            let mut answer = serde_json::to_value(collected).context("encoding the answer")?;
            if let Some(fields) = answer.as_object_mut() {
                fields.insert("store".to_owned(), (*store).into());
            }
            Ok(answer)
        };
        let stores: Vec<_> = done.iter().map(answer).collect::<anyhow::Result<_>>()?;
        return out.json(&serde_json::json!({"dry_run": args.dry_run, "stores": stores}));
    }
    for (store, collected) in done {
        if args.dry_run {
            collected.names.iter().try_for_each(|name| out.line(name))?;
        }
        let Collected { bundles, amendments, references, attachments, raw, names, bytes } = collected;
        let (objects, verb) = (names.len(), if args.dry_run { "would be removed" } else { "removed" });
        out.line(&format!(
            "{store}: {objects} objects ({bytes} bytes) {verb}: {bundles} bundles, {amendments} amendments, \
             {references} references, {attachments} attachments of incidents, {raw} objects of raw evidence"
        ))?;
    }
    Ok(())
}

/// One document a bucket: it replaces the one that the bucket has.
fn print_lifecycle(
    kind: Lifecycle,
    bucket: Option<&str>,
    exporters: &[Kept<'_>],
    tenants: &BTreeSet<Tenant>,
) -> anyhow::Result<()> {
    let kind = match kind {
        Lifecycle::S3 => BucketKind::S3,
        Lifecycle::Gcs => BucketKind::Gcs,
    };
    let mut buckets: BTreeMap<String, Vec<ExpiryRule>> = BTreeMap::new();
    for Kept { exporter, url, folders, after } in exporters {
        if let Some(Bucket { name, prefix, .. }) = Store::bucket_of(url).filter(|found| found.kind == kind) {
            let rules = tenants.iter().flat_map(|tenant| {
                folders.iter().map(|folder| ExpiryRule::new(exporter, &prefix, tenant, folder, *after))
            });
            buckets.entry(name).or_default().extend(rules);
        }
    }
    if let Some(bucket) = bucket {
        buckets.retain(|name, _| name == bucket);
    }
    let names: Vec<&str> = buckets.keys().map(String::as_str).collect();
    anyhow::ensure!(
        names.len() < 2,
        "the configuration names several buckets, name one by --bucket: {}",
        names.join(", ")
    );
    let Some(rules) = buckets.values().next() else {
        anyhow::bail!("no such bucket of an exporter with a `retention` is in the configuration");
    };
    let document = lifecycle(kind, rules).map_err(|most| {
        anyhow::anyhow!("a bucket takes {most} rules at most: let `casefile gc` remove what is past its retention")
    })?;
    term::stdout().json(&document)
}
