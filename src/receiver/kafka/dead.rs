//! Messages that cannot be read, set aside in a topic of their own.
//!
//! They hold unredacted data, so they are encrypted (AES-256-GCM) with a key derived from the root key. [`open_dead_letter`] is the
//! way back. An offset is not committed before its message is there.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::client;
use super::message::{Message, Poison};
use super::offsets::Claim;
use crate::config::KafkaReceiver;
use crate::model::{Permit, RootKey};
use crate::telemetry::logs;

/// What the key is derived for.
const PURPOSE: &str = "casefile/kafka/dead-letter/1";
/// The first byte of a message: how the rest is written.
const VERSION: u8 = 1;
/// How long brokers may not know the topic before a letter counts as refused.
const PROPAGATION: Duration = Duration::from_secs(5);

/// Why a dead letter cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeadLetterError {
    /// Not written by this program, or cut off.
    #[error("not a dead letter of Casefile")]
    Format,
    /// Another key, or changed since.
    #[error("none of the configured keys opens this dead letter")]
    Key,
}

/// Writes dead letters to their topic.
pub(super) struct DeadLetters {
    topic: String,
    key: LessSafeKey,
    producer: ThreadedProducer<Delivery>,
    refused: Arc<Mutex<Refused>>,
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// One message on its way: keeps its offset until it has arrived, and its place among what is fetched, so that no more is fetched
/// than can be set aside.
struct Letter {
    sealed: Vec<u8>,
    place: String,
    reason: &'static str,
    claim: Claim,
    _fetched: Arc<Permit>,
}

/// Letters that did not arrive, and why the last did not.
#[derive(Default)]
struct Refused {
    letters: Vec<Letter>,
    why: String,
}

/// Hears whether a dead letter has arrived.
struct Delivery(Arc<Mutex<Refused>>);

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logs::librdkafka(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka reports an error");
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = Box<Letter>;

    fn delivery(&self, result: &DeliveryResult<'_>, mut letter: Self::DeliveryOpaque) {
        match result {
            Ok(_) => letter.claim.taken(),
            Err((error, _)) => self.0.lock().keep(*letter, error),
        }
    }
}

impl Refused {
    fn keep(&mut self, letter: Letter, error: &KafkaError) {
        self.letters.push(letter);
        self.why = error.to_string();
    }
}

impl DeadLetters {
    /// For the topic that `config` names, if it names one.
    pub(super) fn open(config: &KafkaReceiver, root: &RootKey) -> Result<Option<Self>, KafkaError> {
        let Some(dead_letter) = &config.dead_letter else { return Ok(None) };
        let refused = Arc::new(Mutex::new(Refused::default()));
        let mut settings = client::settings(config.connection());
        settings
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            // How large a message may be is the topic's to say.
            .set("message.max.bytes", "1000000000")
            .set("topic.metadata.propagation.max.ms", PROPAGATION.as_millis().to_string())
            .set("queue.buffering.max.kbytes", "65536");
        let producer = settings.create_with_context(Delivery(Arc::clone(&refused)))?;
        Ok(Some(Self { topic: dead_letter.topic.clone(), key: key_of(root)?, producer, refused }))
    }

    /// Sends a message there. It keeps the message's offset until it has arrived.
    pub(super) fn send(&self, message: &Message, poison: &Poison) {
        let claim = Claim::on(message.claim.origin());
        let Some(sealed) = self.seal(message) else {
            tracing::error!("a message that cannot be read could not be encrypted; it will be read again");
            return;
        };
        self.post(Letter {
            sealed,
            place: format!("{}/{}/{}", message.topic.name, message.lane, message.offset),
            reason: poison.reason,
            claim,
            _fetched: Arc::clone(&message.fetched),
        });
    }

    /// Sends what has not arrived once more.
    pub(super) fn send_again(&self) {
        let Refused { letters, why } = std::mem::take(&mut *self.refused.lock());
        if letters.is_empty() {
            return;
        }
        tracing::error!(
            topic = self.topic,
            error = why,
            letters = letters.len(),
            "messages that cannot be read could not be set aside; they are sent again, and their offsets stay"
        );
        letters.into_iter().for_each(|letter| self.post(letter));
    }

    fn post(&self, letter: Letter) {
        let (sealed, place) = (letter.sealed.clone(), letter.place.clone());
        let headers = OwnedHeaders::new()
            .insert(Header { key: "casefile.place", value: Some(place.as_bytes()) })
            .insert(Header { key: "casefile.reason", value: Some(letter.reason.as_bytes()) });
        let record = BaseRecord::<(), [u8], Box<Letter>>::with_opaque_to(&self.topic, Box::new(letter));
        if let Err((error, record)) = self.producer.send(record.payload(&sealed).headers(headers)) {
            self.refused.lock().keep(*record.delivery_opaque, &error);
        }
    }

    /// Version u8, nonce, then sealed: length of the key u32 (little-endian), key, payload.
    fn seal(&self, message: &Message) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let key = message.key.as_deref().unwrap_or_default();
        let mut content = u32::try_from(key.len()).ok()?.to_le_bytes().to_vec();
        content.extend_from_slice(key);
        content.extend_from_slice(message.payload.as_deref().unwrap_or_default());
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce_used, Aad::from([VERSION]), &mut content).ok()?;
        Some([&[VERSION], nonce.as_slice(), &content].concat())
    }
}

/// The key and the payload of the message that a dead letter holds.
///
/// # Errors
/// If it is none, or none of `roots` opens it.
pub fn open_dead_letter(roots: &[RootKey], letter: &[u8]) -> Result<(Vec<u8>, Vec<u8>), DeadLetterError> {
    let (version, rest) = letter.split_first().ok_or(DeadLetterError::Format)?;
    if *version != VERSION || rest.len() < NONCE_LEN {
        return Err(DeadLetterError::Format);
    }
    let (nonce, sealed) = rest.split_at(NONCE_LEN);
    let opened = roots.iter().find_map(|root| {
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = key_of(root).ok()?.open_in_place(nonce, Aad::from([VERSION]), &mut sealed).ok()?;
        Some(plain.to_vec())
    });
    let plain = opened.ok_or(DeadLetterError::Key)?;
    let (length, rest) = plain.split_first_chunk::<4>().ok_or(DeadLetterError::Format)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (key, payload) = rest.split_at_checked(length).ok_or(DeadLetterError::Format)?;
    Ok((key.to_vec(), payload.to_vec()))
}

fn key_of(root: &RootKey) -> Result<LessSafeKey, KafkaError> {
    let key = UnboundKey::new(&AES_256_GCM, root.derive(PURPOSE).as_slice());
    key.map(LessSafeKey::new).map_err(|_| KafkaError::Canceled)
}
