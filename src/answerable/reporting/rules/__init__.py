"""What a report counts, and what each figure means."""

from answerable.reporting.rules.facts import Facts, Tally, movement, tally_of
from answerable.reporting.rules.figures import Figures, figures, mean_minutes, median_minutes, median_place
from answerable.reporting.rules.span import ALWAYS, Span, read_span

__all__ = [
    "ALWAYS",
    "Facts",
    "Figures",
    "Span",
    "Tally",
    "figures",
    "mean_minutes",
    "median_minutes",
    "median_place",
    "movement",
    "read_span",
    "tally_of",
]
