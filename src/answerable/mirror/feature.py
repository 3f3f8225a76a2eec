"""The manifest of the mirror."""

from collections.abc import Sequence

from answerable.infra.bus.follower import Follower
from answerable.kernel.manifest import Feature
from answerable.mirror.cli import mirror
from answerable.mirror.consumers import MirrorFollower
from answerable.mirror.store import open_store
from answerable.settings import Settings


def feature() -> Feature:
    """Return what the mirror offers to every desk: its commands."""
    return Feature("mirror", commands=(mirror,))


def follower(settings: Settings, services: Sequence[str]) -> Follower:
    """Return who follows the event stream for the mirror, in a process that runs ``services`` (none: all).

    Raises ``Invalid`` where no address is set, for one that cannot be used, and where PyMongo is not installed.
    """
    return MirrorFollower(open_store(settings, services))
