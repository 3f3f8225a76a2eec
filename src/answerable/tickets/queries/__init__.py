"""Reads for screens and lists. Whatever a caller may not see does not exist for them, also not in counts."""

from answerable.tickets.queries.tickets import (
    MAX_LINES,
    CommentView,
    HistoryView,
    TicketView,
    TimelineView,
    comment_view,
    get_ticket,
    list_categories,
    list_comments,
    list_history,
    list_tickets,
    list_timeline,
    tickets_of_agent,
    tickets_of_user,
    view,
    view_json,
)

__all__ = [
    "MAX_LINES",
    "CommentView",
    "HistoryView",
    "TicketView",
    "TimelineView",
    "comment_view",
    "get_ticket",
    "list_categories",
    "list_comments",
    "list_history",
    "list_tickets",
    "list_timeline",
    "tickets_of_agent",
    "tickets_of_user",
    "view",
    "view_json",
]
