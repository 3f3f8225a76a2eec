"""Pages about promises: of one ticket (``panel``), what presses (``pressing``), ``reports``; what is promised, to be
changed (``terms``), and a draft of it over the real history (``backtest``).
"""

from answerable.sla.pages import backtest, panel, pressing, reports, terms

ROUTES = [*panel.ROUTES, *pressing.ROUTES, *terms.ROUTES, *backtest.ROUTES, *reports.ROUTES]
