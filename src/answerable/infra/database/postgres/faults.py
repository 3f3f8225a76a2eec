"""What people are told while the server is away, and one line in the log for each time it is."""

import structlog

from answerable.infra.database.errors import OutcomeUnknown, StorageFault
from answerable.infra.database.postgres.writer import Doubt

_log = structlog.get_logger(__name__)


class Faults:
    """Whether the store of a process works, as far as it has noticed."""

    def __init__(self, place: str) -> None:
        """Name the ``place`` in the log."""
        self._place = place
        self._faulty = False

    def met(self, error: BaseException) -> StorageFault:
        """Return what whoever waits is told of an error of the store; the first one is logged."""
        if isinstance(error, StorageFault):
            return error
        if not self._faulty:
            _log.error("storage fault", error=f"{type(error).__name__}: {error}", place=self._place)
        self._faulty = True
        return OutcomeUnknown(str(error)) if isinstance(error, Doubt) else StorageFault(str(error))

    def over(self) -> None:
        """Note that it works."""
        if self._faulty:
            self._faulty = False
            _log.info("storage recovered")
