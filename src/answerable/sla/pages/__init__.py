"""Pages about promises: for managers, what presses and what is promised (``pressing``)."""

from answerable.sla.pages import pressing

ROUTES = [*pressing.ROUTES]
