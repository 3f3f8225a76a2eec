"""The manifest of the notifications feature."""

from answerable.kernel.manifest import Feature


def feature() -> Feature:
    """Return what the notifications feature offers."""
    return Feature("notifications")
