"""The manifest of the sla feature."""

from answerable.kernel.manifest import Feature


def feature() -> Feature:
    """Return what the sla feature offers."""
    return Feature("sla")
