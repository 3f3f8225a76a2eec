"""The switch: the bus for a set of settings, and where everything that was said can be read again."""

from collections.abc import Iterable, Sequence

from answerable.infra.bus.history import History, OutboxHistory
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


def open_history(settings: Settings, database: Store, types: Iterable[str]) -> History:
    """Return what was said, for the messages of some types.

    Raises ``Invalid`` for settings that cannot work.
    """
    if not settings.bus.servers:
        return OutboxHistory(database)
    from answerable.infra.bus.kafka.history import TopicsHistory  # noqa: PLC0415  # as above

    return TopicsHistory(settings.bus, types)
