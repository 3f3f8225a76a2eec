"""What people and the desk do with tickets: load, decide, store, publish."""

from answerable.tickets.actions.tickets import (
    MAX_CATEGORIES,
    accept_assignment,
    add_comment,
    ask_for_agent,
    assign_ticket,
    cancel_ticket,
    close_due_tickets,
    close_ticket,
    create_ticket,
    release_tickets_of,
    reopen_ticket,
    seed_categories,
    set_categories,
    set_status,
    update_ticket,
)

__all__ = [
    "MAX_CATEGORIES",
    "accept_assignment",
    "add_comment",
    "ask_for_agent",
    "assign_ticket",
    "cancel_ticket",
    "close_due_tickets",
    "close_ticket",
    "create_ticket",
    "release_tickets_of",
    "reopen_ticket",
    "seed_categories",
    "set_categories",
    "set_status",
    "update_ticket",
]
