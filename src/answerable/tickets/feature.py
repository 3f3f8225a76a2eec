"""The manifest of the tickets feature."""

from answerable.kernel.manifest import Feature


def feature() -> Feature:
    """Return what the tickets feature offers."""
    return Feature("tickets")
