"""Pages for those who manage: the dashboard, and the reports."""

from answerable.reporting.pages import dashboard, reports

ROUTES = [*dashboard.ROUTES, *reports.ROUTES]
