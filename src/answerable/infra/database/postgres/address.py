"""Where the database is: ``postgresql://user@host/name``, one host or several."""

import hashlib
from urllib.parse import parse_qsl, urlsplit

from answerable.kernel.errors import Invalid

SCHEMES = ("postgresql", "postgres")
_LONGEST = 63  # bytes of a name in PostgreSQL


def is_postgres(url: str) -> bool:
    """Tell whether an address names a PostgreSQL database."""
    return url.partition("://")[0] in SCHEMES and "://" in url


def check_address(url: str) -> str:
    """Return an address that can be used. Raises ``Invalid``, which never holds the address: it may have a password."""
    wrong = "storage.database: must be like postgresql://user:password@host:5432/name, or empty for SQLite."
    try:
        url.encode()  # half a letter, of a variable that is not UTF-8, can be sent nowhere
        parts = urlsplit(url)
        parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise Invalid(wrong) from None
    if parts.scheme not in SCHEMES or not parts.path.strip("/"):
        raise Invalid(wrong)
    return url


def check_schema(name: str) -> str:
    """Return a schema's name that needs no quoting. Raises ``Invalid`` for any other."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and not name[0].isdigit()
    if not plain or len(name) > _LONGEST or name.startswith("pg_"):
        raise Invalid("storage.schema: must be small letters, digits and _, and not begin with a digit or pg_.")
    return name


def lock_key(schema: str, what: str) -> int:
    """Return the number of an advisory lock: of this schema's writers, its leader or its migrations."""
    digest = hashlib.sha256(f"answerable {schema} {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
