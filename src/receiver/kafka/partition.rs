//! Where producers put a key: the hashes that are in use.

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

/// Whether one of the hashes that are in use puts `key` into `partition`.
#[must_use]
pub(super) fn follows(key: &[u8], partitions: i32, partition: i32) -> bool {
    [sarama, murmur2, crc32].iter().any(|hash| hash(key, partitions) == partition)
}

#[cfg(test)]
mod tests {
    use super::*;

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
