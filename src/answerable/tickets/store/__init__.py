"""All SQL of the tickets feature."""

from answerable.tickets.store.lists import arms, list_tickets
from answerable.tickets.store.people import (
    has_category,
    list_categories,
    load_person,
    replace_categories,
    save_person,
)
from answerable.tickets.store.tickets import (
    find_ticket,
    insert_ticket,
    load_held_by,
    load_ticket,
    load_to_close,
    mirror_breach,
    mirror_due,
    next_close,
    next_number,
    save_details,
    save_ticket,
    ticket_of,
)
from answerable.tickets.store.words import (
    count_comments,
    count_history,
    insert_comment,
    insert_history,
    list_comments,
    list_history,
)

__all__ = [
    "arms",
    "count_comments",
    "count_history",
    "find_ticket",
    "has_category",
    "insert_comment",
    "insert_history",
    "insert_ticket",
    "list_categories",
    "list_comments",
    "list_history",
    "list_tickets",
    "load_held_by",
    "load_person",
    "load_ticket",
    "load_to_close",
    "mirror_breach",
    "mirror_due",
    "next_close",
    "next_number",
    "replace_categories",
    "save_details",
    "save_person",
    "save_ticket",
    "ticket_of",
]
