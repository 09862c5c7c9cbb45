//! Removes what is past its retention.
//!
//! *Age* is counted from when an object was written, by the store's clock, as the lifecycle rules of buckets count it. A
//! client's clock has no say: a failure dated into the past is not removed at once, nor one dated into the future kept for
//! ever. A bundle, its amendments and their manifests are one thing, as old as the youngest of them.
//!
//! *Order*: references first, so that no list offers what is about to go; then the manifests of amendments, then those of
//! bundles, then the objects. At any moment, and however a run ends, a reader therefore finds a bundle with all that its
//! manifests promise, a bundle with fewer amendments, or none; never a manifest without its object. What a run that was
//! cut short left without a manifest is past its retention too, and the next one removes it.
//!
//! What was written within the retention is not touched, so writers may go on. The one case that is not safe is a trace
//! that is sent again, after its whole retention, in the moment in which it is removed.
//!
//! Files that were sent for an incident go when they are as old as a bundle may be, each by itself: nothing points to them.
//!
//! The counters of incidents, and what ran of services, stay: they hold numbers and versions, and forget by themselves. Where a bucket keeps versions, or what was
//! removed for a while, removal only hides: its own rules must end that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::TryStreamExt as _;
use serde::Serialize;

use super::error::ExportError;
use super::store::{Listed, Store};
use crate::bundle::names;
use crate::model::{Timestamp, TraceId};

/// How long things are kept in one store; what has no time stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Bundles, with amendments, manifests and references; and files that were sent for incidents.
    pub bundles: Option<Duration>,
    /// Raw evidence.
    pub raw: Option<Duration>,
}

/// What was removed from one store (or would be).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Bundles.
    pub bundles: usize,
    /// Amendments of them.
    pub amendments: usize,
    /// References, by day or incident.
    pub references: usize,
    /// Files that were sent for incidents.
    pub attachments: usize,
    /// Objects of raw evidence.
    pub raw: usize,
    /// All objects that were removed, in order.
    pub names: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes from `store` what is older than its retention at `now`; with `dry_run`, only says what that is. The names of
/// everything that is listed are held in memory.
///
/// # Errors
/// If the store does not answer. What was removed until then is gone, in an order that leaves the rest sound.
pub async fn collect(
    store: &Store,
    retention: &Retention,
    now: Timestamp,
    dry_run: bool,
) -> Result<Collected, ExportError> {
    let mut collected = Collected::default();
    let mut steps = Vec::new();
    if let Some(kept) = retention.raw {
        let old = old_raw(store, now.before(kept)).await?;
        collected.raw = old.len();
        steps.push(old);
    }
    if let Some(kept) = retention.bundles {
        let old = OldBundles::find(store, now.before(kept)).await?;
        collected.references = old.references.len();
        collected.bundles = old.manifests.len();
        collected.amendments = old.amendment_manifests.len();
        steps.extend([old.references, old.amendment_manifests, old.manifests, old.objects]);
        let old = old_attachments(store, now.before(kept)).await?;
        collected.attachments = old.len();
        steps.push(old);
    }
    for step in steps {
        collected.bytes += step.iter().map(|object| object.size).sum::<u64>();
        let names: Vec<String> = step.into_iter().map(|object| object.name).collect();
        if !dry_run {
            store.remove(&names).await?;
        }
        collected.names.extend(names);
    }
    Ok(collected)
}

/// Raw evidence written before `end`.
async fn old_raw(store: &Store, end: Timestamp) -> Result<Vec<Listed>, ExportError> {
    let mut old: Vec<Listed> = store
        .objects(names::RAW)
        .try_filter(|object| std::future::ready(object.modified < end && names::trace_of(&object.name).is_some()))
        .try_collect()
        .await?;
    old.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(old)
}

/// Files for incidents written before `end`.
async fn old_attachments(store: &Store, end: Timestamp) -> Result<Vec<Listed>, ExportError> {
    let mut old: Vec<Listed> = store
        .objects(names::ATTACHMENTS)
        .try_filter(|object| std::future::ready(object.modified < end && object.name.ends_with(".json")))
        .try_collect()
        .await?;
    old.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(old)
}

/// What is to be removed of bundles, step by step.
#[derive(Default)]
struct OldBundles {
    references: Vec<Listed>,
    amendment_manifests: Vec<Listed>,
    manifests: Vec<Listed>,
    objects: Vec<Listed>,
}

impl OldBundles {
    /// All that was written before `end`.
    async fn find(store: &Store, end: Timestamp) -> Result<Self, ExportError> {
        // References are written after their manifests. Listed before them, one whose manifest is not there has lost it.
        let mut references = Vec::new();
        for folder in [names::INDEX_DAY, names::INDEX_INCIDENT] {
            references.extend(store.objects(folder).try_collect::<Vec<_>>().await?);
        }
        let mut traces: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        let mut listed = store.objects(names::BUNDLES);
        while let Some(object) = listed.try_next().await? {
            // What is not named as a part of a bundle is not ours to remove.
            if let Some(stem) = stem_of(&object.name) {
                traces.entry(stem).or_default().push(object);
            }
        }
        let mut old = Self::default();
        let mut kept: BTreeSet<TraceId> = BTreeSet::new();
        let mut gone: BTreeSet<TraceId> = BTreeSet::new();
        for (stem, objects) in traces {
            let Some(trace_id) = names::trace_of(&stem) else { continue };
            if objects.iter().any(|object| object.modified >= end) {
                kept.insert(trace_id);
            } else {
                gone.insert(trace_id);
                old.take(&stem, objects);
            }
        }
        // Another tenant's trace of the same id keeps its references; those of a bundle that is not here go by their own age.
        let is_old = |reference: &Listed| {
            names::trace_of(&reference.name)
                .is_some_and(|id| !kept.contains(&id) && (gone.contains(&id) || reference.modified < end))
        };
        old.references = references.into_iter().filter(is_old).collect();
        old.references.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(old)
    }

    fn take(&mut self, stem: &str, mut objects: Vec<Listed>) {
        objects.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for object in objects {
            if !names::is_manifest(&object.name) {
                self.objects.push(object);
            } else if object.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with("a-")) {
                self.amendment_manifests.push(object);
            } else {
                self.manifests.push(object);
            }
        }
    }
}

/// What the names of all objects of a trace begin with; `None` if this is no name of one.
fn stem_of(name: &str) -> Option<String> {
    names::trace_of(name)?;
    let (folder, file) = name.rsplit_once('/')?;
    let (trace, _) = file.split_once('.')?;
    Some(format!("{folder}/{trace}."))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn trace(number: u8) -> TraceId {
        TraceId([number; 16])
    }

    fn place(number: u8) -> names::Place {
        let bundle_id = format!("{number:032x}");
        names::Place { trace_id: trace(number), failed_at: Timestamp(0), bundle_id, is_amendment: false }
    }

    /// A store in which the trace `number` has a bundle, an amendment, their manifests and references.
    async fn store_with(numbers: &[u8]) -> Store {
        let store = Store::in_memory();
        for number in numbers {
            let of = names::TraceNames::new("default", trace(*number));
            let none = crate::config::Compression::None;
            for name in [
                of.bundle(none),
                of.manifest(),
                of.amendment("0a", none),
                of.amendment_manifest("0a"),
                names::by_day(&place(*number)),
                names::by_incident("INC-1", &place(*number)),
                names::raw("default", trace(*number), "0b", 0),
                names::attachment("INC-1", &format!("hmac-sha256:{number:032x}")),
            ] {
                store.create(&name, Bytes::from_static(b"12345")).await.unwrap();
            }
        }
        for name in [names::counters("INC-1", "w").as_str(), "bundles/default/notes.txt", "elsewhere/x"] {
            store.create(name, Bytes::from_static(b"not ours")).await.unwrap();
        }
        store
    }

    /// An instant this long after the store's own now.
    async fn in_(store: &Store, time: Duration) -> Timestamp {
        let objects: Vec<Listed> = store.objects("").try_collect().await.unwrap();
        objects.iter().map(|object| object.modified).max().unwrap().after(time)
    }

    async fn names_in(store: &Store) -> Vec<String> {
        let mut names: Vec<String> = store.list("").try_collect().await.unwrap();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn what_is_past_its_retention_goes_and_nothing_else_does() {
        let store = store_with(&[1]).await;
        let now = in_(&store, HOUR).await;
        let before = names_in(&store).await;
        let bundles = Retention { bundles: Some(HOUR * 2), raw: None };
        assert_eq!(collect(&store, &bundles, now, false).await.unwrap(), Collected::default(), "not yet");

        let bundles = Retention { bundles: Some(HOUR / 2), raw: None };
        let would = collect(&store, &bundles, now, true).await.unwrap();
        assert_eq!(names_in(&store).await, before, "a dry run removes nothing");
        assert_eq!((would.bundles, would.amendments, would.references, would.raw), (1, 1, 2, 0));
        assert_eq!((would.attachments, would.names.len(), would.bytes), (1, 7, 35));

        let raw = Retention { bundles: None, raw: Some(HOUR / 2) };
        assert_eq!(collect(&store, &raw, now, false).await.unwrap().raw, 1);
        assert_eq!(collect(&store, &bundles, now, false).await.unwrap(), would);
        let left = ["bundles/default/notes.txt", "elsewhere/x", "incidents/INC-1/w.json"];
        assert_eq!(names_in(&store).await, left);
        assert_eq!(collect(&store, &bundles, now, false).await.unwrap(), Collected::default());
    }

    #[tokio::test]
    async fn references_go_first_then_manifests_of_amendments_then_of_bundles_then_objects() {
        let store = store_with(&[1, 2]).await;
        let retention = Retention { bundles: Some(HOUR), raw: None };
        let now = in_(&store, HOUR * 2).await;
        let rank = |name: &String| match name.as_str() {
            name if name.starts_with("index/") => 0,
            name if name.ends_with(".manifest.json") && name.contains(".a-") => 1,
            name if name.ends_with(".manifest.json") => 2,
            _ => 3,
        };
        let collected = collect(&store, &retention, now, false).await.unwrap();
        assert_eq!(collected.names.len(), 14);
        assert!(collected.names.is_sorted_by_key(rank), "{:?}", collected.names);
    }

    #[tokio::test]
    async fn whatever_a_run_that_was_cut_short_left_the_next_one_removes() {
        let (whole, retention) = (store_with(&[1]).await, Retention { bundles: Some(HOUR), raw: None });
        let now = in_(&whole, HOUR * 2).await;
        let order = collect(&whole, &retention, now, true).await.unwrap().names;
        for done in 0..=order.len() {
            let store = store_with(&[1]).await;
            store.remove(&order[..done]).await.unwrap();
            let left = names_in(&store).await;
            let of = names::TraceNames::new("default", trace(1));
            for (manifest, object) in [
                (of.manifest(), of.bundle(crate::config::Compression::None)),
                (of.amendment_manifest("0a"), of.amendment("0a", crate::config::Compression::None)),
            ] {
                assert!(!left.contains(&manifest) || left.contains(&object), "a manifest without its object: {left:?}");
                assert!(
                    !left.contains(&manifest) || left.contains(&of.manifest()),
                    "an amendment of nothing: {left:?}"
                );
            }
            let later = in_(&store, HOUR * 2).await;
            collect(&store, &retention, later, false).await.unwrap();
            assert!(
                !names_in(&store)
                    .await
                    .iter()
                    .any(|name| name.contains(&trace(1).to_string()) && !name.starts_with("raw/"))
            );
        }
    }

    #[tokio::test]
    async fn a_young_amendment_keeps_its_bundle_and_a_young_object_without_a_manifest_is_being_written() {
        let store = store_with(&[1]).await;
        let old = in_(&store, Duration::ZERO).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let of = names::TraceNames::new("default", trace(1));
        store.create(&of.amendment_manifest("0c"), Bytes::new()).await.unwrap();
        let written = names::TraceNames::new("default", trace(2)).bundle(crate::config::Compression::None);
        store.create(&written, Bytes::new()).await.unwrap();
        store.remove(&[names::attachment("INC-1", &format!("hmac-sha256:{:032x}", 1))]).await.unwrap();
        let before = names_in(&store).await;
        let retention = Retention { bundles: Some(HOUR), raw: None };
        let now = old.after(HOUR + Duration::from_millis(10));
        assert_eq!(collect(&store, &retention, now, false).await.unwrap(), Collected::default());
        assert_eq!(names_in(&store).await, before);
    }

    #[tokio::test]
    async fn references_stay_for_another_tenants_bundle_and_go_with_the_last_one() {
        let store = store_with(&[1]).await;
        let old = in_(&store, Duration::ZERO).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let other = names::TraceNames::new("other", trace(1));
        store.create(&other.manifest(), Bytes::new()).await.unwrap();
        let retention = Retention { bundles: Some(HOUR), raw: None };
        let collected = collect(&store, &retention, old.after(HOUR + Duration::from_millis(10)), false).await.unwrap();
        assert_eq!((collected.bundles, collected.references), (1, 0), "{:?}", collected.names);

        // As a bucket's own rules may leave it: the bundle is gone, its references are not.
        store.remove(&[other.manifest()]).await.unwrap();
        assert_eq!(collect(&store, &retention, old, false).await.unwrap().references, 0, "not before their time");
        let collected = collect(&store, &retention, old.after(HOUR * 2), false).await.unwrap();
        assert_eq!((collected.bundles, collected.references), (0, 2));
    }
}
