"""Reads for screens and lists, and the audit."""

from answerable.sla.queries.clocks import audit, gauges

__all__ = ["audit", "gauges"]
