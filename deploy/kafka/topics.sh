#!/bin/sh
# Makes the topics that Collectors or gateways write to and Casefile reads:
#
#     KAFKA_BROKERS=kafka:9092 PARTITIONS=100 deploy/kafka/topics.sh
#
# Further words are handed on to kafka-topics.sh: --command-config client.properties.
set -eu
: "${KAFKA_BROKERS:?set it to host:port}"
partitions=${PARTITIONS:-100}
replicas=${REPLICAS:-3}
in_sync=${IN_SYNC:-2}
# At least the longest outage of Casefile or of its store that must cost nothing, and then the time to catch up.
retention_hours=${RETENTION_HOURS:-24}

# topic NAME PARTITIONS [SETTING...]
topic() {
  name=$1 count=$2
  shift 2
  kafka-topics.sh --bootstrap-server "$KAFKA_BROKERS" --create --topic "$name" --partitions "$count" \
    --replication-factor "$replicas" --config min.insync.replicas="$in_sync" --config cleanup.policy=delete "$@"
}

# Both the same number: partition p of the one and of the other are lane p. LogAppendTime: windows close by the brokers' clocks, which
# agree, and not by those of whoever produces. segment.ms: retention removes whole segments only.
for name in otlp_spans otlp_logs; do
  topic "$name" "$partitions" --config message.timestamp.type=LogAppendTime --config segment.ms=3600000 \
    --config retention.ms="$((retention_hours * 3600000))" "$@"
done
# Messages that could not be read, encrypted; a week to look at them.
topic casefile_dead_letters 1 --config retention.ms=604800000 "$@"
