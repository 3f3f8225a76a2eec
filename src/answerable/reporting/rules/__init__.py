"""What a report counts, and what each figure means."""

from answerable.reporting.rules.durations import (
    EVERYBODY,
    RESOLUTION,
    RESPONSE,
    Lasted,
    least_of,
    middle_in,
    middle_of,
    movement_of_durations,
    step_of,
)
from answerable.reporting.rules.facts import AgentTally, Facts, Tally, movement, movement_of_agents, tally_of
from answerable.reporting.rules.figures import Figures, figures, mean_minutes, median_minutes, median_place, share_kept
from answerable.reporting.rules.kept import OfAgent, of_agents
from answerable.reporting.rules.steps import MOST_STEPS, Edges, edges_of

__all__ = [
    "EVERYBODY",
    "MOST_STEPS",
    "RESOLUTION",
    "RESPONSE",
    "AgentTally",
    "Edges",
    "Facts",
    "Figures",
    "Lasted",
    "OfAgent",
    "Tally",
    "edges_of",
    "figures",
    "least_of",
    "mean_minutes",
    "median_minutes",
    "median_place",
    "middle_in",
    "middle_of",
    "movement",
    "movement_of_agents",
    "movement_of_durations",
    "of_agents",
    "share_kept",
    "step_of",
    "tally_of",
]
