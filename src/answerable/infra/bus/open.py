"""The switch: the bus for a set of settings."""

from collections.abc import Sequence

from answerable.infra.bus.local import LocalBus
from answerable.infra.bus.port import Bus, Store
from answerable.kernel.manifest import Feature
from answerable.settings import Settings


def open_bus(settings: Settings, database: Store, features: Sequence[Feature]) -> Bus:
    """Return the bus of this process; it does nothing before it is started.

    Raises ``Invalid`` for settings that cannot work.
    """
    if not settings.bus.servers:
        return LocalBus(database, features)
    from answerable.infra.bus.kafka import KafkaBus  # noqa: PLC0415  # a desk without Kafka starts without it

    return KafkaBus(settings.bus, database, features)
