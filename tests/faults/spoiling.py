"""Does the audit notice? What went well is spoiled in a copy, one row after the other, and each must be named."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults.audit import stored_differences
from tests.faults.crew import Notes
from tests.faults.schedule import SERVICES
from tests.faults.stores import Stores

_NOTICE, _WORDS = "notifications_notice", "user_id, type, title, message, ticket_id"
SPOILED = (  # service, what is done to its database, and what the audit has to say
    ("tickets", "DELETE FROM tickets_comment WHERE number = (SELECT MIN(number) FROM tickets_comment)", "stored as []"),
    ("tickets", "UPDATE tickets_ticket SET title = 'Else' WHERE title LIKE 'Trouble%'", "stored as []"),
    ("tickets", "UPDATE tickets_comment SET body = (SELECT MIN(body) FROM tickets_comment)", "times"),
    ("tickets", "DELETE FROM tickets_history WHERE action <> 'TICKET_CREATED'", "in the history 0 times"),
    ("tickets", "DELETE FROM bus_outbox WHERE position = (SELECT MIN(position) FROM bus_outbox)", "behind 0"),
    ("users", "DELETE FROM bus_outbox WHERE position = (SELECT MAX(position) FROM bus_outbox)", "which nobody said"),
    ("reporting", "DELETE FROM bus_inbox WHERE message = (SELECT MAX(message) FROM bus_inbox)", "has not done"),
    ("reporting", "UPDATE reporting_ticket SET status = 'LOST'", "known as"),
    ("notifications", "DELETE FROM notifications_delivery WHERE channel = 'email'", "not told"),
    ("notifications", f"DELETE FROM {_NOTICE} WHERE id = (SELECT MIN(id) FROM {_NOTICE})", "not shown"),
    ("notifications", f"INSERT INTO {_NOTICE} SELECT 'x', 'x', {_WORDS}, 0, 0 FROM {_NOTICE} LIMIT 1", "too often"),
    ("assignment", "UPDATE sla_clock SET breached_at = NULL", "nobody noticed"),
    ("assignment", "DELETE FROM sla_metric WHERE kind = 'breach'", "1 breach, 0 metrics"),
    ("assignment", "UPDATE assignment_agent SET open_tickets = open_tickets + 1", "open tickets, counted"),
)


async def unnoticed(stores: Stores, notes: Notes, folder: Path) -> list[str]:
    """Spoil copies of what SQLite services have stored; return what the audit passed over."""
    found = []
    for number, (service, statement, words) in enumerate(SPOILED):
        copy = folder / str(number)
        for name in SERVICES:
            (copy / name).mkdir(parents=True)
            with (
                closing(sqlite3.connect(stores.folder / name / "answerable.sqlite")) as source,
                closing(sqlite3.connect(copy / name / "answerable.sqlite")) as target,
            ):
                source.backup(target)
                if name == service:
                    target.execute(statement)
                    target.commit()
        spoiled = Stores(copy, "", stores.http, stores.headers)
        if not any(words in line for line in await stored_differences(spoiled, notes)):
            found.append(statement)
    return found
