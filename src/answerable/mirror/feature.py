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


def follower(settings: Settings) -> Follower:
    """Return who follows the event stream for the mirror.

    Raises ``Invalid`` where no address is set, for one that cannot be used, and where PyMongo is not installed.
    """
    return MirrorFollower(open_store(settings.mirror.url, settings.mirror.timeout_seconds))
