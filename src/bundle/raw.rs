//! Raw evidence: the unredacted records of a bundle, sealed to those who may read them.
//!
//! This is the one exception to "nothing unredacted leaves", and it has a type: a [`SealedRaw`] is made by
//! [`RawSealer::seal`] alone, out of a case that has passed redaction, and holds nothing but an
//! [age](https://age-encryption.org/v1) file. A sealer without a recipient cannot be made. The plain bytes are put together
//! in one buffer that is wiped at once; what they were made of lies in the window and goes with it.
//!
//! Encryption is randomised, so two seals of the same records differ. Their name does not: it is made of the digests of
//! the records. An object of that name that is there already therefore holds the same records.

use std::io::Write as _;

use age::{Encryptor, Recipient};
use bytes::Bytes;

use super::names::{raw, records_digest};
use super::sealed::{Sealed, digest_of};
use crate::config::{Problem, RawExporter};
use crate::model::{Budget, Permit, Record};
use crate::otlp::excerpts;

/// Most plain bytes of one object, of which a trace may have several: what is read back must fit into memory twice. What a
/// name with a part number stands for depends on it.
const MAX_PLAIN_BYTES: usize = 64 * 1024 * 1024;
/// First line of an age file (<https://c2sp.org/age>, "Version line").
const VERSION_LINE: &[u8] = b"age-encryption.org/v1\n";
/// How the header's line for an X25519 recipient begins (<https://c2sp.org/age>, "X25519 recipient type").
const STANZA: &[u8] = b"-> X25519 ";

/// Encrypts records to recipients.
pub struct RawSealer {
    recipients: Vec<age::x25519::Recipient>,
}

/// Encrypted records and the name they are stored under. Only [`RawSealer::seal`] makes one.
#[derive(Debug)]
pub struct SealedRaw {
    name: String,
    spare: String,
    ciphertext: Bytes,
    /// What waits to be stored is part of the byte budget, as what waits in the windows is.
    _room: Permit,
}

/// Why records could not be encrypted. Says nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// No key could be made or wrapped.
    #[error("the records could not be encrypted")]
    Encrypt(#[from] age::EncryptError),
    /// The encrypted bytes could not be put together.
    #[error("the encrypted records could not be written")]
    Write(#[from] std::io::Error),
}

impl RawSealer {
    /// A sealer to the recipients of an exporter.
    ///
    /// # Errors
    /// If there is none, or one is not the public half of an X25519 key. Paths are relative to the exporter, and texts are
    /// not shown: one may be a private key.
    pub fn compile(config: &RawExporter) -> Result<Self, Vec<Problem>> {
        let problems = config.problems_of_recipients();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { recipients: config.recipients.iter().filter_map(|text| text.parse().ok()).collect() })
    }

    /// Encrypts the records of a case, which are those that it lists. What it makes is taken out of `budget`, even where
    /// that has no room: then input is refused until it is stored.
    ///
    /// # Errors
    /// If the encryption fails; nothing is made then.
    pub fn seal(&self, case: &Sealed, records: &[Record], budget: &Budget) -> Result<Vec<SealedRaw>, RawError> {
        let digest = records_digest(case.records(), None);
        let mut objects = Vec::new();
        excerpts(records, MAX_PLAIN_BYTES, |plain| {
            let ciphertext = Bytes::from(self.encrypt(plain)?);
            let part = objects.len();
            let other = records_digest(case.records(), Some(&digest_of(&ciphertext)));
            objects.push(SealedRaw {
                name: raw(case.tenant(), case.trace_id(), &digest, part),
                spare: raw(case.tenant(), case.trace_id(), &other, part),
                _room: budget.take_anyway(ciphertext.len()),
                ciphertext,
            });
            Ok::<(), RawError>(())
        })?;
        Ok(objects)
    }

    fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, RawError> {
        let encryptor = Encryptor::with_recipients(self.recipients.iter().map(|one| one as &dyn Recipient))?;
        let mut writer = encryptor.wrap_output(Vec::with_capacity(plain.len() + plain.len() / 1024 + 4096))?;
        writer.write_all(plain)?;
        Ok(writer.finish()?)
    }
}

impl std::fmt::Debug for RawSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawSealer").field("recipients", &self.recipients.len()).finish()
    }
}

impl SealedRaw {
    /// Its name: equal for equal records.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A name of its own, for where something else lies under [`SealedRaw::name`].
    #[must_use]
    pub fn spare_name(&self) -> &str {
        &self.spare
    }

    /// The age file.
    #[must_use]
    pub fn ciphertext(&self) -> &Bytes {
        &self.ciphertext
    }
}

/// To how many X25519 recipients an age file is encrypted; `None` if the bytes are no age file.
#[must_use]
pub fn recipients_of(bytes: &[u8]) -> Option<usize> {
    let header = bytes.strip_prefix(VERSION_LINE)?;
    let stanzas = header.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"---"));
    Some(stanzas.filter(|line| line.starts_with(STANZA)).count())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use age::secrecy::ExposeSecret as _;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;

    use super::*;
    use crate::bundle::{Closed, Identities, UnsealError, seal_parts};
    use crate::model::{Batch, CloseReason, Ledger, Outcome, RecordDigest, Signal, Timestamp, TraceId};
    use crate::otlp::{Limits, read_recording, scan};
    use crate::redact::Parts;

    fn config(identities: &[&age::x25519::Identity]) -> RawExporter {
        let recipients = identities.iter().map(|one| one.to_public().to_string()).collect();
        RawExporter { recipients, ..RawExporter::default() }
    }

    fn identities(identity: &age::x25519::Identity) -> Identities {
        Identities::parse(&format!("# a comment\n\n{}\n", identity.to_string().expose_secret())).unwrap()
    }

    fn request() -> Vec<u8> {
        let named = |id: u8| Span {
            trace_id: vec![7; 16],
            span_id: vec![id; 8],
            name: "ada.byron@example.org".to_owned(),
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![named(1), named(2)], ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    /// A case whose records have these digests, and two records.
    fn case(digests: &[u8]) -> (Sealed, Vec<Record>) {
        let bundle = serde_json::json!({
            "version": 1, "bundle_id": "b", "commit_sha": null,
            "incident": {"id": "INC-1", "fingerprint": "v1:0", "class": "crash", "summary": "", "services": []},
            "trace": {"trace_id": TraceId([7; 16]), "root": "present", "span_path": [], "spans": [], "span_count": 2},
            "exception": null, "logs": {"window": [], "total": 0, "collapsed": 0}, "metrics": {"exemplars": []},
            "environment": {"runtime": {}, "os": {}, "container": {}, "k8s": {}, "service": {}, "timezone": null, "feature_flags": {}},
            "repro": {"env": {}, "inputs": {}, "request": null}, "attachments": [],
            "redaction": {"policy": "", "key_id": "", "remarks": []},
            "completeness": {"records": 2, "shown": 0, "truncated": [], "missing": []},
            "provenance": {"policy": "errors", "config": "", "casefile": "0.1.0"},
        });
        let parts = Parts {
            tenant: "../acme".to_owned(),
            trace_id: TraceId([7; 16]),
            bundle: serde_json::from_value(bundle).unwrap(),
            records: digests.iter().map(|digest| RecordDigest([*digest; 16])).collect(),
            loose: Vec::new(),
            failed_at: Timestamp(0),
            tracked: Arc::new(Ledger::default()).accept(0),
        };
        let closed = Closed { reason: CloseReason::Late, opened: Timestamp(0), closed: Timestamp(0) };
        let bytes = Bytes::from(request());
        let entries = scan(Signal::Traces, &bytes, &Limits::default()).unwrap().entries;
        let permit = Budget::new(usize::MAX).take_anyway(0);
        let batch = Arc::new(Batch { signal: Signal::Traces, bytes, packed: None, permit, origin: None });
        let records = entries.into_iter().map(|entry| Record { batch: Arc::clone(&batch), entry }).collect();
        (seal_parts(parts, closed, &crate::config::BundleSize::default()).unwrap(), records)
    }

    fn sealed(config: &RawExporter, digests: &[u8], budget: &Budget) -> SealedRaw {
        let (case, records) = case(digests);
        let mut objects = RawSealer::compile(config).unwrap().seal(&case, &records, budget).unwrap();
        case.into_tracked().settle(Outcome::Bundled);
        assert_eq!(objects.len(), 1);
        objects.remove(0)
    }

    #[test]
    fn every_recipient_reads_the_records_and_nobody_else() {
        let [one, two, other] = std::array::from_fn(|_| age::x25519::Identity::generate());
        let object = sealed(&config(&[&one, &two]), &[1, 2], &Budget::new(0));
        let stored = object.ciphertext();
        assert_eq!(recipients_of(stored), Some(2));
        assert_eq!(recipients_of(b"{}"), None);
        assert!(!stored.windows(9).any(|window| window == b"ada.byron"));
        for reader in [&one, &two] {
            let plain = identities(reader).open(stored).unwrap();
            let limits = Limits::default();
            let requests: Vec<_> = read_recording(&plain, &limits).map(Result::unwrap).collect();
            assert_eq!(requests, [(Signal::Traces, request())]);
        }
        assert!(matches!(identities(&other).open(stored), Err(UnsealError::OtherKey)));
        assert!(matches!(identities(&one).open(&stored[..stored.len() - 1]), Err(UnsealError::Content(_))));
        assert!(matches!(identities(&one).open(b"{}"), Err(UnsealError::Damaged(_))));
    }

    #[test]
    fn equal_records_have_one_name_and_ciphertexts_of_their_own() {
        let config = config(&[&age::x25519::Identity::generate()]);
        let budget = Budget::new(0);
        let (first, again, more) = (
            sealed(&config, &[1, 2], &budget),
            sealed(&config, &[2, 1], &budget),
            sealed(&config, &[1, 2, 3], &budget),
        );
        assert_eq!(first.name(), again.name());
        assert_ne!(first.ciphertext(), again.ciphertext());
        assert_ne!(first.name(), more.name());
        assert_ne!(first.spare_name(), again.spare_name());
        let trace = "07070707070707070707070707070707";
        assert!(first.name().starts_with(&format!("raw/=2E.=2Facme/{trace}.")), "{}", first.name());
        assert!(first.name().ends_with(".otlp.age"));
        assert_eq!(super::super::names::trace_of(first.name()), trace.parse().ok());
    }

    #[test]
    fn what_waits_is_part_of_the_byte_budget() {
        let config = config(&[&age::x25519::Identity::generate()]);
        let budget = Budget::new(1);
        let object = sealed(&config, &[1], &budget);
        assert_eq!(budget.used(), object.ciphertext().len());
        assert!(budget.take(1).is_none(), "input is refused");
        drop(object);
        assert!(budget.take(1).is_some());
    }

    #[test]
    fn identities_that_are_none_are_refused_by_line_without_showing_them() {
        for text in ["", "# only a comment\n"] {
            assert!(Identities::parse(text).unwrap_err().to_string().contains("no private key"));
        }
        let identity = age::x25519::Identity::generate();
        let secret = identity.to_string();
        let text = format!("# created: today\n{}X\n", secret.expose_secret());
        let error = Identities::parse(&text).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains(secret.expose_secret()), "{error}");
        assert!(Identities::parse(&identity.to_public().to_string()).is_err(), "a public key opens nothing");
        assert!(!format!("{:?}", identities(&identity)).contains("AGE-SECRET"));
    }
}
