"""Pages about who works on what: for those who give tickets to agents (``board``)."""

from answerable.assignment.pages import board

ROUTES = [*board.ROUTES]
