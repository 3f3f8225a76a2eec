"""The manifest of the users feature."""

from answerable.kernel.manifest import Feature


def feature() -> Feature:
    """Return what the users feature offers."""
    return Feature("users")
