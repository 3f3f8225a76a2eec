"""The HTTP interface of promises, escalations, calendars and policies."""

from answerable.sla.api import clocks, reports, terms

ROUTES = (*clocks.ROUTES, *terms.ROUTES, *reports.ROUTES)
