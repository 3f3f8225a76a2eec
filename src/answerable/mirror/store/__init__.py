"""The far side: a MongoDB database. PyMongo is loaded only where a mirror is wanted."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

from answerable.infra.secret import is_of_folder
from answerable.kernel.errors import Invalid
from answerable.settings import Settings

if TYPE_CHECKING:
    from answerable.mirror.store.mongodb import MongoDB

NO_ADDRESS = "No mirror is set. Name it with --mirror mongodb://HOST/DATABASE, or with the setting mirror.url."
NO_EXTRA = "The mirror needs PyMongo, which is not installed. Install answerable[mongodb]."


def open_store(settings: Settings, services: Sequence[str] = ()) -> "MongoDB":
    """Return the database at ``mirror.url``, not yet connected, for a process that runs ``services`` (none: all).

    Raises ``Invalid`` for no address, for one that cannot be used, and where PyMongo is not installed.
    """
    if not settings.mirror.url:
        raise Invalid(NO_ADDRESS)
    try:
        from answerable.mirror.store.mongodb import MongoDB  # noqa: PLC0415 -- a desk without a mirror does without
    except ModuleNotFoundError as error:
        raise Invalid(NO_EXTRA) from error
    return MongoDB(settings.mirror.url, settings.mirror.timeout_seconds, desk_of(settings, services))


def desk_of(settings: Settings, services: Sequence[str] = ()) -> str:
    """Return by what a mirror knows its desk: a digest made with the desk's secret, which tells nothing of that.

    All processes of a desk share the secret, and it goes along when a desk moves or is restored. Where services run
    apart, one that was made in a folder is only that folder's: then nothing is known, and this is empty.
    """
    if services and is_of_folder(settings):
        return ""
    return hmac.new(settings.storage.secret.encode(), b"mirror desk", hashlib.sha256).hexdigest()
