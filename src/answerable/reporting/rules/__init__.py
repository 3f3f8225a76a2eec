"""What a report counts, and what each figure means."""

from answerable.reporting.rules.facts import AgentTally, Facts, Tally, movement, movement_of_agents, tally_of
from answerable.reporting.rules.figures import Figures, figures, mean_minutes, median_minutes, median_place, share_kept
from answerable.reporting.rules.steps import MOST_STEPS, Edges, edges_of

__all__ = [
    "MOST_STEPS",
    "AgentTally",
    "Edges",
    "Facts",
    "Figures",
    "Tally",
    "edges_of",
    "figures",
    "mean_minutes",
    "median_minutes",
    "median_place",
    "movement",
    "movement_of_agents",
    "share_kept",
    "tally_of",
]
