"""The bus over Kafka: the outbox is relayed to topics, each feature is a consumer group. Nothing else has aiokafka."""

from answerable.infra.bus.kafka.bus import KafkaBus

__all__ = ["KafkaBus"]
