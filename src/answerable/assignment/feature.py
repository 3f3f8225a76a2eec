"""The manifest of the assignment feature."""

from answerable.kernel.manifest import Feature


def feature() -> Feature:
    """Return what the assignment feature offers."""
    return Feature("assignment")
