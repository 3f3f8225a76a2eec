"""The manifest of the reporting feature."""

from answerable.kernel.manifest import Feature


def feature() -> Feature:
    """Return what the reporting feature offers."""
    return Feature("reporting")
