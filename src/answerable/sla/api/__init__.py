"""The HTTP interface of promises, escalations, calendars and policies."""

from answerable.sla.api import clocks, terms

ROUTES = (*clocks.ROUTES, *terms.ROUTES)
