"""The desk's secret: given by settings, or made at first start and kept in the data folder."""

import os
import secrets
from pathlib import Path

from answerable.kernel.errors import Invalid
from answerable.settings import Settings

FILE = "secret"
SHORTEST = 32
KNOWN = frozenset({"changeme", "secret", "password", "test", "example", "answerable"})


def with_secret(settings: Settings) -> Settings:
    """Return the settings with a secret in them.

    Raises ``Invalid`` for a short, repeated or well-known secret, and where none can be kept.
    """
    if settings.peers.secret:
        check_secret(settings.peers.secret, "peers.secret")
    if settings.storage.secret:
        check_secret(settings.storage.secret)
        return settings
    path = Path(settings.storage.data_dir) / FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            made = path.with_name(f"{FILE}.{os.getpid()}")
            with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(made, path)  # the first one wins, also between two processes
            except FileExistsError:
                pass
            finally:
                made.unlink()
        secret = path.read_text().strip()
    except OSError as error:
        raise Invalid(f"storage.data_dir: the secret cannot be kept in {path} ({error.strerror}).") from error
    check_secret(secret)
    return settings.with_values(str(path), storage__secret=secret)


def has_secret(settings: Settings) -> bool:
    """Tell whether the desk has a secret already, in its settings or in its folder."""
    return bool(settings.storage.secret) or (Path(settings.storage.data_dir) / FILE).exists()


def is_of_folder(settings: Settings) -> bool:
    """Tell whether the secret, which ``with_secret`` has put in, is the one made in the data folder."""
    return settings.origins.get("storage.secret") == str(Path(settings.storage.data_dir) / FILE)


def fits_secret(settings: Settings) -> bool:
    """Tell whether a folder has the secret of a desk that moves there, or none."""
    path = Path(settings.storage.data_dir) / FILE
    return not path.exists() or path.read_text().strip() == settings.storage.secret


def keep_secret(settings: Settings) -> None:
    """Keep the secret of a desk that moves in its new folder, unless that has one."""
    path = Path(settings.storage.data_dir) / FILE
    if not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(settings.storage.secret)


def check_secret(secret: str, name: str = "storage.secret") -> None:
    """Raise ``Invalid`` where a secret is too short or easy to guess. The secret itself is never in the message."""
    if len(secret) < SHORTEST:
        raise Invalid(f"{name}: must have at least {SHORTEST} characters.")
    lowered = secret.lower()
    if len(set(secret)) < 10 or any(
        lowered.startswith(word * 2) or lowered.strip("0123456789-_!. ") == word for word in KNOWN
    ):
        advice = "leave it empty and the desk makes one" if name == "storage.secret" else "take a random one"
        raise Invalid(f"{name}: is easy to guess; {advice}.")
