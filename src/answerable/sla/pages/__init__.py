"""Pages about promises: of one ticket (``panel``), and what presses and is promised, for managers (``pressing``)."""

from answerable.sla.pages import panel, pressing

ROUTES = [*panel.ROUTES, *pressing.ROUTES]
