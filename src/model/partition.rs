//! Where producers put a key: the hashes that are in use, and the partition that a trace has by them.

use super::TraceId;

/// A hash: the partition of a key, among so many.
pub type PartitionHash = fn(&[u8], i32) -> i32;

/// Bytes of a key: a trace id in hex.
pub const TRACE_KEY_LEN: usize = 2 * TraceId::LEN;

/// Traces that are remembered while one request is looked at. Spans of a trace stand near one another, and a hash takes longer than a span
/// may cost.
const REMEMBERED: usize = 256;

/// The key of a trace: its id in lower-case hex, as the Collector writes it.
#[must_use]
pub fn trace_key(id: &TraceId) -> [u8; TRACE_KEY_LEN] {
    let mut key = [0; TRACE_KEY_LEN];
    data_encoding::HEXLOWER.encode_mut(&id.0, &mut key);
    key
}

/// The way of all who write to a topic: which hash, and how many partitions.
#[derive(Debug, Clone, Copy)]
pub struct Partitioner {
    /// Which hash of the key.
    pub hash: PartitionHash,
    /// How many partitions the topic has.
    pub partitions: i32,
}

impl Partitioner {
    /// The partition of a trace.
    #[must_use]
    pub fn of(&self, id: &TraceId) -> i32 {
        (self.hash)(&trace_key(id), self.partitions)
    }
}

/// What was found for the traces seen last, each in the one place that its id gives it. Ids that share a place are reckoned again.
#[derive(Debug)]
pub struct Recent<T> {
    places: [(TraceId, T); REMEMBERED],
}

impl<T: Copy + Default> Default for Recent<T> {
    fn default() -> Self {
        Self { places: [(TraceId::default(), T::default()); REMEMBERED] }
    }
}

impl<T: Copy> Recent<T> {
    /// What was `found` for a trace, which is looked for where it is not known. The id must not be zero.
    pub fn get(&mut self, id: &TraceId, found: impl FnOnce() -> T) -> T {
        // The last bytes are random wherever any are (W3C Trace Context, level 2).
        let Some(place) = self.places.get_mut(usize::from(id.0[TraceId::LEN - 1]) % REMEMBERED) else {
            return found();
        };
        if place.0 != *id {
            *place = (*id, found());
        }
        place.1
    }
}

/// Sarama's hash partitioner, which the Collector uses: FNV-1a of 32 bits, taken for a signed number, its remainder without
/// the sign (`sarama/partitioner.go`, `hashPartitioner.Partition`).
#[must_use]
pub fn sarama(key: &[u8], partitions: i32) -> i32 {
    let hash = key.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash.cast_signed() % partitions.max(1)).abs()
}

/// The default of the Java client: murmur2 with its sign bit cut off (`org.apache.kafka.common.utils.Utils.murmur2`, `toPositive`).
#[must_use]
pub fn murmur2(key: &[u8], partitions: i32) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut chunks = key.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes(chunk.try_into().unwrap_or_default()).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    (hash & 0x7fff_ffff).cast_signed() % partitions.max(1)
}

/// librdkafka's default: CRC-32, unsigned (`rd_kafka_msg_partitioner_consistent`).
#[must_use]
pub fn crc32(key: &[u8], partitions: i32) -> i32 {
    let hash = u64::from(crc32fast::hash(key));
    i32::try_from(hash % u64::from(partitions.max(1).unsigned_abs())).unwrap_or(0)
}

/// The hashes that are in use.
const HASHES: [PartitionHash; 3] = [sarama, murmur2, crc32];

/// Whether one of the hashes that are in use puts `key` into `partition`.
#[must_use]
pub fn follows(key: &[u8], partitions: i32, partition: i32) -> bool {
    HASHES.iter().any(|hash| hash(key, partitions) == partition)
}

/// Whether one and the same of them puts the keys of all these traces there. No id may be zero.
pub fn all_follow(ids: impl Iterator<Item = TraceId>, partitions: i32, partition: i32) -> bool {
    let mut left = HASHES.map(Some);
    let mut recent: Recent<()> = Recent::default();
    for id in ids {
        recent.get(&id, || {
            let key = trace_key(&id);
            left = left.map(|hash| hash.filter(|hash| hash(&key, partitions) == partition));
        });
        if left.iter().all(Option::is_none) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: u64) -> impl Iterator<Item = TraceId> {
        let spread = |number: u64| u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (1..=count).map(move |number| TraceId(spread(number).to_be_bytes()))
    }

    #[test]
    fn traces_follow_to_a_partition_by_one_hash_for_all_of_them() {
        for hash in HASHES {
            let partitioner = Partitioner { hash, partitions: 12 };
            let there = || ids(2000).filter(|id| partitioner.of(id) == 5);
            assert!(there().count() > 100);
            assert!(all_follow(there().chain(there()), 12, 5));
            let other = ids(5000).find(|id| !follows(&trace_key(id), 12, 5)).unwrap();
            assert!(!all_follow(there().chain([other]), 12, 5));
        }
        assert!(all_follow(std::iter::empty(), 12, 5));
    }

    #[test]
    fn what_was_found_for_a_trace_is_not_that_of_another_in_its_place() {
        let mut recent = Recent::default();
        let [one, other] = [1, 2].map(|first| TraceId([first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]));
        assert_eq!(recent.get(&one, || 1), 1);
        assert_eq!(recent.get(&other, || 2), 2);
        assert_eq!(recent.get(&other, || panic!("it is known")), 2);
        assert_eq!(recent.get(&one, || 3), 3, "found again");
    }

    #[test]
    fn murmur2_is_the_java_clients() {
        // The vectors of Kafka's `UtilsTest.testMurmur2`.
        for (key, hash) in [("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)]
        {
            assert_eq!(murmur2(key.as_bytes(), i32::MAX), (hash & 0x7fff_ffff) % i32::MAX, "{key}");
        }
    }

    #[test]
    fn saramas_hash_is_fnv_1a_without_its_sign() {
        // FNV-1a of the empty text is its offset basis, 0x811c9dc5 = -2128831035; of "a" it is 0xe40c292c = -468965076.
        assert_eq!(sarama(b"", 100), 35);
        assert_eq!(sarama(b"a", 100), 76);
        assert_eq!(sarama(b"foobar", 1000), (0xbf9c_f968_u32.cast_signed() % 1000).abs());
    }

    #[test]
    fn crc32_is_librdkafkas() {
        // The check value of CRC-32 (ISO-HDLC).
        assert_eq!(crc32(b"123456789", i32::MAX), i32::try_from(0xcbf4_3926_u64 % 0x7fff_ffff).unwrap());
    }
}
