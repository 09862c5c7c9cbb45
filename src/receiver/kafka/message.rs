//! One message: its payload as a request, or why it cannot be read.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Headers as _};

use super::super::counts;
use super::dead::DeadLetters;
use super::offsets::Claim;
use crate::config::{HeaderExtraction, LogEncoding, OtlpEncoding};
use crate::model::partition::{all_follow, follows, trace_key};
use crate::model::{Budget, Entry, Origin, Permit, Signal, Tenant, Timestamp};
use crate::otlp::{self, Limits, LogBody, LogContext};
use crate::receiver::Incoming;
use crate::telemetry::names;

/// What a message takes besides its bytes.
const MESSAGE_COST: usize = 256;

/// How the messages of a topic are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Otlp(OtlpEncoding),
    Log(LogEncoding),
}

/// A topic that is read.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    /// How many partitions it has.
    pub(super) partitions: i32,
    pub(super) headers: HeaderExtraction,
}

/// A message, copied out of the client's memory.
#[derive(Debug)]
pub struct Message {
    /// The lane: the number of its partition.
    pub lane: i32,
    /// Which of the lane's partitions it came from, by place in [`LaneStart::parts`](super::LaneStart::parts).
    pub part: usize,
    /// Its time in the lane: the broker's timestamp, which never goes back within a partition.
    pub at: Timestamp,
    /// Keeps its offset from being committed. On none where it was committed before, and is read once more.
    pub claim: Claim,
    pub(super) topic: Arc<Topic>,
    pub(super) offset: i64,
    pub(super) key: Option<Bytes>,
    pub(super) payload: Option<Bytes>,
    pub(super) headers: Vec<(String, Bytes)>,
    pub(super) dead: Option<Arc<DeadLetters>>,
    /// Its bytes among those that are fetched and not taken in.
    pub(super) fetched: Arc<Permit>,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Poison {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

impl Message {
    /// A copy of what librdkafka holds, counted among what is `fetched`.
    pub(super) fn copied(
        message: &BorrowedMessage<'_>,
        part: usize,
        at: Timestamp,
        origin: Option<Origin>,
        topic: &Arc<Topic>,
        dead: Option<Arc<DeadLetters>>,
        fetched: &Budget,
    ) -> Self {
        let payload = message.payload().map(Bytes::copy_from_slice);
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let pair = |header: rdkafka::message::Header<'_, &[u8]>| {
                (header.key.to_owned(), header.value.map(Bytes::copy_from_slice).unwrap_or_default())
            };
            headers.iter().map(pair).collect()
        });
        Self {
            lane: message.partition(),
            part,
            at,
            claim: Claim::on(origin),
            topic: Arc::clone(topic),
            offset: message.offset(),
            key: message.key().map(Bytes::copy_from_slice),
            fetched: Arc::new(fetched.take_anyway(payload.as_ref().map_or(0, Bytes::len) + MESSAGE_COST)),
            payload,
            headers,
            dead,
        }
    }

    /// The request in it. `None` if there is none, which has been counted then, and set aside where that is configured.
    pub fn read(&self) -> Option<Incoming> {
        match self.request() {
            Ok(incoming) => {
                self.count(&incoming);
                (!incoming.entries.is_empty()).then_some(incoming)
            }
            Err(poison) => {
                self.set_aside(&poison);
                None
            }
        }
    }

    pub(super) fn request(&self) -> Result<Incoming, Poison> {
        let signal = self.topic.signal;
        let poison = |reason, detail: String| Poison { reason, detail };
        // A tombstone: what compaction leaves of a key. Nothing is lost with it.
        let Some(payload) = self.payload.clone() else { return Err(poison("tombstone", "no payload".to_owned())) };
        let limits = Limits::default();
        let bytes = match self.topic.encoding {
            Encoding::Otlp(OtlpEncoding::OtlpProto) | Encoding::Log(LogEncoding::OtlpProto) => payload,
            Encoding::Otlp(OtlpEncoding::OtlpJson) | Encoding::Log(LogEncoding::OtlpJson) => {
                let read = otlp::from_json(signal, &payload, &limits);
                Bytes::from(read.map_err(|error| poison("undecodable", error.to_string()))?)
            }
            Encoding::Log(encoding) => {
                let body = match encoding {
                    LogEncoding::Text => LogBody::Text(String::from_utf8_lossy(&payload).into_owned()),
                    LogEncoding::Json => LogBody::Json(
                        serde_json::from_slice(&payload)
                            .map_err(|error| poison("undecodable", format!("not JSON at line {}", error.line())))?,
                    ),
                    _ => LogBody::Bytes(payload.to_vec()),
                };
                Bytes::from(otlp::write_log(body, &self.context()))
            }
        };
        let extracted = self.extracted();
        let bytes = if extracted.is_empty() {
            bytes
        } else {
            let with = otlp::with_resource_attributes(&bytes, &extracted);
            Bytes::from(with.map_err(|error| poison("undecodable", error.to_string()))?)
        };
        let scan = otlp::scan(signal, &bytes, &limits).map_err(|error| poison("undecodable", error.to_string()))?;
        let rejected = scan.rejected.trace_id + scan.rejected.span_id;
        if rejected > 0 {
            metrics::counter!(
                names::RECEIVER_REJECTED_RECORDS,
                "transport" => "kafka", "signal" => signal.as_str(), "reason" => "id"
            )
            .increment(rejected);
        }
        Ok(Incoming { tenant: Tenant::default(), signal, bytes, wire: None, entries: scan.entries })
    }

    /// The trace that a message of text speaks of.
    fn context(&self) -> LogContext {
        let parent = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent"));
        let (trace_id, span_id) = parent.and_then(|(_, value)| otlp::traceparent(value)).unwrap_or_default();
        LogContext { trace_id, span_id, observed: self.at }
    }

    /// Headers that are to be attributes.
    fn extracted(&self) -> Vec<(String, String)> {
        let HeaderExtraction { extract_headers, headers } = &self.topic.headers;
        if !extract_headers {
            return Vec::new();
        }
        let wanted = self.headers.iter().filter(|(name, _)| headers.contains(name));
        wanted
            .map(|(name, value)| (format!("kafka.header.{name}"), String::from_utf8_lossy(value).into_owned()))
            .collect()
    }

    fn count(&self, incoming: &Incoming) {
        let signal = incoming.signal.as_str();
        metrics::counter!(names::RECEIVER_ACCEPTED_RECORDS, "transport" => "kafka", "signal" => signal)
            .increment(incoming.entries.len() as u64);
        counts::accepted("kafka", "kafka", incoming.signal, incoming.entries.len() as u64);
        if let Some(reason) = self.misrouted(&incoming.entries) {
            metrics::counter!(names::KAFKA_MISROUTED_MESSAGES, "topic" => self.topic.name.clone(), "reason" => reason)
                .increment(1);
        }
    }

    /// Why the records of a message may not be where the others of their trace are. Its partition must follow from its trace, and so must
    /// its key. A message of several traces, or without a key, is well where the partition follows from each of them: that is how those
    /// write that make one message of all that goes to a partition.
    pub(super) fn misrouted(&self, entries: &[Entry]) -> Option<&'static str> {
        let (partitions, partition) = (self.topic.partitions, self.lane);
        let ids = || entries.iter().map(|entry| entry.head.trace_id).filter(|id| !id.is_zero());
        let first = ids().next()?;
        let is_one = ids().all(|id| id == first);
        match self.key.as_deref().filter(|key| !key.is_empty()) {
            Some(key) if is_one && key != trace_key(&first) => Some("other_key"),
            Some(key) if is_one => (!follows(key, partitions, partition)).then_some("other_partition"),
            _ if all_follow(ids(), partitions, partition) => None,
            _ => Some(if is_one { "no_key" } else { "several_traces" }),
        }
    }

    fn set_aside(&self, poison: &Poison) {
        metrics::counter!(
            names::KAFKA_POISON_MESSAGES,
            "topic" => self.topic.name.clone(), "reason" => poison.reason
        )
        .increment(1);
        if poison.reason == "tombstone" {
            return;
        }
        // The detail says where it is malformed, and quotes nothing.
        tracing::warn!(
            topic = self.topic.name,
            partition = self.lane,
            offset = self.offset,
            error = poison.detail,
            "a message cannot be read and is passed over"
        );
        if let Some(dead) = &self.dead {
            dead.send(self, poison);
        }
    }
}

/// A message of a topic in OTLP's protobuf, for tests of what works on lanes.
#[cfg(test)]
pub(crate) fn test_message(
    signal: Signal,
    part: usize,
    at: Timestamp,
    origin: Option<Origin>,
    payload: Bytes,
) -> Message {
    let topic = Topic {
        name: signal.as_str().to_owned(),
        signal,
        encoding: Encoding::Otlp(OtlpEncoding::OtlpProto),
        partitions: 1,
        headers: HeaderExtraction::default(),
    };
    let fetched = Budget::new(0).take_anyway(payload.len());
    Message {
        lane: 0,
        part,
        at,
        claim: Claim::on(origin),
        topic: Arc::new(topic),
        offset: 0,
        key: None,
        payload: Some(payload),
        headers: Vec::new(),
        dead: None,
        fetched: Arc::new(fetched),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::partition::{Partitioner, crc32, murmur2, sarama};
    use crate::model::{ByteRange, Head, TraceId};

    const PARTITIONS: i32 = 12;

    fn ids() -> impl Iterator<Item = TraceId> {
        let spread = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (1..5000).map(move |number| TraceId(spread(number).to_be_bytes()))
    }

    /// Why a message in partition 7 with this key is misrouted, if it is.
    fn misrouted(key: Option<&TraceId>, ids: &[TraceId]) -> Option<&'static str> {
        let topic = Topic {
            name: "spans".to_owned(),
            signal: Signal::Traces,
            encoding: Encoding::Otlp(OtlpEncoding::OtlpProto),
            partitions: PARTITIONS,
            headers: HeaderExtraction::default(),
        };
        let message = Message {
            lane: 7,
            topic: Arc::new(topic),
            key: key.map(|id| Bytes::copy_from_slice(&trace_key(id))),
            ..test_message(Signal::Traces, 0, Timestamp(0), None, Bytes::new())
        };
        let none = ByteRange::default();
        let entry = |id: &TraceId| Entry {
            head: Head { trace_id: *id, ..Head::default() },
            resource: none,
            scope: none,
            metric: none,
            body: none,
        };
        message.misrouted(&ids.iter().map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn messages_of_all_traces_of_a_partition_are_where_they_belong() {
        for hash in [sarama, murmur2, crc32] {
            let partitioner = Partitioner { hash, partitions: PARTITIONS };
            let there: Vec<TraceId> = ids().filter(|id| partitioner.of(id) == 7).take(50).collect();
            let elsewhere = ids().find(|id| !follows(&trace_key(id), PARTITIONS, 7)).unwrap();
            let none = TraceId::default();
            assert_eq!(misrouted(None, &there), None);
            assert_eq!(misrouted(None, &[there[0], none, there[1], there[0]]), None);
            assert_eq!(misrouted(Some(&there[0]), &there), None, "a key changes nothing");
            assert_eq!(misrouted(None, &there[..1]), None);
            assert_eq!(misrouted(None, &[there[0], elsewhere]), Some("several_traces"));
            assert_eq!(misrouted(Some(&there[0]), &[there[0], elsewhere]), Some("several_traces"));
            assert_eq!(misrouted(None, &[elsewhere, none]), Some("no_key"));
            assert_eq!(misrouted(None, &[none, none]), None, "of no trace");
            assert_eq!(misrouted(Some(&there[0]), &there[..1]), None);
            assert_eq!(misrouted(Some(&there[0]), &there[1..2]), Some("other_key"));
            assert_eq!(misrouted(Some(&elsewhere), &[elsewhere]), Some("other_partition"));
        }
    }

    #[test]
    fn traces_that_are_there_by_several_hashes_were_not_put_there_by_one() {
        let only = |hash: fn(&[u8], i32) -> i32, other: fn(&[u8], i32) -> i32| {
            let is_only = |id: &TraceId| {
                let key = trace_key(id);
                let there = [hash, other, crc32].map(|hash| hash(&key, PARTITIONS) == 7);
                there == [true, false, false]
            };
            ids().find(is_only).unwrap()
        };
        assert_eq!(misrouted(None, &[only(sarama, murmur2), only(murmur2, sarama)]), Some("several_traces"));
    }
}
