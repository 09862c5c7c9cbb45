//! The rules by which a bucket itself removes what is past its retention, for those who would rather not run a job.
//!
//! They go by prefix and by the age of each object, in whole days. A bucket keeps no order: for as long as its own sweep
//! takes, a reader may find a manifest whose object is gone. `casefile gc` leaves no such moment.

use std::time::Duration;

use serde_json::{Value, json};

use super::open::BucketKind;
use crate::bundle::names;
use crate::model::{DEFAULT_TENANT, Tenant};

const DAY: u128 = 86_400_000_000_000;
/// Most rules of a bucket: Amazon S3 user guide, "Lifecycle configuration elements"; Google Cloud Storage, "Quotas and limits".
const S3_RULES: usize = 1000;
const GCS_RULES: usize = 100;

/// Objects under a prefix go after so many days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryRule {
    /// What the rule is called in the bucket.
    pub id: String,
    /// What the names begin with; ends in a slash.
    pub prefix: String,
    /// Whole days.
    pub days: u64,
}

impl ExpiryRule {
    /// The rule for a tenant's folder of a store with this prefix. Parts of a day count as one: nothing goes early.
    #[must_use]
    pub fn new(exporter: &str, prefix: &str, tenant: &Tenant, folder: &str, retention: Duration) -> Self {
        let slash = if prefix.is_empty() { "" } else { "/" };
        let folder = match tenant.as_str() {
            DEFAULT_TENANT => folder.to_owned(),
            tenant => format!("{}/{folder}", names::tenant_folder(tenant)),
        };
        Self {
            id: format!("casefile/{exporter}/{folder}"),
            prefix: format!("{prefix}{slash}{folder}/"),
            days: u64::try_from(retention.as_nanos().div_ceil(DAY)).unwrap_or(u64::MAX),
        }
    }
}

/// The lifecycle configuration of a bucket. It replaces the one that the bucket has.
///
/// - S3: the `LifecycleConfiguration` of `PutBucketLifecycleConfiguration`. Where a bucket keeps versions, an expired
///   object is only hidden: the rules remove what was hidden a day later, too.
/// - Google Cloud Storage: the `lifecycle` of a bucket, as `gcloud storage buckets update --lifecycle-file` takes it.
///
/// # Errors
/// If these are more rules than a bucket takes: how many those are.
pub fn lifecycle(kind: BucketKind, rules: &[ExpiryRule]) -> Result<Value, usize> {
    let (each, most) = match kind {
        BucketKind::S3 => (1, S3_RULES),
        BucketKind::Gcs => (2, GCS_RULES),
    };
    if rules.len() * each > most {
        return Err(most);
    }
    Ok(match kind {
        BucketKind::S3 => {
            let rule = |rule: &ExpiryRule| {
                json!({
                    "ID": rule.id,
                    "Status": "Enabled",
                    "Filter": {"Prefix": rule.prefix},
                    "Expiration": {"Days": rule.days},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                })
            };
            json!({"Rules": rules.iter().map(rule).collect::<Vec<_>>()})
        }
        BucketKind::Gcs => {
            let live = |rule: &ExpiryRule| {
                json!({
                    "action": {"type": "Delete"},
                    "condition": {"age": rule.days, "isLive": true, "matchesPrefix": [rule.prefix]},
                })
            };
            let hidden = |rule: &ExpiryRule| {
                json!({
                    "action": {"type": "Delete"},
                    "condition": {"daysSinceNoncurrentTime": 1, "matchesPrefix": [rule.prefix]},
                })
            };
            let rules: Vec<Value> = rules.iter().flat_map(|rule| [live(rule), hidden(rule)]).collect();
            json!({"lifecycle": {"rule": rules}})
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_nothing_goes_early() {
        let own = Tenant::default();
        let days = |hours: u64| ExpiryRule::new("raw", "", &own, "raw", Duration::from_secs(hours * 3600)).days;
        assert_eq!([1, 24, 25, 168, 169].map(days), [1, 1, 2, 7, 8]);
        let nearly = Duration::from_secs(86_400) + Duration::from_nanos(1);
        assert_eq!(ExpiryRule::new("raw", "", &own, "raw", nearly).days, 2);
    }

    #[test]
    fn rules_name_the_folders_under_the_prefix_in_the_form_of_each_store() {
        let rules = [
            ExpiryRule::new("raw/main", "prod/eu", &Tenant::new("acme"), "raw", Duration::from_secs(7 * 86_400)),
            ExpiryRule::new("bundle", "", &Tenant::default(), "index", Duration::from_secs(86_400)),
        ];
        assert_eq!(
            lifecycle(BucketKind::S3, &rules).unwrap(),
            json!({"Rules": [
                {"ID": "casefile/raw/main/tenants/acme/raw", "Status": "Enabled", "Filter": {"Prefix": "prod/eu/tenants/acme/raw/"},
                 "Expiration": {"Days": 7}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
                {"ID": "casefile/bundle/index", "Status": "Enabled", "Filter": {"Prefix": "index/"},
                 "Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
            ]})
        );
        let gcs = lifecycle(BucketKind::Gcs, &rules).unwrap();
        assert_eq!(
            gcs["lifecycle"]["rule"][0],
            json!({"action": {"type": "Delete"}, "condition": {"age": 7, "isLive": true, "matchesPrefix": ["prod/eu/tenants/acme/raw/"]}})
        );
        assert_eq!(gcs["lifecycle"]["rule"].as_array().unwrap().len(), 4);
        let many: Vec<_> = std::iter::repeat_n(rules[1].clone(), 51).collect();
        assert_eq!(lifecycle(BucketKind::Gcs, &many), Err(100));
        assert!(lifecycle(BucketKind::S3, &many).is_ok());
    }
}
