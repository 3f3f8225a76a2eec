"""The manifest of the gateway feature."""

from answerable.kernel.manifest import Feature


def feature() -> Feature:
    """Return what the gateway feature offers."""
    return Feature("gateway")
