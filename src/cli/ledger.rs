//! What commands note in the store's ledger, and the key that signs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::store::{StoreArgs, block_on};
use super::{keys, workshop};
use crate::agent::patch::Judgement;
use crate::agent::testgen::Made;
use crate::agent::{Event, Ledger, Note};
use crate::bundle::{Signer, digest_of};
use crate::model::Bundle;
use crate::telemetry::{Clock as _, SystemClock};

/// Variable that names the file of the key.
pub(super) const KEY_FILE: &str = "CASEFILE_SIGNING_KEY_FILE";

/// A key to sign with.
#[derive(Debug, Clone, Args)]
pub(super) struct SigningArgs {
    /// File with the ed25519 private key in PEM (PKCS#8) that signs entries of the ledger.
    #[arg(long, env = KEY_FILE, value_name = "FILE")]
    signing_key: Option<PathBuf>,
}

impl SigningArgs {
    /// The signer, where a key was named.
    pub(super) fn signer(&self) -> anyhow::Result<Option<Signer>> {
        self.signing_key.as_deref().map(keys::signer).transpose()
    }
}

/// Whether what a command does is noted.
#[derive(Debug, Clone, Args)]
pub(super) struct LedgerArgs {
    /// Notes in the store's ledger what is done here. With a signing key it is noted without being asked for.
    #[arg(long)]
    ledger: bool,
    #[command(flatten)]
    key: SigningArgs,
}

/// What else an entry says: digests, verdicts, addresses, and no free text, which could quote what was recorded.
pub(super) type Details = BTreeMap<String, String>;

impl LedgerArgs {
    /// The file of the key: what runs code of others keeps it from them.
    pub(super) fn key_file(&self) -> Option<&Path> {
        self.key.signing_key.as_deref()
    }

    /// Opens the ledger, where anything is to be noted: before the work, so that what cannot be noted is not done.
    ///
    /// # Errors
    /// If there is no such store, or no such key.
    pub(super) fn open(&self, store: &StoreArgs) -> anyhow::Result<Noting> {
        if !self.ledger && self.key.signing_key.is_none() {
            return Ok(Noting(None));
        }
        let signer = self.key.signer()?;
        store.open().context("the ledger, which lies in the store (--store)")?;
        Ok(Noting(Some((store.clone(), signer))))
    }
}

/// A ledger to note things in, or none.
pub(super) struct Noting(Option<(StoreArgs, Option<Signer>)>);

impl Noting {
    /// Notes that something was done with a bundle, and which bundle that was.
    ///
    /// # Errors
    /// If the entry is not known to be stored.
    pub(super) fn note(&self, bundle: &Bundle, event: Event, mut details: Details) -> anyhow::Result<()> {
        let Some((store, signer)) = &self.0 else { return Ok(()) };
        details.insert("document".to_owned(), workshop::digest(bundle)?);
        let (incident, id) = (bundle.incident.id.clone(), Some(bundle.bundle_id.clone()));
        let note = Note { event, incident, bundle: id, details };
        // Opened anew: its connections belong to the runtime that they were made in.
        let catalog = store.open()?;
        block_on(async {
            let ledger = Ledger::new(catalog.store().clone());
            ledger.append(&note, SystemClock.now(), signer.as_ref()).await.context("noting it in the ledger")?;
            Ok(())
        })
    }

    /// Notes which prompt an agent was given.
    ///
    /// # Errors
    /// As [`Noting::note`].
    pub(super) fn rendered(&self, bundle: &Bundle, prompt: &str, more: Details) -> anyhow::Result<()> {
        let mut details = more;
        details.insert("prompt".to_owned(), digest_of(prompt.as_bytes()));
        self.note(bundle, Event::Rendered, details)
    }

    /// Notes that a test was made.
    ///
    /// # Errors
    /// As [`Noting::note`].
    pub(super) fn test_made(&self, bundle: &Bundle, made: &Made) -> anyhow::Result<()> {
        let framework = serde_json::to_value(made.about.framework)?;
        let details = [
            ("test", digest_of(made.text.as_bytes())),
            ("framework", framework.as_str().unwrap_or_default().to_owned()),
            ("commit", made.commit.clone()),
            ("not_reconstructed", made.missing.len().to_string()),
        ];
        self.note(bundle, Event::TestMade, with_names(details))
    }

    /// Notes the verdict on a patch.
    ///
    /// # Errors
    /// As [`Noting::note`].
    pub(super) fn patch_checked(&self, bundle: &Bundle, made: &Made, judgement: &Judgement) -> anyhow::Result<()> {
        let mut rules: Vec<&str> = judgement.findings.iter().map(|finding| finding.rule.as_str()).collect();
        rules.dedup();
        let verdict = serde_json::to_value(judgement.decision)?;
        let details = [
            ("patch", judgement.patch.clone()),
            ("verdict", verdict.as_str().unwrap_or_default().to_owned()),
            ("rules", rules.join(",")),
            ("passed", format!("{}/{}", judgement.passed, judgement.runs)),
            ("test", digest_of(made.text.as_bytes())),
        ];
        self.note(bundle, Event::PatchChecked, with_names(details))
    }
}

/// Details from pairs; those that say nothing are left out.
pub(super) fn with_names<const N: usize>(pairs: [(&str, String); N]) -> Details {
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect()
}
