"""Live signals: ``GET /api/live`` tells browsers what to read again, and nothing else."""

from answerable.gateway.live.handler import live
from answerable.gateway.live.hub import Hub

__all__ = ["Hub", "live"]
