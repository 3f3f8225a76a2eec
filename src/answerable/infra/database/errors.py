"""What can go wrong below the features."""

from answerable.kernel.errors import Unavailable


class StorageFault(Unavailable):
    """The store cannot take or give data right now: disk full, file read-only, locked, unreachable."""

    def __init__(self, detail: str) -> None:
        """Keep ``detail`` for the log; callers of the API see a general sentence."""
        super().__init__(
            "The desk cannot store anything right now. Nothing was changed; please try again soon.", retry_after=2
        )
        self.detail = detail
