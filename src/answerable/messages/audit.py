"""What every feature says when somebody does an administrative act. The users feature keeps the audit log."""

from typing import Any, ClassVar

import msgspec

from answerable.messages.base import Command


class RecordAct(Command, frozen=True, kw_only=True):
    """Keep in the audit log what the sender of this command has just done, with who and when from its envelope.

    ``act`` is one of the sender's manifest (``acts``), such as ``CATEGORIES_CHANGED``; ``about`` the kind of thing that
    it was done to, ``about_id`` its id and ``named`` what people call it. ``changes`` is field -> [before, after]. No
    password, token or key is ever part of it.
    """

    TOPIC: ClassVar[str] = "answerable.users.commands"
    TYPE: ClassVar[str] = "RECORD_ACT"
    act: str
    about: str
    about_id: str = ""
    named: str = ""
    changes: dict[str, list[Any]] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return the kind of thing that was acted on."""
        return self.about
