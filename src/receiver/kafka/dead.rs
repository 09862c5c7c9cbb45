//! Messages that cannot be read, set aside in a topic of their own.
//!
//! They hold unredacted data, so they are encrypted (AES-256-GCM) with a key derived from the root key. [`open_dead_letter`] is the
//! way back. An offset is not committed before its message is there.

use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::client;
use super::message::{Message, Poison};
use crate::config::KafkaReceiver;
use crate::model::{Origin, RootKey};

/// What the key is derived for.
const PURPOSE: &str = "casefile/kafka/dead-letter/1";
/// The first byte of a message: how the rest is written.
const VERSION: u8 = 1;
/// How long a full queue is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

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
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// Hears whether a dead letter has arrived.
struct Delivery;

impl ClientContext for Delivery {}

impl ProducerContext for Delivery {
    type DeliveryOpaque = Box<Option<Origin>>;

    fn delivery(&self, result: &DeliveryResult<'_>, origin: Self::DeliveryOpaque) {
        if let Err((error, _)) = result {
            tracing::error!(%error, "a message that cannot be read could not be set aside; it will be read again");
            carry(origin.as_ref().as_ref());
        }
    }
}

fn carry(origin: Option<&Origin>) {
    if let Some(origin) = origin {
        origin.keeper.carried();
    }
}

impl DeadLetters {
    /// For the topic that `config` names, if it names one.
    pub(super) fn open(config: &KafkaReceiver, root: &RootKey) -> Result<Option<Self>, KafkaError> {
        let Some(dead_letter) = &config.dead_letter else { return Ok(None) };
        let mut settings = client::settings(config.connection());
        settings
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.kbytes", "65536");
        let producer = settings.create_with_context(Delivery)?;
        Ok(Some(Self { topic: dead_letter.topic.clone(), key: key_of(root)?, producer }))
    }

    /// Sends a message there. It keeps the message's offset until it has arrived.
    pub(super) fn send(&self, message: &Message, poison: &Poison) {
        let Some(sealed) = self.seal(message) else {
            tracing::error!("a message that cannot be read could not be encrypted; it will be read again");
            carry(message.origin.as_ref());
            return;
        };
        let place = format!("{}/{}/{}", message.topic.name, message.lane, message.offset);
        let headers = OwnedHeaders::new()
            .insert(Header { key: "casefile.place", value: Some(place.as_bytes()) })
            .insert(Header { key: "casefile.reason", value: Some(poison.reason.as_bytes()) });
        let mut record =
            BaseRecord::<(), [u8], Box<Option<Origin>>>::with_opaque_to(&self.topic, Box::new(message.origin.clone()))
                .payload(&sealed)
                .headers(headers);
        let begin = Instant::now();
        while let Err((error, refused)) = self.producer.send(record) {
            let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            if !full || begin.elapsed() > PATIENCE {
                tracing::error!(%error, "a message that cannot be read could not be set aside; it will be read again");
                carry(message.origin.as_ref());
                return;
            }
            record = refused;
            std::thread::sleep(Duration::from_millis(20));
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
