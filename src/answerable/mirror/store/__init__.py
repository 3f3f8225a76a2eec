"""The far side: a MongoDB database. PyMongo is loaded only where a mirror is wanted."""

from typing import TYPE_CHECKING

from answerable.kernel.errors import Invalid

if TYPE_CHECKING:
    from answerable.mirror.store.mongodb import MongoDB

NO_ADDRESS = "No mirror is set. Name it with --mirror mongodb://HOST/DATABASE, or with the setting mirror.url."
NO_EXTRA = "The mirror needs PyMongo, which is not installed. Install answerable[mongodb]."


def open_store(url: str, seconds: float) -> "MongoDB":
    """Return the database at ``url``, not yet connected; an operation waits for ``seconds`` at most.

    Raises ``Invalid`` for no address, for one that cannot be used, and where PyMongo is not installed.
    """
    if not url:
        raise Invalid(NO_ADDRESS)
    try:
        from answerable.mirror.store.mongodb import MongoDB  # noqa: PLC0415 -- a desk without a mirror does without
    except ModuleNotFoundError as error:
        raise Invalid(NO_EXTRA) from error
    return MongoDB(url, seconds)
