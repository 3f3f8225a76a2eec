"""Pages about who works on what: for agents (``own``), and for those who give tickets to them (``board``)."""

from answerable.assignment.pages import board, own

ROUTES = [*own.ROUTES, *board.ROUTES]
