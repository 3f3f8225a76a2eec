"""The bus: an outbox per service, an inbox per consumer, and a wire between them (this process, or Kafka)."""
