"""Pages about who works on what: for those who give tickets to agents (``board``), and an agent's own ``switch``."""

from answerable.assignment.pages import board, switch

ROUTES = [*board.ROUTES, *switch.ROUTES]
