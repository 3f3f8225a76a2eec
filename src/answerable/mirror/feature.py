"""The manifest of the mirror."""

from answerable.infra.bus.follower import Follower
from answerable.kernel.manifest import Feature
from answerable.mirror.cli import mirror
from answerable.mirror.consumers import MirrorFollower
from answerable.mirror.store import open_store
from answerable.settings import Settings


def feature() -> Feature:
    """Return what the mirror offers to every desk: its commands."""
    return Feature("mirror", commands=(mirror,))


def follower(settings: Settings) -> Follower | None:
    """Return who follows the event stream for the mirror, ``None`` where none is set.

    Raises ``Invalid`` for an address that cannot be used, and where PyMongo is not installed.
    """
    if not settings.mirror.url:
        return None
    return MirrorFollower(open_store(settings.mirror.url, settings.mirror.timeout_seconds))
