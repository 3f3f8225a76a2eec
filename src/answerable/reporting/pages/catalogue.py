"""What the pages of reports show: the same rows as the API, each column by its name there."""

from dataclasses import dataclass

from answerable.kernel.words import N_


@dataclass(frozen=True)
class Column:
    """A column: the API's ``name`` of it, what people call it, and how its values are shown.

    ``kind`` is number, minutes, share, day, instant, status, priority, ticket or agent.
    """

    name: str
    label: str
    kind: str = "number"

    @property
    def is_number(self) -> bool:
        """Tell whether its values stand right in a table."""
        return self.kind in ("number", "minutes", "share")


@dataclass(frozen=True)
class Report:
    """A report. ``chart`` is how it is drawn: bars, times, pairs, shares, lines, late or figures.

    ``key`` and ``value`` are the columns that bars are made of.
    """

    name: str
    title: str
    words: str
    chart: str
    columns: tuple[Column, ...]
    key: str = ""
    value: str = ""

    @property
    def path(self) -> str:
        """Return the address of its page."""
        return "/reports" if self.name == "summary" else f"/reports/{self.name}"

    @property
    def api(self) -> str:
        """Return the address of its numbers."""
        return f"/api/reports/{self.name}"


STATUS = Column("status", N_("Status"), "status")
PRIORITY = Column("priority", N_("Priority"), "priority")
COUNT = Column("count", N_("Tickets"))

CATALOGUE = (
    Report(
        "summary",
        N_("Summary"),
        N_("The desk in one look."),
        "figures",
        (
            Column("totalTickets", N_("All tickets")),
            Column("open", N_("Open tickets")),
            Column("unassigned", N_("Unassigned")),
            Column("created", N_("New")),
            Column("assigned", N_("Assigned")),
            Column("inProgress", N_("In progress")),
            Column("waiting", N_("Waiting")),
            Column("resolved", N_("Solved, closed ones too")),
            Column("closed", N_("Closed")),
            Column("cancelled", N_("Cancelled")),
            Column("slaBreached", N_("Promise broken")),
            Column("averageResolutionMinutes", N_("Mean time to solve"), "minutes"),
        ),
    ),
    Report(
        "over-time",
        N_("Raised and solved"),
        N_("What came in, what was solved and what became late, day by day. In long ranges by week or month."),
        "lines",
        (
            Column("date", N_("From"), "day"),
            Column("created", N_("Raised")),
            Column("solved", N_("Solved")),
            Column("breached", N_("Became late")),
        ),
    ),
    Report(
        "tickets-by-status",
        N_("By status"),
        N_("Where tickets are in their life."),
        "bars",
        (STATUS, COUNT),
        "status",
        "count",
    ),
    Report(
        "tickets-by-priority",
        N_("By priority"),
        N_("How urgent tickets are."),
        "bars",
        (PRIORITY, COUNT),
        "priority",
        "count",
    ),
    Report(
        "avg-resolution-time",
        N_("Time to solve"),
        N_("From raised to solved, for tickets that are solved. Half of them took less than the median."),
        "times",
        (
            Column("averageResolutionMinutes", N_("Mean"), "minutes"),
            Column("medianResolutionMinutes", N_("Median"), "minutes"),
            Column("resolved", N_("Solved tickets")),
        ),
    ),
    Report(
        "sla-attainment",
        N_("Promises kept"),
        N_("Of the promised solutions that were given or missed, how many were in time."),
        "shares",
        (
            PRIORITY,
            Column("kept", N_("Kept")),
            Column("missed", N_("Missed")),
            Column("attainment", N_("Share kept"), "share"),
        ),
        "priority",
        "attainment",
    ),
    Report(
        "sla-breaches",
        N_("Broken promises"),
        N_("Tickets that were not solved in time, the latest first."),
        "late",
        (
            Column("ticketId", N_("Ticket"), "ticket"),
            PRIORITY,
            STATUS,
            Column("assignedTo", N_("Agent"), "agent"),
            Column("slaDueAt", N_("Was due"), "instant"),
        ),
    ),
    Report(
        "agents",
        N_("Agents"),
        N_("The tickets that are with each agent now, and how long theirs took."),
        "pairs",
        (
            Column("name", N_("Agent"), "agent"),
            Column("open", N_("Open tickets")),
            Column("resolved", N_("Solved")),
            Column("medianFirstResponseMinutes", N_("First answer (median)"), "minutes"),
            Column("medianResolutionMinutes", N_("Solution (median)"), "minutes"),
            Column("breaches", N_("Promise broken")),
        ),
    ),
)
REPORTS = {report.name: report for report in CATALOGUE}
