"""Grow a loaded desk by SQL: the same tickets many times over, each with its own life, on either engine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from answerable import reporting

Run = Callable[..., list[Any]]  # runs one statement with ``?`` places, and returns its rows

_MADE = [
    (Path(reporting.__file__).parent / "migrations" / name).read_text()
    for name in ("0005_durations.sql", "0008_all_durations.sql")
]
DURATIONS = [made[made.index("INSERT") :].rstrip("; \n") for made in _MADE]  # as the migrations count them
DAY = 86_400_000_000
A_DAY = 1000  # tickets
OPEN = 500  # the newest are being worked on, however old the desk is
# Tickets for each requester and for each agent in a real incident log (UCI Machine Learning Repository no. 498): 5,244
# callers raised 24,918, and 220 people were given 24,260.
IN_THE_LOG = {"USER": 4.75, "AGENT": 110.0}
_LIFE = """CREATE TABLE bench_life (old_id TEXT, id TEXT, number BIGINT, n BIGINT, mark TEXT, status TEXT,
    agent_id TEXT, requester_id TEXT, was_requester_id TEXT, created_at BIGINT, resolved_at BIGINT, closed_at BIGINT,
    late BIGINT)"""
_IS_TICKET = {"tickets_ticket", "assignment_ticket", "sla_ticket"}
# What is copied, with the column by which its rows belong to a ticket; rows of clocks follow their clock.
_TABLES = {
    "tickets_ticket": "id",
    "tickets_history": "ticket_id",
    "assignment_ticket": "id",
    "assignment_promise": "ticket_id",
    "sla_ticket": "id",
    "sla_clock": "ticket_id",
    "notifications_notice": "ticket_id",
    "notifications_delivery": "ticket_id",
    "reporting_ticket": "ticket_id",
}
# What is known of each person.
_PEOPLE = (
    "gateway_person",
    "users_person",
    "tickets_known_person",
    "assignment_agent",
    "sla_person",
    "notifications_person",
    "reporting_agent",
)
_DONE = "l.status IN ('RESOLVED', 'CLOSED', 'CANCELLED')"
_ANSWERED = "l.status NOT IN ('CREATED', 'ASSIGNED')"


def grow(
    run: Run,
    columns: Callable[[str], list[str]],
    copies: int,
    now: int,
    a_day: int = A_DAY,
    each: Mapping[str, float] | None = None,
) -> int:
    """Make ``copies`` of each ticket (1 gives every one its life and no more); return how many tickets there are.

    So many are raised ``a_day``. Nobody joins, or as many as it takes until a requester (USER) and an agent (AGENT)
    have so many tickets ``each``, on the average. What reports need of them is not counted yet: the desk does that.
    """
    base = run("SELECT COUNT(*), MIN(number) FROM tickets_ticket")[0]
    total, first = int(base[0]) * copies, int(base[1])
    requesters, crowds = _hire(run, columns, total, each or {})
    agents = [row[0] for row in run("SELECT id FROM assignment_agent WHERE is_agent = 1 ORDER BY id")]
    run("CREATE TABLE bench_copy (k BIGINT, mark TEXT)")
    run("CREATE TABLE bench_agent (place BIGINT, id TEXT)")
    for k in range(copies):
        run("INSERT INTO bench_copy VALUES (?, ?)", k, f"01{k:06}")
    for place, agent in enumerate(agents):
        run("INSERT INTO bench_agent VALUES (?, ?)", place, agent)
    run(_LIFE)
    run(
        f"""INSERT INTO bench_life
        SELECT x.old_id, x.mark || substr(x.old_id, 9), x.n + {first - 1}, x.n, x.mark, x.status,
            CASE WHEN x.status = 'CREATED' THEN NULL ELSE a.id END,
            CASE WHEN p.k = 0 THEN x.requester_id ELSE p.mark || substr(x.requester_id, 9) END, x.requester_id,
            x.created_at,
            CASE WHEN x.status IN ('RESOLVED', 'CLOSED')
                THEN x.created_at + 600000000 + (x.n * 7919 % 100000) * 1000000 END,
            CASE WHEN x.status = 'CLOSED' THEN x.created_at + {3 * DAY} END,
            CASE WHEN x.n % 20 = 0 THEN 1 ELSE 0 END
        FROM (SELECT y.*, CASE WHEN y.n > {total - OPEN} THEN
                CASE y.n % 5 WHEN 0 THEN 'CREATED' WHEN 1 THEN 'ASSIGNED' WHEN 2 THEN 'IN_PROGRESS'
                    WHEN 3 THEN 'WAITING' ELSE 'RESOLVED' END
                WHEN y.n % 40 = 1 THEN 'CANCELLED' ELSE 'CLOSED' END AS status,
                {now} - ({total} - y.n) * {DAY // a_day} AS created_at
            FROM (SELECT t.id AS old_id, t.requester_id, c.mark, t.number - {first - 1} + c.k * {base[0]} AS n
                FROM tickets_ticket t CROSS JOIN bench_copy c) y) x
        JOIN bench_agent a ON a.place = x.n / 7 % {len(agents)}
        JOIN bench_crowd p ON p.k = x.n / {requesters} % {crowds}"""
    )
    run("CREATE INDEX bench_life_old ON bench_life (old_id)")
    for table, key in _TABLES.items():
        run(f"CREATE TABLE bench_base AS SELECT * FROM {table}")
        if table == "sla_clock":
            run("CREATE TABLE bench_metric AS SELECT * FROM sla_metric")
            run("DELETE FROM sla_metric")
        run(f"DELETE FROM {table}")
        names = columns(table)
        values = ", ".join(_value(table, name) for name in names)
        run(
            f"""INSERT INTO {table} ({", ".join(names)}) SELECT {values} FROM bench_base b
            JOIN bench_life l ON l.old_id = b.{key} ORDER BY l.n"""
        )
        run("DROP TABLE bench_base")
    run(
        """INSERT INTO sla_metric (clock_id, number, kind, at, target_micros, detail)
        SELECT c.mark || substr(b.clock_id, 9), b.number, b.kind, b.at, b.target_micros, b.detail
        FROM bench_metric b CROSS JOIN bench_copy c"""
    )
    run(
        """INSERT INTO tickets_comment (number, id, ticket_id, author_id, author_role, body, internal, created_at)
        SELECT l.n / 2, l.mark || 'c' || substr(l.old_id, 10), l.id, l.agent_id, 'AGENT',
            'Please try another cable, then tell us whether the printer answers. Case ' || l.n,
            CASE WHEN l.n % 8 = 0 THEN 1 ELSE 0 END, l.created_at + 1000000
        FROM bench_life l WHERE l.agent_id IS NOT NULL AND l.n % 2 = 0 ORDER BY l.n"""
    )
    run(
        """INSERT INTO sla_escalation (id, clock_id, level, ticket_id, agent_id, manager_id, role, priority, reason, at,
            target, cycle, ended_at)
        SELECT l.mark || 'e' || substr(l.old_id, 10), k.id, 1, l.id, l.agent_id, m.id, 'MANAGER', 'HIGH', 'late',
            l.created_at + 3600000000, k.target, k.cycle, l.resolved_at
        FROM bench_life l JOIN sla_clock k ON k.ticket_id = l.id AND k.target = 'RESOLUTION'
        JOIN (SELECT MIN(id) AS id FROM sla_manager WHERE role = 'MANAGER') m ON 1 = 1 WHERE l.late = 1"""
    )
    run("DELETE FROM sla_kept")
    run("DELETE FROM reporting_kept")
    run("DELETE FROM reporting_agent_kept")
    run("DELETE FROM reporting_day")
    run("DELETE FROM sla_holder WHERE NOT EXISTS (SELECT 1 FROM sla_ticket t WHERE t.id = sla_holder.ticket_id)")
    run("DELETE FROM reporting_count")
    run(
        """INSERT INTO reporting_count (status, priority, assigned, breached, tickets, measured, seconds, micros)
        SELECT status, priority, CASE WHEN agent_id IS NULL THEN 0 ELSE 1 END, sla_breached, COUNT(*),
            COUNT(resolution), COALESCE(SUM(resolution / 1000000), 0), COALESCE(SUM(resolution % 1000000), 0)
        FROM reporting_ticket GROUP BY status, priority, CASE WHEN agent_id IS NULL THEN 0 ELSE 1 END, sla_breached"""
    )
    run("DELETE FROM reporting_agent_count")
    run(
        """INSERT INTO reporting_agent_count (agent_id, status, priority, breached, tickets, measured, responded)
        SELECT agent_id, status, priority, sla_breached, COUNT(*), COUNT(resolution), COUNT(first_response_at)
        FROM reporting_ticket WHERE agent_id IS NOT NULL AND last_sequence > 0
        GROUP BY agent_id, status, priority, sla_breached"""
    )
    run("DELETE FROM reporting_duration_count")
    for counted in DURATIONS:
        run(counted)
    run("UPDATE tickets_counter SET last = (SELECT MAX(number) FROM tickets_ticket) WHERE name = 'ticket'")
    run("UPDATE tickets_counter SET last = (SELECT MAX(number) FROM tickets_comment) WHERE name = 'comment'")
    run(
        """CREATE TABLE bench_held AS SELECT agent_id, COUNT(*) AS held FROM bench_life
        WHERE status IN ('ASSIGNED', 'IN_PROGRESS', 'WAITING') GROUP BY agent_id"""
    )
    run(
        """UPDATE assignment_agent SET capacity = 0, open_tickets =
        COALESCE((SELECT h.held FROM bench_held h WHERE h.agent_id = assignment_agent.id), 0)"""
    )
    for name in ("life", "copy", "agent", "crowd", "held", "metric"):
        run(f"DROP TABLE bench_{name}")
    return total


def _hire(run: Run, columns: Callable[[str], list[str]], total: int, each: Mapping[str, float]) -> tuple[int, int]:
    """Let people join, copies of those who are there; return how many requesters there were, and how many times as many
    there are.
    """
    here = {role: int(count) for role, count in run("SELECT roles, COUNT(*) FROM users_person GROUP BY roles")}
    times = {role: max(1, round(total / wanted / here[role])) for role, wanted in each.items()}
    run("CREATE TABLE bench_crowd (k BIGINT, mark TEXT)")
    for k in range(max(1, *times.values()) if times else 1):
        run("INSERT INTO bench_crowd VALUES (?, ?)", k, f"02{k:06}")
    run("CREATE TABLE bench_person AS SELECT id, roles FROM users_person")
    for table in _PEOPLE:
        names = columns(table)
        own = {"id": "c.mark || substr(b.id, 9)", "email": "c.mark || b.email", "email_key": "c.mark || b.email_key"}
        values = ", ".join(own.get(name, f"b.{name}") for name in names)
        for role, many in times.items():
            run(
                f"""INSERT INTO {table} ({", ".join(names)}) SELECT {values} FROM {table} b
                JOIN bench_person p ON p.id = b.id AND p.roles = ? JOIN bench_crowd c ON c.k BETWEEN 1 AND ?""",
                role,
                many - 1,
            )
    run("DROP TABLE bench_person")
    return here["USER"], times.get("USER", 1)


def _value(table: str, name: str) -> str:
    """Return what a copy has in a column, of the base row ``b`` and its life ``l``."""
    if (name == "id" and table in _IS_TICKET) or name == "ticket_id":
        return "l.id"
    answered = "l.created_at + 60000000 + l.n * 31 % 5000 * 1000000"
    ended = f"CASE WHEN b.target = 'FIRST_RESPONSE' THEN {answered} ELSE COALESCE(l.resolved_at, l.created_at) END"
    own = {
        "number": "l.number",
        "status": "l.status",
        "agent_id": "l.agent_id",
        "requester_id": "l.requester_id",
        "user_id": _theirs("user_id"),
        "person_id": _theirs("person_id"),
        "performed_by": _theirs("performed_by"),
        "created_at": "l.created_at",
        "updated_at": "COALESCE(l.closed_at, l.resolved_at, l.created_at)",
        "assigned_at": "CASE WHEN l.agent_id IS NULL THEN NULL ELSE l.created_at END",
        "resolved_at": "l.resolved_at",
        "closed_at": "l.closed_at",
        "close_at": f"CASE WHEN l.status = 'RESOLVED' THEN l.created_at + {400 * DAY} END",
        "sla_due_at": f"CASE WHEN {_DONE} THEN l.created_at ELSE l.created_at + {400 * DAY} END",
        "sla_breached": "l.late",
        "title": "b.title || ' ' || l.n",
        "resolution": "l.resolved_at - l.created_at",
        "first_response_at": f"CASE WHEN {_ANSWERED} THEN {answered} END",
        "breached_at": "CASE WHEN l.late = 1 THEN l.created_at + 3600000000 END",
        "resolved_sequence": "CASE WHEN l.resolved_at IS NULL THEN 0 ELSE 3 END",
        "read_at": f"CASE WHEN {_DONE} THEN l.created_at END",
        "state": f"CASE WHEN {_DONE} THEN 'FULFILLED' ELSE b.state END" if table == "sla_clock" else "b.state",
        "due_at": f"CASE WHEN {_DONE} THEN NULL ELSE l.created_at + {400 * DAY} END",
        "warn_at": f"CASE WHEN {_DONE} THEN NULL ELSE l.created_at + {399 * DAY} END",
        "look_at": f"CASE WHEN {_DONE} THEN NULL ELSE l.created_at + {399 * DAY} END",
        "ended_at": f"CASE WHEN {_DONE} THEN {ended} END",
        "started_at": "l.created_at",
        "applied_at": "l.created_at",
        "counted": "''",  # nothing is, see below
        **dict.fromkeys(("counted_as", "raised_at", "business", "calendar"), "NULL"),
    }
    if name in ("id", "message_id"):
        return f"l.mark || substr(b.{name}, 9)"
    return own.get(name, f"b.{name}")


def _theirs(column: str) -> str:
    """Return who has what the requester of the base had: that of the copy."""
    return f"CASE WHEN b.{column} = l.was_requester_id THEN l.requester_id ELSE b.{column} END"
